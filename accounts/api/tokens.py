"""Issues, rotates and ends the tokens that a script works with."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self, cast

from django.contrib.auth.models import update_last_login
from django.db import transaction
from rest_framework_simplejwt.exceptions import TokenBackendError, TokenError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.state import token_backend
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken
from rest_framework_simplejwt.tokens import RefreshToken as SimpleRefreshToken
from rest_framework_simplejwt.utils import get_md5_hash_password

from accounts.exceptions import OrganizationSuspended
from accounts.models import User
from accounts.services import note_token_refresh, note_token_reuse
from knowledge.lib.errors import NotSignedIn

SESSION_VERSION_CLAIM = "session_version"
_REFUSED = "The refresh token is invalid, expired or used already. Sign in again."


class RefreshToken(SimpleRefreshToken):
    """A refresh token that ends with the user's session version.

    SECURITY: the claim is added after the library has stored its copy, so the copy in the database
    lacks it and is refused: who reads the database cannot sign in with what stands there.
    """

    @classmethod
    def for_user(cls, user: Any) -> Self:
        token = super().for_user(user)
        token[SESSION_VERSION_CLAIM] = user.session_version
        return cast("Self", token)


@dataclass(frozen=True)
class TokenPair:
    """What a login and a refresh answer."""

    access_token: str
    refresh_token: str
    expires_in: int  # seconds, of the access token
    token_type: str = "bearer"  # noqa: S105 - a word of OAuth 2


def issue(user: User) -> TokenPair:
    """Return fresh tokens for a user whose credentials were checked."""
    update_last_login(None, user)  # type: ignore[arg-type]  # the sender is not used
    return _pair(user)


def rotate(raw: str) -> TokenPair:
    """Exchange a refresh token, which is used up by that, for a new pair.

    Raises:
        NotSignedIn: it is not valid, or was used or logged out before.
    """
    with _reuse_noted(raw), transaction.atomic():
        user = _spend(raw)
        pair = _pair(user)
        note_token_refresh(user=user)
        return pair


def revoke(raw: str) -> User:
    """Use up a refresh token for nothing, and return whose it was.

    Raises:
        NotSignedIn: as for `rotate`.
    """
    with _reuse_noted(raw), transaction.atomic():
        return _spend(raw)


@contextlib.contextmanager
def _reuse_noted(raw: str) -> Iterator[None]:
    """Record, outside of the transaction that fails, that a used token was shown once more."""
    try:
        yield
    except NotSignedIn:
        user = _owner_of_used(raw)
        if user is not None:
            note_token_reuse(user=user)
        raise


def _owner_of_used(raw: str) -> User | None:
    """Return whose token it is, if it is a real one that was used before."""
    try:
        payload = cast("Any", token_backend).decode(raw, verify=True)
    except TokenBackendError:
        return None
    used = BlacklistedToken.objects.filter(token__jti=payload.get(api_settings.JTI_CLAIM, ""))
    if not used.exists():
        return None
    return User.objects.filter(pk=payload.get(api_settings.USER_ID_CLAIM, "")).first()


def _spend(raw: str) -> User:
    try:
        token = RefreshToken(raw)  # type: ignore[arg-type]  # the library takes the encoded text
    except TokenError:
        raise _refused() from None
    user = User.objects.filter(pk=token.payload.get(api_settings.USER_ID_CLAIM, "")).first()
    if user is None or not user.is_active or not _is_current(token, user):
        raise _refused()
    if user.is_suspended:
        raise OrganizationSuspended
    # Of two requests that show the same token at once, one row is the winner's.
    _, is_first = cast("tuple[Any, bool]", token.blacklist())  # it answers as get_or_create does
    if not is_first:
        raise _refused()
    return user


def _is_current(token: RefreshToken, user: User) -> bool:
    """SECURITY: the library compares the password in access tokens only."""
    claims = token.payload
    return bool(
        claims.get(api_settings.REVOKE_TOKEN_CLAIM) == get_md5_hash_password(user.password)
        and claims.get(SESSION_VERSION_CLAIM) == user.session_version
    )


def _pair(user: User) -> TokenPair:
    refresh = RefreshToken.for_user(user)
    lifetime = api_settings.ACCESS_TOKEN_LIFETIME
    return TokenPair(
        access_token=str(refresh.access_token),
        refresh_token=str(refresh),
        expires_in=int(lifetime.total_seconds()),
    )


def _refused() -> NotSignedIn:
    return NotSignedIn(_REFUSED, code="token_not_valid")
