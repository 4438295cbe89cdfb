"""Slides are shown as pictures that LibreOffice draws: the right slide, the passage on it."""

import io
import shutil
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from PIL import Image
from pptx import Presentation
from pptx.util import Inches

from accounts.models import User
from documents.extraction import conversion
from documents.extraction.runner import extract_file
from documents.models import Document
from documents.page_images import has_images, page_image, page_layout_of
from documents.slide_pages import is_first_look
from documents.tests.made_files import REAL_FILES
from knowledge.lib.errors import AppError

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not installed"),
]
PageAs = Callable[[User], Client]
TITLES = ("Kestrel budget", "Hidden heron", "Lapwing plans")


def deck(edit: Callable[[Any], None] = lambda presentation: None) -> bytes:
    """Return a deck of three slides, the second hidden, each with a sentence of its own."""
    presentation = Presentation()
    for number, title in enumerate(TITLES):
        slide = presentation.slides.add_slide(presentation.slide_layouts[1])
        slide.shapes.title.text = title
        slide.placeholders[1].text_frame.text = f"All that is known of {title} stands here."
        if number == 1:
            slide._element.set("show", "0")
    edit(presentation)
    file = io.BytesIO()
    presentation.save(file)
    return file.getvalue()


@pytest.fixture
def slides(upload: Any, tmp_path: Path) -> Callable[..., Document]:
    """A deck, as ingestion leaves it."""

    def made(content: bytes, filename: str = "deck.pptx") -> Document:
        document: Document = upload(content, filename)
        path = tmp_path / filename
        path.write_bytes(content)
        pages = extract_file(path, extension=document.extension).pages
        for page in pages:
            document.pages.create(number=page.number, text=page.text)
        Document.objects.filter(pk=document.pk).update(status="completed", page_count=len(pages))
        document.refresh_from_db()
        return document

    return made


@pytest.fixture
def runs(monkeypatch: Any) -> list[str]:
    """What LibreOffice was asked to make, each time."""
    asked: list[str] = []
    convert = conversion._convert

    def noted(program: str, source: Path, folder: Path, wanted: Any) -> None:
        asked.append(wanted.target)
        convert(program, source, folder, wanted)

    monkeypatch.setattr(conversion, "_convert", noted)
    return asked


def test_each_page_is_its_slide_also_after_a_hidden_one_and_the_deck_is_opened_once(
    slides: Any, runs: list[str], owner: User, page_as: PageAs
) -> None:
    document = slides(deck())
    client, address = page_as(owner), f"/documents/{document.pk}/pages"
    assert [title in page_layout_of(document, n).text for n, title in enumerate(TITLES, 1)] == [
        True, True, True,
    ]  # fmt: skip
    picture = client.get(f"{address}/3/image?width=800")
    assert (picture.status_code, picture["Content-Type"]) == (200, "image/webp")
    assert Image.open(io.BytesIO(picture.content)).width == 800
    text = document.pages.get(number=3).text
    start = text.index("All that is known")
    shown = client.get(f"{address}/3?start={start}&end={len(text)}").content.decode()
    assert "<rect" in shown
    assert runs == ["pdf"]


def test_the_first_look_shows_the_text_at_once_and_asks_for_the_slide(
    slides: Any, runs: list[str], owner: User, page_as: PageAs
) -> None:
    document = slides(deck())
    client, address = page_as(owner), f"/documents/{document.pk}/pages/1"
    first = client.get(address).content.decode()
    assert "The slide is being drawn" in first
    assert "All that is known of Kestrel budget" in first
    assert runs == []
    headers = {"HX-Request": "true", "HX-Target": "page-shown"}
    drawn = client.get(f"{address}?draw=1", headers=headers).content.decode()
    assert "<img" in drawn
    assert "<html" not in drawn
    assert "The slide is being drawn" not in client.get(address).content.decode()
    assert runs == ["pdf"]


