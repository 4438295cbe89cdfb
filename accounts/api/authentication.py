"""Who asks, from a token or a session; also tells the log context, which no middleware could."""

from typing import Any, cast

from drf_spectacular.authentication import SessionScheme as DjangoSessionScheme
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import SessionAuthentication as DjangoSession
from rest_framework.request import Request
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.exceptions import AuthenticationFailed

from accounts.api.tokens import SESSION_VERSION_CLAIM
from accounts.exceptions import OrganizationSuspended
from accounts.models import User
from knowledge.lib import context


class TokenAuthentication(JWTAuthentication):
    """A bearer token of an active user, issued since their password and session version changed."""

    def authenticate(self, request: Request) -> Any:
        found = super().authenticate(request)
        if found is not None:
            context.set_user(found[0])
        return found

    def get_user(self, validated_token: Any) -> Any:
        user = cast("User", super().get_user(validated_token))
        _require_service(user)
        if validated_token.get(SESSION_VERSION_CLAIM) != user.session_version:
            raise AuthenticationFailed("The session has been ended.", code="session_ended")
        return user


class SessionAuthentication(DjangoSession):
    """The session of the pages, for scripts inside them."""

    def authenticate(self, request: Request) -> Any:
        found = super().authenticate(request)
        if found is not None:
            _require_service(found[0])
        return found


def _require_service(user: User) -> None:
    """Refuse who is of an organization that is suspended."""
    if user.is_suspended:
        raise OrganizationSuspended


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Describes the token in the OpenAPI document."""

    target_class = TokenAuthentication
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "The access_token of `POST /api/auth/login`.",
        }


class SessionScheme(DjangoSessionScheme):  # type: ignore[no-untyped-call]
    """Describes the session cookie in the OpenAPI document."""

    target_class = SessionAuthentication  # type: ignore[assignment]
