"""Measures citations: `python benchmarks/citations.py`.

Each question of the sample set, and of folders that are named, is answered offline from the eight
passages that share most of its words. Where the answer takes the set's own quote, the span that its
citation highlights is compared with the quote: in the text, and on PDF pages among the printed
characters that lie in the rectangles.
"""

import argparse
import json
import math
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from pypdfium2 import PdfDocument  # noqa: E402

from benchmarks import results  # noqa: E402
from benchmarks.highlights import _middles, _text_in  # noqa: E402
from benchmarks.support import read  # noqa: E402  (sets Django up)
from documents.extraction.page_images import measure_page  # noqa: E402
from documents.extraction.runner import extract_file  # noqa: E402
from documents.page_highlights import highlight  # noqa: E402
from rag.llm.extractive import extract_answer, readable  # noqa: E402
from rag.retrieval import Passage  # noqa: E402
from rag.support.checking import check_answer  # noqa: E402
from rag.support.verdicts import Quote  # noqa: E402
from rag.words import stems  # noqa: E402

_PASSAGES = 8


@dataclass
class Figures:
    """What came out.

    Attributes:
        quotes: of questions whose answer takes them.
        in_text: of these, those that the highlighted sentences hold.
        on_pdf_pages: quotes of PDF pages; `in_print`: those that the rectangles hold.
    """

    questions: int = 0
    quotes: int = 0
    in_text: int = 0
    on_pdf_pages: int = 0
    in_print: int = 0


class Words:
    """Finds passages by the words of a question (BM25), so that no database is needed."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        self._passages = passages
        self._held: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
        self._lengths: list[int] = []
        for index, passage in enumerate(passages):
            name = passage.filename.replace("-", " ").replace(".", " ")
            counts = Counter(stems(f"{passage.content} {name} {passage.heading}"))
            self._lengths.append(counts.total())
            for word, count in counts.items():
                self._held[word].append((index, count))

    def find(self, question: str) -> list[Passage]:
        """Return the best passages, ranked from 1."""
        scores: Counter[int] = Counter()
        mean = sum(self._lengths) / len(self._lengths)
        for word in set(stems(question)):
            held = self._held.get(word, [])
            weight = math.log(1 + len(self._passages) / (1 + len(held)))
            for index, count in held:
                norm = 1.2 * (0.25 + 0.75 * self._lengths[index] / mean)
                scores[index] += weight * count * 2.2 / (count + norm)  # type: ignore[assignment]
        best = scores.most_common(_PASSAGES)
        return [replace(self._passages[i], rank=rank) for rank, (i, _) in enumerate(best, 1)]


def measure(folder: Path, questions: Sequence[dict[str, Any]], figures: Figures) -> None:
    """Add what comes out for one set."""
    words = Words(read(folder))
    for question in questions:
        figures.questions += 1
        found = words.find(question["question"])
        quotes = question.get("quote") or []
        for quote in [quotes] if isinstance(quotes, str) else quotes:
            _measure_quote(folder, question["question"], quote, found, figures)


def _measure_quote(
    folder: Path, question: str, wanted: str, found: Sequence[Passage], figures: Figures
) -> None:
    chosen = extract_answer(question, found).sentences
    pieces = [f"{readable(s.said)} [{s.passage + 1}]" for s in chosen]
    answer = "\n\n".join(pieces)
    quote = _letters(wanted)
    holding = [p for s, p in zip(chosen, pieces, strict=True) if quote in _letters(s.text)]
    for sentence in check_answer(answer, found):
        if not any(piece.endswith(answer[sentence.start : sentence.end]) for piece in holding):
            continue
        figures.quotes += 1
        own = [q for q in sentence.quotes if q.n in sentence.citations]
        texts = [_quoted(found[q.n - 1], q) for q in own]
        is_held = any(quote in _letters(text) for text in texts)
        figures.in_text += is_held
        if not is_held and "-v" in sys.argv:
            print(f"not held: {wanted}\n    {texts}")
        for mine in own[:1]:
            path = folder / found[mine.n - 1].filename
            if path.suffix == ".pdf":
                figures.on_pdf_pages += 1
                figures.in_print += quote in _letters(_printed(path, found[mine.n - 1].page, mine))
        return


def _quoted(passage: Passage, quote: Quote) -> str:
    return passage.content[quote.start - passage.start : quote.end - passage.start]


def _printed(path: Path, number: int, quote: Quote) -> str:
    """Return the printed characters that the highlight of a quote covers."""
    layout = measure_page(path, number)
    page = extract_file(path, extension="pdf").pages[number - 1]
    rectangles = highlight(layout, page.text, quote.start, quote.end)
    with PdfDocument(path) as opened:
        return _text_in(list(_middles(opened[number - 1], layout)), rectangles)


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text.casefold()))


def questions_of(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the questions of a set."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.strip():
            yield json.loads(line)


def main() -> None:
    """Measure the samples and the given folders, print the figures and keep them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path, help="more sets, each with a qa.jsonl")
    parser.add_argument("-v", action="store_true", help="print what went wrong")
    own = ROOT / "rag" / "evaluation" / "data" / "sample_questions.jsonl"
    sets = [(ROOT / "samples", own)]
    sets += [(folder, folder / "qa.jsonl") for folder in parser.parse_args().folders]
    kept: dict[str, object] = {}
    for folder, questions in sets:
        figures = Figures()
        measure(folder, list(questions_of(questions)), figures)
        kept[folder.name] = asdict(figures)
        print(folder.name, asdict(figures))
    results.write("citations", kept)


if __name__ == "__main__":
    main()
