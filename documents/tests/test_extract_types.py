"""Which files are accepted, by content and extension together."""

import io

import pytest

from documents.extraction.registry import FORMATS, accepted_extensions, detect_type, load_extractor
from documents.tests.made_files import archive, bare_docx, column, pdf
from knowledge.lib.errors import UnsupportedType

PDF = pdf([column("x")])
DOCX = bare_docx("<w:p/>")
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"


@pytest.mark.parametrize(
    ("filename", "head", "extension"),
    [
        ("a.pdf", PDF, "pdf"),
        ("A.PDF", PDF, "pdf"),
        ("a.docx", DOCX, "docx"),
        ("a.txt", b"plain", "txt"),
        ("a.log", b"\x1b[31mred\x1b[0m", "txt"),
        ("a.text", b"", "txt"),
        ("a.md", "größer".encode("latin-1"), "md"),
        ("a.markdown", b"# A", "md"),
        ("a.htm", "<p>hé</p>".encode("utf-16"), "html"),
        ("a.csv", b"a;b", "csv"),
        ("a.tsv", "a\tb".encode("utf-32-le"), "csv"),
        ("a.txt", "Все люди рождаются свободными".encode("utf-16-be"), "txt"),
        ("a.txt", "人人生而自由,在尊严和权利上一律平等".encode("gb18030"), "txt"),
        ("archive.tar.txt", b"plain", "txt"),
    ],
)
def test_what_is_accepted_is_stored_under_its_formats_extension(
    filename: str, head: bytes, extension: str
) -> None:
    assert detect_type(filename, head).extension == extension


def test_a_pdf_is_a_pdf_whatever_it_is_called() -> None:
    found = detect_type("report.txt", PDF)
    assert (found.extension, found.content_type) == ("pdf", "application/pdf")


@pytest.mark.parametrize(
    ("filename", "head"),
    [
        ("program.txt", b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff\0\0"),
        ("archive.txt", archive({"a": b"b"})),
        ("picture.txt", PNG),
        ("picture.md", PNG),
        ("packed.csv", b"\x1f\x8b\x08\0\0\0\0\0\0\x03"),
        ("nul.txt", b"abc\0def\0\n" * 100),
        ("report.pdf", b"just text"),
        ("letter.docx", b"just text"),
        ("page.html", bytes(range(256))),
        ("virus.exe", b"MZ"),
        ("wombat", b"wombat"),
        (".txt", b"hidden"),
        ("slides.pptx", DOCX),
        ("x." + "y" * 300, b"text"),
    ],
)
def test_anything_else_is_refused_with_the_list(filename: str, head: bytes) -> None:
    with pytest.raises(UnsupportedType) as raised:
        detect_type(filename, head)
    error = raised.value
    assert error.status == 415
    assert error.details["accepted"] == [f".{name}" for name in accepted_extensions()]
    assert all(f".{extension}" in error.message for extension in accepted_extensions())
    assert len(error.message) < 400


def test_a_refusal_says_what_the_file_looks_like() -> None:
    with pytest.raises(UnsupportedType, match="looks like a PNG image"):
        detect_type("picture.txt", PNG)


def test_an_archive_is_looked_into_where_the_file_is_at_hand() -> None:
    other = archive({"xl/workbook.xml": b"<x/>"})
    assert detect_type("a.docx", other).extension == "docx"  # the extractor will say
    with pytest.raises(UnsupportedType, match="without a Word document"):
        detect_type("a.docx", other, io.BytesIO(other))
    file = io.BytesIO(DOCX)
    file.seek(3)
    assert detect_type("a.docx", DOCX, file).extension == "docx"
    assert file.tell() == 3


def test_a_protected_word_file_is_left_to_its_extractor() -> None:
    assert (
        detect_type("a.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(99)).extension == "docx"
    )


def test_every_format_has_an_extractor_and_its_own_extensions() -> None:
    assert len(accepted_extensions()) == sum(len(format.extensions) for format in FORMATS)
    for format in FORMATS:
        load_extractor(format.extensions[0]).warm_up()
