"""Which rows of a copy belong to which document: looked up for thousands of documents at once."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self, cast

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]  # shape (documents, 2): both halves of a document's id

# Changes are kept beside the sorted table until there are so many; a change copies them.
MAX_RECENT = 1_000
GONE = -1
# Large sets of documents are asked for again and again, by people who may read nearly all: looking
# 50,000 of them up takes 8 ms. So many answers are kept, for sets of so many documents and more.
KEPT_ANSWERS = 16
KEPT_FROM = 1_000


def pack(digits: str) -> Keys:
    """Return ids of 32 hexadecimal digits, one behind the other, as numbers."""
    halves = np.frombuffer(bytes.fromhex(digits), dtype=">u8").reshape(-1, 2)
    return halves.astype(np.uint64)


def unpack(keys: Keys) -> list[str]:
    """Return the ids as 32 hexadecimal digits."""
    digits = keys.astype(">u8").tobytes().hex()
    return [digits[at : at + 32] for at in range(0, len(digits), 32)]


def _hashes(keys: Keys) -> npt.NDArray[np.uint64]:
    """Return one number for each id, in which both halves have a part."""
    odd = np.uint64(0x9E3779B97F4A7C15)  # 2^64 divided by the golden ratio (Knuth, TAOCP 6.4)
    hashes: npt.NDArray[np.uint64] = keys[:, 0] ^ (keys[:, 1] * odd)
    return hashes


class Runs:
    """Where each run of rows lies: one document's, one behind the other, in one part.

    It only grows, and what is in it never changes, so nobody waits for who adds to it. A later run
    lies in the same part or a later one.
    """

    def __init__(self, parts: Ints, starts: Ints, counts: Ints) -> None:
        self._columns = np.stack([parts, starts, counts]).astype(np.int64)
        self._size = len(parts)

    def __len__(self) -> int:
        return self._size

    def add(self, part: int, start: int, count: int) -> int:
        """Return the new run's number."""
        if self._size == self._columns.shape[1]:
            grown = np.empty((3, 2 * self._size + 64), dtype=np.int64)
            grown[:, : self._size] = self._columns
            self._columns = grown
        self._columns[:, self._size] = part, start, count
        self._size += 1
        return self._size - 1

    def get(self, numbers: Ints) -> tuple[Ints, Ints, Ints]:
        """Return the parts, first rows and lengths of the runs."""
        parts, starts, counts = self._columns[:, numbers]
        return parts, starts, counts


class _Table:
    """Runs by document, sorted by a hash of its id, so that numpy finds many at once."""

    def __init__(self, keys: Keys, runs: Ints) -> None:
        hashes = _hashes(keys)
        order = np.argsort(hashes, kind="stable")
        self.keys = keys[order]
        self.runs = runs[order]
        self._hashes = hashes[order]
        # Two ids with one hash are rare; they are then looked at in turn.
        _, repeats = np.unique(self._hashes, return_counts=True)
        self._repeats = int(repeats.max(initial=0))

    def find(self, keys: Keys) -> Ints:
        """Return the run of each of the documents that has one, in no order."""
        hashes = _hashes(keys)
        order = np.argsort(hashes)  # neighbours are then found near each other
        keys, hashes = keys[order], hashes[order]
        at = np.searchsorted(self._hashes, hashes)
        found = [np.empty(0, dtype=np.int64)]
        for step in range(self._repeats):
            place = np.minimum(at + step, len(self._hashes) - 1)
            held = self.keys[place]
            same = (held[:, 0] == keys[:, 0]) & (held[:, 1] == keys[:, 1])
            found.append(self.runs[place[same]])
        return np.concatenate(found)


_NONE = _Table(np.empty((0, 2), dtype=np.uint64), np.empty(0, dtype=np.int64))


@dataclass(frozen=True)
class Documents:
    """The run of each document, at one version: a table, and what changed since it was made.

    Attributes:
        recent: runs of the documents that changed since, `GONE` for those removed; `changes` is the
            same for looking up many.
        hidden: runs of the table that `recent` replaces.
        answers: what was asked before, by a digest of the ids. No permission is kept by that: who
            may read what is asked of the database for each search, and these go with the version.
    """

    runs: Runs
    table: _Table
    recent: Mapping[str, int] = field(default_factory=dict)
    changes: _Table = _NONE
    hidden: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    answers: dict[bytes, Ints] = field(default_factory=dict)

    @classmethod
    def of(cls, runs: Runs, keys: Keys) -> Self:
        """Return the table of documents whose runs are numbered in their order."""
        return cls(runs, _Table(keys, np.arange(len(keys), dtype=np.int64)))

    def changed(self, changes: Mapping[str, int]) -> "Documents":
        """Return the documents after the changes: new runs by key, or `GONE`."""
        recent = {**self.recent, **changes}
        fresh = pack("".join(key for key in changes if key not in self.recent))
        after = Documents(
            self.runs,
            self.table,
            recent,
            _Table(pack("".join(recent)), np.fromiter(recent.values(), np.int64)),
            np.concatenate([self.hidden, self.table.find(fresh)]),
        )
        return after._merged() if len(recent) > MAX_RECENT else after

    def runs_of(self, keys: Keys) -> Ints:
        """Return the runs of the documents with these ids, in ascending order."""
        if len(keys) < KEPT_FROM:
            return self._find(keys)
        # SECURITY: a digest without known collisions, or one set could be given another's rows.
        digest = hashlib.blake2b(np.ascontiguousarray(keys).data, digest_size=32).digest()
        found = self.answers.get(digest)
        if found is None:
            found = self._find(keys)
            if len(self.answers) >= KEPT_ANSWERS:
                self.answers.clear()
            self.answers[digest] = found
        return found

    def _find(self, keys: Keys) -> Ints:
        chosen = np.zeros(len(self.runs), dtype=np.bool_)
        chosen[self.table.find(keys)] = True
        chosen[self.hidden] = False
        changed = self.changes.find(keys)
        chosen[changed[changed != GONE]] = True
        found = np.flatnonzero(chosen)
        found.flags.writeable = False
        return found

    def run(self, key: str) -> int:
        """Return the document's run, or `GONE`."""
        if key in self.recent:
            return self.recent[key]
        found = self.table.find(pack(key))
        return int(found[0]) if len(found) else GONE

    def all(self) -> tuple[Keys, Ints]:
        """Return every document's id and run, in the order of the runs."""
        kept = ~np.isin(self.table.runs, self.hidden)
        there = self.changes.runs != GONE
        keys = np.concatenate([self.table.keys[kept], self.changes.keys[there]])
        runs = np.concatenate([self.table.runs[kept], self.changes.runs[there]])
        order = np.argsort(runs, kind="stable")
        return keys[order], cast("Ints", runs[order])

    @property
    def nbytes(self) -> int:
        return self.table.keys.nbytes * 2 + self.table.runs.nbytes + 24 * len(self.runs)

    def _merged(self) -> "Documents":
        keys, runs = self.all()
        return Documents(self.runs, _Table(keys, runs))
