"""Asking about the sample handbook: streamed answers, citations, follow-ups, conversations."""

import re

import pytest
from playwright.sync_api import Page, expect

from knowledge.tests.browser import files
from knowledge.tests.browser.conftest import OpenPage
from knowledge.tests.browser.product import SAMPLES, Person, Product
from knowledge.tests.browser.steps import DONT_KNOW, ask, source_names, text_of
from knowledge.tests.browser.watch import Watch

pytestmark = pytest.mark.browser

HOTEL = "How much may a hotel in Paris cost?"
LAPTOP = "How soon do I have to report a lost laptop?"
# Keeps every length that the open answer's text had.
RECORD_GROWTH = """() => {
  window.lengths = [];
  new MutationObserver(() => {
    const text = document.querySelector("[data-answer-text]");
    if (text) window.lengths.push(text.textContent.length);
  }).observe(document.getElementById("thread"), { childList: true, subtree: true });
}"""


def test_the_sample_handbook_is_listed_and_ready(open_page: OpenPage, person: Person) -> None:
    page = open_page(person)
    page.get_by_role("link", name="Documents", exact=True).click()
    for name in SAMPLES:
        row = page.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True))
        expect(row.locator(".badge")).to_have_text("Ready")
    expect(page.locator("tbody tr")).to_have_count(len(SAMPLES))


def test_an_answer_streams_in_and_its_citation_opens_the_highlighted_passage(
    open_page: OpenPage, person: Person, watch: Watch
) -> None:
    page = open_page(person)
    page.evaluate(RECORD_GROWTH)
    answer = ask(page, LAPTOP)
    assert "within one hour" in text_of(answer)
    assert any(re.search(r"/chat/answers/[^/]+/stream/$", path) for path in watch.requested)
    grown = [length for length in page.evaluate("window.lengths") if length]
    assert grown and grown == sorted(grown)

    said = answer.locator(".answer-text :is(p, li)", has_text="within one hour").first
    sentence = said.evaluate("(p) => p.firstChild.textContent.trim()")
    said.locator(".citation").first.click()
    page.wait_for_url(re.compile(r"/documents/[^/]+/pages/\d+\?.*#passage$"))
    passage = page.locator("mark#passage")
    expect(passage).to_be_in_viewport()
    expect(passage).to_be_focused()
    assert sentence in " ".join(passage.inner_text().split())


def test_the_source_cards_say_what_the_answer_rests_on(open_page: OpenPage, person: Person) -> None:
    answer = ask(open_page(person), HOTEL)
    assert "travel-and-expenses-policy.pdf" in source_names(answer)
    card = answer.locator(".source").first
    expect(card).to_contain_text("page ")
    expect(card.locator("[data-passage]")).not_to_be_empty()


def test_a_follow_up_is_understood_by_what_was_asked_before(
    open_page: OpenPage, product: Product, person: Person
) -> None:
    product.upload(person, {"plover.txt": files.PLOVER, "dunlin.txt": files.DUNLIN})
    page = open_page(person)
    assert "18:40" in text_of(ask(page, "When does the Plover depot close?"))
    assert source_names(ask(page, "Who has its key?")) == {"plover.txt"}
    page.reload()
    expect(page.locator(".question")).to_have_count(2)
    expect(page.locator(".answer")).to_have_count(2)
    # The same words mean another thing after another question.
    page.goto("/chat/")
    assert "21:10" in text_of(ask(page, "When does the Dunlin depot close?"))
    assert source_names(ask(page, "Who has its key?")) == {"dunlin.txt"}


def test_what_no_document_says_is_not_known(open_page: OpenPage, person: Person) -> None:
    answer = ask(open_page(person), "What is the boiling point of tungsten?")
    assert text_of(answer).startswith(DONT_KNOW)
    expect(answer.locator(".badge")).to_have_text("The documents do not say")
    expect(answer.locator(".citation")).to_have_count(0)


def test_a_thumb_and_a_comment_are_kept(open_page: OpenPage, person: Person) -> None:
    page = open_page(person)
    answer = ask(page, LAPTOP)
    answer.get_by_role("button", name="Not helpful").click()
    answer.get_by_label("Comment on the answer").fill("It should name the extension first.")
    answer.get_by_role("button", name="Send").click()
    expect(answer.get_by_text("Thank you.")).to_be_visible()
    page.reload()
    expect(answer.get_by_role("button", name="Not helpful")).to_have_attribute(
        "aria-pressed", "true"
    )
    [conversation] = person.api.get("conversations").json()["results"]
    kept = person.api.get(f"conversations/{conversation['id']}").json()["messages"][1]
    assert kept["rating"] == "down"
    assert kept["comment"] == "It should name the extension first."


def test_conversations_are_renamed_found_and_deleted(open_page: OpenPage, person: Person) -> None:
    page = open_page(person)
    ask(page, LAPTOP)
    page.goto("/chat/")
    ask(page, "Do I need a visa?")
    assert titles(page) == ["Do I need a visa?", LAPTOP]

    page.get_by_role("link", name=LAPTOP).hover()  # which shows what can be done with it
    page.get_by_role("button", name=f"Rename {LAPTOP}").click()
    page.get_by_label("Title of the conversation").fill("Lost devices")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Lost devices")).to_be_visible()

    page.get_by_label("Search conversations").fill("visa")
    expect(page.get_by_role("link", name="Lost devices")).to_have_count(0)
    assert titles(page) == ["Do I need a visa?"]
    page.get_by_label("Search conversations").fill("")
    expect(page.get_by_role("link", name="Lost devices")).to_be_visible()

    page.get_by_role("link", name="Do I need a visa?").hover()
    page.get_by_role("button", name="Delete Do I need a visa?").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.wait_for_url("**/chat/")
    assert titles(page) == ["Lost devices"]
    assert [found["title"] for found in conversations(person)] == ["Lost devices"]


def test_a_too_long_question_is_refused_before_it_is_sent(
    open_page: OpenPage, person: Person
) -> None:
    page = open_page(person)
    page.get_by_role("textbox", name="Your question").fill("why " * 600)
    expect(page.locator("#composer-error")).to_contain_text("at most")
    expect(page.get_by_role("button", name="Ask", exact=True)).to_be_disabled()


def test_everything_can_be_done_by_keyboard(open_page: OpenPage, person: Person) -> None:
    page = open_page()
    page.goto("/")
    page.keyboard.type(person.email)
    page.keyboard.press("Tab")
    page.keyboard.type(person.password)
    page.keyboard.press("Enter")
    page.wait_for_url("**/chat/")
    page.keyboard.type(LAPTOP)
    page.keyboard.press("Enter")
    answer = page.locator(".answer")
    expect(answer).not_to_have_attribute("aria-busy", "true")
    # Backwards from the composer, through what stands below the answer, to its citations.
    tab_to(page, ".answer-text .citation, .answer-text .citation *", "Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.locator("mark#passage")).to_be_focused()


def tab_to(page: Page, selector: str, key: str, most: int = 40) -> None:
    for _ in range(most):
        page.keyboard.press(key)
        if page.evaluate("(wanted) => document.activeElement.matches(wanted)", selector):
            return
    raise AssertionError(f"{selector} is not reached by {key}")


def titles(page: Page) -> list[str]:
    return page.locator("#conversation-list a").all_inner_texts()


def conversations(person: Person) -> list[dict[str, str]]:
    return person.api.get("conversations").json()["results"]
