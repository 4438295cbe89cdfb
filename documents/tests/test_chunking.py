"""What holds for the chunks of any pages."""

import itertools
import sys
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from documents.chunking import Chunk, chunk_pages
from documents.extraction.base import ExtractedPage, Heading

words = st.sampled_from(
    ["policy", "Expenses.", "are", "paid!", "e.g.", "\n", "\n\n", "- item", "3.50", "、", "文。",
     "a" * 70, "Dr.", "  ", "👩\u200d🚀", "ما؟", "(see", "page)", "\u00a0", "x" * 700]
)  # fmt: skip
texts = st.one_of(st.text(max_size=300), st.lists(words, max_size=120).map(" ".join))


@st.composite
def pages(draw: st.DrawFn) -> list[ExtractedPage]:
    made = []
    for number, text in enumerate(draw(st.lists(texts, max_size=3)), start=1):
        lines = [0, *(i + 1 for i, character in enumerate(text) if character == "\n")]
        places = [i for i in lines if text[i : i + 1].strip()] if text else []
        chosen = draw(st.lists(st.sampled_from(places), unique=True)) if places else []
        headings = tuple(
            Heading(i, draw(st.integers(1, 4)), text[i:].split("\n")[0][:300])
            for i in sorted(chosen)
        )
        made.append(ExtractedPage(number, text, headings))
    return made


sizes = st.integers(1, 600)
overlaps = st.integers(0, 700)


def tokens(text: str) -> int:
    """Count as no tokenizer does exactly, and each a little: much for some characters."""
    return sum(1 if c.isascii() else 3 if c.isalpha() else 7 for c in text if not c.isspace())


def page_of(chunk: Chunk, all_pages: list[ExtractedPage]) -> str:
    return next(page.text for page in all_pages if page.number == chunk.page)


@given(pages(), sizes, overlaps)
def test_every_character_that_is_not_blank_is_in_a_chunk(pages, size, overlap) -> None:
    covered: dict[int, set[int]] = {page.number: set() for page in pages}
    for chunk in chunk_pages(pages, size=size, overlap=overlap):
        covered[chunk.page].update(range(chunk.start, chunk.end))
    for page in pages:
        outside = set(range(len(page.text))) - covered[page.number]
        assert all(page.text[place].isspace() for place in outside)


@given(pages(), sizes, overlaps)
def test_a_chunk_is_exactly_its_span_and_no_longer_than_allowed(pages, size, overlap) -> None:
    for chunk in chunk_pages(pages, size=size, overlap=overlap):
        assert chunk.text == page_of(chunk, pages)[chunk.start : chunk.end]
        assert chunk.text == chunk.text.strip() != ""
        assert len(chunk.text) <= size


@given(pages(), sizes, overlaps)
def test_chunks_are_numbered_and_go_forward(pages, size, overlap) -> None:
    chunks = chunk_pages(pages, size=size, overlap=overlap)
    assert [chunk.index for chunk in chunks] == list(range(len(chunks)))
    for chunk, following in pairwise(chunks):
        if chunk.page == following.page:
            assert chunk.start < following.start
            assert chunk.end < following.end
        else:
            assert chunk.page < following.page


