"""One running product and one browser for all these tests; each test gets pages of its own."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from knowledge.tests.browser.chromium import PATIENCE_MS, chromium, find_chromium
from knowledge.tests.browser.product import Person, Product, running_product
from knowledge.tests.browser.steps import sign_in
from knowledge.tests.browser.watch import Watch

OpenPage = Callable[..., Page]
_WIDE = {"width": 1280, "height": 800}
_PAGES = pytest.StashKey[list[Page]]()
_LOG = pytest.StashKey[Callable[[], str]]()


# Of the package, not the session: the tests of others need the processors, and while Playwright
# runs, its thread has a running event loop, in which their asynchronous tests could not run.
@pytest.fixture(scope="package")
def product() -> Iterator[Product]:
    """The whole product, as a user starts it."""
    with running_product() as running:
        yield running


@pytest.fixture(scope="package")
def admin(product: Product) -> Person:
    return product.administrator()


@pytest.fixture
def person(product: Product, admin: Person) -> Person:
    """An ordinary colleague, new for each test."""
    return product.create_person(admin)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    if find_chromium() is None:
        pytest.skip("Chromium is not installed")
    with chromium() as running:
        yield running


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
        context.set_default_timeout(PATIENCE_MS)
        watch.follow(context)
        page = context.new_page()
        pages.append(page)
        if who is not None:
            sign_in(page, who)
        return page

    yield opened
    for page in pages:
        page.context.close()


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
    if _LOG in item.stash and report.when == "call":  # later the product and its log may be gone
        report.sections.append(("log of the product", item.stash[_LOG]()))
