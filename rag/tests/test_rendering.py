"""An answer's Markdown becomes HTML that runs nothing, loads nothing and leads nowhere else."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from rag import rendering
from rag.rendering import Citation, Mark, render_answer

CITATIONS = {
    1: Citation(url="/documents/d/pages/3?start=0&end=9#passage", title='a "b" <c>.pdf, page 3'),
    2: Citation(url="", title="Source deleted or no longer shared with you"),
}
LINK_1 = (
    '<a class="citation" title="a &quot;b&quot; &lt;c&gt;.pdf, page 3" '
    'href="/documents/d/pages/3?start=0&amp;end=9#passage">1</a>'
)
LABEL = '<span class="unsupported-label">unsupported</span>'

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<iframe src='https://evil.test'></iframe>",
    "<style>@import 'https://evil.test'</style>",
    '<a href="https://evil.test">x</a>',
    "<https://evil.test>",
    "https://evil.test/?q=secret",
    "![x](https://evil.test/p.png)",
    "![x](data:image/svg+xml;base64,PHN2Zz4=)",
    "![1]\n\n[1]: https://evil.test/p.png",
    "[![x](https://evil.test/a)](https://evil.test/b)",
    "[x](https://evil.test)",
    "[x](https://evil.test 'title')",
    "[x](//evil.test)",
    "[x](/\\evil.test)",
    "[x](\\\\evil.test)",
    "[x](/\t/evil.test)",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](vbscript:x)",
    "[x](data:text/html,<script>alert(1)</script>)",
    "[x](file:///etc/passwd)",
    "[x](mailto:a@evil.test)",
    "[x][r]\n\n[r]: https://evil.test/x",
    "[1](https://evil.test)",
    "[1]: https://evil.test\n\n[1]",
    "[1][r]\n\n[r]: https://evil.test",
    "[[1]](https://evil.test)",
    "[x](https://evil.test/[1])",
    "[x](/documents/[1])",
    '[x](/a "\u2e281\u2e29")',
    "| [x](https://evil.test) |\n|---|\n| <b onclick=alert(1)> |",
    "> - # [x](javascript:alert(1)) [1]",
    "```html\n<script>alert(1)</script>[1]\n```",
    '```"><script>alert(1)</script>\nx\n```',
    "`<img src=x>[1]`",
    "<!-- <a href='https://evil.test'> -->",
    '[x](/documents/" onclick=alert(1))',
    "\u2e24\u2e28\u2e25\u2e29[1]\u2e24",
    "*" * 500 + "[1]" + "[" * 500,
    "> " * 300 + "deep",
]


class _Seen(HTMLParser):
    """Collects what a browser would act on."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[tuple[str, str]] = set()
        self.links: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            self.attributes.add((tag, name))
            if name == "href":
                self.links.add(value or "")


