"""Words as the answerer compares them: stems without stop words."""

import re
import threading
from functools import lru_cache

_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")

STOP_WORDS = frozenset(
    """a about above after again all also am an and any anyone anything are aren't as at be because
    been before being below between both but by called can can't cannot could couldn't describe did
    didn't do does doesn't doing don't down during each either else ever every explain few for from
    further get gets give given gives got had hadn't happen happened happens has hasn't have
    haven't having he he's her here hers herself him himself his how i i'd i'll i'm i've if in into
    is isn't it it's its itself just know let let's like many me mean means might more most much
    must my myself name named need no nor not now of off on once one ones only or other our ours
    ourselves out over own please said same say says shall she should shouldn't so some someone
    something such tell than that that's the their theirs them themselves then there there's these
    they they're this those through to too under until up upon us use used using very via want was
    wasn't we we're well were weren't what what's when where where's which while who who's whom
    whose why will with within without won't would wouldn't yet you you're your yours yourself
    yourselves""".split()  # noqa: SIM905 - a paragraph reads better than a column
)

_local = threading.local()  # a Snowball stemmer keeps state, so threads must not share one


@lru_cache(maxsize=65_536)
def stem(word: str) -> str:
    """Return the stem of one lower-case word."""
    stemmer = getattr(_local, "stemmer", None)
    if stemmer is None:
        import snowballstemmer

        stemmer = _local.stemmer = snowballstemmer.stemmer("english")
    stemmed: str = stemmer.stemWord(word.replace("\u2019", "'"))
    return stemmed


def words(text: str) -> list[str]:
    """Return the words in lower case, in order."""
    return [word.lower() for word in _WORD.findall(text)]


def stems(text: str) -> list[str]:
    """Return the stems of the words that carry meaning, in order, repeats kept."""
    return [
        stem(word)
        for word in words(text)
        if word.replace("\u2019", "'") not in STOP_WORDS and (len(word) > 1 or word.isdigit())
    ]
