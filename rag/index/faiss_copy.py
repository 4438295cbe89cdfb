"""One process's copy of one index in memory, and how it moves from version to version."""

import threading
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rag.embedding.base import Vectors
from rag.index.faiss_documents import GONE, Keys, unpack
from rag.index.faiss_files import MappedFiles
from rag.index.faiss_parts import Part, Rows
from rag.index.faiss_view import Block, View

# A part is written anew without its removed rows when these are more than this share of it.
REMOVED_SHARE = 0.5
# Steps that are remembered, to go over to a snapshot that was written at one of them.
KEPT_STEPS = 20_000
_EMPTY = np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class Step:
    """One version of an index, and the document that changed at it."""

    version: int
    token: uuid.UUID
    document: uuid.UUID


@dataclass(frozen=True)
class Base:
    """All rows as they were at one version (or later: what came since is applied once more)."""

    version: int
    token: uuid.UUID
    block: Block
    files: MappedFiles | None = None


class IndexCopy:
    """Searches take `view` as it is and wait for nobody; a change puts another in its place.

    Attributes:
        view: what a search sees.
        updating: held by the thread that changes the copy.
        base_version: when most of its rows were written.
        files: where these lie, when they are mapped and not private.
    """

    def __init__(self, base: Base, *, model: str, dimension: int) -> None:
        self.model = model
        self.dimension = dimension
        self.view = View.of(base.block, version=base.version, token=base.token)
        self.updating = threading.Lock()
        self.base_version = base.version
        self.files = base.files
        self._steps: list[Step] = []  # the last ones
        self._before_steps = (base.version, base.token)

    @property
    def private_bytes(self) -> int:
        """Memory that no other process shares."""
        view = self.view
        return view.documents.nbytes + sum(part.private_bytes for part in view.parts)

    @property
    def private_rows(self) -> int:
        """Rows, removed ones too, whose vectors no other process shares."""
        return sum(part.count for part in self.view.parts if not part.mapped)

    @property
    def lacks_codes(self) -> bool:
        """Whether `add_codes` has something to do."""
        return bool(self._without_codes())

    def is_at(self, version: int, token: uuid.UUID) -> bool:
        view = self.view
        return (view.version, view.token) == (version, token)

    def search(
        self, query: Vectors, *, k: int, within: Keys, exact_rows: int
    ) -> list[tuple[int, float]]:
        """See `View.search`."""
        return self.view.search(query, k=k, within=within, exact_rows=exact_rows)

    def apply(self, steps: Sequence[Step], block: Block) -> None:
        """Go on to the last of the steps, whose documents now have the rows of `block`.

        The caller holds `updating`. Rows are only written where no search looks; then one
        assignment shows all of them.
        """
        view = self.view
        parts = list(view.parts)
        changes = {step.document.hex: GONE for step in steps}
        first = 0
        for key, count in zip(unpack(block.keys), block.counts.tolist(), strict=True):
            rows = slice(first, first + count)
            changes[key] = self._append(view, parts, block.ids[rows], block.vectors[rows])
            first += count
        gone = np.array([view.documents.run(key) for key in changes], dtype=np.int64)
        removed = int(view.documents.runs.get(gone[gone != GONE])[2].sum())
        self.view = View(
            steps[-1].version,
            steps[-1].token,
            tuple(parts),
            view.documents.changed(changes),
            view.rows - removed + len(block.ids),
        )
        self._steps += steps
        if len(self._steps) > 2 * KEPT_STEPS:
            last = self._steps[-KEPT_STEPS - 1]
            self._before_steps = (last.version, last.token)
            self._steps = self._steps[-KEPT_STEPS:]

    def has_been_at(self, version: int, token: uuid.UUID) -> bool:
        """Tell whether the copy came through this version, as far as it remembers."""
        passed = {(step.version, step.token) for step in self._steps}
        return (version, token) in passed | {self._before_steps}

    def rebase(self, base: Base) -> bool:
        """Use another base, at a version that the copy came through, and keep what changed since.

        Takes time proportional to those changes; searches go on. False when the base does not fit.
        """
        below = View.of(base.block, version=base.version, token=base.token)
        with self.updating:
            if not self.has_been_at(base.version, base.token):
                return False
            later = [step for step in self._steps if step.version > base.version]
            self.view = _on_top(self.view, below, {step.document.hex for step in later})
            self.base_version, self.files = base.version, base.files
            self._before_steps, self._steps = (base.version, base.token), later
        return True

    def add_codes(self) -> None:
        """Make the codes of each part that has none and gets no more rows."""
        for part in self._without_codes():
            part.add_codes()

    def _without_codes(self) -> list[Part]:
        parts = self.view.parts
        full = [part for part in parts[:-1] if part.count] + [p for p in parts[-1:] if not p.room]
        return [part for part in full if part.codes is None]

    def repack(self) -> None:
        """Write private parts that are mostly removed rows anew, one after the other."""
        for number in range(len(self.view.parts)):
            with self.updating:
                self._repack(number)

    def _repack(self, number: int) -> None:
        view = self.view
        part = view.parts[number]
        is_tail = number == len(view.parts) - 1
        if part.mapped or is_tail or not part.count:
            return
        keys, runs = view.documents.all()
        parts_of, starts, counts = view.documents.runs.get(runs)
        here = parts_of == number
        if counts[here].sum() > (1 - REMOVED_SHARE) * part.count:
            return
        parts = list(view.parts)
        moved = {}
        places = zip(starts[here].tolist(), counts[here].tolist(), strict=True)
        for key, (start, count) in zip(unpack(keys[here]), places, strict=True):
            rows = slice(start, start + count)
            moved[key] = self._append(view, parts, part.ids[rows], part.vectors[rows])
        parts[number] = Part(_EMPTY, part.vectors[:0])  # keeps the numbers of the others
        documents = view.documents.changed(moved) if moved else view.documents
        self.view = View(view.version, view.token, tuple(parts), documents, view.rows)

    def _append(self, view: View, parts: list[Part], ids: Rows, vectors: Vectors) -> int:
        """Write rows behind all others, in a new part where the last has no room; return the run.

        A part gets no more rows once another is behind it.
        """
        if not parts or parts[-1].room < len(ids):
            parts.append(Part.with_room(len(ids), self.dimension))
        start = parts[-1].append(ids, vectors)
        return view.documents.runs.add(len(parts) - 1, start, len(ids))


def _on_top(now: View, below: View, changed: set[str]) -> View:
    """Return `now` with the rows of `below` for every document that is not in `changed`."""
    runs = {key: now.documents.run(key) for key in changed}
    parts = list(below.parts)
    numbers: dict[int, int] = {}
    changes = {key: GONE for key, run in runs.items() if run == GONE}
    for key, run in sorted(runs.items(), key=lambda item: item[1]):
        if run != GONE:
            old, start, count = (
                int(value[0]) for value in now.documents.runs.get(np.array([run], dtype=np.int64))
            )
            if old not in numbers:
                numbers[old] = len(parts)
                parts.append(now.parts[old])
            changes[key] = below.documents.runs.add(numbers[old], start, count)
    documents = below.documents.changed(changes) if changes else below.documents
    rows = int(documents.runs.get(documents.all()[1])[2].sum())
    return View(now.version, now.token, tuple(parts), documents, rows)
