"""What people do on the chat page, and what they see there."""

import re

from playwright.sync_api import Locator, Page, expect

DONT_KNOW = "I don't know"


def ask(page: Page, question: str) -> Locator:
    """Ask, wait for the whole answer, and return it."""
    if "/chat/" not in page.url:
        page.goto("/chat/")
    before = page.locator(".answer").count()
    page.get_by_role("textbox", name="Your question").fill(question)
    page.get_by_role("textbox", name="Your question").press("Enter")
    answer = page.locator(".answer").nth(before)
    expect(answer).to_be_visible()
    expect(answer).not_to_have_attribute("aria-busy", "true")
    return answer


def text_of(answer: Locator) -> str:
    """Return the answer's words, without its citations."""
    return answer.locator(".answer-text").evaluate(
        "(text) => { const copy = text.cloneNode(true);"
        " copy.querySelectorAll('.citation').forEach((c) => c.remove());"
        " return copy.textContent.replace(/\\s+/g, ' ').trim(); }"
    )


def source_names(answer: Locator) -> set[str]:
    """Return the file names of the cited sources, as the cards show them."""
    links = answer.locator(".sources > .sources-list .source-head a")
    return {re.sub(r"^Source \d+: ", "", name) for name in links.all_text_contents()}
