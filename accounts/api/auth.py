"""Signing in and out of the API."""

from typing import Any

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import services
from accounts.api import tokens
from accounts.api.permissions import caller_of
from accounts.api.serializers import (
    LoginSerializer,
    RefreshTokenSerializer,
    TokenPairSerializer,
    UserSerializer,
)
from knowledge.lib import context
from knowledge.lib.errors import NotSignedIn


class PublicView(APIView):
    """A view for who has no valid access token (any more): none is looked at."""

    authentication_classes: list[Any] = []
    permission_classes = [AllowAny]


class LoginView(PublicView):
    """Email and password for tokens."""

    @extend_schema(
        operation_id="auth_login",
        tags=["Auth"],
        summary="Sign in",
        request={
            "application/json": LoginSerializer,
            "application/x-www-form-urlencoded": LoginSerializer,
        },
        responses={200: TokenPairSerializer},
        auth=[],
    )
    def post(self, request: Request) -> Response:
        """Exchange an email and a password, as JSON or as a form, for an access token."""
        data = _valid(LoginSerializer(data=request.data))
        user = services.check_credentials(email=data["username"], password=data["password"])
        if user is None:
            raise NotSignedIn("The email or the password is wrong.", code="invalid_credentials")
        context.set_user(user)
        return Response(TokenPairSerializer(tokens.issue(user)).data)


class RefreshView(PublicView):
    """A refresh token for the next pair."""

    @extend_schema(
        operation_id="auth_refresh",
        tags=["Auth"],
        summary="Renew the tokens",
        request=RefreshTokenSerializer,
        responses={200: TokenPairSerializer},
        auth=[],
    )
    def post(self, request: Request) -> Response:
        """Exchange a refresh token for new tokens; it cannot be used a second time."""
        data = _valid(RefreshTokenSerializer(data=request.data))
        return Response(TokenPairSerializer(tokens.rotate(data["refresh_token"])).data)


class LogoutView(PublicView):
    """The end of a refresh token."""

    @extend_schema(
        operation_id="auth_logout",
        tags=["Auth"],
        summary="Sign out",
        request=RefreshTokenSerializer,
        responses={204: OpenApiResponse(description="The refresh token is refused from now on.")},
        auth=[],
    )
    def post(self, request: Request) -> Response:
        """End a refresh token. Its access token ends by itself, within minutes."""
        data = _valid(RefreshTokenSerializer(data=request.data))
        user = tokens.revoke(data["refresh_token"])
        context.set_user(user)
        services.note_sign_out(user=user)
        return Response(status=204)


class MeView(APIView):
    """Oneself."""

    @extend_schema(
        operation_id="auth_me",
        tags=["Auth"],
        summary="Who am I",
        responses={200: UserSerializer},
    )
    def get(self, request: Request) -> Response:
        """Return the person that the token or session belongs to."""
        return Response(UserSerializer(caller_of(request)).data)


def _valid(serializer: Any) -> dict[str, Any]:
    serializer.is_valid(raise_exception=True)
    data: dict[str, Any] = serializer.validated_data
    return data
