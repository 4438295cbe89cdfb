"""Measures which contradictions are pointed out: `python benchmarks/conflicts.py [FOLDER ...]`.

The questions are those of the sample set, and of folders that are named, whose answer stands in a
document. The passage that answers is copied into a newer document, and what answers is made
another number, date or name there, or the opposite: that has to be pointed out. The same question
must raise no alarm where there is no copy, nor where the copy says the same in other
words. Both are asked among the seven passages that share most words with the question.
"""

import argparse
import json
import random
import re
import sys
import uuid
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import results  # noqa: E402
from benchmarks.citations import Words, questions_of  # noqa: E402
from benchmarks.support import read  # noqa: E402  (sets Django up)
from benchmarks.support_cases import (  # noqa: E402
    TRUE,
    affirmed,
    altered,
    denied,
    other_date,
    replaced,
)
from documents.sentences import sentences  # noqa: E402
from rag.conflicts import Conflict, find_conflicts  # noqa: E402
from rag.embedding.base import Embedder  # noqa: E402
from rag.embedding.registry import get_embedder  # noqa: E402
from rag.evaluation.answer_measures import CONTRADICTION  # noqa: E402
from rag.retrieval import Passage  # noqa: E402
from rag.support.facts import facts_of  # noqa: E402
from rag.support.verdicts import Quote  # noqa: E402

_AROUND = 7  # passages beside the one that answers


@dataclass
class Figures:
    """What came out for one set.

    Attributes:
        made: contradictions made, and of these those that were pointed out, by kind.
        reworded: copies that say the same, and of these those that raised an alarm.
        plain: questions without a copy, and of these those that raised an alarm.
    """

    made: defaultdict[str, list[bool]] = field(default_factory=lambda: defaultdict(list))
    reworded: list[bool] = field(default_factory=list)
    plain: list[bool] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        """Return counts and shares."""
        found = [each for kind in self.made.values() for each in kind]
        alarms = [*self.reworded, *self.plain]
        return {
            "recall": {
                kind: {"cases": len(each), "found": round(_mean(each), 3)}
                for kind, each in sorted(self.made.items())
            },
            "recall_of_all": round(_mean(found), 3),
            "false_alarms": {
                "copies in other words": {
                    "cases": len(self.reworded),
                    "alarms": round(_mean(self.reworded), 3),
                },
                "no copy": {"cases": len(self.plain), "alarms": round(_mean(self.plain), 3)},
            },
            # With as many questions without a contradiction as with one.
            "precision": round(_mean(found) / ((_mean(found) + _mean(alarms)) or 1.0), 3),
        }


def _mean(values: Sequence[bool]) -> float:
    return sum(values) / len(values) if values else 0.0


def measure(
    passages: Sequence[Passage],
    questions: Sequence[dict[str, Any]],
    figures: Figures,
    embedder: Embedder | None,
    *,
    each: int,
) -> None:
    """Add what comes out for one set."""
    rng = random.Random(7)
    words = Words(passages)
    names = [n.text for p in passages for n in facts_of(p.content).names if n.text.isalpha()]
    asked = 0
    for row in questions:
        question = row["question"]
        found = words.find(question)
        answered = next(_answering(row, found), None)
        if answered is None or asked == each:
            continue
        asked += 1
        own, sentence, answer = answered
        around = [p for p in found if p is not own][:_AROUND]
        plain = find_conflicts(question, [own, *around], embedder, taken=[_place(own, sentence, 1)])
        if row.get("kind") != CONTRADICTION:  # there the documents do contradict each other
            figures.plain.append(bool(plain))
            _tell("alarm", question, plain, [own, *around])
        for kind, changed in _made(question, sentence, answer, names, rng):
            copy = _copied(own, sentence, changed)
            told = find_conflicts(
                question, [copy, own, *around], embedder, taken=[_place(own, sentence, 2)]
            )
            is_found = _are_told(told, own, copy)
            figures.made[kind].append(is_found)
            if not is_found:
                _tell(f"missed ({kind})", f"{question}\n    {sentence}\n    {changed}", (), ())
        for change in TRUE.values():
            if (again := change(sentence, rng)) is not None:
                copy = _copied(own, sentence, again)
                told = find_conflicts(
                    question, [copy, own], embedder, taken=[_place(own, sentence, 2)]
                )
                figures.reworded.append(bool(told))
                _tell("alarm (reworded)", question, told, [copy, own])


