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
        ("slides.key", DOCX),
        ("photo.jpg", b"just text"),
        ("message.msg", b"just text"),
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
    assert len(error.message) < 500


def test_a_refusal_says_what_the_file_looks_like() -> None:
    with pytest.raises(UnsupportedType, match=r"looks like a file of type PNG \(.png\)"):
        detect_type("picture.txt", PNG)


def mimetype(kind: str) -> bytes:
    return archive({"mimetype": kind.encode(), "content.xml": b"<x/>", "META-INF/x": b""})


CONTAINERS = {
    "docx": DOCX,
    "xlsx": archive({"xl/workbook.xml": b"<x/>"}),
    "pptx": archive({"ppt/presentation.xml": b"<x/>"}),
    "odt": mimetype("application/vnd.oasis.opendocument.text"),
    "ods": mimetype("application/vnd.oasis.opendocument.spreadsheet"),
    "odp": mimetype("application/vnd.oasis.opendocument.presentation"),
    "epub": archive({"mimetype": b"application/epub+zip", "META-INF/container.xml": b"<x/>"}),
}


@pytest.mark.parametrize("inside", CONTAINERS)
def test_archives_are_told_apart_by_their_parts(inside: str) -> None:
    content = CONTAINERS[inside]
    for extension in CONTAINERS:
        file = io.BytesIO(content)
        file.seek(3)
        if extension == inside:
            assert detect_type(f"a.{extension}", content, file).extension == inside
        else:
            with pytest.raises(UnsupportedType, match=rf"looks like .* \(.{inside}\)"):
                detect_type(f"a.{extension}", content, file)
        assert file.tell() == 3


@pytest.mark.parametrize("extension", [*CONTAINERS, "doc", "xls", "ppt"])
@pytest.mark.parametrize(
    "parts", [{}, {"a.txt": b"b"}, {"META-INF/MANIFEST.MF": b"", "A.class": b""}]
)
def test_any_other_archive_is_refused(extension: str, parts: dict[str, bytes]) -> None:
    other = archive(parts)
    with pytest.raises(UnsupportedType):
        detect_type(f"a.{extension}", other, io.BytesIO(other))


@pytest.mark.parametrize(
    ("filename", "content", "extension"),
    [
        ("a.doc", DOCX, "docx"),
        ("a.xls", CONTAINERS["xlsx"], "xlsx"),
        ("a.ppt", CONTAINERS["pptx"], "pptx"),
        ("a.docm", DOCX, "docx"),
        ("a.doc", b"{\\rtf1 x}", "rtf"),
        ("a.docx", b"{\\rtf1 x}", "rtf"),
        ("a.jpg", PNG, "png"),
        ("a.png", b"\xff\xd8\xff\xe0", "jpg"),
        ("a.jpeg", b"II*\0", "tif"),
    ],
)
def test_kindred_formats_are_told_by_their_content(
    filename: str, content: bytes, extension: str
) -> None:
    assert detect_type(filename, content, io.BytesIO(content)).extension == extension


@pytest.mark.parametrize("extension", ["docx", "xlsx", "pptx", "odt", "epub"])
def test_a_broken_archive_is_left_to_the_extractor(extension: str) -> None:
    broken = archive({"word/document.xml": b"<x/>"})[:40]
    assert detect_type(f"a.{extension}", broken, io.BytesIO(broken)).extension == extension


def test_a_protected_word_file_is_left_to_its_extractor() -> None:
    assert (
        detect_type("a.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(99)).extension == "docx"
    )


def test_every_format_has_an_extractor_and_its_own_extensions() -> None:
    assert len(accepted_extensions()) == sum(len(format.extensions) for format in FORMATS)
    for format in FORMATS:
        load_extractor(format.extensions[0]).warm_up()
