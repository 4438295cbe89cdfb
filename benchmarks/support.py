"""Measures the check of answers: `python benchmarks/support.py`.

True sentences are taken from documents, each with the passage it stands in among the passages most
like it. They are made false in known ways (another number, another name, the citation of another
passage …) or said in other words, and checked as the sentences of an answer are. Not of the making
of a language model: what it gets wrong in ways of its own is not measured here.
"""

import argparse
import json
import os
import random
import sys
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "knowledge.settings.test")

import django  # noqa: E402

django.setup()

from benchmarks import results  # noqa: E402
from benchmarks.support_cases import FALSE, TRUE, other_name  # noqa: E402
from documents.chunking import chunk_pages  # noqa: E402
from documents.exceptions import DocumentFailure  # noqa: E402
from documents.extraction.base import ExtractedPage  # noqa: E402
from documents.extraction.runner import extract_file  # noqa: E402
from documents.sentences import sentences  # noqa: E402
from rag.embedding.base import Embedder  # noqa: E402
from rag.embedding.registry import get_embedder  # noqa: E402
from rag.retrieval import Passage  # noqa: E402
from rag.support.checking import check_answer  # noqa: E402
from rag.support.facts import facts_of  # noqa: E402

_AROUND = 8  # passages of an answer
_NEIGHBOURS = 200  # passages that the most similar ones are chosen among
_SWAPPED, _OTHER_NAME, _NAME_NEAR, _FOREIGN = (
    "the citation of another passage",
    "another name",
    "another name of the same passage",
    "a sentence from elsewhere",
)


@dataclass
class Tally:
    """What came out for one way of making sentences false.

    Attributes:
        missed: said to be supported.
        alarms: the same sentences, true, that were not said to be supported.
    """

    cases: int = 0
    missed: int = 0
    alarms: int = 0
    controls: int = 0

    @property
    def recall(self) -> float:
        return (self.cases - self.missed) / max(1, self.cases)

    @property
    def precision(self) -> float:
        """With as many true sentences as false ones."""
        found = self.cases - self.missed
        alarms = self.alarms / max(1, self.controls) * self.cases
        return found / max(1e-9, found + alarms)


@dataclass
class Figures:
    """Tallies by kind, and how many true sentences of each kind were said to be supported."""

    false: defaultdict[str, Tally] = field(default_factory=lambda: defaultdict(Tally))
    true: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    seconds: float = 0.0
    checks: int = 0


def read(source: Path) -> list[Passage]:
    """Return the passages of a folder of documents, or of one with a `corpus.jsonl`."""
    found: list[Passage] = []
    documents: list[tuple[str, tuple[ExtractedPage, ...]]] = []
    if (source / "corpus.jsonl").is_file():
        lines = (source / "corpus.jsonl").read_text(encoding="utf-8").splitlines()
        texts = (json.loads(line) for line in lines)
        documents = [(row["title"], (ExtractedPage(1, row["text"]),)) for row in texts]
    else:
        for path in sorted(path for path in source.rglob("*") if path.is_file()):
            try:
                extracted = extract_file(path, extension=path.suffix[1:].lower())
            except (DocumentFailure, KeyError):
                continue
            documents.append((path.name, extracted.pages))
    for name, pages in documents:
        document = uuid.uuid4()
        for chunk in chunk_pages(pages, size=500, overlap=100):
            found.append(
                Passage(
                    chunk_key=len(found),
                    chunk_id=uuid.uuid4(),
                    document_id=document,
                    filename=name,
                    title="",
                    heading=chunk.heading,
                    page=chunk.page,
                    chunk_index=chunk.index,
                    start=chunk.start,
                    end=chunk.end,
                    content=chunk.text,
                    score=1.0,
                    similarity=None,
                    rank=1,
                )
            )
    return found


def cases(passages: Sequence[Passage], rng: random.Random) -> Iterator[tuple[str, list[Passage]]]:
    """Yield sentences with passages like theirs, its own first."""
    stems = [facts_of(passage.content).stems for passage in passages]
    order = list(range(len(passages)))
    rng.shuffle(order)
    for index in order:
        passage = passages[index]
        own = [
            passage.content[start:end]
            for start, end in sentences(passage.content)
            if 40 <= end - start <= 300
            and passage.content[end - 1] == "."
            and passage.content[start].isupper()
            and len(facts_of(passage.content[start:end]).stems) >= 5
        ]
        if not own:
            continue
        # Dates are rare, and each kind should have its cases.
        sentence = rng.choice([s for s in own if facts_of(s).dates] or own)
        others = [
            other
            for other in rng.sample(order, min(len(order), _NEIGHBOURS)) + _near(index, passages)
            if sentence not in passages[other].content and other != index
        ]
        others.sort(key=lambda other: -len(stems[other] & stems[index]))
        nearest = list(dict.fromkeys(others))[: _AROUND - 1]
        yield sentence, [passage, *(passages[other] for other in nearest)]


def _near(index: int, passages: Sequence[Passage]) -> list[int]:
    return list(range(max(0, index - 20), min(len(passages), index + 20)))


