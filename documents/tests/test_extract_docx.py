"""What a Word document becomes: its body in order, on its pages, with its numbers."""

import io
import zipfile
from pathlib import Path

import pytest

from documents.extraction import archive as archives
from documents.extraction.base import ExtractedDocument
from documents.extraction.docx import DocxExtractor
from documents.extraction.errors import ExtractionError
from documents.tests.made_files import LIMITS, archive, bare_docx, docx


@pytest.fixture
def read(tmp_path: Path):
    def read(data: bytes) -> ExtractedDocument:
        path = tmp_path / "file.docx"
        path.write_bytes(data)
        return DocxExtractor().extract(path, LIMITS)

    return read


def code_of(read, data: bytes) -> str:
    with pytest.raises(ExtractionError) as raised:
        read(data)
    return raised.value.code


def run(text: str) -> str:
    return f'<w:r><w:t xml:space="preserve">{text}</w:t></w:r>'


def test_headings_lists_and_tables_come_in_order(read) -> None:
    def write(document) -> None:
        document.core_properties.title = "Travel rules"
        document.add_heading("Travel", 1)
        document.add_paragraph("Book early.")
        document.add_heading("Hotels", 2)
        document.add_paragraph("Paris", style="List Bullet")
        document.add_paragraph("first", style="List Number")
        document.add_paragraph("second", style="List Number")
        table = document.add_table(rows=2, cols=2)
        for cell, text in zip(table._cells, ["City", "Limit", "Paris", "150"], strict=True):
            cell.text = text
        document.add_paragraph("End.")

    document = read(docx(write))
    page = document.pages[0]
    assert document.title == "Travel rules"
    assert page.text == (
        "Travel\n\nBook early.\n\nHotels\n\n- Paris\n1. first\n2. second\n\n"
        "City | Limit\nParis | 150\n\nEnd."
    )
    assert [(h.level, h.title, page.text[h.offset :][:6]) for h in page.headings] == [
        (1, "Travel", "Travel"),
        (2, "Hotels", "Hotels"),
    ]


def test_page_breaks_begin_pages_once(read) -> None:
    rendered = "<w:r><w:lastRenderedPageBreak/><w:t>"
    document = read(
        bare_docx(
            f"<w:p>{run('one')}</w:p><w:p><w:r><w:br w:type='page'/></w:r></w:p>"
            f"<w:p>{rendered}two </w:t></w:r>{rendered}goes on</w:t></w:r></w:p>"
            f"<w:p><w:pPr><w:pageBreakBefore/></w:pPr>{run('four')}</w:p>"
            "<w:p><w:pPr><w:sectPr/></w:pPr></w:p>"
            f"<w:p>{run('five')}</w:p>"
        )
    )
    assert [page.text for page in document.pages] == ["one", "two", "goes on", "four", "five"]


def test_links_insertions_controls_and_text_boxes_are_read_and_deletions_not(read) -> None:
    document = read(
        bare_docx(
            f"<w:p>{run('See ')}<w:hyperlink>{run('the page')}</w:hyperlink>"
            f"<w:ins>{run(' now')}</w:ins><w:del><w:r><w:delText>gone</w:delText></w:r></w:del>"
            "<w:r><w:rPr><w:vanish/></w:rPr><w:t>hidden</w:t></w:r>"
            "<w:r><w:t>.</w:t><w:tab/><w:instrText>PAGE</w:instrText></w:r></w:p>"
            f"<w:sdt><w:sdtContent><w:p>{run('Control')}</w:p></w:sdtContent></w:sdt>"
            f"<w:p>{run('Box')}<w:r><w:pict><w:txbxContent><w:p>{run('Inside')}</w:p>"
            "</w:txbxContent></w:pict></w:r></w:p>"
        )
    )
    assert document.pages[0].text == "See the page now.\n\nControl\n\nBox\n\nInside"


