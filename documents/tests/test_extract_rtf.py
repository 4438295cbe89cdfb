"""What an RTF file becomes, in whichever code pages its letters are."""

from pathlib import Path

import pytest

from documents.extraction.base import ExtractedDocument
from documents.extraction.errors import ExtractionError
from documents.extraction.rtf import RtfExtractor
from documents.extraction.rtf_compressed import unpacked
from documents.tests.made_files import LIMITS


@pytest.fixture
def read(tmp_path: Path):
    def read(body: str, *, head: str = r"\ansi\ansicpg1252") -> ExtractedDocument:
        path = tmp_path / "file.rtf"
        path.write_bytes(rf"{{\rtf1{head} {body}}}".encode("latin-1"))
        return RtfExtractor().extract(path, LIMITS)

    return read


def test_headings_lists_and_rows_come_in_order(read) -> None:
    document = read(
        r"{\stylesheet{\s1 heading 1;}{\s2\outlinelevel1 Sub;}}{\info{\title Rules}{\author Ana}}"
        r"\pard\s1 Travel\par\pard Book {\b early}.\line Really.\par"
        r"\pard{\listtext\'b7\tab}Paris\par{\listtext 1.\tab}first\par"
        r"\trowd\pard\intbl City\cell Limit\cell\row\trowd\pard\intbl Paris\cell 150\cell\row"
        r"\pard\s2 Hotels\par\pard End.\par"
    )
    assert document.title == "Rules"
    page = document.pages[0]
    assert page.text == (
        "Travel\n\nBook early.\nReally.\n- Paris\n1. first\n\nCity | Limit\nParis | 150\n\n"
        "Hotels\n\nEnd."
    )
    assert [(h.level, h.title) for h in page.headings] == [(1, "Travel"), (2, "Hotels")]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (r"caf\'e9", "café"),
        (r"{\fonttbl{\f0\fcharset0 A;}{\f1\fcharset204 B;}}\f1\'cf\'f0\'e8\f0 caf\'e9", "Приcafé"),
        (r"{\fonttbl{\f2\fcharset128 C;}}\f2\'93\'fa\'96\'7b", "日本"),
        (r"{\fonttbl{\f2\fcharset177 C;}}\f2\'f9\'ec\'e5\'ed", "שלום"),
        (r"\uc1\u20154?\u-25703?", "人鮙"),
        (r"\u55357?\u56832?", "😀"),
        (r"\uc0\u233 x\uc2\u232 ??y", "éxèy"),
        (r"\'93quoted\'94 \emdash\~\lquote x\rquote", "“quoted” — ‘x’"),
        ("caf\xe9", "café"),
    ],
)
def test_letters_of_every_code_page_come_out_right(read, body: str, text: str) -> None:
    assert read(body).pages[0].text == text


def test_what_is_not_shown_is_left_out(read) -> None:
    document = read(
        r"{\header Acme}{\footer page}{\*\generator X;}{\pict\wmetafile8 0102ff}{\v hidden}"
        r"{\field{\*\fldinst HYPERLINK file:///etc/passwd}{\fldrslt link}}"
        r"{\object{\*\objdata 0102}}"
        r"{\*\unknown secret}\bin3 abc end{\deleted gone}"
    )
    assert document.pages[0].text == "link end"


def test_page_breaks_make_pages(read) -> None:
    assert [page.text for page in read(r"one\par\page two\par").pages] == ["one", "two"]


@pytest.mark.parametrize(
    ("body", "code"),
    [("", "empty"), ("{" * 100_000, "too_complex"), ("}" * 1000, "empty"), (r"\par" * 99, "empty")],
)
def test_what_gives_no_text_is_named(read, body: str, code: str) -> None:
    with pytest.raises(ExtractionError) as raised:
        read(body)
    assert raised.value.code == code


def test_the_packed_text_of_a_message_is_unpacked() -> None:
    # The example of [MS-OXRTFCP], section 4.1.
    packed = bytes.fromhex(
        "2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af32068656c090020627705b06c647d"
        "0a800fa0"
    )
    assert unpacked(packed) == rb"{\rtf1\ansi\ansicpg1252\pard hello world}" + b"\r\n"
    assert unpacked(packed[:20] + bytes(range(256))) is not None
    assert unpacked(b"") == b""
