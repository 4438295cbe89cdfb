"""What the benchmark of ingestion ingests: one large PDF, many small texts, a mixed folder."""

import json
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Files = Sequence[tuple[str, bytes]]

ROUNDS = 3
# Characters of a small text: it has one or two chunks, so that what is done for each document
# counts.
SMALL = 600
# Of a page of the large file.
LINES, COLUMNS = 55, 95


@dataclass(frozen=True)
class FileSet:
    """Files of one kind, in rounds."""

    name: str
    rounds: Sequence[Files]


def sets(data: Path, *, pages: int, small: int) -> Iterator[FileSet]:
    """Yield the sets, none with text of another, from the folders of real texts in `data`."""
    rows = abstracts(data)
    printed = len(rows) // 6
    yield FileSet(
        f"a PDF file of {pages} pages",
        [
            [(f"report {n}.pdf", _pdf(rows[n * printed // ROUNDS :], pages, n))]
            for n in range(ROUNDS)
        ],
    )
    texts = small_texts(rows[printed:], small)
    yield FileSet(f"{len(texts)} small texts", [texts[n::ROUNDS] for n in range(ROUNDS)])
    yield FileSet("a mixed folder", _mixed(data))


def abstracts(data: Path) -> list[dict[str, Any]]:
    """Return the rows of a set of abstracts: id, title, text."""
    lines = (data / "scifact" / "corpus.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def small_texts(rows: Sequence[dict[str, Any]], count: int) -> list[tuple[str, bytes]]:
    """Return so many texts, as many as possible of one abstract each."""
    texts = []
    for turn in range(count):
        row = rows[turn % len(rows)]
        start = turn // len(rows) * SMALL
        text = f"{row['title']} {row['text']}"[start : start + SMALL]
        texts.append((f"note {turn}.txt", f"Note {turn}. {text}".encode()))
    return texts


def _mixed(data: Path) -> list[Files]:
    """Return one of each format and pages of a handbook, the same kinds in each round."""
    from documents.extraction.registry import accepted_extensions

    accepted = {f".{extension}" for extension in accepted_extensions()}
    good = [p for p in sorted((data / "documents" / "good").iterdir()) if p.suffix in accepted]
    pages = sorted((data / "handbook" / "content").rglob("*.md"))[:90]
    files = [(path.name, path.read_bytes()) for path in (*good, *pages)]
    return [files[n::ROUNDS] for n in range(ROUNDS)]


def _pdf(rows: Sequence[dict[str, Any]], count: int, number: int) -> bytes:
    """Return a PDF file with the abstracts printed one below the other."""
    from documents.tests.made_files import pdf

    lines: list[str] = []
    for row in rows:
        lines += ["*" + row["title"][:COLUMNS], *textwrap.wrap(row["text"], COLUMNS), ""]
        if len(lines) >= count * LINES:
            break
    pages = [
        [
            (50, 750 - 13 * place, 10, line.encode("cp1252", "replace").decode("cp1252"))
            for place, line in enumerate(lines[first : first + LINES])
            if line
        ]
        for first in range(0, count * LINES, LINES)
    ]
    return pdf(pages, title=f"Report {number}")
