"""Whatever people, files and models write is text on every page: none of it runs or leaves."""

import html
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import Page, Response, expect

from knowledge.tests.browser.conftest import OpenPage
from knowledge.tests.browser.hostile_texts import ALL, LONG, NAMES
from knowledge.tests.browser.product import Person, Product
from knowledge.tests.browser.steps import ask
from knowledge.tests.browser.watch import Watch
from rag.tests.model_server import ModelServer, answering

pytestmark = pytest.mark.browser

QUESTION = "Where does the kestrel of the tower nest?"
FACT = "The kestrel of the tower nests above the bell."
# What no template of ours has, and every payload would need to run or to send something.
_FOREIGN = """() => {
  const found = [];
  const leads = /^(href|src|action|formaction|data|srcset|xlink:href)$/i;
  for (const element of document.querySelectorAll("*")) {
    for (const { name, value } of element.attributes) {
      if (/^(on|hx-on)/i.test(name)) found.push(`${element.tagName} ${name}`);
      if (!leads.test(name) || element.tagName === "use") continue;
      const address = new URL(value, location.origin);
      if (address.origin !== location.origin) found.push(`${element.tagName} ${name}=${value}`);
    }
  }
  const foreign = "iframe, object, embed, base, body style, video, math, body meta, body link";
  for (const element of document.querySelectorAll(`${foreign}, script:not([src])`))
    if (!/json/.test(element.type ?? "")) found.push(element.outerHTML.slice(0, 120));
  if (window.canary !== undefined) found.push(`canary ${window.canary}`);
  return found;
}"""


@pytest.fixture(scope="module")
def model_server() -> Iterator[ModelServer]:
    with ModelServer() as server:
        yield server


@pytest.fixture(scope="module")
def product(model_server: ModelServer) -> Iterator[Product]:
    """A product of its own, since even the organization has a hostile name."""
    folder = Path(tempfile.mkdtemp(prefix="knowledge-browser-"))
    settings = {
        "EMBEDDING_MODEL": "fake",
        "SAMPLE": "0",
        "ORGANIZATION_NAME": NAMES[1],
        "LLM_BASE_URL": model_server.url,
        "LLM_MODEL": "scripted",
        "LLM_MAX_RETRIES": "0",
    }
    running = Product(folder, settings=settings)
    try:
        running.start()
        yield running
    finally:
        try:
            running.stop()
        finally:
            shutil.rmtree(folder)


@pytest.fixture(scope="module")
def admin(product: Product) -> Person:
    return product.administrator()


def documents_of(product: Product, person: Person) -> dict[str, str]:
    """Upload a file of each kind full of payloads, and one with each payload for its names."""
    everything = "\n\n".join([FACT, *ALL])
    texts = {
        "all.txt": everything,
        "all.md": f"{everything}\n\nThe end.",
        "all.html": f"<title>{LONG[0]}</title><p>{FACT}</p>{everything}<p>{html.escape(NAMES[0])}",
        "all.csv": "\n".join(
            ["name,text", *(f'"{x.replace(chr(34), chr(34) * 2)}",1' for x in ALL)]
        ),
    }
    named = {f"{name}.txt": f"Number {n}." for n, name in enumerate(NAMES)}
    files = {name: text.encode() for name, text in {**texts, **named}.items()}
    ids = {}
    for name, content in files.items():
        labels = {"collection": name.removesuffix(".txt"), "tags": [name.removesuffix(".txt")]}
        sent = {"file": (name, content)}
        given = {"visibility": "organization", **labels}
        answer = person.api.post("documents", files=sent, data=given)
        assert answer.status_code == 201, answer.text
        ids[name] = answer.json()["id"]
        changed = person.api.patch(f"documents/{ids[name]}", json={"description": f"{name} {LONG}"})
        assert changed.status_code == 200, changed.text
    product.wait_until_completed(person, list(ids.values()))
    return ids


def post(page: Page, path: str, **form: str) -> None:
    cookies = {cookie["name"]: cookie["value"] for cookie in page.context.cookies()}
    given = {**form, "csrfmiddlewaretoken": cookies["csrftoken"]}
    answer = page.request.post(path, form=given, headers={"Referer": page.url})
    assert answer.status == 200, (path, answer.status)


