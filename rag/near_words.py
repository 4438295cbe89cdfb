"""Words of like meaning: "laptop" and "computer", as the packaged embedding model learnt them."""

from functools import cache, lru_cache
from pathlib import Path

TABLE = Path(__file__).with_name("data") / "near_words.txt"
# Cosines of two words' input embeddings: from the first on they are related, from the second on
# nearly the same. How much of a match a related word counts grows from nothing in between.
_RELATED, _SAME = 0.30, 0.60
_MOST = 0.8


@lru_cache(maxsize=8_192)
def near_stems(stem: str) -> dict[str, float]:
    """Return the stems of like meaning, with how much of a match each counts, from 0 to 1."""
    line = _table().get(stem, "")
    pairs = (entry.rpartition(":") for entry in line.split())
    return {
        other: _MOST * min(1.0, max(0.0, (int(percent) / 100 - _RELATED) / (_SAME - _RELATED)))
        for other, _, percent in pairs
    }


@cache
def _table() -> dict[str, str]:
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    return dict(line.split("\t", 1) for line in lines if not line.startswith("#"))
