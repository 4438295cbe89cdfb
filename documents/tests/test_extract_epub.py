"""What a book becomes: a page for each of its parts, in the order in which it is read."""

from pathlib import Path

import pytest

from documents.extraction.base import ExtractedDocument, Limits
from documents.extraction.epub import EpubExtractor
from documents.extraction.errors import ExtractionError
from documents.tests.made_files import LIMITS, archive

CONTAINER = b"""<container xmlns="urn:c"><rootfiles><rootfile full-path="OPS/book.opf"/></rootfiles>
    </container>"""


def book(chapters: dict[str, str], order: list[str], **more: bytes) -> bytes:
    items = "".join(
        f'<item id="{name}" href="text/{name}%20x.xhtml" media-type="application/xhtml+xml"/>'
        for name in chapters
    )
    spine = "".join(f'<itemref idref="{name}"/>' for name in order)
    package = (
        '<package xmlns="urn:p" xmlns:dc="urn:d"><metadata><dc:title>Rules</dc:title></metadata>'
        f"<manifest>{items}</manifest><spine>{spine}</spine></package>"
    )
    parts = {
        "META-INF/container.xml": CONTAINER,
        "OPS/book.opf": package.encode(),
        **{f"OPS/text/{name} x.xhtml": page.encode() for name, page in chapters.items()},
        **more,
    }
    return archive(parts)


@pytest.fixture
def read(tmp_path: Path):
    def read(data: bytes, limits: Limits = LIMITS) -> ExtractedDocument:
        path = tmp_path / "file.epub"
        path.write_bytes(data)
        return EpubExtractor().extract(path, limits)

    return read


def test_chapters_are_pages_in_the_order_of_the_spine(read) -> None:
    chapters = {
        "b": "<html><body><h1>Hotels</h1><p>150&#160;euros.</p></body></html>",
        "a": "<!DOCTYPE html><html><h1>Travel</h1><script>x</script><p>Early.</p></html>",
        "unused": "<p>not in the spine</p>",
    }
    document = read(book(chapters, ["a", "b", "missing"]))
    assert document.title == "Rules"
    assert [page.text for page in document.pages] == ["Travel\n\nEarly.", "Hotels\n\n150 euros."]


def test_an_entity_of_a_chapter_is_not_resolved(read) -> None:
    page = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><html><p>safe &x;</p></html>'
    assert "root:" not in read(book({"a": page}, ["a"])).pages[0].text


def test_what_cannot_be_read_is_named(read) -> None:
    protected = b'<encryption><enc:EncryptedData xmlns:enc="e"/></encryption>'
    cases = {
        "damaged": [b"PK\x03\x04", archive({"mimetype": b"application/epub+zip"})],
        "empty": [book({"a": "<p> </p>"}, ["a"]), book({}, [])],
        "encrypted": [
            book({"a": "<p>x</p>"}, ["a"], **{"META-INF/encryption.xml": protected}),
        ],
        "too_long": [book({"a": "<p>x</p>"}, ["a"] * 60)],
    }
    for code, files in cases.items():
        for data in files:
            with pytest.raises(ExtractionError) as raised:
                read(data)
            assert raised.value.code == code