@given(pages(), sizes, overlaps)
def test_chunks_overlap_by_no_more_than_asked(pages, size, overlap) -> None:
    for chunk, following in pairwise(chunk_pages(pages, size=size, overlap=overlap)):
        if chunk.page == following.page:
            assert chunk.end - following.start <= min(overlap, size // 2)


@given(pages(), sizes, overlaps)
def test_the_same_pages_give_the_same_chunks(pages, size, overlap) -> None:
    first = chunk_pages(pages, size=size, overlap=overlap)
    assert chunk_pages(pages, size=size, overlap=overlap) == first
    assert all(len(chunk.heading) <= 300 for chunk in first)


def prose(sentences: int) -> str:
    return " ".join(f"Sentence number {n} says something of use." for n in range(sentences))


def test_chunks_are_whole_sentences_and_overlap_by_whole_sentences() -> None:
    chunks = chunk_pages([ExtractedPage(1, prose(100))], size=500, overlap=100)
    assert len(chunks) > 5
    for chunk, following in pairwise(chunks):
        assert chunk.text.startswith("Sentence") and chunk.text.endswith("use.")
        assert len(chunk.text) > 400
        assert 40 <= chunk.end - following.start <= 100


def test_a_long_sentence_is_cut_at_clauses_and_overlaps_by_words() -> None:
    text = "with a clause that goes on, " * 60
    chunks = chunk_pages([ExtractedPage(1, text)], size=500, overlap=100)
    assert all(chunk.text.endswith("on,") for chunk in chunks)
    assert all(0 < a.end - b.start <= 100 for a, b in pairwise(chunks))
    assert all(b.text.split()[0] in text.split() for b in chunks)


def test_text_without_blanks_is_cut_hard() -> None:
    chunks = chunk_pages([ExtractedPage(1, "x" * 1_200)], size=500, overlap=100)
    assert [(chunk.start, chunk.end) for chunk in chunks] == [(0, 500), (500, 1000), (1000, 1200)]


def headed(number: int, *blocks: tuple[int, str]) -> ExtractedPage:
    """Make a page of blocks; a level above 0 makes a heading."""
    text, headings = "", []
    for level, block in blocks:
        text += "\n\n" if text else ""
        if level:
            headings.append(Heading(len(text), level, block))
        text += block
    return ExtractedPage(number, text, tuple(headings))


def test_a_heading_stays_with_the_text_after_it() -> None:
    page = headed(1, (1, "Travel"), (0, prose(10)), (2, "Hotels"), (0, prose(3)))
    chunks = chunk_pages([page], size=500, overlap=100)
    assert chunks[0].text.startswith("Travel\n\nSentence")
    assert any(chunk.text.startswith("Hotels\n\nSentence") for chunk in chunks)
    assert not any(chunk.text.endswith("Hotels") for chunk in chunks)


def test_a_heading_whose_text_does_not_fit_goes_to_the_next_chunk() -> None:
    page = headed(1, (0, "Short. " * 30), (1, "Hotels"), (0, "word " * 70 + "end."))
    first, second = chunk_pages([page], size=500, overlap=100)
    assert first.text.endswith("Short.")
    assert second.text.startswith("Hotels\n\nword")


def test_the_path_of_headings_reaches_over_pages() -> None:
    pages = [
        headed(1, (1, "Travel"), (0, "Book early."), (2, "Expenses"), (0, prose(12))),
        headed(2, (0, prose(12)), (2, "Hotels"), (0, prose(12)), (1, "Leave"), (0, prose(12))),
    ]
    paths = [chunk.heading for chunk in chunk_pages(pages, size=500, overlap=100)]
    assert list(dict.fromkeys(paths)) == ["Travel", "Travel > Expenses", "Travel > Hotels", "Leave"]


def test_a_chunk_that_opens_with_headings_is_under_the_last_of_them() -> None:
    page = headed(1, (1, "Travel"), (2, "Expenses"), (0, "Keep receipts."))
    (chunk,) = chunk_pages([page], size=500, overlap=100)
    assert (chunk.start, chunk.heading) == (0, "Travel > Expenses")


def test_a_path_that_is_too_long_keeps_its_nearest_headings() -> None:
    page = headed(1, (1, "A" * 200), (2, "B" * 200), (3, "C" * 50), (0, "Text."))
    (chunk,) = chunk_pages([page], size=500, overlap=100)
    assert chunk.heading == f"{'B' * 200} > {'C' * 50}"
    page = headed(1, (1, "A" * 400), (0, "Text."))
    assert len(chunk_pages([page], size=500, overlap=100)[0].heading) == 300


@given(pages(), sizes, overlaps, st.integers(7, 200))
def test_no_chunk_is_fuller_than_allowed_and_no_character_is_lost(pages, size, overlap, most):
    chunks = chunk_pages(
        pages,
        size=size,
        overlap=overlap,
        fullness=lambda found: [tokens(chunk.text) / most for chunk in found],
    )
    assert [chunk.index for chunk in chunks] == list(range(len(chunks)))
    covered: dict[int, set[int]] = {page.number: set() for page in pages}
    for chunk in chunks:
        assert tokens(chunk.text) <= most
        assert chunk.text == page_of(chunk, pages)[chunk.start : chunk.end]
        assert len(chunk.text) <= size
        covered[chunk.page].update(range(chunk.start, chunk.end))
    for page in pages:
        outside = set(range(len(page.text))) - covered[page.number]
        assert all(page.text[place].isspace() for place in outside)


@given(pages(), sizes, overlaps)
def test_chunks_that_are_not_too_full_are_cut_as_without_a_measure(pages, size, overlap):
    plain = chunk_pages(pages, size=size, overlap=overlap)
    measured = chunk_pages(
        pages, size=size, overlap=overlap, fullness=lambda found: [1.0 for _ in found]
    )
    assert measured == plain


def test_a_chunk_that_is_too_full_is_cut_at_a_sentence_end_below_its_heading() -> None:
    page = headed(1, (1, "Leave"), (0, "Thirty days are paid. Ten days are not."))
    chunks = chunk_pages(
        [page],
        size=500,
        overlap=0,
        fullness=lambda found: [len(chunk.text) / 34 for chunk in found],
    )
    assert [(chunk.text, chunk.heading) for chunk in chunks] == [
        ("Leave\n\nThirty days are paid.", "Leave"),
        ("Ten days are not.", "Leave"),
    ]


def test_no_pages_and_blank_pages_give_no_chunks() -> None:
    assert chunk_pages([], size=500, overlap=100) == []
    assert chunk_pages([ExtractedPage(1, " \n\n ")], size=500, overlap=100) == []


@pytest.mark.parametrize(
    "text",
    ["x", ".", ". ", '."', "a.", "e.g. ", "\n", "a\n", ",", "1. ", "!? ", "」。"],
)
def test_the_work_grows_with_the_length_alone(text: str) -> None:
    def calls(characters: int) -> int:
        page = ExtractedPage(1, text * (characters // len(text)))
        count = itertools.count()
        sys.setprofile(lambda *_: next(count))
        try:
            chunk_pages([page], size=500, overlap=100)
        finally:
            sys.setprofile(None)
        return next(count)

    # Ten times the text: a square would take a hundred times the calls.
    assert calls(100_000) < 15 * calls(10_000)
