"""What an HTML page becomes: what its reader sees."""

from pathlib import Path

import pytest

from documents.extraction.base import ExtractedDocument
from documents.extraction.errors import ExtractionError
from documents.extraction.html import HtmlExtractor
from documents.tests.made_files import LIMITS


@pytest.fixture
def read(tmp_path: Path):
    def read(html: str | bytes) -> ExtractedDocument:
        path = tmp_path / "file.html"
        path.write_bytes(html if isinstance(html, bytes) else html.encode())
        return HtmlExtractor().extract(path, LIMITS)

    return read


def test_headings_paragraphs_and_lists_read_as_on_the_page(read) -> None:
    document = read(
        "<title>Travel policy</title><h1>Travel</h1><p>Read\n  <b>this</b> first.</p>"
        "<ul><li>Trains<li>Planes<ul><li>Economy</ul></ul><ol start=3><li>Book</ol><h2>Hotels</h2>"
        "<p>Up to 120&nbsp;&euro;.<br>Breakfast included.</p>"
    )
    assert document.title == "Travel policy"
    assert document.pages[0].text == (
        "Travel\n\nRead this first.\n- Trains\n- Planes\n  - Economy\n3. Book\n\n"
        "Hotels\n\nUp to 120 €.\nBreakfast included."
    )
    page = document.pages[0]
    assert [(h.level, h.title, page.text[h.offset :][:6]) for h in page.headings] == [
        (1, "Travel", "Travel"),
        (2, "Hotels", "Hotels"),
    ]


def test_what_nobody_sees_is_left_out(read) -> None:
    document = read(
        "<head><style>p{}</style></head><nav>Home</nav><p>Seen</p><!-- note --><script>x</script>"
        "<p hidden>a</p><div style='color:red; DISPLAY : none'>b</div><p style='font-size:0'>c</p>"
        "<span aria-hidden=true>d</span><noscript>e</noscript><template>f</template>"
        "<select><option>g</select><button>h</button><svg><text>i</text></svg>"
        "<p style='font-size:0.9em'>Small</p>"
    )
    assert document.pages[0].text == "Seen\n\nSmall"


def test_of_a_page_with_a_main_part_only_that_is_read(read) -> None:
    content = "The content that the page is about. " * 10
    document = read(f"<div>Menu</div><main><p>{content}</p></main><footer>Imprint</footer>")
    assert document.pages[0].text == content.strip()


def test_tables_are_rows_and_cells_over_several_rows_are_repeated(read) -> None:
    document = read(
        "<p>Rates</p><table><caption>Per night</caption><tr><th>Country<th>City<th>Limit"
        "<tr><td rowspan=2>France<td>Paris<td>150<tr><td>Lyon<td>110"
        "<tr><td>Spain<td><td>90</table>"
    )
    assert document.pages[0].text == (
        "Rates\n\nPer night\nCountry | City | Limit\nFrance | Paris | 150\nFrance | Lyon | 110\n"
        "Spain | - | 90"
    )


def test_a_table_that_only_lays_out_a_page_is_read_as_blocks(read) -> None:
    assert read("<table><tr><td><h1>Head</h1><td><p>Body</table>").pages[0].text == "Head\n\nBody"


def test_code_keeps_its_lines(read) -> None:
    assert read("<pre>def f():\n    return 1\n</pre>").pages[0].text == "def f():\n    return 1"


@pytest.mark.parametrize(
    "html",
    [
        '<meta charset="windows-1251"><p>Все люди</p>'.encode("cp1251"),
        "<meta http-equiv=Content-Type content='text/html; charset=utf-8'><p>Все люди".encode(
            "utf-16"
        ),
        '<?xml version="1.0" encoding="utf-8"?><html><body><p>Все люди</p></body></html>'.encode(),
    ],
)
def test_the_pages_encoding_is_found(read, html: bytes) -> None:
    assert read(html).pages[0].text == "Все люди"


def test_long_menus_of_links_are_left_out(read) -> None:
    menu = "".join(f"<li><a href=/{n}>Language {n}</a>" for n in range(60))
    assert read(f"<ul>{menu}</ul><p>Text</p>").pages[0].text == "Text"


def test_entities_are_not_fetched_or_expanded(read, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("PASSWORD")
    html = f'<!DOCTYPE html [<!ENTITY x SYSTEM "file://{secret}">]><p>A &x; B</p>'
    assert "PASSWORD" not in read(html).pages[0].text


def test_a_page_nested_beyond_reason_is_refused_not_cut(read) -> None:
    try:
        text = read("<div>" * 5_000 + "deep" + "</div>" * 5_000).pages[0].text
    except ExtractionError as error:
        assert error.code == "too_complex"
    else:
        assert text == "deep"