ALLOWED_TAGS = {
    *("a", "blockquote", "br", "code", "em", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre"),
    *("s", "span", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul"),
}
ALLOWED_ATTRIBUTES = {
    ("a", "href"),
    ("a", "title"),
    ("a", "class"),
    ("span", "class"),
    ("ol", "start"),
}


def assert_harmless(html: str) -> None:
    seen = _Seen(html)
    assert seen.tags <= ALLOWED_TAGS
    assert seen.attributes <= ALLOWED_ATTRIBUTES
    assert all(re.match(r"/(?![/\\])", link) for link in seen.links)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_markdown_stays_text(text: str) -> None:
    marks = [Mark(0, len(text), "unsupported")]
    assert_harmless(render_answer(text, CITATIONS))
    assert_harmless(render_answer(text, CITATIONS, marks=marks))
    assert_harmless(render_answer(f"Before {text} after [1].", CITATIONS))


@pytest.mark.parametrize("text", HOSTILE)
def test_the_sanitizer_alone_would_be_enough(text: str, monkeypatch) -> None:
    monkeypatch.setattr(rendering, "_markdown", MarkdownIt("commonmark", {"html": True}))
    monkeypatch.setattr(rendering, "_without_foreign_links", list)
    assert_harmless(render_answer(text, CITATIONS))


PIECES = [
    *("[", "]", "(", ")", "<", ">", "!", "`", "*", "_", "#", "\n", " ", "1", "[1]", "&", '"'),
    *("https://evil.test", "javascript:", "//evil.test", "/a", "script", "img src=x "),
    *("\u2e24", "\u2e25", "\u2e28", "\u2e29", ":", "|", "-", "x"),
]


@given(st.lists(st.sampled_from(PIECES), max_size=40))
def test_no_mixture_of_markup_does_harm(parts: list[str]) -> None:
    text = "".join(parts)
    assert_harmless(
        render_answer(text, CITATIONS, marks=[Mark(0, len(text), "weak")] if text else [])
    )


def test_a_citation_leads_to_its_passage() -> None:
    assert render_answer("Yes [1].", CITATIONS) == f"<p>Yes {LINK_1}.</p>\n"


@pytest.mark.parametrize("text", ["No [3].", "No [0].", "No [9999].", "No [3][4]."])
def test_a_number_without_a_source_is_left_out(text: str) -> None:
    assert render_answer(text, CITATIONS) == "<p>No.</p>\n"


def test_a_source_that_has_gone_is_no_link() -> None:
    html = render_answer("Once [2].", CITATIONS)
    assert "href" not in html
    assert "no longer shared" in html


def test_a_citation_is_never_turned_into_a_link_to_elsewhere() -> None:
    assert render_answer("[1](https://evil.test)", CITATIONS) == (
        f"<p>{LINK_1}(https://evil.test)</p>\n"
    )
    assert render_answer("x [1]\n\n[1]: https://evil.test", CITATIONS) == (
        f"<p>x {LINK_1}</p>\n<p>{LINK_1}: https://evil.test</p>\n"
    )


def test_an_address_elsewhere_can_be_read_but_not_clicked() -> None:
    html = render_answer("See [the form](https://forms.test/a).", CITATIONS)
    assert html == "<p>See the form (https://forms.test/a).</p>\n"


def test_a_path_of_this_server_is_a_link() -> None:
    html = render_answer("See [the list](/documents/).", CITATIONS)
    assert html == '<p>See <a href="/documents/">the list</a>.</p>\n'


def test_code_keeps_its_brackets() -> None:
    assert render_answer("`a[1]`", CITATIONS) == "<p><code>a[1]</code></p>\n"
    assert render_answer("```\na[1]\n```", CITATIONS) == "<pre><code>a[1]\n</code></pre>\n"


def test_bold_ends_before_a_citation() -> None:
    assert render_answer("**Done.**[1]", CITATIONS) == f"<p><strong>Done.</strong>{LINK_1}</p>\n"


def test_headings_stand_below_those_of_the_page() -> None:
    assert render_answer("# One\n\n#### Four", {}) == "<h3>One</h3>\n<h6>Four</h6>\n"


def test_a_sentence_without_support_is_marked() -> None:
    text = "It is so [1]. Pigs **fly** high."
    start = text.index("Pigs")
    assert render_answer(text, CITATIONS, marks=[Mark(start, len(text), "unsupported")]) == (
        f"<p>It is so {LINK_1}. "
        f'<span class="unsupported">Pigs <strong>fly</strong> high.</span>{LABEL}</p>\n'
    )


def test_a_marked_line_of_a_list_stays_a_line_of_the_list() -> None:
    text = "- Pigs fly.\n- It is so [1]."
    assert render_answer(text, CITATIONS, marks=[Mark(0, 11, "weak")]) == (
        f'<ul>\n<li><span class="weak">Pigs fly.</span></li>\n<li>It is so {LINK_1}.</li>\n</ul>\n'
    )


def test_a_marked_row_of_a_table_stays_a_row_of_the_table() -> None:
    lines = ["| Item | Limit |", "|---|---|", "| Hotel | 120 [1] |"]
    text = "\n".join(lines)
    starts = [0, 17, 27]
    marks = [
        Mark(start, start + len(line), "unsupported")
        for start, line in zip(starts, lines, strict=True)
    ]
    html = render_answer(text, CITATIONS, marks=marks)
    assert (html.count("<th>"), html.count("<td>"), html.count("<tr>")) == (2, 2, 2)
    assert html.count('<span class="unsupported">') == 4
    assert LINK_1 in html


@pytest.mark.parametrize("end", range(1, 40))
def test_half_an_answer_is_as_harmless_as_the_whole(end: int) -> None:
    assert_harmless(render_answer("**Yes** [x](https://evil.test) <b> `c` [1]"[:end], CITATIONS))
