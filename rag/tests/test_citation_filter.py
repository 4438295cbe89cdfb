import re
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rag.citations import CitationFilter, cited_numbers


def filtered(*pieces: str, count: int = 3) -> str:
    citations = CitationFilter(count)
    return "".join(citations.feed(piece) for piece in pieces) + citations.finish()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Thirty days. [1]", "Thirty days. [1]"),
        ("Thirty days [1, 2].", "Thirty days [1][2]."),
        ("Thirty days [1][3].", "Thirty days [1][3]."),
        ("Thirty days [1-3].", "Thirty days [1][2][3]."),
        ("Thirty days [1\u20132].", "Thirty days [1][2]."),
        ("Thirty days [1; 2 and 3].", "Thirty days [1][2][3]."),
        ("Thirty days [Source 2].", "Thirty days [2]."),
        ("Thirty days \u30102\u3011.", "Thirty days [2]."),
        ("Thirty days [2, 2].", "Thirty days [2]."),
    ],
)
def test_the_usual_ways_to_cite_become_one(text, shown):
    assert filtered(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Thirty days [4].", "Thirty days."),
        ("Thirty days [0].", "Thirty days."),
        ("Thirty [9] days.", "Thirty days."),
        ("Thirty days [1, 9].", "Thirty days [1]."),
        ("Thirty days [2-900].", "Thirty days [2][3]."),
        ("Thirty days [9]", "Thirty days"),
        ("Thirty days [99999999999999999999].", "Thirty days."),
        ("Thirty days [1", "Thirty days"),
        ("Thirty [[9]8] days", "Thirty days"),
        ("Thirty days [source 12].", "Thirty days."),
    ],
)
def test_a_number_without_a_passage_is_never_shown(text, shown):
    assert filtered(text) == shown


@pytest.mark.parametrize(
    "text",
    ["See [the annex] of 2020.", "A list[i] of [a, b]", "[ ] to do", "a [", "x[1a]y", "1] 2"],
)
def test_other_brackets_are_left_alone(text):
    assert filtered(text) == text


def test_without_passages_no_citation_is_left():
    assert filtered("Thirty days [1].", count=0) == "Thirty days."


@pytest.mark.parametrize("text", ["[1](https://evil.test)", "[1]: https://evil.test", "[[1](//e)"])
def test_a_citation_can_not_be_made_a_link(text):
    assert not re.search(r"\[1\][(:]", filtered(text))


def test_text_is_not_held_back_longer_than_needed():
    citations = CitationFilter(3)
    assert citations.feed("See [the fifth") == "See [the fifth"
    assert citations.feed(" annex] and [") == " annex] and"
    assert citations.feed("1") == ""
    assert citations.feed("]") == " [1]"


pieces = st.sampled_from(
    [
        "[",
        "]",
        "1",
        "2",
        "9",
        "12",
        " ",
        ",",
        "-",
        "a",
        ".",
        "and",
        "\n",
        "(",
        ":",
        "source",
        "\u3010",
    ]
)
texts = st.lists(pieces, max_size=30).map("".join)


@given(texts, st.data(), st.integers(0, 4))
@example("[[9]8]", None, 3)
def test_the_places_where_the_stream_is_cut_make_no_difference(text, data, count):
    at = (
        sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
        if data
        else range(len(text))
    )
    cuts = [0, *at, len(text)]
    parts = [text[a:b] for a, b in pairwise(cuts)]
    assert filtered(*parts, count=count) == filtered(text, count=count)


@given(texts, st.integers(0, 4))
def test_whatever_comes_in_only_existing_numbers_come_out(text, count):
    shown = filtered(text, count=count)
    assert all(1 <= n <= count for n in cited_numbers(shown))
    assert not [n for n in re.findall(r"\[(\d+)\]", shown) if not 1 <= int(n) <= count]
    assert filtered(shown, count=count) == shown.rstrip() or filtered(shown, count=count) == shown


@given(
    st.text(alphabet=st.characters(exclude_characters="[]\u3010\u3011\uff3b\uff3d"), max_size=60)
)
def test_text_without_brackets_comes_out_unchanged(text):
    assert filtered(text) == text