def measure(
    passages: Sequence[Passage],
    figures: Figures,
    embedder: Embedder | None,
    *,
    each: int,
) -> None:
    """Add what comes out for one set of passages."""
    rng = random.Random(7)
    all_names = [n.text for p in passages for n in facts_of(p.content).names if n.text.isalpha()]
    for number, (sentence, around) in enumerate(cases(passages, rng)):
        if number == each:
            return
        said = {"as it stands": sentence} | {
            kind: changed for kind, change in TRUE.items() if (changed := change(sentence, rng))
        }
        true = {
            kind: _status(text, around, 1, figures, embedder) == "supported"
            for kind, text in said.items()
        }
        for kind, is_supported in true.items():
            figures.true[kind]["supported" if is_supported else "not"] += 1
        near = [n.text for n in facts_of(around[0].content).names if n.text.isalpha()]
        false = {kind: change(sentence, rng) for kind, change in FALSE.items()} | {
            _OTHER_NAME: other_name(sentence, rng, rng.sample(all_names, min(20, len(all_names)))),
            _NAME_NEAR: other_name(sentence, rng, near),
        }
        tries = [(kind, text, 1) for kind, text in false.items() if text]
        tries += [(_SWAPPED, sentence, rng.randint(2, len(around)))] if len(around) > 1 else []
        tries.append((_FOREIGN, _foreign(passages, around, rng), 1))
        for kind, text, cited in tries:
            tally = figures.false[kind]
            tally.cases += 1
            status = _status(text, around, cited, figures, embedder)
            if status == "supported":
                tally.missed += 1
                if "-v" in sys.argv:
                    print(f"missed ({kind}): {text}\n    {sentence}")
            # One of the true sentences, in turns, so that both kinds weigh the same.
            control = list(true.values())[number % len(true)]
            tally.controls += 1
            tally.alarms += not control
        if "-v" in sys.argv:
            for kind, is_supported in true.items():
                if not is_supported:
                    print(f"alarm ({kind}): {said[kind]}\n    {_why(said[kind], around)}")


def _foreign(passages: Sequence[Passage], around: Sequence[Passage], rng: random.Random) -> str:
    known = {passage.document_id for passage in around}
    while True:
        passage = rng.choice(passages)
        own = sentences(passage.content)
        start, end = rng.choice(own)
        if passage.document_id not in known and end - start > 40:
            return passage.content[start:end]


def _status(
    text: str, around: Sequence[Passage], cited: int, figures: Figures, embedder: Embedder | None
) -> str:
    began = time.perf_counter()
    checked = check_answer(_cited(text, cited), around, embedder)
    figures.seconds += time.perf_counter() - began
    figures.checks += 1
    worst = {sentence.status for sentence in checked}
    return next((s for s in ("unsupported", "weak") if s in worst), "supported")


def _why(text: str, around: Sequence[Passage]) -> str:
    checked = check_answer(_cited(text, 1), around)
    return "; ".join(f"{s.status}: {f.reason}" for s in checked for f in s.flags)


def _cited(text: str, cited: int) -> str:
    """Return the text as an answer says it: on one line, its own brackets in parentheses."""
    line = " ".join(text.replace("[", "(").replace("]", ")").split())
    return f"{line.rstrip('.')} [{cited}]."


def main() -> None:
    """Measure the samples and the given folders, print the figures and keep them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path, help="more documents, or a corpus.jsonl")
    parser.add_argument("--words-alone", action="store_true", help="without the embedding model")
    parser.add_argument("--each", type=int, default=300, help="sentences of a set, at most")
    parser.add_argument("-v", action="store_true", help="print what went wrong")
    arguments = parser.parse_args()
    figures, embedder = (
        Figures(),
        None if arguments.words_alone else get_embedder("all-MiniLM-L6-v2"),
    )
    for folder in (ROOT / "samples", *arguments.folders):
        passages = read(folder)
        print(f"{folder.name}: {len(passages)} passages")
        measure(passages, figures, embedder, each=arguments.each)
    print(f"{'made false by':34} {'cases':>6} {'precision':>9} {'recall':>7}")
    for kind, tally in figures.false.items():
        print(f"{kind:34} {tally.cases:6} {tally.precision:9.3f} {tally.recall:7.3f}")
    print(f"{'true':34} {'cases':>6} {'supported':>9}")
    for kind, counts in figures.true.items():
        print(f"{kind:34} {counts.total():6} {counts['supported'] / counts.total():9.3f}")
    print(f"a check takes {1000 * figures.seconds / figures.checks:.1f} ms")
    results.write(
        "support",
        {
            "sets": ["samples", *(folder.name for folder in arguments.folders)],
            "meaning_compared": embedder is not None,
            "false": {
                kind: {
                    "cases": tally.cases,
                    "precision": round(tally.precision, 4),
                    "recall": round(tally.recall, 4),
                }
                for kind, tally in figures.false.items()
            },
            "true": {
                kind: {
                    "cases": counts.total(),
                    "supported": round(counts["supported"] / counts.total(), 4),
                }
                for kind, counts in figures.true.items()
            },
        },
    )


if __name__ == "__main__":
    main()
