"""Where sentences end, in many languages."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from documents.sentences import sentences


def split(text: str) -> list[str]:
    return [text[start:end] for start, end in sentences(text)]


@pytest.mark.parametrize(
    "expected",
    [
        ["Travel is paid.", "Hotels are paid too!", "Are meals?", "No…", "Not yet."],
        ["Dr. Smith and Mrs. Jones met Prof. Lee.", "They left."],
        ["It costs $3.50 per day, i.e. 1.25 times more, e.g. in Paris.", "See Fig. 3 and No. 5."],
        ["J. R. R. Tolkien saw the U.S. Army base.", "He moved to the U.K.", "In May he left."],
        ["It starts at 9 a.m. and ends at 5 p.m.", "The shop closes then."],
        ["Acme Inc. sells cars.", "So does Bolt Ltd."],
        ["1. Open the door.", "2. Close it."],
        ['He said: "Come here."', "Then he left.", "(That was all.)", "Really?!", "Yes."],
        ["Use config.py, version 2.0 or example.com.", "Done."],
        ["Wait... what?", '"Why?" she asked.', "Yahoo! is a name."],
        ["The answer is no.", "Ask again."],
        ["Das gilt z. B. am 3. Oktober, d. h. nur vgl. Abs. 2 Satz 1.", "Danach nicht."],
        ["Er kam um 5 Uhr.", "Sie zahlte 20 %."],
        ["M. Dupont habite p. ex. à Paris.", "Il part."],
        ["これは文です。", "次の文！", "「はい。」", "最後"],
        ["他走了。", "她问：“为什么？”", "没有人知道。"],
        ["ما هذا؟", "هذا كتاب.", "نعم."],
        ["यह पहला वाक्य है।", "यह दूसरा है।"],
        ["Έφυγε χθες.", "Ήρθε σήμερα."],
        ["Introduction . . . . . . . 5"],
    ],
)  # fmt: skip
def test_sentences_end_where_a_reader_says_so(expected: list[str]) -> None:
    joiner = "" if expected[0][0] in "これ他" else " "
    assert split(joiner.join(expected)) == expected


def test_a_line_end_ends_a_sentence() -> None:
    assert split("Heading\n\nFirst item\n- second item\n  - third: a; b\n") == [
        "Heading",
        "First item",
        "- second item",
        "- third: a; b",
    ]


@given(st.text())
def test_spans_cover_every_character_once_in_order(text: str) -> None:
    spans = sentences(text)
    assert all(start < end for start, end in spans)
    assert all(a[1] <= b[0] for a, b in pairwise(spans))
    outside = set(range(len(text))) - {i for start, end in spans for i in range(start, end)}
    assert all(text[place].isspace() for place in outside)
    assert all(not text[start].isspace() and not text[end - 1].isspace() for start, end in spans)
