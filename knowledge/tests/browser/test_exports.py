"""What an administrator saves from the pages: the trail, usage and unanswered questions."""

import csv
import json
from pathlib import Path

import pytest
from playwright.sync_api import Page

from knowledge.tests.browser.conftest import OpenPage
from knowledge.tests.browser.product import Person
from knowledge.tests.browser.steps import ask

pytestmark = pytest.mark.browser

UNKNOWN = "Who painted the ceiling of the Sistine Chapel?"


def saved(page: Page, link: str) -> str:
    with page.expect_download() as download:
        page.get_by_role("link", name=link, exact=True).click()
    return Path(download.value.path()).read_text(encoding="utf-8-sig")


def test_the_exports_of_the_pages_are_saved_as_files(open_page: OpenPage, admin: Person) -> None:
    page = open_page(admin)
    ask(page, UNKNOWN)

    page.goto("/audit/")
    rows = list(csv.DictReader(saved(page, "CSV").splitlines()))
    lines = [json.loads(line) for line in saved(page, "JSON Lines").splitlines()]
    assert any("chat.answered" in row.values() for row in rows)
    assert len(lines) >= len(rows)  # the export is in the trail itself

    page.goto("/usage/")
    assert len(saved(page, "CSV").splitlines()) > 1

    page.goto("/unanswered/")
    assert UNKNOWN in saved(page, "Export CSV")
