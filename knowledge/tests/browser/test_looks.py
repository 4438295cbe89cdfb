"""Every page, wide and on a phone, in light and dark: readable and within its width."""

import pytest
from playwright.sync_api import Page, expect

from knowledge.tests.browser.conftest import OpenPage
from knowledge.tests.browser.product import SAMPLES, Person
from knowledge.tests.browser.steps import ask
from knowledge.tests.browser.watch import Watch

pytestmark = pytest.mark.browser

PHONE = {"width": 390, "height": 844}
WIDE = {"width": 1280, "height": 800}
PAGES = [
    "/chat/",
    "/documents/",
    "/documents/upload",
    "/members",
    "/teams",
    "/profile",
    "/admin/",
    "/admin/documents/document/",
    "/api/docs",
    "/nothing-here",
]
# Brightness of a color from 0 to 255, as a person would say which of two is brighter.
BRIGHTNESS = """(element, property) => {
  for (let node = element; node; node = node.parentElement) {
    const numbers = getComputedStyle(node)[property].match(/[\\d.]+/g).map(Number);
    const [red, green, blue, alpha = 1] = numbers;
    if (alpha) return 0.299 * red + 0.587 * green + 0.114 * blue;
  }
  return 255;
}"""


@pytest.mark.parametrize("screen", [PHONE, WIDE], ids=["phone", "wide"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_fits_its_screen_and_its_colors(
    open_page: OpenPage, admin: Person, watch: Watch, screen: dict[str, int], scheme: str
) -> None:
    watch.expect(404)
    page = open_page(admin, viewport=screen, color_scheme=scheme)
    addresses = [*PAGES, *addresses_of_a_document(page)]
    for address in addresses:
        page.goto(address)
        expect(page.locator("h1, .swagger-ui .title").first).to_be_visible()
        assert overflow(page) <= 0, address
        if address != "/api/docs":  # which is light always
            text = page.locator("h1").first
            is_dark = text.evaluate(BRIGHTNESS, "backgroundColor") < 100
            assert is_dark == (scheme == "dark"), address
            contrast = text.evaluate(BRIGHTNESS, "color") - text.evaluate(
                BRIGHTNESS, "backgroundColor"
            )
            assert abs(contrast) > 100, address


def addresses_of_a_document(page: Page) -> list[str]:
    page.goto(f"/documents/?search={SAMPLES[0]}")
    detail = page.get_by_role("link", name=SAMPLES[0], exact=True).get_attribute("href")
    assert detail
    return [detail, f"{detail}/pages/1?start=0&end=80", f"{detail}/passages", f"{detail}/delete"]


def overflow(page: Page) -> int:
    return page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )


def test_on_a_phone_the_conversations_are_in_a_drawer(open_page: OpenPage, person: Person) -> None:
    page = open_page(person, viewport=PHONE, has_touch=True, is_mobile=True)
    answer = ask(page, "How much may a hotel in Paris cost?")
    expect(answer.locator(".citation").first).to_be_visible()
    assert overflow(page) <= 0
    expect(page.locator(".thread-bar")).to_contain_text("How much may a hotel")
    drawer = page.get_by_label("Conversations", exact=True)
    expect(drawer).not_to_be_in_viewport()
    page.get_by_role("button", name="Conversations").tap()
    expect(drawer).to_be_in_viewport()
    # Without a pointer to hover with, what can be done with a conversation is always shown.
    expect(page.get_by_role("button", name="Rename How much")).to_be_visible()
    page.get_by_role("button", name="Close the list").tap()
    expect(drawer).not_to_be_in_viewport()

    page.get_by_label("Account menu").tap()
    expect(page.get_by_role("link", name="Profile")).to_be_in_viewport(ratio=1)


def test_a_wide_word_scrolls_inside_the_answer_not_the_page(
    open_page: OpenPage, person: Person
) -> None:
    page = open_page(person, viewport=PHONE)
    ask(page, "W" * 300)
    expect(page.locator(".question")).to_contain_text("WWW")
    assert overflow(page) <= 0


def test_the_api_documentation_loads_from_here(
    open_page: OpenPage, person: Person, watch: Watch
) -> None:
    page = open_page(person)
    page.goto("/api/docs")
    expect(page.locator(".opblock-summary-path", has_text="/api/retrieval")).to_be_visible()
    assert "/api/schema" in watch.requested
