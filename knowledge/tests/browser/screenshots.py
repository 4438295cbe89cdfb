"""Takes the README's screenshots of a running product: `make screenshots`."""

import sys
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from knowledge.tests.browser.chromium import chromium
from knowledge.tests.browser.product import Person, Product, running_product
from knowledge.tests.browser.steps import ask, sign_in

QUESTION = "How many days may I work from another country?"
_WIDE = {"width": 1280, "height": 800}


def take(browser: Browser, product: Product, person: Person, folder: Path) -> list[Path]:
    """Write `chat.png`, `documents.png` and `passage.png` into the folder."""
    context = browser.new_context(base_url=product.url, viewport=_WIDE, color_scheme="light")
    try:
        page = context.new_page()
        sign_in(page, person)
        ask(page, QUESTION)
        taken = [_shot(page, folder / "chat.png")]
        page.locator(".answer .citation").first.click()
        expect(page.locator("mark#passage")).to_be_in_viewport()
        taken.append(_shot(page, folder / "passage.png"))
        page.goto("/documents/")
        expect(page.locator("tbody tr").first).to_be_visible()
        taken.append(_shot(page, folder / "documents.png"))
    finally:
        context.close()
    return taken


def _shot(page: Page, path: Path) -> Path:
    page.mouse.move(0, 0)
    page.screenshot(path=path, animations="disabled", caret="hide")
    return path


def main(folder: Path) -> None:
    with running_product() as product, chromium() as browser:
        take(browser, product, product.administrator(), folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
