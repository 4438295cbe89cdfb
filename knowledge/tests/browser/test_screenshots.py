"""The README's screenshots can be taken again at any time."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from knowledge.tests.browser import screenshots
from knowledge.tests.browser.product import ROOT, Person, Product

pytestmark = pytest.mark.browser


def test_every_picture_of_the_readme_is_taken(
    browser: Browser, product: Product, person: Person, tmp_path: Path
) -> None:
    taken = screenshots.take(browser, product, person, tmp_path)
    assert {path.name for path in taken} == {"chat.png", "documents.png", "passage.png"}
    readme = (ROOT / "README.md").read_text()
    for path in taken:
        assert path.read_bytes().startswith(b"\x89PNG")
        assert f"docs/images/{path.name}" in readme
