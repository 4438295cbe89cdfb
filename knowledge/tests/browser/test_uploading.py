"""Uploading: several files, a refusal, progress without reload, then asking about them."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import FilePayload, Locator, Page, Route, expect

from documents.tests.made_files import REAL_FILES
from knowledge.tests.browser import files
from knowledge.tests.browser.conftest import OpenPage
from knowledge.tests.browser.product import INGEST_S, MAX_UPLOAD_BYTES, Person
from knowledge.tests.browser.steps import ask, source_names, text_of
from knowledge.tests.browser.watch import Watch

pytestmark = pytest.mark.browser

GOOD = REAL_FILES / "documents" / "good"
TRUSTEES = "Who appoints and supervises standing trustees?"
REAL_PDF, REAL_DOCX = GOOD / "docling_multi_page.pdf", GOOD / "handbook-1p.docx"


def test_several_files_are_uploaded_and_get_ready_before_ones_eyes(
    open_page: OpenPage, person: Person, watch: Watch
) -> None:
    page = open_page(person)
    page.clock.install()
    choose(
        page,
        ("workshop-rules.pdf", files.PDF),
        ("bicycles.docx", files.DOCX),
        ("canteen.md", files.MARKDOWN),
        ("tool.exe", b"MZ\x90\x00"),
    )
    page.get_by_role("button", name="Upload 4 files").click()
    expect(failure(page, "tool.exe")).to_contain_text("(.exe) are not read here")
    expect(counts(page)).to_contain_text("4 of 4")
    everything_is_sent(page)

    page.get_by_role("link", name="All documents").click()
    page.wait_for_url("**/documents/")
    page.evaluate("window.sameDocument = true")
    for name in ("workshop-rules.pdf", "bicycles.docx", "canteen.md"):
        expect(chip(page, name)).to_have_text("Ready", timeout=INGEST_S * 1000)
    assert page.evaluate("window.sameDocument") is True
    expect(page.get_by_role("link", name="tool.exe")).to_have_count(0)

    # Nothing is in progress, so however long the page stays open, it asks no more.
    expect(page.locator("#status-poll")).not_to_have_attribute("hx-get", re.compile(".*"))
    asked = watch.requested.count("/documents/status")
    page.clock.fast_forward("10:00")
    page.evaluate("fetch('/health')")
    assert watch.requested.count("/documents/status") == asked

    opening = ask(page, "When does the Kestrel workshop open on Tuesdays?")
    assert "07:15" in text_of(opening)
    assert source_names(opening) == {"workshop-rules.pdf"}
    opening.locator(".citation").first.click()
    expect(page.get_by_role("heading", name="Page 2")).to_be_visible()
    expect(page.locator("figure svg #passage")).to_be_in_viewport()
    expect(page.locator("figcaption")).to_contain_text("opens at 07:15 on Tuesdays")
    bicycles = ask(page, "How many bicycles fit into the Lapwing bicycle room?")
    assert "84 bicycles" in text_of(bicycles)
    assert source_names(bicycles) == {"bicycles.docx"}


def test_a_folder_shows_how_far_it_is_and_is_gone_on_with_after_the_page_was_left(
    open_page: OpenPage, person: Person, watch: Watch, tmp_path: Path
) -> None:
    watch.expect(503)
    folder = tmp_path / "handbook"
    (folder / "it").mkdir(parents=True)
    (folder / ".git").mkdir()
    (folder / ".git" / "HEAD").write_text("no document")
    for number in range(30):
        (folder / "it" / f"note-{number:02}.txt").write_text(f"Heron note number {number}.\n")
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7\nthis is no PDF")
    page = open_page(person)
    page.goto("/documents/upload")
    page.locator("#id_folder").set_input_files(folder)
    expect(page.get_by_text("1 hidden or temporary file is left out")).to_be_visible()

    # The second part of it never arrives: the server is busy, and the page is left meanwhile.
    sent = 0

    def first_only(route: Route) -> None:
        nonlocal sent
        sent += 1
        if sent == 1:
            route.continue_()
        else:
            route.fulfill(status=503, headers={"Retry-After": "3600"}, body="{}")

    page.route("**/send", first_only)
    page.get_by_role("button", name="Upload 31 files").click()
    page.wait_for_url("**/documents/uploads/*")
    expect(counts(page)).to_contain_text(re.compile(r"(25|6) of 31"))  # two are on their way
    expect(page.get_by_text("The server is busy. Going on in 3600 seconds")).to_be_visible()
    address = page.url
    page.on("dialog", lambda dialog: dialog.accept())
    page.unroute("**/send")

    # Whoever comes back finds it, and goes on.
    page.goto("/documents/upload")
    page.get_by_role("link", name="handbook").click()
    page.wait_for_url(address)
    page.locator("[data-upload-resume] #id_folder").set_input_files(folder)
    everything_is_sent(page)
    expect(counts(page)).to_contain_text("31 of 31")
    expect(counts(page)).to_contain_text("Ready30", timeout=INGEST_S * 1000)
    expect(failure(page, "handbook/broken.pdf")).to_contain_text("damaged")
    page.get_by_role("button", name="Retry all").click()
    expect(page.get_by_text("1 document will be tried again")).to_be_visible()
    expect(failure(page, "handbook/broken.pdf")).to_contain_text("damaged", timeout=INGEST_S * 1000)


def test_a_document_that_cannot_be_read_says_why_and_can_be_tried_again(
    open_page: OpenPage, person: Person
) -> None:
    page = open_page(person)
    choose(page, ("broken.pdf", b"%PDF-1.7\nthis is no PDF"), ("empty.txt", b"   \n"))
    page.get_by_role("button", name="Upload 2 files").click()
    everything_is_sent(page)
    page.get_by_role("link", name="All documents").click()
    broken = row(page, "broken.pdf")
    expect(broken).to_contain_text("damaged", timeout=INGEST_S * 1000)
    expect(row(page, "empty.txt")).to_contain_text("no text", timeout=INGEST_S * 1000)
    broken.get_by_role("button", name="Try again").click()
    expect(chip(page, "broken.pdf")).not_to_have_text("Failed")
    expect(chip(page, "broken.pdf")).to_have_text("Failed", timeout=INGEST_S * 1000)


def test_a_file_over_the_limit_is_refused_before_it_is_sent(
    open_page: OpenPage, person: Person
) -> None:
    page = open_page(person)
    choose(page, ("large.txt", b"x" * (MAX_UPLOAD_BYTES + 1)))
    sent = []
    page.on("request", lambda request: sent.append(request.url))
    page.get_by_role("button", name="Upload").click()
    expect(failure(page, "large.txt")).to_contain_text("larger than 2.0")
    everything_is_sent(page)
    assert not [url for url in sent if url.endswith("/send")]


def test_a_dropped_folder_is_uploaded_without_its_hidden_files(
    open_page: OpenPage, person: Person, tmp_path: Path
) -> None:
    folder = tmp_path / "birds"
    (folder / "water").mkdir(parents=True)
    (folder / "water" / "ibis.txt").write_text("The Ibis gate is closed on Mondays.\n")
    (folder / "rail.md").write_text("# Rail\n\nThe Rail gate is closed on Sundays.\n")
    (folder / ".DS_Store").write_text("no document")
    page = open_page(person)
    page.goto("/documents/upload")
    drop(page, folder)
    expect(page.get_by_text("1 hidden or temporary file is left out")).to_be_visible()
    page.get_by_role("button", name="Upload 2 files").click()
    everything_is_sent(page)
    expect(page.get_by_role("heading", name="birds", exact=True)).to_be_visible()
    for path in ("birds/rail.md", "birds/water/ibis.txt"):
        expect(page.get_by_role("link", name=path, exact=True)).to_be_visible()


def test_files_are_uploaded_without_a_script(
    open_page: OpenPage, person: Person, watch: Watch
) -> None:
    watch.expect(422)
    page = open_page(person, java_script_enabled=False)
    choose(page, ("canteen.md", files.MARKDOWN), ("tool.exe", b"MZ\x90\x00"))
    expect(page.get_by_text("Choose a folder")).to_be_hidden()
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_role("alert")).to_contain_text("tool.exe: Files of type .exe")
    page.get_by_role("link", name="All documents").click()
    expect(page.get_by_role("link", name="canteen.md", exact=True)).to_be_visible()


@pytest.mark.skipif(not GOOD.is_dir(), reason="the real files of ../shared/data are not here")
def test_a_real_pdf_and_a_real_docx_can_be_asked_about(open_page: OpenPage, person: Person) -> None:
    page = open_page(person)
    choose(page, *((path.name, path.read_bytes()) for path in (REAL_PDF, REAL_DOCX)))
    page.get_by_role("button", name="Upload 2 files").click()
    everything_is_sent(page)
    page.get_by_role("link", name="All documents").click()
    for path in (REAL_PDF, REAL_DOCX):
        expect(chip(page, path.name)).to_have_text("Ready", timeout=INGEST_S * 1000)
    assert REAL_PDF.name in source_names(ask(page, "When was the IBM MT/ST introduced?"))
    assert REAL_DOCX.name in source_names(ask(page, TRUSTEES))


def choose(page: Page, *chosen: tuple[str, bytes]) -> None:
    """Open the upload page and choose these files at once."""
    page.goto("/documents/upload")
    page.locator("#id_file").set_input_files(
        [
            FilePayload(name=name, mimeType="application/octet-stream", buffer=content)
            for name, content in chosen
        ]
    )


def drop(page: Page, folder: Path) -> None:
    """Drop a folder on the page as the desktop does; a script could not make its entries."""
    box = page.locator("[data-drop-zone]").bounding_box()
    assert box
    place = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    data = {"items": [], "files": [str(folder)], "dragOperationsMask": 1}
    devtools = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        devtools.send("Input.dispatchDragEvent", {"type": kind, **place, "data": data})


def failure(page: Page, path: str) -> Locator:
    return page.locator(".upload-failures li").filter(has_text=path)


def counts(page: Page) -> Locator:
    return page.locator(".upload-counts")


def everything_is_sent(page: Page) -> None:
    expect(page.get_by_text("Everything was sent")).to_be_visible()


def row(page: Page, name: str) -> Locator:
    return page.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True))


def chip(page: Page, name: str) -> Locator:
    return row(page, name).locator(".badge")
