"""Answers that a model server writes: they grow, can be stopped, and fail with sources shown."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from knowledge.tests.browser.conftest import OpenPage
from knowledge.tests.browser.product import Person, Product
from knowledge.tests.browser.steps import ask, source_names, text_of
from knowledge.tests.browser.watch import Watch
from rag.tests.model_server import ModelServer, Script, answering, failing, text_event

pytestmark = pytest.mark.browser

QUESTION = "How much may a hotel in Paris cost?"


@pytest.fixture(scope="module")
def model_server() -> Iterator[ModelServer]:
    with ModelServer() as server:
        yield server


@pytest.fixture(scope="module")
def asking_it(product: Product, model_server: ModelServer) -> Iterator[Product]:
    """A second web server on the same data, whose answers the model server writes."""
    settings = {"LLM_BASE_URL": model_server.url, "LLM_MODEL": "scripted", "LLM_MAX_RETRIES": "0"}
    second = Product(product.folder, command="serve", settings=settings)
    try:
        second.start()
        # The first question waits for what is still being loaded; the tests' own shall not.
        model_server.scripts.append(answering("Ready."))
        second.administrator().api.post("chat", json={"query": QUESTION})
        yield second
    finally:
        second.stop()


@pytest.fixture
def script(model_server: ModelServer) -> Iterator[list[Script]]:
    """What the model server will answer; all of it is asked for."""
    model_server.scripts.clear()
    model_server.hung_up.clear()
    yield model_server.scripts
    assert model_server.scripts == []


def test_a_written_answer_is_shown_with_its_checked_citations(
    open_page: OpenPage, asking_it: Product, person: Person, watch: Watch, script: list[Script]
) -> None:
    watch.also.add(asking_it.url)
    script.append(
        answering("The limit in the cities Paris and Zurich is **190 euros** [1]", "[99].")
    )
    answer = ask(open_page(person, url=asking_it.url), QUESTION)
    expect(answer.locator("strong")).to_have_text("190 euros")
    assert answer.locator(".citation").all_inner_texts() == ["1"]
    assert source_names(answer) == {"travel-and-expenses-policy.pdf"}


def test_an_answer_grows_while_it_is_written_and_keeps_what_it_had_when_stopped(
    open_page: OpenPage,
    asking_it: Product,
    person: Person,
    watch: Watch,
    script: list[Script],
    model_server: ModelServer,
) -> None:
    watch.also.add(asking_it.url)
    script.append(Script([text_event("Hotels in Paris [1] are "), text_event("a")], waits=True))
    page = open_page(person, url=asking_it.url)
    page.get_by_role("textbox", name="Your question").fill(QUESTION)
    page.keyboard.press("Enter")
    answer = page.locator(".answer")
    # It stands there although the model has not finished.
    expect(answer.locator("[data-answer-text]")).to_contain_text("Hotels in Paris")
    expect(answer).to_have_attribute("aria-busy", "true")
    page.get_by_role("button", name="Stop answering").click()
    expect(answer.locator(".badge")).to_have_text("Stopped")
    assert text_of(answer).startswith("Hotels in Paris")
    assert model_server.hung_up.wait(timeout=20)
    expect(page.get_by_role("button", name="Ask", exact=True)).to_be_visible()

    # There is a history now, and so the question is put into words that stand alone first.
    script.append(answering(QUESTION))
    script.append(answering("The limit in the cities Paris and Zurich is 190 euros [1]."))
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".answer").nth(1)).to_contain_text("is 190 euros")


def test_a_model_that_fails_is_said_so_and_the_passages_are_shown(
    open_page: OpenPage, asking_it: Product, person: Person, watch: Watch, script: list[Script]
) -> None:
    watch.also.add(asking_it.url)
    script.append(failing(500))
    answer = ask(open_page(person, url=asking_it.url), QUESTION)
    expect(answer.get_by_role("alert")).to_contain_text("passages that were found")
    expect(answer.locator(".considered .source").first).to_be_visible()
    assert "SECRET" not in answer.inner_text()
