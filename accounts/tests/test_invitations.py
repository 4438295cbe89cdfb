"""An invitation is a link that lets one person in once, and tells nobody more than that."""

import datetime

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from accounts import services
from accounts.models import AuditEvent, Invitation, Team, User
from conftest import PASSWORD

pytestmark = pytest.mark.django_db


@pytest.fixture
def page(page_as, admin: User) -> Client:
    return page_as(admin)


def link_of(response) -> str:
    return response.context["link"].removeprefix("http://testserver")


def accepted(link: str, **given: str):
    body = {"name": "Nia", "password": PASSWORD, "again": PASSWORD, **given}
    client = Client()
    return client, client.post(link, body)


def test_who_is_invited_joins_with_role_and_teams_and_is_signed_in(
    page: Client, team: Team, admin: User
) -> None:
    given = {"email": "Nia@acme.test", "role": "admin", "teams": [str(team.pk)]}
    link = link_of(page.post("/invitations", given))
    shown = Client().get(link)
    assert shown.status_code == 200
    assert "Acme" in shown.content.decode()
    assert shown.headers["Referrer-Policy"] == "no-referrer"
    assert "no-store" in shown.headers["Cache-Control"]
    client, answer = accepted(link)
    assert answer.headers["Location"] == "/chat/"
    user = User.objects.get(email="nia@acme.test")
    assert (user.name, user.role, user.organization) == ("Nia", "admin", admin.organization)
    assert list(user.teams.all()) == [team]
    assert client.get("/documents/").status_code == 200
    acts = list(AuditEvent.objects.of_chain(admin.organization_id).values_list("action", flat=True))
    assert acts == ["invitation.created", "user.created", "invitation.accepted", "user.signed_in"]


def test_the_link_is_kept_nowhere(page: Client, admin: User) -> None:
    answer = page.post("/invitations", {"email": "nia@acme.test", "role": "user"})
    token = link_of(answer).rsplit("/", 1)[1]
    assert token in answer.content.decode()
    assert token not in page.get("/invitations").content.decode()
    assert token not in str(list(Invitation.objects.values()))
    assert token not in str(list(AuditEvent.objects.values()))


@pytest.mark.parametrize("fate", ["unknown", "used", "revoked", "expired", "replaced", "suspended"])
def test_a_link_that_does_not_work_says_the_same_whatever_became_of_it(
    page: Client, admin: User, fate: str
) -> None:
    given = {"email": "nia@acme.test", "role": "user"}
    link = link_of(page.post("/invitations", given))
    invitation = Invitation.objects.get()
    if fate == "unknown":
        link = "/join/never-written"
    elif fate == "used":
        accepted(link)
    elif fate == "revoked":
        assert page.post(f"/invitations/{invitation.pk}/revoke").status_code == 302
        assert page.post(f"/invitations/{invitation.pk}/revoke").status_code == 404
    elif fate == "expired":
        past = timezone.now() - datetime.timedelta(seconds=1)
        Invitation.objects.update(expires_at=past)
    elif fate == "replaced":
        page.post("/invitations", given)
        assert Invitation.objects.open().count() == 1
    else:
        services.suspend_organization(organization=admin.organization)
    people = User.objects.count()
    for answer in (Client().get(link), accepted(link)[1]):
        assert answer.status_code == 404
        assert "This invitation cannot be used (any more)." in answer.content.decode()
    assert User.objects.count() == people


def test_an_address_of_another_organization_is_invited_like_any_other(
    page: Client, outsider: User
) -> None:
    def said(email: str) -> str:
        answer = page.post("/invitations", {"email": email, "role": "user"})
        text = answer.content.decode().replace(link_of(answer), "LINK").replace(email, "EMAIL")
        Invitation.objects.all().delete()
        return text.split("<main")[1].replace(answer.context["csrf_token"].__str__(), "")

    known, unknown = said(outsider.email), said("nobody@rival.test")
    assert without_tokens(known) == without_tokens(unknown)
    link = link_of(page.post("/invitations", {"email": outsider.email, "role": "user"}))
    assert Client().get(link).status_code == 200
    assert accepted(link)[1].status_code == 404
    assert accepted(link, password="short", again="short")[1].status_code == 422
    outsider.refresh_from_db()
    assert outsider.check_password(PASSWORD)


