"""Reads data sets: documents, and questions with what answers them."""

import csv
import hashlib
import html
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from documents.extraction.registry import accepted_extensions
from rag.evaluation.exceptions import BadDataSet

CORPUS, QUERIES, JUDGEMENTS, ANSWERS = "corpus.jsonl", "queries.jsonl", "qrels.tsv", "qa.jsonl"
# Files of a folder of documents that are about the set and not of it.
_ABOUT = {CORPUS, QUERIES, JUDGEMENTS, ANSWERS}
_ABOUT_STEMS = {"readme", "license", "licence", "notice"}


@dataclass(frozen=True)
class SourceFile:
    """A document of a data set as it is uploaded: a file of the folder, or a row of its corpus.

    Attributes:
        id: as the questions name it: the row's id, or the file's path inside the folder.
    """

    id: str
    filename: str
    path: Path | None = None
    content: bytes = b""

    def read(self) -> bytes:
        """Return the file's bytes."""
        return self.content if self.path is None else self.path.read_bytes()


@dataclass(frozen=True)
class Judged:
    """A question with the documents that are relevant to it, and how much each is."""

    id: str
    text: str
    grades: Mapping[str, int]


@dataclass(frozen=True)
class RetrievalSet:
    """What retrieval is measured on.

    Attributes:
        digest: of documents, questions and judgements: the same for the same set anywhere.
        skipped: questions that no document is relevant to: there is nothing to find.
    """

    name: str
    digest: str
    documents: Sequence[SourceFile]
    questions: Sequence[Judged]
    skipped: int


def read_retrieval_set(folder: Path) -> RetrievalSet:
    """Read a folder of documents with questions and what is relevant to them.

    Documents are the rows of `corpus.jsonl`, or else the folder's files. Questions are
    `queries.jsonl` with `qrels.tsv`, or else `qa.jsonl`, whose gold is what is relevant.

    Raises:
        BadDataSet: a file is missing, a line is something else, or a question names a document
            that is not in the set.
    """
    documents = read_documents(folder)
    if (folder / QUERIES).exists():
        files = [folder / QUERIES, folder / JUDGEMENTS]
        grades = _judgements(folder / JUDGEMENTS)
        questions = [
            Judged(str(row["id"]), str(row["text"]), grades.get(str(row["id"]), {}))
            for row in read_lines(folder / QUERIES, required=("id", "text"))
        ]
    else:
        files = [folder / ANSWERS]
        questions = [
            Judged(str(row.get("id", number)), str(row["question"]), dict.fromkeys(gold_of(row), 1))
            for number, row in enumerate(read_lines(folder / ANSWERS, required=("question",)), 1)
        ]
    asked = [question for question in questions if any(question.grades.values())]
    if not asked:
        raise BadDataSet(f"{folder}: no question has a relevant document.")
    _require_known(folder, documents, asked)
    return RetrievalSet(
        folder.resolve().name,
        digest_of(documents, files),
        documents,
        asked,
        len(questions) - len(asked),
    )


def read_documents(folder: Path) -> list[SourceFile]:
    """Return the documents of a data set.

    Raises:
        BadDataSet: there are none, or a row of the corpus is something else.
    """
    if not folder.is_dir():
        raise BadDataSet(f"{folder} is no folder.")
    if (folder / CORPUS).exists():
        rows = read_lines(folder / CORPUS, required=("id", "text"))
        found = [_from_row(number, row) for number, row in enumerate(rows, start=1)]
    else:
        found = list(_files(folder))
    if not found:
        raise BadDataSet(f"{folder} has neither {CORPUS} nor files that can be uploaded.")
    return found


def read_lines(path: Path, *, required: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Return the objects of a file of JSON lines.

    Raises:
        BadDataSet: it cannot be read, or a line is no object with the required keys.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise BadDataSet(f"{path} cannot be read ({type(error).__name__}).") from error
    rows = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if not isinstance(row, dict) or any(key not in row for key in required):
            keys = ", ".join(required) or "anything"
            raise BadDataSet(f"{path.name}, line {number}: not a JSON object with {keys}.")
        rows.append(row)
    return rows


def gold_of(row: Mapping[str, Any]) -> list[str]:
    """Return the ids of the documents that answer a question: its `gold`, one or a list."""
    gold = row.get("gold") or []
    return [str(name) for name in ([gold] if isinstance(gold, str) else gold)]


def digest_of(documents: Sequence[SourceFile], files: Sequence[Path]) -> str:
    """Return a SHA-256 of the documents, by their ids, and of the files beside them."""
    digest = hashlib.sha256()
    for document in sorted(documents, key=lambda document: document.id):
        digest.update(f"{document.id}\0{hashlib.sha256(document.read()).hexdigest()}\n".encode())
    for path in files:
        digest.update(f"{path.name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


def _from_row(number: int, row: Mapping[str, Any]) -> SourceFile:
    """Return a row as a page whose title is the row's, so that every character stays as it is."""
    title, text = str(row.get("title") or "").strip(), str(row["text"])
    paragraphs = "\n".join(f"<p>{html.escape(part)}</p>" for part in text.split("\n\n"))
    page = (
        f'<!doctype html>\n<html><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"</head><body>\n{paragraphs}\n</body></html>\n"
    )
    return SourceFile(str(row["id"]), f"{number:06}.html", content=page.encode())


def _files(folder: Path) -> Iterator[SourceFile]:
    accepted = {f".{extension}" for extension in accepted_extensions()}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        is_about = len(name.parts) == 1 and (
            path.name in _ABOUT or path.stem.lower() in _ABOUT_STEMS
        )
        is_hidden = any(part.startswith(".") for part in name.parts)
        if path.suffix.lower() in accepted and path.is_file() and not (is_about or is_hidden):
            yield SourceFile(name.as_posix(), path.name, path)


def _judgements(path: Path) -> dict[str, dict[str, int]]:
    """Return the grades by question and document, of lines of three or of TREC's four columns."""
    grades: dict[str, dict[str, int]] = {}
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for number, columns in enumerate(csv.reader(file, delimiter="\t"), start=1):
                if not columns:
                    continue
                *_, score = columns
                if number == 1 and not score.lstrip("-").isdigit():
                    continue  # the header
                question, document = columns[0], columns[-2]
                grades.setdefault(question, {})[document] = max(0, int(score))
    except (OSError, UnicodeDecodeError) as error:
        raise BadDataSet(f"{path} cannot be read ({type(error).__name__}).") from error
    except (ValueError, IndexError):
        raise BadDataSet(
            f"{path.name}, line {number}: not query-id, corpus-id and score between tabs."
        ) from None
    return grades


def _require_known(
    folder: Path, documents: Sequence[SourceFile], questions: Sequence[Judged]
) -> None:
    known = {document.id for document in documents}
    for question in questions:
        for name in question.grades:
            if name not in known:
                raise BadDataSet(
                    f"{folder}: question {question.id} names the document {name!r}, which the set"
                    " does not have."
                )
