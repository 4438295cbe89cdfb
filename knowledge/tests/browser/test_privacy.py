"""What a second person sees of the first one's documents: nothing, until it is shared."""

import secrets

import pytest
from playwright.sync_api import Page, expect

from knowledge.tests.browser import files
from knowledge.tests.browser.conftest import OpenPage
from knowledge.tests.browser.product import SAMPLES, Person, Product
from knowledge.tests.browser.steps import DONT_KNOW, ask, sign_in, source_names, text_of
from knowledge.tests.browser.watch import Watch

pytestmark = pytest.mark.browser

QUESTION = "What is the code word of the archive of the Heron building?"
SECRET = "marzipan"
NAME = "heron-archive.txt"


@pytest.fixture
def document_id(product: Product, person: Person) -> str:
    """A private document of the first person."""
    return product.upload(person, {NAME: files.TEXT})[NAME]


@pytest.fixture
def second(product: Product, admin: Person) -> Person:
    return product.create_person(admin)


def test_somebody_added_on_the_members_page_sees_nothing_private(
    open_page: OpenPage, admin: Person, document_id: str, watch: Watch
) -> None:
    watch.expect(404)
    page = open_page(add_on_members_page(open_page(admin)))

    page.get_by_role("link", name="Documents", exact=True).click()
    expect(page.locator("tbody tr")).to_have_count(len(SAMPLES))
    assert SECRET not in page.content() and NAME not in page.content()
    page.get_by_label("Search by name").fill("heron")
    expect(page.get_by_role("heading", name="No document matches")).to_be_visible()

    answer = ask(page, QUESTION)
    assert text_of(answer).startswith(DONT_KNOW)
    assert SECRET not in page.content() and NAME not in page.content()

    own = "00000000-0000-4000-8000-000000000000"
    for part in ("", "/pages/1", "/passages", "/file", "/delete"):
        hidden = page.request.get(f"/documents/{document_id}{part}")
        missing = page.request.get(f"/documents/{own}{part}")
        assert hidden.status == missing.status == 404
        assert SECRET not in hidden.text() and NAME not in hidden.text()
    page.goto(f"/documents/{document_id}")
    expect(page.get_by_role("heading", name="There is nothing here")).to_be_visible()


def add_on_members_page(page: Page) -> Person:
    """Add a person, and return them with the password that the page shows this once."""
    email = f"{secrets.token_hex(4)}@example.com"
    page.get_by_role("link", name="Members").click()
    page.get_by_text("Add a person").click()
    page.get_by_label("Email").fill(email)
    page.get_by_role("button", name="Add the person").click()
    expect(page.get_by_role("cell", name=email)).to_be_visible()
    password = page.locator("[data-generated-password]").inner_text()
    page.reload()
    expect(page.get_by_text(password)).to_have_count(0)
    return Person(email, password, None)  # type: ignore[arg-type]


def test_what_is_shared_is_found_and_what_is_taken_back_is_gone(
    open_page: OpenPage, person: Person, second: Person, document_id: str
) -> None:
    mine, theirs = open_page(person), open_page(second)
    share(mine, document_id, "Organization")
    answer = ask(theirs, QUESTION)
    assert SECRET in text_of(answer)
    assert source_names(answer) == {NAME}
    conversation = theirs.url
    theirs.goto("/documents/")
    theirs.get_by_role("link", name=NAME, exact=True).click()
    expect(theirs.get_by_role("heading", name=NAME, exact=True)).to_be_visible()
    # Who may read it may not change it.
    expect(theirs.get_by_role("button", name="Save sharing")).to_have_count(0)
    expect(theirs.get_by_role("link", name="Delete")).to_have_count(0)

    share(mine, document_id, "Private")
    assert text_of(ask(theirs, QUESTION)).startswith(DONT_KNOW)
    theirs.goto(conversation)
    expect(theirs.locator(".source-gone").first).to_be_visible()
    assert SECRET not in theirs.content() and NAME not in theirs.content()


def share(page: Page, document_id: str, label: str) -> None:
    page.goto(f"/documents/{document_id}")
    page.get_by_label(label).check()
    page.get_by_role("button", name="Save sharing").click()
    expect(page.get_by_text("Sharing saved.")).to_be_visible()


def test_a_deleted_document_leaves_no_word_behind(
    open_page: OpenPage, person: Person, admin: Person, document_id: str, watch: Watch
) -> None:
    watch.expect(404)
    mine, administrator = open_page(person), open_page(admin)
    assert SECRET in text_of(ask(mine, QUESTION))
    conversation = mine.url

    administrator.goto("/documents/?search=heron-archive")
    delete = administrator.locator(f"a[href='/documents/{document_id}/delete']")
    delete.click()
    dialog = administrator.get_by_role("dialog")
    expect(dialog).to_contain_text(f"Delete “{NAME}” for everybody?")
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_be_hidden()
    delete.click()
    dialog.get_by_role("button", name="Delete").click()
    expect(administrator.get_by_text(f"“{NAME}” was deleted.")).to_be_visible()
    expect(delete).to_have_count(0)

    mine.reload()
    expect(mine.get_by_text("Source deleted or no longer shared with you")).to_be_visible()
    assert SECRET not in mine.content() and NAME not in mine.content()
    assert text_of(ask(mine, QUESTION)).startswith(DONT_KNOW)
    mine.goto(f"/documents/{document_id}")
    expect(mine.get_by_role("heading", name="There is nothing here")).to_be_visible()
    mine.goto(conversation)
    assert SECRET not in mine.locator(".answer").first.inner_html()


def test_the_same_browser_shows_the_next_person_nothing_of_the_last(
    open_page: OpenPage, person: Person, second: Person, document_id: str, watch: Watch
) -> None:
    watch.expect(404)  # of the last person's conversation
    page = open_page(person)
    assert SECRET in text_of(ask(page, QUESTION))
    page.get_by_label("Account menu").click()
    page.get_by_role("button", name="Sign out").click()
    sign_in(page, second)
    expect(page.locator("#conversation-list a")).to_have_count(0)
    page.go_back()
    page.go_back()
    expect(page.locator("body")).not_to_contain_text(SECRET)
