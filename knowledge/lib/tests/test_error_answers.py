"""Every error has one shape for scripts, a page for people and a fragment for htmx."""

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404
from django.test import Client, RequestFactory, override_settings
from django.urls import include, path
from rest_framework.decorators import api_view, permission_classes
from rest_framework.permissions import AllowAny

from knowledge.lib import errors

ERRORS = {
    "invalid": errors.InvalidInput("Wrong."),
    "not_allowed": errors.NotAllowed(),
    "not_found": errors.NotFound(),
    "conflict": errors.Conflict("Not now."),
    "too_large": errors.TooLarge("Too large.", details={"limit": 5}),
    "type": errors.UnsupportedType("Unknown."),
    "long": errors.Unprocessable("Too long."),
    "often": errors.TooManyRequests("Too often.", retry_after_s=7),
    "away": errors.Unavailable("Away."),
    "nobody": errors.NotSignedIn(),
    "django_404": Http404("secret"),
    "django_403": PermissionDenied("secret"),
    "validation": ValidationError({"name": ["Too long."]}),
    "unforeseen": RuntimeError("secret"),
}
STATUS = {
    "invalid": 400,
    "not_allowed": 403,
    "not_found": 404,
    "conflict": 409,
    "too_large": 413,
    "type": 415,
    "long": 422,
    "often": 429,
    "away": 503,
    "nobody": 401,
    "django_404": 404,
    "django_403": 403,
    "validation": 400,
    "unforeseen": 500,
}


def page(request, name: str):
    raise ERRORS[name]


async def async_page(request, name: str):
    raise ERRORS[name]


@api_view(["GET"])
@permission_classes([AllowAny])
def api(request, name: str):
    raise ERRORS[name]


page.login_required = async_page.login_required = False
urlpatterns = [
    path("page/<name>", page),
    path("async/<name>", async_page),
    path("api/page/<name>", page),
    path("api/<name>", api),
    path("", include("knowledge.urls")),
]
handler400 = "knowledge.lib.views.bad_request"
handler403 = "knowledge.lib.views.permission_denied"
handler404 = "knowledge.lib.views.page_not_found"
handler500 = "knowledge.lib.views.server_error"


@pytest.fixture
def client(db: None):
    with override_settings(ROOT_URLCONF=__name__):
        yield Client(raise_request_exception=False)


def assert_shape(response, status: int) -> dict:
    assert response.status_code == status
    assert response.headers["Content-Type"].startswith("application/json")
    body = response.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"code", "message", "details"}
    assert "secret" not in response.content.decode()
    return body["error"]


@pytest.mark.parametrize("name", ERRORS)
def test_the_api_answers_in_one_shape(client: Client, name: str) -> None:
    error = assert_shape(client.get(f"/api/{name}"), STATUS[name])
    assert isinstance(error["message"], str)
    assert error["message"]


@pytest.mark.parametrize("name", [name for name in ERRORS if name != "validation"])
def test_so_does_a_view_below_api_that_is_not_of_the_framework(client: Client, name: str) -> None:
    assert_shape(client.get(f"/api/page/{name}"), STATUS[name])


@pytest.mark.parametrize("prefix", ["page", "async"])
@pytest.mark.parametrize("name", [name for name in ERRORS if name != "validation"])
def test_a_page_answers_with_a_page_or_a_fragment(client: Client, prefix: str, name: str) -> None:
    response = client.get(f"/{prefix}/{name}")
    assert response.status_code == STATUS[name]
    content = response.content.decode()
    assert "<html" in content
    assert "data-error-message" in content
    assert "secret" not in content
    if name != "unforeseen":
        fragment = client.get(f"/{prefix}/{name}", headers={"HX-Request": "true"})
        assert fragment.status_code == STATUS[name]
        assert "<html" not in fragment.content.decode()
        assert "data-error-message" in fragment.content.decode()


def test_details_headers_and_fields_are_kept(client: Client) -> None:
    assert assert_shape(client.get("/api/too_large"), 413)["details"] == {"limit": 5}
    assert client.get("/api/often").headers["Retry-After"] == "7"
    assert client.get("/page/often").headers["Retry-After"] == "7"
    assert client.get("/api/nobody").headers["WWW-Authenticate"].startswith("Bearer")
    error = assert_shape(client.get("/api/validation"), 400)
    assert error["details"] == {"fields": {"name": ["Too long."]}}
    assert error["message"] == "name: Too long."


def test_an_unknown_address_below_api_is_json_and_elsewhere_a_page(client: Client) -> None:
    assert assert_shape(client.get("/api/no/such"), 404)["code"] == "not_found"
    assert "<html" in client.get("/no-such").content.decode()


def test_not_existing_reads_the_same_whoever_says_so(client: Client) -> None:
    for prefix in ("/page", "/async", "/api", "/api/page"):
        ours = client.get(f"{prefix}/not_found")
        djangos = client.get(f"{prefix}/django_404")
        assert without_token(ours) == without_token(djangos)


def without_token(response) -> str:
    token = str((response.context or {}).get("csrf_token", "-"))
    return response.content.decode().replace(token, "")


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code"),
    [
        ("{", "application/json", 400, "parse_error"),
        ("<a/>", "text/xml", 415, "unsupported_media_type"),
    ],
)
def test_what_the_framework_refuses_has_the_shape_too(
    client: Client, body: str, content_type: str, status: int, code: str
) -> None:
    response = client.post("/api/auth/login", body, content_type=content_type)
    assert assert_shape(response, status)["code"] == code
    assert assert_shape(client.get("/api/auth/login"), 405)["code"] == "method_not_allowed"


def test_a_script_that_asks_a_page_for_json_gets_json(client: Client) -> None:
    response = client.get("/page/conflict", headers={"Accept": "application/json"})
    assert assert_shape(response, 409)["message"] == "Not now."


def test_a_request_that_cannot_be_read_is_answered_in_the_same_way(client: Client) -> None:
    with override_settings(ALLOWED_HOSTS=["here.test"]):
        elsewhere = {"Host": "evil.test"}
        assert client.get("/documents/", headers=elsewhere).status_code == 400
        assert_shape(client.get("/api/no", headers=elsewhere), 400)


def test_an_expired_form_is_explained(db: None) -> None:
    response = Client(enforce_csrf_checks=True).post("/login", {})
    assert response.status_code == 403
    assert "data-error-message" in response.content.decode()
    request = RequestFactory().post("/api/x")
    from knowledge.lib.views import csrf_failure

    assert_shape_of_plain(csrf_failure(request))


def assert_shape_of_plain(response) -> None:
    assert response.status_code == 403
    assert b'"code": "permission_denied"' in response.content
