"""Nobody of a suspended organization gets in by any door; afterwards all is as it was."""

import io

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from accounts import services
from accounts.models import AuditEvent, Organization, Team, User
from conftest import PASSWORD
from documents.leases import claim
from documents.models import Document
from knowledge.lib.errors import Conflict, NotAllowed
from rag.tests.library import published, uploaded

pytestmark = pytest.mark.django_db

SENTENCE = "Your organization is suspended."


@pytest.fixture
def operator(db: None) -> User:
    return User.objects.create_superuser("root@platform.test", PASSWORD)


@pytest.fixture
def suspended(organization: Organization, owner: User, admin: User) -> Organization:
    return services.suspend_organization(organization=organization)


def sign_in(user: User, password: str = PASSWORD):
    return Client().post("/login", {"email": user.email, "password": password})


def test_sign_in_is_refused_with_the_reason_to_who_has_the_password_alone(
    suspended, owner: User
) -> None:
    page = sign_in(owner)
    assert page.status_code == 422
    assert SENTENCE in page.content.decode()
    wrong = sign_in(owner, "wrong").content.decode()
    assert "The email or the password is wrong." in wrong
    assert SENTENCE not in wrong
    api = Client().post("/api/auth/login", {"username": owner.email, "password": PASSWORD})
    assert (api.status_code, api.json()["error"]["code"]) == (403, "organization_suspended")
    assert AuditEvent.objects.filter(action="user.signed_in").count() == 0


def test_sessions_and_tokens_rest_and_work_again(
    page_as, sign_in_api, organization, owner: User, admin: User
) -> None:
    page, tokens = page_as(owner), sign_in_api(owner)
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    refresh = {"refresh_token": tokens["refresh_token"]}
    services.suspend_organization(organization=organization)
    for address in ("/documents/", "/chat/", "/profile", "/admin/"):
        answer = page.get(address)
        assert answer.status_code == 403, address
        assert SENTENCE in answer.content.decode()
    for client in (page, Client(headers=bearer)):
        answer = client.get("/api/documents")
        assert (answer.status_code, answer.json()["error"]["code"]) == (
            403,
            "organization_suspended",
        )
    assert Client().post("/api/auth/refresh", refresh).status_code == 403
    services.reinstate_organization(organization=organization)
    assert page.get("/documents/").status_code == 200
    assert Client(headers=bearer).get("/api/documents").status_code == 200
    assert Client().post("/api/auth/refresh", refresh).status_code == 200


@pytest.fixture
def sign_in_api():
    def tokens(user: User):
        given = {"username": user.email, "password": PASSWORD}
        return Client().post("/api/auth/login", given).json()

    return tokens


def test_one_can_still_sign_out(page_as, organization, owner: User) -> None:
    page = page_as(owner)
    services.suspend_organization(organization=organization)
    assert page.post("/logout").headers["Location"] == "/login"


def test_nothing_is_seen_by_a_person_whose_organization_was_suspended_meanwhile(
    organization, owner: User
) -> None:
    published(owner, "Some text.", visibility="organization")
    assert Document.objects.visible_to(owner).exists()
    reader = User.objects.select_related("organization").get(pk=owner.pk)
    services.suspend_organization(organization=organization)
    assert not reader.is_suspended  # as a stream that is under way knows it
    assert not Document.objects.visible_to(reader).exists()


def test_its_documents_wait_and_others_do_not(organization, owner: User, outsider: User) -> None:
    waiting, other = uploaded(owner), uploaded(outsider)
    services.suspend_organization(organization=organization)
    assert [lease.document_id for lease in claim(limit=9)] == [other.pk]
    services.reinstate_organization(organization=organization)
    assert [lease.document_id for lease in claim(limit=9)] == [waiting.pk]


def test_only_an_operator_may_and_never_shuts_operators_out(
    organization, admin: User, operator: User, owner: User
) -> None:
    for act in (
        services.suspend_organization,
        services.reinstate_organization,
        services.request_removal,
    ):
        with pytest.raises(NotAllowed):
            act(organization=organization, actor=admin)
    with pytest.raises(NotAllowed):
        services.rename_organization(organization=organization, actor=admin, name="New")
    services.set_superuser(user=owner, actor=operator, is_superuser=True)
    with pytest.raises(Conflict):
        services.suspend_organization(organization=organization, actor=operator)
    services.set_superuser(user=owner, actor=operator, is_superuser=False)
    services.suspend_organization(organization=organization, actor=operator)
    with pytest.raises(Conflict):
        services.set_superuser(user=owner, actor=operator, is_superuser=True)


def test_the_operator_does_it_all_in_django_admin(page_as, operator: User, organization) -> None:
    page = page_as(operator)
    given = {"name": "New", "admin_email": "a@new.test", "admin_password": "correct-horse-9"}
    assert page.post("/admin/accounts/organization/add/", given).status_code == 302
    made = Organization.objects.get(name="New")
    assert made.users.get().role == "admin"
    change = f"/admin/accounts/organization/{made.pk}/change/"
    assert page.post(change, {"name": "acme"}).status_code == 200  # taken
    assert page.post(change, {"name": "Newer"}).status_code == 302
    chosen = {"_selected_action": [str(made.pk)]}
    page.post("/admin/accounts/organization/", {**chosen, "action": "suspend"})
    made.refresh_from_db()
    assert (made.name, made.is_suspended) == ("Newer", True)
    page.post("/admin/accounts/organization/", {**chosen, "action": "reinstate"})
    asked = page.post(
        f"/admin/accounts/organization/{made.pk}/delete/", {"post": "yes"}, follow=True
    )
    assert "A worker deletes it now" in asked.content.decode()
    made.refresh_from_db()
    assert made.is_suspended
    assert made.removal_requested_at is not None
    acts = AuditEvent.objects.of_chain(made.pk).exclude(action="user.created")
    assert list(acts.values_list("action", flat=True)) == [
        "organization.created",
        "organization.renamed",
        "organization.suspended",
        "organization.reinstated",
        "organization.removal_requested",
    ]
    assert set(acts.values_list("actor", flat=True)) == {operator.pk}
    with pytest.raises(Conflict):
        services.reinstate_organization(organization=made, actor=operator)


def test_an_organizations_admin_sees_theirs_and_changes_nothing(
    page_as, organization, admin: User
) -> None:
    page = page_as(admin)
    address = f"/admin/accounts/organization/{organization.pk}/change/"
    assert page.get(address).status_code == 200
    assert page.post(address, {"name": "Mine"}).status_code == 403
    assert page.get("/admin/accounts/organization/add/").status_code == 403


def test_the_commands(organization, owner: User) -> None:
    said = io.StringIO()
    call_command("suspend_organization", "Acme", stdout=said)
    assert "Acme is suspended." in said.getvalue()
    call_command("suspend_organization", "acme", "--lift", stdout=said)
    assert "Acme is in service again." in said.getvalue()
    call_command("rename_organization", "Acme", "Acme Ltd", stdout=said)
    assert Organization.objects.get().name == "Acme Ltd"
    for name in ("Nobody", "platform"):
        with pytest.raises(CommandError):
            call_command("suspend_organization", name)


def test_teams_and_people_of_a_suspended_organization_are_seen_by_none(
    suspended, admin: User, team: Team
) -> None:
    again = User.objects.get(pk=admin.pk)
    assert not User.objects.visible_to(again).exists()
    assert not Team.objects.visible_to(again).exists()
    assert not AuditEvent.objects.visible_to(again).exists()
