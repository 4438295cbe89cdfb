"""What an answer of the asked kind must contain: a number, a date, a name, an address."""

import re

from documents.dates import MONTH_PATTERN
from rag.number_words import NUMBER_WORDS

_DAY = r"(?:mon|tues|wednes|thurs|fri|satur|sun)days?"
_ALSO_NUMBERS = "half third quarter dozen once twice single double both"
_NUMBER_WORD = "|".join([*NUMBER_WORDS, *_ALSO_NUMBERS.split()])
_PERIOD = r"seconds?|minutes?|hours?|days?|weeks?|months?|years?|decades?|centur(?:y|ies)"
# A question that matches the first pattern expects a sentence that matches the second.
_CUES = tuple(
    (re.compile(asked, re.IGNORECASE), re.compile(expected))
    for asked, expected in (
        (
            r"\bhow long\b|\bhow often\b|\bhow (?:soon|old)\b",
            rf"(?i:\b(?:{_PERIOD}|daily|weekly|monthly|yearly|annually|quarterly)\b)",
        ),
        (
            r"\bhow (?:many|much|far|tall|large|big|high|deep|fast)\b|\bpercent|\b(?:what|which) "
            r"(?:\w+ ){0,2}(?:number|amount|rate|price|cost|budget|limit|size|total|population)\b",
            rf"\d|(?i:\b(?:{_NUMBER_WORD}|no|none|several|majority)\b)",
        ),
        (
            r"\bwhen\b|\bwhat (?:\w+ )?(?:year|date|day|month|century|decade|time)\b|"
            r"\b(?:which|in what|what) (?:\w+ )?(?:year|century|decade|month|day)\b",
            rf"\d{{3,4}}|\d(?:st|nd|rd|th)\b|(?i:\b(?:{MONTH_PATTERN}|{_DAY}|{_PERIOD})\b)|\d\s?(?:am|pm|:)",
        ),
        (r"\bwho(?:m|se)?\b", r"(?<=\s)[A-Z][\w-]+|^[A-Z][\w-]+ (?:[A-Z]|(?:was|is|had|and)\b)"),
        (
            r"\bwhere\b|\b(?:what|which) (?:city|country|state|place|region|town|location)\b",
            r"(?<=\s)[A-Z][\w-]+|(?i:\b(?:at|in|on|near|from|under)\b)|@|/",
        ),
        (r"\be-?mail address|\b(?:what|which) (?:\w+ )?e-?mail\b", r"\S@\S"),
        (r"\b(?:phone|telephone|mobile|fax) number|\bwhat number\b", r"\d[\d\s()/.-]{4,}\d"),
        (r"\bwhy\b", r"(?i:\b(?:because|since|due|so that|in order|to|for|reason|as)\b)"),
    )
)

# They say what is wanted of the subject and are no part of it: a document has "at most ten" where
# a question has "the maximum number".
ASKING_WORDS = frozenset(
    """amount average deadline duration figure highest kind length limit lowest maximum minimum
    name number procedure process purpose reason rule sort steps sum total type way
    """.split()  # noqa: SIM905 - a paragraph reads better than a column
)


def expected_cues(question: str) -> list[re.Pattern[str]]:
    """Return what a sentence that answers should match; empty where nothing can be told."""
    return [expected for asked, expected in _CUES if asked.search(question)]
