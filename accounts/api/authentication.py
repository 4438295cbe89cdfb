"""Who asks, from an access token; also tells the log context, which no middleware could."""

from typing import Any, cast

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.request import Request
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.exceptions import AuthenticationFailed

from accounts.api.tokens import SESSION_VERSION_CLAIM
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
        if validated_token.get(SESSION_VERSION_CLAIM) != user.session_version:
            raise AuthenticationFailed("The session has been ended.", code="session_ended")
        return user


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