def _answering(row: dict[str, Any], found: Sequence[Passage]) -> Iterator[tuple[Passage, str, str]]:
    """Yield passages with the sentence that answers, and the words in it that do."""
    answers = row.get("answers") or [row["answer"]] if row.get("answerable") else []
    quotes = row.get("quote") or []
    for answer in sorted({a for a in answers if a}, key=len, reverse=True):
        for passage in found:
            for start, end in sentences(passage.content):
                sentence = passage.content[start:end]
                quoted = [quotes] if isinstance(quotes, str) else quotes
                if answer in sentence and (
                    not quoted or any(quote in sentence or sentence in quote for quote in quoted)
                ):
                    yield passage, sentence, answer


def _made(
    question: str, sentence: str, answer: str, names: Sequence[str], rng: random.Random
) -> Iterator[tuple[str, str]]:
    """Yield the sentence with something else in the place of the answer, or denied."""
    at = sentence.index(answer)
    inside = [
        quantity
        for quantity in facts_of(sentence).quantities
        if at <= quantity.start and quantity.end <= at + len(answer) and quantity.text.isdigit()
    ]
    if dated := other_date(sentence, rng):
        yield "another date", dated
    if inside:
        numbered = replaced(sentence, inside[0], altered(inside[0].text, rng))
        if numbered:
            yield "another number", numbered
    elif facts_of(f"It is {answer}").names and re.fullmatch(r"(?:[A-Z][\w'-]+ ?)+", answer):
        other = rng.choice([name for name in names if name not in sentence + question])
        yield "another name", sentence.replace(answer, other, 1)
    if opposite := affirmed(sentence, rng) or denied(sentence, rng):
        yield "the opposite", opposite


def _copied(passage: Passage, sentence: str, changed: str) -> Passage:
    content = passage.content.replace(sentence, changed, 1)
    return replace(
        passage,
        document_id=uuid.uuid4(),
        chunk_id=uuid.uuid4(),
        filename=f"new-{passage.filename}",
        content=content,
        end=passage.start + len(content),
    )


def _place(passage: Passage, sentence: str, n: int) -> Quote:
    start = passage.start + passage.content.index(sentence)
    return Quote(n, start, start + len(sentence))


def _are_told(told: Sequence[Conflict], own: Passage, copy: Passage) -> bool:
    """Tell whether the copy and the original are named together; they are the first two."""
    return any({1, 2} <= {said.n for said in conflict.statements} for conflict in told)


def _tell(what: str, question: str, told: Sequence[Conflict], found: Sequence[Passage]) -> None:
    if "-v" not in sys.argv or (what.startswith("alarm") and not told):
        return
    print(f"{what}: {question}")
    for conflict in told:
        for said in conflict.statements:
            passage = found[said.n - 1]
            text = passage.content[said.start - passage.start : said.end - passage.start]
            print(f"    {passage.filename[:40]}: {text}")


def main() -> None:
    """Measure the samples and the given folders, print the figures and keep them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path, help="more sets, each with a qa.jsonl")
    parser.add_argument("--each", type=int, default=300, help="questions of a set, at most")
    parser.add_argument("--words-alone", action="store_true", help="without the embedding model")
    parser.add_argument("-v", action="store_true", help="print what went wrong")
    arguments = parser.parse_args()
    embedder = None if arguments.words_alone else get_embedder("all-MiniLM-L6-v2")
    own = ROOT / "rag" / "evaluation" / "data" / "sample_questions.jsonl"
    sets = [(ROOT / "samples", own)]
    sets += [(folder, folder / "qa.jsonl") for folder in arguments.folders]
    kept: dict[str, object] = {}
    for folder, questions in sets:
        figures = Figures()
        asked = list(questions_of(questions))
        measure(read(folder), asked, figures, embedder, each=arguments.each)
        kept[folder.name] = figures.summary()
        print(folder.name, json.dumps(figures.summary(), indent=2))
    results.write("conflicts", kept)


if __name__ == "__main__":
    main()
