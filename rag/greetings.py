"""What is said to somebody who greets instead of asking."""

import re

HELPFUL_LINE = (
    "Hello! Ask me a question about the documents you can read, and I will answer from them and "
    "show you where it stands."
)
THANKS_LINE = "You're welcome. Ask me anything else about the documents you can read."

_FILL = r"(?:there|all|everyone|everybody|team|assistant|again|bot|friend|folks)"
_HELLO = re.compile(
    rf"(?:hi+|hello+|hey+|hiya|howdy|greetings|good (?:morning|afternoon|evening|day)|hallo|hola|"
    rf"bonjour|salut|ciao|servus|moin|guten (?:tag|morgen|abend))(?: {_FILL})*|"
    r"(?:help(?: me)?|who are you|what are you|what can (?:you do|i ask(?: you)?)|how are you"
    r"(?: doing)?(?: today)?|how do(?:es)? (?:this|you) work|what is this)|test(?:ing)?"
)
_THANKS = re.compile(
    r"(?:(?:ok|okay|great|perfect|cool|nice) )?(?:many )?(?:thanks|thank you|thx|ty|cheers|merci|"
    r"danke|gracias)(?: (?:a lot|very much|so much|again|you))*|"
    r"(?:bye|goodbye|good bye|good night|see you|ok|okay|great|perfect)"
)


def reply_to_greeting(question: str) -> str | None:
    """Return a friendly line for a greeting or a thank-you; None for a question."""
    said = " ".join(re.sub(r"[^\w' ]+", " ", question.lower()).split())
    if _HELLO.fullmatch(said):
        return HELPFUL_LINE
    if _THANKS.fullmatch(said):
        return THANKS_LINE
    words = said.split()
    # "Thanks, bye", "Hello, how are you": one after the other.
    for cut in range(1, len(words)):
        opening, rest = " ".join(words[:cut]), " ".join(words[cut:])
        if _is_courtesy(opening) and _is_courtesy(rest):
            return HELPFUL_LINE if _HELLO.fullmatch(opening) else THANKS_LINE
    return None


def _is_courtesy(said: str) -> bool:
    return bool(_HELLO.fullmatch(said) or _THANKS.fullmatch(said))
