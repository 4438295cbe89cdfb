"""What OpenDocument texts and slides become."""

from pathlib import Path

import pytest

from documents.extraction.base import ExtractedDocument
from documents.extraction.errors import ExtractionError
from documents.extraction.odp import OdpExtractor
from documents.extraction.odt import OdtExtractor
from documents.tests.made_files import LIMITS, archive, odf

NUMBERED = """<text:list-style style:name="L1"><text:list-level-style-number text:level="1"
    style:num-format="1"/><text:list-level-style-bullet text:level="2"/></text:list-style>"""


@pytest.fixture
def read(tmp_path: Path):
    def read(data: bytes) -> ExtractedDocument:
        path = tmp_path / "file.odt"
        path.write_bytes(data)
        return OdtExtractor().extract(path, LIMITS)

    return read


@pytest.fixture
def read_slides(tmp_path: Path):
    def read(body: str) -> ExtractedDocument:
        path = tmp_path / "file.odp"
        path.write_bytes(odf("presentation", body))
        return OdpExtractor().extract(path, LIMITS)

    return read


def code_of(read, data: bytes) -> str:
    with pytest.raises(ExtractionError) as raised:
        read(data)
    return raised.value.code


def test_headings_lists_and_tables_come_in_order(read) -> None:
    body = """<text:h text:outline-level="1">Travel</text:h>
        <text:p>Book<text:s text:c="2"/>early<text:line-break/>and<text:tab/>often.</text:p>
        <text:list text:style-name="L1"><text:list-item><text:p>first</text:p>
        <text:list><text:list-item><text:p>inner</text:p></text:list-item></text:list>
        </text:list-item><text:list-item><text:p>second</text:p></text:list-item></text:list>
        <table:table><table:table-row><table:table-cell><text:p>City</text:p></table:table-cell>
        <table:table-cell><text:p>Limit</text:p></table:table-cell></table:table-row>
        <table:table-row><table:table-cell><text:p>Paris</text:p></table:table-cell>
        <table:table-cell><text:p>150</text:p></table:table-cell></table:table-row></table:table>
        <text:h text:outline-level="2">Hotels</text:h><text:p>End.</text:p>"""
    page = read(odf("text", body, styles=NUMBERED)).pages[0]
    assert page.text == (
        "Travel\n\nBook early\nand often.\n1. first\n  - inner\n2. second\n\n"
        "City | Limit\nParis | 150\n\nHotels\n\nEnd."
    )
    assert [(h.level, h.title) for h in page.headings] == [(1, "Travel"), (2, "Hotels")]


def test_pages_end_where_the_program_broke_them(read) -> None:
    styles = """<style:style style:name="B"><style:paragraph-properties fo:break-before="page"/>
        </style:style>"""
    body = """<text:p>one</text:p><text:p text:style-name="B">two</text:p>
        <text:soft-page-break/><text:p>three</text:p>"""
    pages = read(odf("text", body, styles=styles)).pages
    assert [page.text for page in pages] == ["one", "two", "three"]


def test_notes_comments_and_boxes_stand_after_their_paragraph_and_deleted_text_nowhere(
    read,
) -> None:
    body = """<text:tracked-changes><text:p>deleted</text:p></text:tracked-changes>
        <text:p>Text<text:note><text:note-citation>1</text:note-citation><text:note-body>
        <text:p>a note</text:p></text:note-body></text:note>, more<office:annotation>
        <dc:creator>Ana</dc:creator><text:p>Really?</text:p></office:annotation>.
        <draw:frame><draw:text-box><text:p>boxed</text:p></draw:text-box></draw:frame></text:p>"""
    text = read(odf("text", body)).pages[0].text
    assert text == "Text, more.\n[1] a note\nComment: Really?\n\nboxed"


def test_what_cannot_be_read_is_named(read) -> None:
    assert code_of(read, odf("text", "<text:p/>")) == "empty"
    assert code_of(read, odf("text", "x", manifest="<manifest:encryption-data/>")) == "encrypted"
    assert code_of(read, odf("spreadsheet", "")) == "damaged"
    assert code_of(read, archive({"mimetype": b"x"})) == "damaged"
    doctype = b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>'
    assert code_of(read, archive({"content.xml": doctype})) == "unsafe"


def test_slides_are_pages_with_their_notes(read_slides) -> None:
    def frame(kind: str, text: str) -> str:
        return (
            f'<draw:frame presentation:class="{kind}"><draw:text-box><text:p>{text}</text:p>'
            "</draw:text-box></draw:frame>"
        )

    notes = f"<presentation:notes>{frame('notes', 'Say why.')}</presentation:notes>"
    document = read_slides(
        f"<draw:page>{frame('outline', 'Trains first')}{frame('title', 'Travel')}"
        f"{frame('footer', 'Acme')}{notes}</draw:page><draw:page/>"
        f"<draw:page>{frame('title', 'Hotels')}</draw:page>"
    )
    assert [page.text for page in document.pages] == [
        "Travel\n\nTrains first\n\nNotes: Say why.",
        "",
        "Hotels",
    ]
    assert document.title == "Travel"