class Visitor:
    """Opens pages, and says what of them is more than text."""

    def __init__(self, page: Page, watch: Watch) -> None:
        self.page, self.found, self.visited = page, list[str](), 0
        page.on(
            "dialog",
            lambda dialog: (self.found.append(f"dialog {dialog.message}"), dialog.dismiss()),
        )
        watch.expect(400, 403, 404, 422)

    def open(self, address: str, *, shows: str = "") -> Response | None:
        """Open the page; `shows` has to stand there as it is."""
        answer = self.page.goto(address, wait_until="load")
        self.look(address)
        if shows:
            assert shows in self.text(), address
        return answer

    def text(self) -> str:
        return str(self.page.evaluate("() => document.body.textContent"))

    def look(self, address: str) -> None:
        self.visited += 1
        self.found += [f"{address}: {what}" for what in self.page.evaluate(_FOREIGN)]

    def links(self, selector: str) -> list[str]:
        return list(
            dict.fromkeys(
                urlsplit(a.evaluate("a => a.href")).path for a in self.page.locator(selector).all()
            )
        )


def test_nothing_that_is_written_runs_or_leaves(
    open_page: OpenPage,
    product: Product,
    admin: Person,
    model_server: ModelServer,
    watch: Watch,
) -> None:
    page = open_page(admin)
    visitor = Visitor(page, watch)
    ids = documents_of(product, admin)
    for n, name in enumerate(NAMES):
        post(page, "/teams", name=name)
        given = {"email": f"p{n}@example.com", "name": name, "password": "correct-horse-battery"}
        assert admin.api.post("users", json=given).status_code == 201

    # An answer in Markdown, as it grows and as it stays.
    model_server.scripts += [answering(*(f"{text} [1]\n\n" for text in ALL))] * 2
    answer = ask(page, QUESTION)
    expect(answer.locator(".answer-text")).to_be_visible()
    visitor.look("the answer")
    assert NAMES[18] in answer.locator(".answer-text").inner_text()
    assert model_server.requests
    conversation = urlsplit(page.url).path
    message = page.locator(".answer").get_attribute("id").removeprefix("message-")
    key = conversation.strip("/").split("/")[-1]
    assert admin.api.patch(f"conversations/{key}", json={"title": LONG[0]}).status_code == 200
    comment = {"rating": "down", "comment": "".join(LONG)[:900]}
    assert admin.api.post(f"messages/{message}/feedback", json=comment).status_code == 200
    post(page, "/unanswered/settings/", mode="with_names", minimum_askers="1")

    visitor.open(conversation, shows=LONG[0])
    visitor.open("/documents/", shows=NAMES[-1])
    visitor.open("/documents/?page=2", shows=NAMES[0])
    for name in list(ids)[::5]:
        visitor.open(f"/documents/{ids[name]}", shows=name)
    for name in ("all.txt", "all.md", "all.html", "all.csv"):
        for part in ("/pages/1", "/passages", "/readers", "/delete"):
            visitor.open(f"/documents/{ids[name]}{part}")
    visitor.open(f"/documents/{ids['all.txt']}/pages/1", shows=NAMES[0])
    visitor.open("/members", shows=NAMES[0])
    visitor.open("/teams", shows=NAMES[0])
    visitor.open("/audit/", shows=NAMES[-1])
    for address in ("/usage/", "/usage/budgets/", "/unanswered/", "/invitations", "/profile"):
        visitor.open(address)
    for address in ("/documents/upload", "/chat/", "/documents/status"):
        visitor.open(address)

    # What comes back from the address itself, error pages included.
    for text in (*LONG[::2], *NAMES[8:11]):
        said = quote(text, safe="")
        for address in (f"/documents/?search={said}&tag={said}&collection={said}", f"/{said}"):
            visitor.open(address)
    for address in ("/audit/?actor={}", "/usage/?start={}", "/admin/documents/document/?q={}"):
        visitor.open(address.format(quote(LONG[0], safe="")))

    # Django admin: each list, and the first row of it with its history.
    visitor.open("/admin/")
    for changelist in visitor.links("#content-main th a"):
        visitor.open(changelist)
        for row in visitor.links("#result_list tbody tr:first-child a")[:1]:
            visitor.open(row)
            visitor.open(row.replace("/change/", "/history/"))
    visitor.open("/admin/accounts/team/", shows=NAMES[0])
    visitor.open("/admin/accounts/organization/", shows=NAMES[1])

    assert visitor.found == []
    assert visitor.visited > 80
