"""One running product and one browser for all these tests; each test gets pages of its own."""

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from knowledge.tests.browser.product import Person, Product, remove_folder, temporary_folder
from knowledge.tests.browser.watch import Watch

OpenPage = Callable[..., Page]
_CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
_PATIENCE_MS = 20_000  # of a busy machine
_WIDE = {"width": 1280, "height": 800}
_PAGES = pytest.StashKey[list[Page]]()
_LOG = pytest.StashKey[Callable[[], str]]()


@pytest.fixture(scope="session")
def product() -> Iterator[Product]:
    """The whole product: web server, worker, sample handbook; gone without a trace afterwards."""
    folder = temporary_folder()
    running = Product(folder)
    try:
        running.start()
        running.wait_for_samples(running.administrator())
        yield running
    finally:
        try:
            running.stop()
        finally:
            remove_folder(folder)


@pytest.fixture(scope="session")
def admin(product: Product) -> Person:
    return product.administrator()


@pytest.fixture
def person(product: Product, admin: Person) -> Person:
    """An ordinary colleague, new for each test."""
    return product.create_person(admin)


# Of the package, not the session: while Playwright runs, its thread has a running event loop, in
# which the asynchronous tests of other packages could not run.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, _CHROMIUM)), None)
    if path is None:
        pytest.skip("Chromium is not installed")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        expect.set_options(timeout=_PATIENCE_MS)
        yield chromium
        chromium.close()


@pytest.fixture(autouse=True)
def quiet_log(request: pytest.FixtureRequest, product: Product) -> Iterator[None]:
    """Fails a test during which the product logged an error, whatever was shown."""
    began = product.log.stat().st_size
    request.node.stash[_LOG] = lambda: product.log_since(began)
    yield
    assert product.errors_since(began) == []


@pytest.fixture
def watch(product: Product) -> Iterator[Watch]:
    """Fails a test whose pages asked another origin, broke, or had something blocked."""
    watching = Watch(product.url)
    yield watching
    assert watching.problems == []


@pytest.fixture
def open_page(
    request: pytest.FixtureRequest, browser: Browser, product: Product, watch: Watch
) -> Iterator[OpenPage]:
    """Return a function that opens a browser, signed in as a person or as nobody."""
    pages: list[Page] = request.node.stash.setdefault(_PAGES, [])

    def opened(who: Person | None = None, *, url: str = product.url, **options: Any) -> Page:
        context = browser.new_context(**{"viewport": _WIDE, "base_url": url, **options})
        context.set_default_timeout(_PATIENCE_MS)
        watch.follow(context)
        page = context.new_page()
        pages.append(page)
        if who is not None:
            sign_in(page, who)
        return page

    yield opened
    for page in pages:
        page.context.close()


def sign_in(page: Page, person: Person) -> None:
    """Fill in the login page, and wait for the chat."""
    page.goto("/login")
    page.get_by_label("Email").fill(person.email)
    page.get_by_label("Password").fill(person.password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/chat/")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: Any) -> Iterator[None]:
    """Show, with a test that failed, what its pages show and what the product logged."""
    outcome: Any = yield
    report = outcome.get_result()
    if not report.failed:
        return
    for page in item.stash.get(_PAGES, []):
        if not page.is_closed():
            report.sections.append((f"page {page.url}", page.locator("body").aria_snapshot()))
    if _LOG in item.stash:
        report.sections.append(("log of the product", item.stash[_LOG]()))
