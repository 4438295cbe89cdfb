"""A PDF page is shown as it is printed, the cited passage on it, and its text is a click away."""

from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from knowledge.tests.browser import files
from knowledge.tests.browser.conftest import OpenPage
from knowledge.tests.browser.product import Person, Product
from knowledge.tests.browser.test_looks import PHONE, WIDE, overflow
from knowledge.tests.browser.watch import Watch

pytestmark = pytest.mark.browser

SENTENCE = "The Kestrel workshop opens at 07:15 on Tuesdays."


@pytest.fixture
def address(product: Product, person: Person) -> str:
    """The page of a small PDF file that a citation of `SENTENCE` opens."""
    product.upload(person, {"workshop.pdf": files.PDF})
    (document,) = person.api.get("documents", params={"search": "workshop.pdf"}).json()["results"]
    path = f"documents/{document['id']}/pages/2"
    text: str = person.api.get(path).json()["text"]
    start = text.index(SENTENCE)
    return f"/{path}?start={start}&end={start + len(SENTENCE)}#passage"


@pytest.mark.parametrize("screen", [PHONE, WIDE], ids=["phone", "wide"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_passage_lies_on_its_words(
    open_page: OpenPage, person: Person, address: str, screen: dict[str, int], scheme: str
) -> None:
    page = open_page(person, viewport=screen, color_scheme=scheme)
    page.goto(address)
    picture = picture_of(page)
    passage = page.locator("#passage")
    expect(passage).to_be_in_viewport()
    expect(passage).to_be_focused()
    expect(page.locator("figcaption")).to_contain_text(SENTENCE)
    assert overflow(page) <= 0
    sheet, marked = box_of(picture), box_of(passage)
    # Printed 72 points from the left and 92 from the top of a page of 612 by 792.
    scale = sheet["width"] / 612
    assert sheet["height"] == pytest.approx(792 * scale, abs=2)
    assert marked["x"] - sheet["x"] == pytest.approx(72 * scale, abs=4)
    assert marked["y"] - sheet["y"] == pytest.approx(84 * scale, abs=6)
    assert 200 * scale < marked["width"] < 300 * scale


def test_the_page_does_not_jump_when_its_picture_comes(
    open_page: OpenPage, person: Person, address: str
) -> None:
    page = open_page(person)
    held: list[Route] = []
    page.route("**/image?*", lambda route: held.append(route))  # noqa: PLW0108  its own kind of callable
    page.goto(address, wait_until="commit")
    expect(page.locator("#passage")).to_be_in_viewport()
    before = box_of(page.locator("#passage"))
    for route in held:
        route.continue_()
    picture_of(page)
    assert box_of(page.locator("#passage")) == pytest.approx(before, abs=1)


def test_text_and_page_are_switched_by_keyboard(
    open_page: OpenPage, person: Person, address: str
) -> None:
    page = open_page(person)
    page.goto(address)
    switch = page.get_by_role("navigation", name="Shown as")
    switch.get_by_role("link", name="Text").focus()
    page.keyboard.press("Enter")
    expect(page.locator("mark#passage")).to_have_text(SENTENCE)
    expect(page.locator("mark#passage")).to_be_focused()
    expect(switch.get_by_role("link", name="Text")).to_have_attribute("aria-current", "true")
    page.get_by_role("link", name="Page 1").first.click()
    expect(page.locator("[data-page-text]")).to_contain_text("Everybody wears a badge")
    switch.get_by_role("link", name="Page").focus()
    page.keyboard.press("Enter")
    expect(picture_of(page)).to_have_attribute("alt", "Page 1 of workshop.pdf, as it is printed")


def test_a_picture_that_is_refused_is_asked_for_again_then_given_up(
    open_page: OpenPage, person: Person, address: str, watch: Watch
) -> None:
    watch.expect(503)
    page = open_page(person)
    page.clock.install()
    answers = [503]

    def answer(route: Route) -> None:
        if answers and answers.pop():
            route.fulfill(status=503)
        else:
            route.continue_()

    page.route("**/image?*", answer)
    page.goto(address)
    expect(page.locator("figure img")).to_have_js_property("complete", True)
    page.clock.fast_forward(3_000)
    picture_of(page)

    answers += [503] * 10
    page.reload()
    notice = page.get_by_text("The picture of this page did not load.")
    for _ in range(4):
        expect(page.locator("figure img")).to_have_js_property("complete", True)
        page.clock.fast_forward(11_000)
    expect(notice).to_be_visible()
    page.get_by_role("link", name="Read its text").click()
    expect(page.locator("mark#passage")).to_have_text(SENTENCE)


def picture_of(page: Page) -> Locator:
    """Return the picture once it is there."""
    picture = page.locator("figure img")
    expect(picture).not_to_have_js_property("naturalWidth", 0)
    return picture


def box_of(element: Locator) -> Any:
    box = element.bounding_box()
    assert box is not None
    return box
