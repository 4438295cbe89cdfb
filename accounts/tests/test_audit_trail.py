"""The trail tells an organization's admins what was done in it, and tells nobody else."""

import pytest
from django.db import transaction
from django.test import Client

from accounts import audit, services
from accounts.models import AuditEvent, User


def test_an_admin_reads_exactly_the_organizations_events(
    as_user, admin: User, owner: User, outside_admin: User, outsider: User
) -> None:
    services.change_role(user=owner, actor=admin, role="admin")
    services.change_role(user=outsider, actor=outside_admin, role="admin")
    audit.record(action="user.sign_in_failed")  # an unknown email
    answer = as_user(admin).get("/api/audit").json()
    assert {event["action"] for event in answer["results"]} == {
        "user.signed_in",
        "user.role_changed",
    }
    changed = next(e for e in answer["results"] if e["action"] == "user.role_changed")
    assert changed["actor"] == {"id": str(admin.pk), "email": admin.email, "name": ""}
    assert (changed["object_type"], changed["object_id"]) == ("user", str(owner.pk))
    assert changed["details"] == {"before": "user", "after": "admin"}


def test_the_latest_comes_first_and_one_kind_can_be_asked_for(
    as_user, admin: User, owner: User
) -> None:
    services.create_team(actor=admin, name="Legal")
    services.rename_user(user=owner, actor=admin, name="Ola")
    client = as_user(admin)
    actions = [event["action"] for event in client.get("/api/audit").json()["results"]]
    assert actions == ["user.signed_in", "user.renamed", "team.created"]
    only = client.get("/api/audit?action=team.created").json()
    assert [event["action"] for event in only["results"]] == ["team.created"]


def test_an_event_carries_the_requests_id_and_address(as_user, admin: User) -> None:
    as_user(admin).post(
        "/api/users",
        {"email": "new@acme.test"},
        content_type="application/json",
        headers={"X-Request-ID": "from-the-script"},
    )
    event = AuditEvent.objects.get(action="user.created")
    assert (event.request_id, event.address, event.actor) == (
        "from-the-script",
        "127.0.0.1",
        admin,
    )


def test_an_act_that_is_undone_leaves_no_event(admin: User, owner: User) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        services.change_role(user=owner, actor=admin, role="admin")
        raise RuntimeError
    assert not AuditEvent.objects.exists()


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_the_trail_cannot_be_written_to(as_user, admin: User, method: str) -> None:
    assert getattr(as_user(admin), method)("/api/audit").status_code == 405


def test_everything_that_changes_people_and_teams_is_recorded(admin: User, owner: User) -> None:
    account = services.create_user(actor=admin, email="new@acme.test")
    services.change_role(user=account.user, actor=admin, role="admin")
    services.change_email(user=account.user, actor=admin, email="newer@acme.test")
    services.rename_user(user=account.user, actor=admin, name="Nia")
    services.reset_password(user=account.user, actor=admin)
    services.deactivate_user(user=account.user, actor=admin)
    services.reactivate_user(user=account.user, actor=admin)
    team = services.create_team(actor=admin, name="Legal")
    services.rename_team(team=team, actor=admin, name="Law")
    services.add_member(team=team, user=owner, actor=admin)
    services.remove_member(team=team, user=owner, actor=admin)
    services.delete_team(team=team, actor=admin)
    events = AuditEvent.objects.order_by("id")
    assert [event.action for event in events] == [
        "user.created",
        "user.role_changed",
        "user.email_changed",
        "user.renamed",
        "user.password_changed",
        "user.deactivated",
        "user.reactivated",
        "team.created",
        "team.renamed",
        "team.member_added",
        "team.member_removed",
        "team.deleted",
    ]
    assert {event.actor for event in events} == {admin}
    assert {event.organization for event in events} == {admin.organization}


def test_the_schema_is_complete_and_served_to_who_is_signed_in(admin: User) -> None:
    assert Client().get("/api/schema").status_code == 401
    assert Client().get("/api/docs")["Location"] == "/login?next=/api/docs"
    client = Client()
    client.force_login(admin)
    assert client.get("/api/schema").status_code == 200
    page = client.get("/api/docs").content.decode()
    assert "<style" not in page
    assert "<script>" not in page
    assert "http" not in page


def test_the_page_names_acts_people_and_teams_that_are_the_admins_to_see(
    page_as, admin: User, owner: User, outsider: User, team
) -> None:
    services.add_member(team=team, user=owner, actor=admin)
    audit.record(action="user.renamed", actor=admin, target=outsider)
    shown = page_as(admin).get("/audit/").content.decode()
    assert f"{team.name}: {owner.email}" in shown
    assert "Added to a team" in shown
    assert '<option value="document.deleted" label="Document deleted">' in shown
    assert outsider.email not in shown
