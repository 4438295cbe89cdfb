"""The cast that every test can call on: two organizations and the people in them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from accounts.models import Membership, Organization, Team, User

PASSWORD = "correct-horse-battery"


@contextmanager
def without_triggers() -> Iterator[None]:
    """Let happen what the database refuses: its owner can take the triggers away."""
    with connection.cursor() as cursor:
        if connection.vendor != "sqlite":
            cursor.execute("SET session_replication_role = replica")
            yield
            cursor.execute("SET session_replication_role = DEFAULT")
            return
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        triggers = cursor.fetchall()
        for name, _ in triggers:
            cursor.execute(f'DROP TRIGGER "{name}"')
        yield
        for _, statement in triggers:
            cursor.execute(statement)


@pytest.fixture(scope="session", autouse=True)
def _flush_in_spite_of_triggers() -> None:
    """Let tests with transactions empty the audit trail, which the database refuses."""
    operations: Any = type(connection.ops)
    flush = operations.execute_sql_flush

    def execute_sql_flush(self: Any, statements: Sequence[str]) -> None:
        with without_triggers():
            flush(self, statements)

    operations.execute_sql_flush = execute_sql_flush


@pytest.fixture
def organization(db: None) -> Organization:
    return Organization.objects.create(name="Acme")


@pytest.fixture
def other_organization(db: None) -> Organization:
    return Organization.objects.create(name="Rival")


@pytest.fixture
def admin(organization: Organization) -> User:
    return User.objects.create_user(
        "admin@acme.test", PASSWORD, organization=organization, role="admin"
    )


@pytest.fixture
def owner(organization: Organization) -> User:
    return User.objects.create_user("owner@acme.test", PASSWORD, organization=organization)


@pytest.fixture
def colleague(organization: Organization) -> User:
    return User.objects.create_user("colleague@acme.test", PASSWORD, organization=organization)


@pytest.fixture
def teammate(organization: Organization, team: Team) -> User:
    user = User.objects.create_user("teammate@acme.test", PASSWORD, organization=organization)
    Membership.objects.create(team=team, user=user)
    return user


@pytest.fixture
def team(organization: Organization) -> Team:
    return Team.objects.create(name="Finance", organization=organization)


@pytest.fixture
def outsider(other_organization: Organization) -> User:
    return User.objects.create_user(
        "outsider@rival.test", PASSWORD, organization=other_organization
    )


@pytest.fixture
def outside_admin(other_organization: Organization) -> User:
    return User.objects.create_user(
        "admin@rival.test", PASSWORD, organization=other_organization, role="admin"
    )


@pytest.fixture
def page_as() -> Callable[[User], Client]:
    def client(user: User) -> Client:
        made = Client()
        made.force_login(user)
        return made

    return client
