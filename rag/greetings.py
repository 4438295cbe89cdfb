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
    opening, _, rest = said.partition(" ")
    if _HELLO.fullmatch(opening) and (_HELLO.fullmatch(rest) or _THANKS.fullmatch(rest)):
        return HELPFUL_LINE
    return None
