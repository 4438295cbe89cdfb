"""The picture of a page: who gets it, what it shows, what it may cost, when it is gone."""

import io
import os
import threading
import zlib
from itertools import count
from pathlib import Path

import pytest
from PIL import Image

from documents import page_images, services
from documents.extraction import children
from documents.models import Document
from documents.page_cache import forget_page_images, sweep_page_images, trim_page_images
from documents.page_images import nearest_width
from documents.tasks import remove_deleted_files
from documents.tests.made_files import column, pdf

pytestmark = pytest.mark.django_db

TWO_PAGES = pdf(
    [column("Trains are booked a week ahead."), column("Hotels cost up to 180 euros a night.")]
)
BROKEN = TWO_PAGES[: len(TWO_PAGES) // 3]


@pytest.fixture
def printed(completed):
    """A PDF of two pages, as ingestion leaves it."""

    numbers = count()

    def made(content: bytes = TWO_PAGES, **given) -> Document:
        content += b"\n%% copy %d" % next(numbers)  # the same bytes again would be no new document
        document = completed(content=content, filename="travel.pdf", **given)
        for number, text in enumerate(
            ["Trains are booked a week ahead.", "Hotels cost up to 180 euros a night."], 1
        ):
            document.pages.filter(number=number).update(text=text)
        return document

    return made


@pytest.fixture
def cache(settings) -> Path:
    return settings.PAGE_CACHE_DIR


@pytest.fixture
def asked(monkeypatch) -> list[dict]:
    """What child processes were asked to do, while they do it."""
    requests = []
    ask = children.ask

    def noted(file, request, bounds):
        requests.append(request)
        return ask(file, request, bounds)

    monkeypatch.setattr(children, "ask", noted)
    return requests


def address(document, number: int = 1, query: str = "") -> str:
    return f"/documents/{document.pk}/pages/{number}/image{query}"


def kept(cache: Path) -> set[str]:
    return {path.parent.name for path in cache.rglob("*") if path.is_file()}


def dark_pixels(picture: bytes, box: tuple[int, int, int, int]) -> int:
    grey = Image.open(io.BytesIO(picture)).convert("L").crop(box)
    return sum(grey.histogram()[:128])


# --- what is shown ------------------------------------------------------------------------------


def test_the_picture_shows_the_page_as_it_is_printed(page_as, printed, owner):
    answer = page_as(owner).get(address(printed(), query="?width=1200"))
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/webp")
    picture = Image.open(io.BytesIO(answer.content))
    assert (picture.format, picture.size) == ("WEBP", (1200, 1553))
    # The line stands 72 points from the left and 92 from the top; there are two pixels a point.
    assert dark_pixels(answer.content, (130, 150, 500, 200)) > 200
    assert dark_pixels(answer.content, (0, 300, 1200, 1553)) == 0


def test_each_page_has_a_picture_of_its_own(page_as, printed, owner):
    document = printed()
    client = page_as(owner)
    pictures = {client.get(address(document, number)).content for number in (1, 2)}
    assert len(pictures) == 2
    assert client.get(address(document, 3)).status_code == 404
    assert client.get(address(document, 0)).status_code == 404


@pytest.mark.parametrize(
    ("asked_for", "given"),
    [
        *(("", 1200), ("x", 1200), ("-5", 1200), ("²", 1200), ("9" * 5000, 1200)),
        *(("0", 800), ("800", 800), ("801", 1200), ("1300", 1800), ("999999", 1800)),
    ],
)
def test_a_few_widths_are_drawn_whatever_is_asked_for(asked_for, given):
    assert nearest_width(asked_for) == given


def test_a_page_too_long_for_its_width_comes_smaller(page_as, printed, owner):
    long = TWO_PAGES.replace(b"[0 0 612 792]", b"[0 0 50 9999]")
    answer = page_as(owner).get(address(printed(long)))
    width, height = Image.open(io.BytesIO(answer.content)).size
    assert height <= 8_000
    assert width * 150 < height < width * 250


def test_filled_in_forms_and_notes_are_drawn_but_no_script_runs(page_as, printed, owner):
    script = "/OpenAction<</S/JavaScript/JS(app.alert\\(1\\))>>"
    answer = page_as(owner).get(address(printed(pdf([column("Text")], extra=script))))
    assert answer.status_code == 200


# --- the page around it -------------------------------------------------------------------------


def test_a_citation_opens_the_picture_with_the_passage_on_it(page_as, printed, owner):
    document = printed()
    page = page_as(owner).get(f"/documents/{document.pk}/pages/2?start=0&end=36")
    text = page.content.decode()
    assert f'src="/documents/{document.pk}/pages/2/image?width=1200"' in text
    assert 'width="612" height="792"' in text
    assert text.count("<rect ") == 1
    assert '<g id="passage" tabindex="-1">' in text
    assert "Hotels cost up to 180 euros a night." in text
    assert "<mark" not in text
    assert "style=" not in text
    rectangle = page.context["preview"].rectangles[0]
    assert 71 < rectangle.x < 74
    assert 80 < rectangle.y < 95
    assert 160 < rectangle.width < 190


def test_the_text_is_one_click_away_and_keeps_the_passage(page_as, printed, owner):
    document = printed()
    client = page_as(owner)
    page = f"/documents/{document.pk}/pages/2"
    assert f"{page}?view=text&amp;start=0&amp;end=6#passage" in (
        client.get(f"{page}?start=0&end=6").content.decode()
    )
    text = client.get(f"{page}?view=text&start=0&end=6").content.decode()
    assert '<mark id="passage" tabindex="-1">Hotels</mark> cost' in text
    assert "data-page-image" not in text
    assert f'rel="prev" href="/documents/{document.pk}/pages/1?view=text"' in text


def test_a_passage_that_is_not_printed_is_marked_in_the_text_beside_the_picture(
    page_as, printed, owner
):
    document = printed()
    document.pages.filter(number=1).update(text="Recognized words of a scan, say.")
    text = page_as(owner).get(f"/documents/{document.pk}/pages/1?start=0&end=16").content.decode()
    assert '<mark id="passage" tabindex="-1">Recognized words</mark>' in text
    assert "was not found in the print of the page" in text
    assert "data-page-image" in text
    assert "<rect" not in text


def test_a_page_that_cannot_be_drawn_is_shown_as_text_and_says_so(page_as, printed, owner):
    document = printed(BROKEN)
    client = page_as(owner)
    text = client.get(f"/documents/{document.pk}/pages/1?start=0&end=6").content.decode()
    assert '<mark id="passage" tabindex="-1">Trains</mark>' in text
    assert "cannot be shown as a picture" in text
    answer = client.get(address(document))
    assert answer.status_code == 422
    assert "text can be read" in answer.content.decode()


def test_other_formats_are_shown_as_text(page_as, api_as, completed, owner):
    document = completed()
    client = page_as(owner)
    text = client.get(f"/documents/{document.pk}/pages/1").content.decode()
    assert "data-page-image" not in text
    assert "Shown as" not in text
    assert "picture" not in text
    assert client.get(address(document)).status_code == 422


def test_the_api_says_where_the_picture_is_and_sends_it(api_as, printed, owner):
    document = printed()
    client = api_as(owner)
    url = client.get(f"/api/documents/{document.pk}/pages/2").json()["image_url"]
    assert url == f"/api/documents/{document.pk}/pages/2/image"
    answer = client.get(url, {"width": 800})
    assert Image.open(io.BytesIO(answer.content)).size == (800, 1036)
    broken = printed(BROKEN)
    refused = client.get(f"/api/documents/{broken.pk}/pages/1/image")
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "no_picture")


