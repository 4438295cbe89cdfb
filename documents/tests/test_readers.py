"""Who can see a document, and why: told to who may share it, and never beyond the organization."""

import pytest

from accounts import services
from accounts.models import Membership, Team, User
from documents import readers as module
from documents.models import Document
from documents.readers import explain, readers_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def shared(upload, owner: User, team: Team, teammate: User) -> Document:
    Membership.objects.create(team=team, user=owner)
    return upload(visibility="teams", teams=[team])


def test_each_reader_is_listed_with_their_reasons(
    shared, page_as, owner, colleague, teammate, admin, outsider
) -> None:
    listed = page_as(owner).get(f"/documents/{shared.pk}/readers").context["readers"]
    assert {
        reader.person.email: [reason.name for reason in reader.holding] for reader in listed.people
    } == {
        owner.email: ["owner", "team"],
        teammate.email: ["team"],
        admin.email: ["administrator"],
    }
    assert "Finance" in page_as(owner).get(f"/documents/{shared.pk}/readers").content.decode()


def test_an_administrator_asks_about_one_person_and_no_stranger(
    shared, page_as, api_as, owner, colleague, admin, outsider
) -> None:
    def asked(client, prefix: str, email: str):
        return client.get(f"{prefix}/{shared.pk}/readers?person={email}")

    page = asked(page_as(admin), "/documents", colleague.email)
    assert page.context["explanation"].person == colleague
    assert "cannot see it" in page.content.decode()
    [told] = asked(api_as(admin), "/api/documents", colleague.email).json()["people"]
    assert told["can_see"] is False
    assert {ground["name"]: ground["holds"] for ground in told["grounds"]} == {
        "administrator": False,
        "owner": False,
        "everybody": False,
        "team": False,
    }
    for email in (outsider.email, "nobody@rival.test"):
        assert (
            "Nobody in your organization"
            in asked(page_as(admin), "/documents", email).content.decode()
        )
        assert asked(api_as(admin), "/api/documents", email).status_code == 404
    assert asked(page_as(owner), "/documents", colleague.email).context["explanation"] is None
    assert asked(api_as(owner), "/api/documents", colleague.email).status_code == 403


def test_an_explanation_agrees_with_the_rule_for_people_out_of_service(
    shared, owner, teammate, admin, organization
) -> None:
    services.deactivate_user(user=teammate, actor=admin)
    people = User.objects.select_related("organization")
    assert not explain(shared, people.get(pk=teammate.pk)).is_visible
    services.suspend_organization(organization=organization)
    for person in people.filter(organization=organization):
        visible = Document.objects.visible_to(person).filter(pk=shared.pk).exists()
        assert explain(shared, person).is_visible == visible is False


def test_the_list_is_bounded(upload, organization, monkeypatch) -> None:
    monkeypatch.setattr(module, "MOST_LISTED", 2)
    for number in range(4):
        User.objects.create_user(f"p{number}@acme.test", organization=organization)
    listed = readers_of(upload(visibility="organization"))
    assert (len(listed.people), listed.is_cut) == (2, True)
