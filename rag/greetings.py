"""What is said to somebody who greets or chats instead of asking."""

import re

HELPFUL_LINE = (
    "Hello! Ask me a question about the documents you can read, and I will answer from them and "
    "show you where it stands."
)
THANKS_LINE = "You're welcome. Ask me anything else about the documents you can read."
OUTSIDE_LINE = (
    "That is beyond me: all that I know stands in the documents you can read. Ask me something "
    "about them, and I will show you where the answer stands."
)

_FILL = r"(?:there|all|everyone|everybody|team|assistant|again|bot|friend|folks)"
_HELLO = re.compile(
    r"(?:hi+|hello+|hey+|hiya|howdy|greetings|good (?:morning|afternoon|evening|day)|hallo|hola|"
    r"bonjour|salut|ciao|servus|moin|guten (?:tag|morgen|abend)|buenos d\u00edas|buenas tardes|"
    rf"buongiorno|bom dia|goedemorgen|hej)(?: {_FILL})*|"
    r"help(?: me)?|who are you|what are you|what can (?:you do|i ask(?: you)?)|"
    r"what can you (?:do for|help) me(?: with)?|how are you(?: doing)?(?: today)?|how do you do|"
    r"how do(?:es)? (?:this|you) work|what is this|what's up|how(?:'s| is) it going|"
    r"nice to meet you|wie geht(?:'s| es(?: dir| ihnen)?)|(?:comment )?\u00e7a va|test(?:ing)?"
)
_MADE_UP = r"(?:jokes?|stor(?:y|ies)|poems?|haikus?|songs?|riddles?|fun facts?|something funny)"
_NOW = (
    r"(?:like|be|forecast|today|tonight|tomorrow|outside|(?:right )?now|here|this (?:week|weekend))"
)
# Asked in earnest nowhere, whatever the documents are about: each has to be all that is said.
_SMALL_TALK = re.compile(
    r"(?:(?:please|can you|could you|would you|will you) )*(?:"
    r"(?:tell|give|sing|write|read|make)(?: me| us)?(?: up)? (?:an?|another|some|one more)"
    rf"(?: \w+)? {_MADE_UP}(?: about .+)?|(?:do you )?know (?:an?|any|some)(?: \w+)? {_MADE_UP}|"
    r"make me laugh|entertain me|i(?:'m| am) bored|"
    rf"(?:what|how)(?:'s| is| will) (?:the )?weather(?: {_NOW})*|weather(?: {_NOW})+|"
    rf"(?:will it|is it going to) (?:rain|snow)(?: {_NOW})*|is it (?:raining|snowing)(?: {_NOW})*|"
    r"what time is it(?: now)?|what(?:'s| is) (?:the|today's) (?:time|date|day)(?: now| today)?|"
    r"what day is (?:it|today)(?: today)?|"
    r"what(?:'s| is) your (?:name|age|favou?rite \w+)|do you have a name|how old are you|"
    r"where (?:are you from|do you live|are you)|"
    r"who (?:made|created|built|invented|trained) you|"
    r"are you (?:an? )?(?:real )?(?:human|robot|bot|machine|person|real|alive|ai|language model)|"
    r"are you (?:married|happy|sad|tired|there)|do you (?:love|like|hate|miss|know) me|"
    r"i (?:love|like|hate|miss) you|marry me|do you (?:sleep|eat|dream|have feelings)|"
    r"what(?:'s| is) the meaning of life|(?:ha){2,}h?|lol|"
    r"you(?:'re| are) (?:so |very |really )?"
    r"(?:funny|stupid|useless|awesome|amazing|brilliant|lovely|smart|clever)"
    r")(?: please| for me| then)?"
)
_THANKS = re.compile(
    r"(?:(?:ok|okay|great|perfect|cool|nice) )?(?:many )?(?:thanks|thank you|thx|ty|cheers|merci|"
    r"danke|gracias)(?: (?:a lot|very much|so much|again|you))*|"
    r"(?:bye|goodbye|good bye|good night|see you|ok|okay|great|perfect)"
)


def reply_to_greeting(question: str) -> str | None:
    """Return a friendly line for a greeting, a thank-you or small talk; None for a question."""
    said = question.lower().replace("\u2019", "'")
    said = " ".join(re.sub(r"[^\w' ]+", " ", said).split())
    if _HELLO.fullmatch(said):
        return HELPFUL_LINE
    if _THANKS.fullmatch(said):
        return THANKS_LINE
    if _SMALL_TALK.fullmatch(said):
        return OUTSIDE_LINE
    words = said.split()
    # "Thanks, bye", "Hello, how are you": one after the other.
    for cut in range(1, len(words)):
        opening, rest = " ".join(words[:cut]), " ".join(words[cut:])
        if _is_courtesy(opening) and _is_courtesy(rest):
            return HELPFUL_LINE if _HELLO.fullmatch(opening) else THANKS_LINE
        if _is_courtesy(opening) and _SMALL_TALK.fullmatch(rest):
            return OUTSIDE_LINE
    return None


def _is_courtesy(said: str) -> bool:
    return bool(_HELLO.fullmatch(said) or _THANKS.fullmatch(said))
