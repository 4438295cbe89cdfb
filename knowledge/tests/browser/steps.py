"""What people do over and over: sign in, ask, and read the answer."""

import re

from playwright.sync_api import Locator, Page, expect

from knowledge.tests.browser.product import Person

DONT_KNOW = "I don't know"


def sign_in(page: Page, person: Person) -> None:
    """Fill in the login page, and wait for the chat."""
    page.goto("/login")
    page.get_by_label("Email").fill(person.email)
    page.get_by_label("Password").fill(person.password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/chat/")


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
