"""An organization begins with one admin, from the command line."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.models import AuditEvent, Organization, User
from conftest import PASSWORD


def run(*args: str) -> str:
    out = StringIO()
    call_command("create_organization", *args, stdout=out)
    return out.getvalue()


def test_it_creates_the_organization_and_its_admin(db: None) -> None:
    run("Acme", "--admin-email", "Boss@Acme.test", "--admin-password", PASSWORD)
    user = User.objects.get()
    assert (user.email, user.role, user.organization.name) == ("boss@acme.test", "admin", "Acme")
    assert not user.is_superuser
    assert Client().login(username="boss@acme.test", password=PASSWORD)
    assert [event.action for event in AuditEvent.objects.order_by("id")] == [
        "organization.created",
        "user.created",
    ]


def test_a_generated_password_is_printed_and_a_given_one_is_not(db: None) -> None:
    printed = run("Acme", "--admin-email", "boss@acme.test")
    password = printed.split("Password (shown once): ")[1].strip()
    assert Client().login(username="boss@acme.test", password=password)
    printed = run("Rival", "--admin-email", "boss@rival.test", "--admin-password", PASSWORD)
    assert PASSWORD not in printed
    assert "Password" not in printed


def test_superuser_is_said_on_purpose(db: None) -> None:
    run("Acme", "--admin-email", "boss@acme.test", "--superuser")
    assert User.objects.get().is_superuser


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (("ACME", "--admin-email", "new@acme.test"), "organization of this name exists"),
        (("New", "--admin-email", "BOSS@acme.test"), "user with this email exists"),
        (("New", "--admin-email", "nonsense"), "valid email"),
        (("New", "--admin-email", "a@b.test", "--admin-password", "short"), "too short"),
        ((" ", "--admin-email", "a@b.test"), "blank"),
    ],
)
def test_a_refusal_is_one_sentence_and_changes_nothing(
    db: None, args: tuple[str, ...], sentence: str
) -> None:
    run("Acme", "--admin-email", "boss@acme.test")
    with pytest.raises(CommandError, match=sentence):
        run(*args)
    assert Organization.objects.count() == User.objects.count() == 1
