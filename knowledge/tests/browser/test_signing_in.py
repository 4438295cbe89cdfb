"""Signing in and out, and changing one's password, in the browser."""

import pytest
from playwright.sync_api import expect

from knowledge.tests.browser.conftest import OpenPage
from knowledge.tests.browser.product import Person
from knowledge.tests.browser.steps import sign_in
from knowledge.tests.browser.watch import Watch

pytestmark = pytest.mark.browser


def test_a_wrong_password_is_refused_and_the_right_one_lets_in(
    open_page: OpenPage, person: Person, watch: Watch
) -> None:
    watch.expect(422)
    page = open_page()
    page.goto("/documents/")
    page.get_by_label("Email").fill(person.email)
    page.get_by_label("Password").fill("not-the-password")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_have_text("The email or the password is wrong.")
    expect(page.get_by_label("Email")).to_have_value(person.email)
    page.get_by_label("Password").fill(person.password)
    page.keyboard.press("Enter")
    # The page that was asked for in the first place.
    expect(page.get_by_role("heading", name="Documents", level=1)).to_be_visible()


def test_signing_out_ends_the_session(open_page: OpenPage, person: Person) -> None:
    page = open_page(person)
    page.get_by_label("Account menu").click()
    expect(page.locator(".menu-list")).to_contain_text(person.email)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    page.goto("/chat/")
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()


def test_a_new_password_ends_the_other_sessions_and_replaces_the_old_one(
    open_page: OpenPage, person: Person, watch: Watch
) -> None:
    watch.expect(422)
    elsewhere, page = open_page(person), open_page(person)
    page.goto("/profile")
    page.get_by_label("Old password").fill(person.password)
    page.get_by_label("New password", exact=True).fill("12345")
    page.get_by_label("New password confirmation").fill("12345")
    page.get_by_role("button", name="Change the password").click()
    expect(page.locator("#main")).to_contain_text("This password is too short")

    changed = Person(person.email, "a-quite-new-password", person.api)
    page.get_by_label("Old password").fill(person.password)
    page.get_by_label("New password", exact=True).fill(changed.password)
    page.get_by_label("New password confirmation").fill(changed.password)
    page.get_by_role("button", name="Change the password").click()
    expect(page.get_by_text("Your password is changed.")).to_be_visible()

    elsewhere.goto("/documents/")
    expect(elsewhere.get_by_role("button", name="Sign in")).to_be_visible()
    elsewhere.get_by_label("Email").fill(person.email)
    elsewhere.get_by_label("Password").fill(person.password)
    elsewhere.get_by_role("button", name="Sign in").click()
    expect(elsewhere.get_by_role("alert")).to_be_visible()
    sign_in(elsewhere, changed)
    assert person.api.get("auth/me").status_code == 401