def test_numbers_of_sections_are_worked_out(read) -> None:
    numbering = b"""<w:numbering xmlns:w="x"><w:abstractNum w:abstractNumId="7">
      <w:lvl w:ilvl="0"><w:start w:val="1"/><w:lvlText w:val="%1."/></w:lvl>
      <w:lvl w:ilvl="1"><w:numFmt w:val="lowerLetter"/><w:lvlText w:val="%1.%2)"/></w:lvl>
      </w:abstractNum><w:num w:numId="3"><w:abstractNumId w:val="7"/></w:num></w:numbering>"""
    relations = (
        b'<Relationships><Relationship Id="r" Type="x/numbering" Target="numbering.xml"/>'
        b"</Relationships>"
    )

    def item(text: str, level: int, outline: str = "") -> str:
        return (
            f"<w:p><w:pPr>{outline}<w:numPr><w:ilvl w:val='{level}'/><w:numId w:val='3'/></w:numPr>"
            f"</w:pPr>{run(text)}</w:p>"
        )

    document = read(
        bare_docx(
            item("Scope", 0, "<w:outlineLvl w:val='0'/>")
            + item("a", 1)
            + item("b", 1)
            + item("Terms", 0)
            + item("c", 1),
            others={"word/numbering.xml": numbering, "word/_rels/document.xml.rels": relations},
        )
    )
    assert document.pages[0].text == "1. Scope\n\n  1.a) a\n  1.b) b\n2. Terms\n  2.a) c"
    assert [heading.title for heading in document.pages[0].headings] == ["1. Scope"]


def test_a_short_bold_line_is_a_heading_without_a_style(read) -> None:
    def write(document) -> None:
        for text in ("Scope of the policy", "Bold from here to there.", "Plain"):
            document.add_paragraph().add_run(text).bold = text != "Plain"

    document = read(docx(write))
    assert [heading.title for heading in document.pages[0].headings] == ["Scope of the policy"]


def test_a_frame_of_one_column_is_text_and_merged_cells_are_repeated(read) -> None:
    def cell(text: str, properties: str = "") -> str:
        return f"<w:tc><w:tcPr>{properties}</w:tcPr><w:p>{run(text) if text else ''}</w:p></w:tc>"

    start, going_on = "<w:vMerge w:val='restart'/>", "<w:vMerge/>"
    document = read(
        bare_docx(
            f"<w:tbl><w:tr>{cell('Framed.')}</w:tr></w:tbl>"
            f"<w:tbl><w:tr>{cell('France', start)}{cell('Paris')}</w:tr>"
            f"<w:tr>{cell('', going_on)}{cell('Lyon')}</w:tr></w:tbl>"
        )
    )
    assert document.pages[0].text == "Framed.\n\nFrance | Paris\nFrance | Lyon"


def test_a_document_type_declaration_is_refused(read, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("PASSWORD")
    dtd = f'<!DOCTYPE x [<!ENTITY e SYSTEM "file://{secret}">]>'
    assert code_of(read, bare_docx(f"<w:p>{run('&e;')}</w:p>", before=dtd)) == "unsafe"


def test_an_archive_that_unpacks_to_too_much_is_refused_by_what_it_declares(read) -> None:
    bomb = bare_docx("<w:p/>" * 4_000_000)
    assert len(bomb) < 1_000_000
    assert code_of(read, bomb) == "unpacks_too_large"


def test_all_parts_together_may_not_unpack_to_too_much(
    read, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "_MOST_BYTES", 10_000)
    relations = b"<Relationships><!--" + b"x" * 9_000 + b"--></Relationships>"
    body = f"<w:p>{run('word ' * 1_000)}</w:p>"
    assert read(bare_docx(body)).pages
    assert code_of(read, bare_docx(body, others={"_rels/.rels": relations})) == "unpacks_too_large"


def test_an_archive_that_declares_too_little_gives_no_more_than_that(read) -> None:
    data = bare_docx(f"<w:p>{run('word ' * 10_000)}</w:p>")
    size = len(zipfile.ZipFile(io.BytesIO(data)).read("word/document.xml"))
    lying = data.replace(size.to_bytes(4, "little"), (100).to_bytes(4, "little"))
    assert lying != data
    assert code_of(read, lying) == "damaged"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"PK\x03\x04 and then nothing", "damaged"),
        (archive({"other.xml": b"<x/>"}), "damaged"),
        (archive({"word/document.xml": b"<w:document"}), "damaged"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "encrypted"),
        (bare_docx("<w:p/>"), "empty"),
    ],
)
def test_what_cannot_be_read_is_named(read, data: bytes, code: str) -> None:
    assert code_of(read, data) == code
