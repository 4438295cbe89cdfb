"""Reads questions with their answers, and where in the documents those stand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from rag.evaluation.data_sets import (
    ANSWERS,
    SourceFile,
    digest_of,
    gold_of,
    read_documents,
    read_lines,
)
from rag.evaluation.exceptions import BadDataSet


@dataclass(frozen=True)
class Evidence:
    """Something that an answer has to rest on.

    Attributes:
        documents: ids of the documents that say it; one of them is enough.
        quote: their very words; empty where the whole document is the evidence.
        page: number of the page, from 1, where it is known.
    """

    documents: tuple[str, ...]
    quote: str = ""
    page: int | None = None


@dataclass(frozen=True)
class AnswerCase:
    """A question, and what is expected of the answer.

    Attributes:
        answers: each is right; empty where only the evidence is known.
        evidence: all of it is needed.
        is_answerable: None for what is no question at all, such as a greeting.
        history: questions asked before, in the same conversation.
        kind: what sort of question it is, for the table.
    """

    id: str
    question: str
    answers: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    is_answerable: bool | None = True
    history: tuple[str, ...] = ()
    kind: str = ""


@dataclass(frozen=True)
class AnswerSet:
    """What answers are measured on."""

    name: str
    digest: str
    documents: Sequence[SourceFile]
    cases: Sequence[AnswerCase]


def read_answer_set(folder: Path, questions: Path | None = None) -> AnswerSet:
    """Read a folder of documents with `qa.jsonl`.

    Args:
        questions: a file to read instead of the folder's own.

    Raises:
        BadDataSet: a file is missing, a line is something else, or a question names a document
            that is not in the set.
    """
    path = questions or folder / ANSWERS
    documents = [document for document in read_documents(folder) if document.path != path]
    cases = [_case(n, row) for n, row in enumerate(read_lines(path, required=("question",)), 1)]
    if not cases:
        raise BadDataSet(f"{path} has no questions.")
    known = {document.id for document in documents}
    for case in cases:
        for name in (name for item in case.evidence for name in item.documents):
            if name not in known:
                raise BadDataSet(
                    f"{path.name}: question {case.id} names the document {name!r}, which the set"
                    " does not have."
                )
    return AnswerSet(folder.resolve().name, digest_of(documents, [path]), documents, cases)


def _case(number: int, row: Mapping[str, Any]) -> AnswerCase:
    given = row.get("answers") or row.get("answer") or []
    answers = [given] if isinstance(given, str) else given
    is_answerable = row.get("answerable", True)
    history = row.get("history") or []
    if not (
        isinstance(row["question"], str)
        and all(isinstance(text, str) for text in [*answers, *history])
        and is_answerable in (True, False, None)
    ):
        raise BadDataSet(f"{ANSWERS}, question {number}: a value is of the wrong kind.")
    return AnswerCase(
        id=str(row.get("id", number)),
        question=row["question"],
        answers=tuple(answers),
        evidence=tuple(_evidence(row)) if is_answerable else (),
        is_answerable=is_answerable,
        history=tuple(history),
        kind=str(row.get("kind") or ""),
    )


def _evidence(row: Mapping[str, Any]) -> list[Evidence]:
    """Return what is needed: a list of quotes is needed in full, each of its own document.

    One quote, or none, is found in any of the gold documents.
    """
    gold, quote, page = gold_of(row), row.get("quote"), row.get("page")
    if not gold:
        return []
    if isinstance(quote, list):
        pages = page if isinstance(page, list) else [page] * len(quote)
        return [
            Evidence((name,), text or "", number)
            for name, text, number in zip_longest(gold, quote, pages)
            if name is not None
        ]
    return [Evidence(tuple(gold), quote or "", page if isinstance(page, int) else None)]
