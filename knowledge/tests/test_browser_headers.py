"""What browsers are told with each kind of answer, in production: these headers and no others."""

import importlib
import io
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.models import User
from documents.models import Document
from documents.services import upload_document
from documents.tests import made_files
from knowledge.settings import base
from knowledge.tests.test_settings import PRODUCTION

pytestmark = pytest.mark.django_db

HOST = PRODUCTION["ALLOWED_HOSTS"]
_ABOUT_THE_CONTENT = {"Content-Type", "Content-Length", "Content-Disposition", "Cache-Control"}
# They say nothing to a browser that could keep it from anything.
_OTHERS = {"X-Request-ID", "Vary", "Expires", "Last-Modified", "ETag", "Allow", "Location"}
PAGE_POLICY = (
    "base-uri 'none'; connect-src 'self'; default-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; img-src 'self' data:; object-src 'none'; script-src 'self'; "
    "style-src 'self'"
)
SANDBOX = "default-src 'none'; sandbox"
EVERYWHERE = {
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains; preload",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": (
        "accelerometer=(), autoplay=(), camera=(), display-capture=(), "
        "encrypted-media=(), geolocation=(), gyroscope=(), hid=(), idle-detection=(), "
        "local-fonts=(), magnetometer=(), microphone=(), midi=(), payment=(), "
        "picture-in-picture=(), publickey-credentials-get=(), screen-wake-lock=(), serial=(), "
        "usb=(), xr-spatial-tracking=()"
    ),
}
FRAMED_NOWHERE = {"X-Frame-Options": "DENY"}
HOSTILE_FILES = {
    "page.html": b"<html><body>Hello. <script>alert(1)</script></body></html>",
    "notes.md": b"# Notes\n\n<script>alert(1)</script>\n",
    "rows.csv": b"a,b\n<script>alert(1)</script>,2\n",
    "page.xhtml": b"<html xmlns='http://www.w3.org/1999/xhtml'><script>alert(1)</script></html>",
    "page.xml": b"<x xmlns:h='http://www.w3.org/1999/xhtml'><h:script>alert(1)</h:script></x>",
}


@pytest.fixture
def production(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that the production settings change, and nothing else."""
    for name, value in PRODUCTION.items():
        monkeypatch.setenv(name, value)
    module = _imported("knowledge.settings.production")
    for name in filter(str.isupper, dir(module)):
        if getattr(module, name) != getattr(base, name, None):
            setattr(settings, name, getattr(module, name))


def _imported(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    finally:
        sys.modules.pop(name, None)


@pytest.fixture
def browser_of(production: None) -> Any:
    def made(user: User | None = None) -> Client:
        client = Client(HTTP_HOST=HOST, HTTP_X_FORWARDED_PROTO="https")
        if user is not None:
            client.force_login(user)
        return client

    return made


@pytest.fixture
def upload(owner: User, production: None, settings: Any, tmp_path: Path) -> Any:
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.PAGE_CACHE_DIR = tmp_path / "page_cache"

    def uploaded(content: bytes, filename: str) -> Document:
        return upload_document(owner=owner, file=io.BytesIO(content), filename=filename)

    return uploaded


def told(answer: Any) -> dict[str, str]:
    """Return the headers that bind the browser; the directives of a policy have no order."""
    binding = {
        name: value
        for name, value in answer.headers.items()
        if name not in _ABOUT_THE_CONTENT | _OTHERS
    }
    policy = binding.get("Content-Security-Policy", "")
    return {**binding, "Content-Security-Policy": "; ".join(sorted(policy.split("; ")))}


def test_a_page_and_a_missing_page(browser_of, owner):
    expected = {**EVERYWHERE, **FRAMED_NOWHERE, "Content-Security-Policy": PAGE_POLICY}
    for address, status in (("/documents/", 200), ("/documents/not-there", 404), ("/chat/", 200)):
        answer = browser_of(owner).get(address)
        assert (answer.status_code, told(answer)) == (status, expected)
    for address in ("/login", "/admin/login/"):
        answer = browser_of().get(address, follow=True)
        assert (answer.status_code, told(answer)) == (200, expected)


def test_an_answer_of_the_api_also_when_it_refuses(browser_of, owner):
    expected = {**EVERYWHERE, **FRAMED_NOWHERE, "Content-Security-Policy": PAGE_POLICY}
    assert told(browser_of(owner).get("/api/documents")) == expected
    refused = browser_of().get("/api/documents")
    assert refused.headers.pop("WWW-Authenticate")
    assert (refused.status_code, told(refused)) == (401, expected)


@pytest.mark.parametrize(
    "path",
    [
        "js/chat.js",
        # A page with a script inside, which comes with the API's documentation.
        "drf_spectacular_sidecar/swagger-ui-dist/oauth2-redirect.html",
        "admin/img/search.svg",
    ],
)
def test_a_static_file(browser_of, path):
    answer = browser_of().get(f"/static/{path}")
    assert answer.status_code == 200
    answer.headers.pop("Access-Control-Allow-Origin", None)
    assert told(answer) == {**EVERYWHERE, "Content-Security-Policy": PAGE_POLICY}


@pytest.mark.parametrize("prefix", ["/documents", "/api/documents"])
@pytest.mark.parametrize("name", HOSTILE_FILES)
def test_a_users_file_is_an_attachment_in_a_sandbox(browser_of, upload, owner, name, prefix):
    document = upload(HOSTILE_FILES[name], name)
    answer = browser_of(owner).get(f"{prefix}/{document.pk}/file")
    assert b"".join(answer.streaming_content) == HOSTILE_FILES[name]
    assert told(answer) == {
        **EVERYWHERE,
        **FRAMED_NOWHERE,
        "Content-Security-Policy": SANDBOX,
    }
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'


@pytest.mark.parametrize("prefix", ["/documents", "/api/documents"])
def test_a_picture_of_a_page_is_webp_in_a_sandbox(browser_of, upload, owner, prefix):
    document = upload(made_files.pdf([made_files.column("Hello")]), "page.pdf")
    document.pages.create(number=1, text="Hello")
    Document.objects.filter(pk=document.pk).update(page_count=1, status="completed")
    answer = browser_of(owner).get(f"{prefix}/{document.pk}/pages/1/image")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/webp")
    assert answer.content[:4] + answer.content[8:12] == b"RIFFWEBP"
    assert told(answer) == {**EVERYWHERE, **FRAMED_NOWHERE, "Content-Security-Policy": SANDBOX}


@pytest.mark.parametrize(
    "address", ["/audit/export?type=csv", "/usage/export", "/unanswered/export"]
)
def test_what_administrators_export_is_an_attachment(browser_of, admin, address):
    answer = browser_of(admin).get(address)
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    assert told(answer) == {
        **EVERYWHERE,
        **FRAMED_NOWHERE,
        "Content-Security-Policy": PAGE_POLICY,
    }


@pytest.mark.parametrize("name", ["picture.svg", "page.mht", "page.shtml", "app.js", "x.swf"])
def test_files_that_are_programs_to_a_browser_are_not_taken(browser_of, owner, name):
    content = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
    client = browser_of(owner)
    sent = SimpleUploadedFile(name, content, content_type="text/html")
    answer = client.post("/api/documents", {"file": sent})
    assert (answer.status_code, answer.json()["error"]["code"]) == (415, "unsupported_type")
    assert not Document.objects.exists()