def test_a_deck_that_cannot_be_drawn_is_shown_as_text_and_not_tried_at_each_look(
    slides: Any, runs: list[str], settings: Any, owner: User, page_as: PageAs, monkeypatch: Any
) -> None:
    document = slides(deck())
    settings.SLIDES_TIMEOUT_S = 1
    monkeypatch.setattr("shutil.which", lambda name: "/bin/sleep-that-is-not-here")
    client, address = page_as(owner), f"/documents/{document.pk}/pages/1"
    for _ in range(2):
        shown = client.get(f"{address}?draw=1").content.decode()
        assert "cannot be shown as a picture" in shown
        assert "All that is known of Kestrel budget" in shown
    assert len(runs) == 1
    assert not is_first_look(document)


def test_a_picture_of_another_number_of_slides_is_not_shown(slides: Any) -> None:
    document = slides(deck())
    Document.objects.filter(pk=document.pk).update(page_count=2)
    document.refresh_from_db()
    with pytest.raises(AppError, match="cannot be shown as a picture"):
        page_image(document, 2, 800)


def test_without_libreoffice_slides_are_shown_as_text(
    slides: Any, monkeypatch: Any, owner: User, page_as: PageAs
) -> None:
    document = slides(deck())
    monkeypatch.setenv("PATH", "")
    assert not has_images(document)
    shown = page_as(owner).get(f"/documents/{document.pk}/pages/1").content.decode()
    assert "All that is known of Kestrel budget" in shown
    assert "picture" not in shown


def test_the_slides_of_a_deleted_document_go(
    slides: Any, admin: User, settings: Any, page_as: PageAs,
    django_capture_on_commit_callbacks: Any,
) -> None:  # fmt: skip
    document = slides(deck())
    page_image(document, 1, 800)
    assert list(settings.PAGE_CACHE_DIR.rglob("*slides.pdf"))
    with django_capture_on_commit_callbacks(execute=True):
        page_as(admin).post(f"/documents/{document.pk}/delete")
    assert not [path for path in settings.PAGE_CACHE_DIR.rglob("*") if path.is_file()]


@pytest.fixture
def listener() -> Iterator[tuple[int, list[str]]]:
    """A web server that notes what it is asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(404)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port, asked
    server.shutdown()
    thread.join()
    server.server_close()


def test_nothing_that_a_deck_points_at_is_fetched(
    slides: Any, listener: tuple[int, list[str]], tmp_path: Path
) -> None:
    port, asked = listener

    def link(presentation: Any) -> None:
        picture = io.BytesIO()
        Image.new("RGB", (8, 8)).save(picture, "PNG")
        shape = presentation.slides[0].shapes.add_picture(picture, Inches(1), Inches(1))
        blip = shape._element.blipFill.find(
            "{http://schemas.openxmlformats.org/drawingml/2006/main}blip"
        )
        names = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
        target = presentation.slides[0].part.relate_to(
            f"http://127.0.0.1:{port}/picture.png",
            "http://schemas.openxmlformats.org/officeDocument/2006/relationships/image",
            is_external=True,
        )
        del blip.attrib[f"{names}embed"]
        blip.set(f"{names}link", target)

    document = slides(deck(link))
    assert page_image(document, 1, 800)
    assert asked == []


@pytest.mark.skipif(not REAL_FILES.is_dir(), reason="the real files of ../shared/data are not here")
@pytest.mark.parametrize(("kind", "words"), [
    ("doc", "Swimming in the lake"), ("xls", "Freshwater Ducks"), ("ppt", "A rectangle shape"),
])  # fmt: skip
def test_older_office_files_are_read(kind: str, words: str) -> None:
    file = REAL_FILES / "documents" / "good" / f"docling_legacy_sample.{kind}"
    assert words in "\n".join(page.text for page in extract_file(file, extension=kind).pages)


def test_decks_are_drawn_at_once_each_in_a_profile_of_its_own() -> None:
    made: list[bytes] = []

    def draw() -> None:
        with conversion.slides_as_pdf(io.BytesIO(deck()), "pptx") as pdf:
            made.append(pdf.read_bytes()[:5])

    threads = [threading.Thread(target=draw) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [b"%PDF-"] * 2
