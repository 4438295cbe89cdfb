"""Who may share what with whom, and that it holds from the next query on."""

import pytest

from accounts.models import AuditEvent, Membership, Team
from documents import services
from documents.models import Document
from knowledge.lib.errors import InvalidInput, NotAllowed, NotFound

pytestmark = pytest.mark.django_db


def seen_by(user):
    return set(Document.objects.visible_to(user))


def test_a_share_and_its_end_hold_at_once(upload, admin, owner, colleague, teammate, team):
    document = upload()
    share = services.share_document
    assert (seen_by(colleague), seen_by(teammate)) == (set(), set())

    share(document=document, actor=admin, visibility="teams", teams=[team])
    assert (seen_by(colleague), seen_by(teammate)) == (set(), {document})

    share(document=document, actor=owner, visibility="organization")
    assert (seen_by(colleague), seen_by(teammate)) == ({document}, {document})
    assert not document.teams.exists()

    share(document=document, actor=owner, visibility="private")
    assert (seen_by(colleague), seen_by(teammate)) == (set(), set())


def test_leaving_the_team_ends_it_too(upload, admin, teammate, team):
    upload(owner=admin, visibility="teams", teams=[team])
    Membership.objects.filter(user=teammate).delete()
    assert seen_by(teammate) == set()


def test_only_owner_and_admin_may_share(upload, colleague, outsider, outside_admin):
    private = upload()
    public = upload(visibility="organization")
    share = services.share_document
    with pytest.raises(NotFound):
        share(document=private, actor=colleague, visibility="organization")
    with pytest.raises(NotAllowed):
        share(document=public, actor=colleague, visibility="private")
    for stranger in (outsider, outside_admin):
        for document in (private, public):
            with pytest.raises(NotFound):
                share(document=document, actor=stranger, visibility="organization")
    assert set(Document.objects.values_list("visibility", flat=True)) == {
        "private",
        "organization",
    }


def test_teams_that_an_admin_chose_may_stay_when_the_owner_saves(upload, admin, owner, team):
    document = upload()
    services.share_document(document=document, actor=admin, visibility="teams", teams=[team])
    services.share_document(document=document, actor=owner, visibility="teams", teams=[team])
    other = Team.objects.create(name="Legal", organization=owner.organization)
    with pytest.raises(InvalidInput):
        services.share_document(
            document=document, actor=owner, visibility="teams", teams=[team, other]
        )
    assert set(document.teams.all()) == {team}


def test_a_team_of_another_organization_is_never_shared_with(upload, admin, other_organization):
    foreign = Team.objects.create(name="Spies", organization=other_organization)
    document = upload()
    with pytest.raises(InvalidInput):
        services.share_document(document=document, actor=admin, visibility="teams", teams=[foreign])


def test_a_share_keeps_its_hands_off_what_the_worker_writes(upload, owner):
    stale = upload()
    Document.objects.filter(pk=stale.pk).update(status="processing", progress=40)
    services.share_document(document=stale, actor=owner, visibility="organization")
    assert Document.objects.values_list("status", "progress").get() == ("processing", 40)


def test_sharing_is_in_the_audit_trail(upload, owner):
    document = upload()
    services.share_document(document=document, actor=owner, visibility="organization")
    event = AuditEvent.objects.get(action="document.shared")
    assert event.details["visibility_before"] == "private"
    assert event.details["visibility"] == "organization"


# --- the API ------------------------------------------------------------------------------------


def test_the_api_changes_what_is_given_and_nothing_else(api_as, upload, teammate, team):
    document = upload(owner=teammate)
    address = f"/api/documents/{document.pk}"
    client = api_as(teammate)

    answer = client.patch(address, {"visibility": "teams", "teams": [str(team.pk)]})
    assert answer.status_code == 200, answer.content
    assert answer.json()["teams"] == [str(team.pk)]

    answer = client.patch(address, {})
    assert (answer.json()["visibility"], answer.json()["teams"]) == ("teams", [str(team.pk)])

    answer = client.patch(address, {"visibility": "organization"})
    assert (answer.json()["visibility"], answer.json()["teams"]) == ("organization", [])

    before = Document.objects.values().get(pk=document.pk)
    answer = client.patch(address, {"sha256": "0", "status": "failed"})
    assert answer.status_code == 200
    assert Document.objects.values().get(pk=document.pk) == before


def test_the_api_refuses_what_makes_no_sense(api_as, upload, owner):
    address = f"/api/documents/{upload().pk}"
    for body in ({"visibility": "all"}, {"visibility": "teams"}, {"teams": ["no-uuid"]}):
        answer = api_as(owner).patch(address, body)
        assert answer.status_code == 400, body
        assert answer.json()["error"]["code"] == "invalid"


# --- the page -----------------------------------------------------------------------------------


def test_the_page_saves_and_ignores_boxes_that_no_longer_count(page_as, upload, teammate, team):
    document = upload(owner=teammate)
    client = page_as(teammate)
    address = f"/documents/{document.pk}/share"
    client.post(address, {"visibility": "teams", "teams": [str(team.pk)]})
    assert set(document.teams.all()) == {team}
    client.post(address, {"visibility": "organization", "teams": [str(team.pk)]})
    document.refresh_from_db()
    assert document.visibility == "organization"
    assert not document.teams.exists()


def test_the_page_asks_for_a_team(page_as, upload, owner):
    answer = page_as(owner).post(f"/documents/{upload().pk}/share", {"visibility": "teams"})
    assert answer.status_code == 422
    assert "Choose at least one team." in answer.content.decode()


def test_the_form_is_only_offered_to_who_may_use_it(page_as, upload, colleague, owner):
    document = upload(visibility="organization")
    page = f"/documents/{document.pk}"
    assert "Save sharing" in page_as(owner).get(page).content.decode()
    assert "Save sharing" not in page_as(colleague).get(page).content.decode()
