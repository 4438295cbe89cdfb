"""A script's view of the API."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from conftest import PASSWORD

Tokens = dict[str, Any]


@pytest.fixture
def sign_in(db: None) -> Callable[..., Tokens]:
    """Return a function that signs a user in over the API and returns the answer."""

    def answer(user: User, password: str = PASSWORD) -> Tokens:
        response = Client().post(
            "/api/auth/login",
            {"username": user.email, "password": password},
            content_type="application/json",
        )
        assert response.status_code == 200, response.content
        return response.json()

    return answer


@pytest.fixture
def as_user(sign_in: Callable[..., Tokens]) -> Callable[[User], Client]:
    """Return a function that makes a client with the user's access token and no cookies."""

    def client(user: User) -> Client:
        token = sign_in(user)["access_token"]
        return Client(headers={"Authorization": f"Bearer {token}"})

    return client