# --- who gets it --------------------------------------------------------------------------------


def test_only_who_may_read_the_document_gets_it_kept_or_not(
    page_as, printed, owner, colleague, admin, outsider, outside_admin
):
    document = printed()
    people = (owner, colleague, admin, outsider, outside_admin)
    for _ in ("drawn", "kept"):
        given = [
            person for person in people if page_as(person).get(address(document)).status_code == 200
        ]
        assert given == [owner, admin]


def test_a_browser_asks_before_it_shows_what_it_keeps(page_as, printed, owner, colleague):
    document = printed(visibility="organization")
    client = page_as(colleague)
    first = client.get(address(document))
    assert first["Cache-Control"] == "private, no-cache"
    assert first["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert first["X-Content-Type-Options"] == "nosniff"
    again = {"If-None-Match": first["ETag"]}
    assert client.get(address(document), headers=again).status_code == 304
    assert client.get(address(document, query="?width=1800"), headers=again).status_code == 200
    Document.objects.filter(pk=document.pk).update(visibility="private")
    assert client.get(address(document), headers=again).status_code == 404


def test_after_a_delete_nothing_is_shown_or_left(
    page_as, printed, admin, cache, django_capture_on_commit_callbacks
):
    document, other = printed(), printed()
    client = page_as(admin)
    tag = client.get(address(document))["ETag"]
    client.get(address(other))
    with django_capture_on_commit_callbacks(execute=True):
        services.delete_document(document=document, actor=admin)
    assert client.get(address(document)).status_code == 404
    assert client.get(address(document), headers={"If-None-Match": tag}).status_code == 404
    assert kept(cache) == {str(other.pk)}


def test_what_is_drawn_while_the_document_is_deleted_is_not_kept(
    page_as, printed, owner, cache, monkeypatch
):
    document = printed()
    ask = children.ask

    def deleted_meanwhile(file, request, bounds):
        Document.objects.filter(pk=document.pk).delete()
        forget_page_images([document.pk])
        return ask(file, request, bounds)

    monkeypatch.setattr(children, "ask", deleted_meanwhile)
    assert page_as(owner).get(address(document)).status_code == 404
    assert kept(cache) == set()


def test_the_sweep_removes_what_a_crash_left(page_as, printed, owner, cache):
    document, lost = printed(), printed()
    for each in (document, lost):
        page_as(owner).get(address(each))
    (cache / "not-ours").mkdir()
    Document.objects.filter(pk=lost.pk).delete()
    remove_deleted_files()
    assert kept(cache) == {str(document.pk)}
    assert (cache / "not-ours").exists()
    assert sweep_page_images() == 0  # nothing is left to remove


# --- what it costs ------------------------------------------------------------------------------


def test_a_page_is_drawn_once(page_as, printed, owner, asked):
    document = printed()
    client = page_as(owner)
    answers = [client.get(address(document)).content for _ in range(3)]
    assert [request["do"] for request in asked] == ["render_page"]
    assert len(set(answers)) == 1
    for _ in range(2):
        client.get(f"/documents/{document.pk}/pages/1?start=0&end=6")
    assert [request["do"] for request in asked] == ["render_page", "measure_page"]


def test_a_page_that_cannot_be_drawn_is_not_tried_at_each_request(
    page_as, printed, owner, asked, cache
):
    client, document = page_as(owner), printed(BROKEN)
    assert [client.get(address(document)).status_code for _ in range(3)] == [422, 422, 422]
    assert len(asked) == 1
    for path in cache.rglob("*-failed"):
        os.utime(path, (0, 0))
    client.get(address(document))
    assert len(asked) == 2


def test_a_page_that_takes_too_much_ends_its_process_alone(page_as, printed, owner, settings):
    settings.EXTRACTION_MEMORY_BYTES = 256 * 1024**2
    content = zlib.compress(b"BT /F1 9 Tf (x) Tj ET " * 20_000_000, 1).decode("latin-1")
    plain = pdf([column("MARK")]).decode("latin-1")
    start, end = plain.index("<</Length"), plain.index("endstream")
    stream = f"<</Filter/FlateDecode/Length {len(content)}>>\nstream\n{content}\n"
    bomb = (plain[:start] + stream + plain[end:]).encode("latin-1")
    client = page_as(owner)
    assert client.get(address(printed(bomb))).status_code == 422
    assert client.get(address(printed())).status_code == 200


def test_a_broken_reader_is_not_believed(page_as, printed, owner, monkeypatch, cache):
    for said in (
        b"",
        b"<html>",
        b"\x00" * 40,
        b"\x00" * 7 + b"\x02{}" + b"RIFF\x05\x00\x00\x00WEBP",
    ):
        monkeypatch.setattr(children, "ask", lambda *_, said=said: children.Answer(said, 0))
        answer = page_as(owner).get(address(printed()))
        assert (said, answer.status_code) == (said, 422)


def test_more_than_the_limit_at_once_are_told_to_come_back(
    page_as, printed, owner, settings, monkeypatch
):
    settings.PAGE_IMAGES_AT_ONCE = 1
    monkeypatch.setattr(page_images, "_QUEUE", 0)
    document = printed()
    client = page_as(owner)
    client.get(address(document))
    with page_images._gate.entered():
        refused = client.get(address(document, 2))
        assert refused.status_code == 503
        assert int(refused["Retry-After"]) > 0
        # What is kept needs no process, and the text is there without one.
        assert client.get(address(document)).status_code == 200
        text = client.get(f"/documents/{document.pk}/pages/2?start=0&end=6").content.decode()
        assert '<mark id="passage" tabindex="-1">Hotels</mark>' in text
    assert client.get(address(document, 2)).status_code == 200


def test_the_cache_keeps_to_its_size_and_what_was_asked_for_last(
    page_as, printed, owner, settings, cache
):
    client = page_as(owner)
    documents = [printed() for _ in range(5)]
    for age, document in enumerate(documents):
        client.get(address(document))
        for path in (cache / str(document.pk)).iterdir():
            os.utime(path, (1_000 + age, 1_000 + age))
    size = sum(path.stat().st_size for path in cache.rglob("*") if path.is_file())
    client.get(address(documents[0]))  # asked for again, so that it is the newest
    settings.PAGE_CACHE_BYTES = size * 4 // 5
    trim_page_images()
    left = sum(path.stat().st_size for path in cache.rglob("*") if path.is_file())
    assert left <= settings.PAGE_CACHE_BYTES
    assert kept(cache) == {str(documents[index].pk) for index in (0, 3, 4)}


def test_without_room_on_the_disk_the_page_is_still_shown(page_as, printed, owner, cache):
    cache.write_text("a file where the folder should be")
    assert page_as(owner).get(address(printed())).status_code == 200


def test_the_cache_is_trimmed_as_it_fills(page_as, printed, owner, settings, cache):
    settings.PAGE_CACHE_BYTES = 0
    assert page_as(owner).get(address(printed())).status_code == 200
    assert kept(cache) == set()


@pytest.mark.django_db(transaction=True)
def test_several_at_once_get_their_own(printed, owner, page_as, settings):
    documents = [printed() for _ in range(4)]
    client_of = {document.pk: page_as(owner) for document in documents}
    codes = {}

    def get(document):
        codes[document.pk] = client_of[document.pk].get(address(document)).status_code

    threads = [threading.Thread(target=get, args=[document]) for document in documents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == dict.fromkeys(client_of, 200)