def without_tokens(text: str) -> str:
    import re

    moments = r"\d{1,2} \w+ \d{4}, \d\d:\d\d|\d{4}-\d\d-\d\dT[\d:.+]+"
    return re.sub(rf'value="[A-Za-z0-9]{{64}}"|{moments}|[0-9a-f-]{{36}}', "", text)


def test_a_member_is_not_invited_again(page: Client, owner: User) -> None:
    answer = page.post("/invitations", {"email": owner.email.upper(), "role": "user"})
    assert answer.status_code == 422
    assert "This person is a member already." in answer.content.decode()


def test_a_weak_or_mistyped_password_is_refused_and_the_link_works_on(page: Client) -> None:
    link = link_of(page.post("/invitations", {"email": "nia@acme.test", "role": "user"}))
    assert accepted(link, password="password", again="password")[1].status_code == 422
    assert accepted(link, again="another-horse-battery")[1].status_code == 422
    assert accepted(link)[1].status_code == 302


def test_whoever_is_signed_in_learns_nothing_of_a_link(page: Client, page_as, owner: User) -> None:
    link = link_of(page.post("/invitations", {"email": "nia@acme.test", "role": "user"}))
    client = page_as(owner)
    assert client.get(link).headers["Location"] == client.get("/join/x").headers["Location"]


def test_only_administrators_invite_and_into_their_teams_alone(
    page: Client, page_as, owner: User, other_organization
) -> None:
    assert page_as(owner).get("/invitations").status_code == 403
    assert page_as(owner).post("/invitations", {"email": "a@b.test"}).status_code == 403
    foreign = Team.objects.create(name="Spies", organization=other_organization)
    Team.objects.create(name="Ours", organization=owner.organization)
    given = {"email": "nia@acme.test", "role": "user", "teams": [str(foreign.pk)]}
    assert page.post("/invitations", given).status_code == 422
    assert not Invitation.objects.exists()


def test_the_link_is_mailed_where_a_server_is_configured(page: Client, settings) -> None:
    given = {"email": "nia@acme.test", "role": "user"}
    page.post("/invitations", given)
    assert mail.outbox == []
    settings.EMAIL_HOST = "mail.test"
    answer = page.post("/invitations", given)
    [sent] = mail.outbox
    assert sent.to == ["nia@acme.test"]
    assert link_of(answer) in sent.body
    assert "was mailed" in answer.content.decode()
    settings.EMAIL_BACKEND = "accounts.tests.test_invitations.Broken"
    assert "could not be mailed" in page.post("/invitations", given).content.decode()


class Broken:
    """A mail server that is away."""

    def __init__(self, **options: object) -> None:
        pass

    def send_messages(self, messages: object) -> int:
        raise ConnectionRefusedError


def test_a_script_invites_lists_and_takes_back(as_user, admin: User, team: Team) -> None:
    api = as_user(admin)
    body = {"email": "nia@acme.test", "teams": [str(team.pk)]}
    made = api.post("/api/invitations", body, content_type="application/json")
    assert made.status_code == 201
    told = made.json()
    assert (told["role"], told["teams"], told["mailed"]) == ("user", [str(team.pk)], False)
    [listed] = api.get("/api/invitations").json()["results"]
    assert "link" not in listed
    assert api.delete(f"/api/invitations/{told['id']}").status_code == 204
    assert api.delete(f"/api/invitations/{told['id']}").status_code == 404
    assert Client().get(told["link"]).status_code == 404
    again = api.post("/api/invitations", {"email": admin.email}, content_type="application/json")
    assert again.status_code == 400
