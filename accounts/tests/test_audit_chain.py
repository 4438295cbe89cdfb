"""The trail is only added to, and whatever happens to it all the same is found."""

import datetime
import io
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, close_old_connections, connection, transaction
from django.test import override_settings

from accounts import audit
from accounts.audit import archive as archiving
from accounts.audit.verification import verify
from accounts.models import AuditChain, AuditCheckpoint, AuditEvent, Organization, User
from accounts.querysets import AppendOnly
from conftest import without_triggers

pytestmark = pytest.mark.django_db


@pytest.fixture
def trail(organization: Organization, admin: User) -> Organization:
    """Six events of one organization, with all kinds of values, and some of others beside."""
    audit.record(action="settings.changed", ratio=0.5)
    for number in range(6):
        audit.record(
            action="document.viewed",
            actor=admin,
            target=organization,
            number=number,
            share=number / 4,
            names=["Ärger \x00", ("a", 1e22)],
            nothing=None,
        )
    return organization


def run(*arguments: Any, **options: Any) -> tuple[int, str]:
    said = io.StringIO()
    given = [f"--{name}={value}" for name, value in options.items()]
    try:
        call_command(*arguments, *given, stdout=said, stderr=io.StringIO())
    except SystemExit as ended:
        return int(str(ended.code)), said.getvalue()
    return 0, said.getvalue()


def kinds(home: Organization | None, **given: Any) -> set[str]:
    report = verify(home.pk if home else None, **given)
    return {fault.kind for fault in report.faults}


def sql(statement: str, *values: Any) -> None:
    """Do what the triggers refuse: whoever owns the database can take them away."""
    with without_triggers(), connection.cursor() as cursor:
        cursor.execute(statement, values)


# --- only added to ------------------------------------------------------------------------------


def test_the_orm_refuses_everything_but_reading(trail: Organization) -> None:
    event = AuditEvent.objects.first()
    assert event is not None
    events = AuditEvent.objects.filter(organization=trail)
    attempts: list[Callable[[], object]] = [
        event.save,
        event.delete,
        AuditEvent(action="document.viewed").save,
        events.delete,
        lambda: events.update(action="x"),
        lambda: AuditEvent.objects.create(action="document.viewed"),
        lambda: AuditEvent.objects.bulk_create([AuditEvent(action="document.viewed")]),
        lambda: AuditEvent.objects.bulk_update([event], ["action"]),
        lambda: AuditEvent.objects.get_or_create(action="document.viewed"),
        lambda: AuditEvent.objects.update_or_create(action="document.viewed"),
        lambda: AuditEvent._base_manager.update(action="x"),
        lambda: trail.audit_events.create(action="document.viewed"),
    ]
    for attempt in attempts:
        with pytest.raises(AppendOnly):
            attempt()
    assert kinds(trail) == set()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE accounts_auditevent SET action = 'x'",
        "UPDATE accounts_auditevent SET organization_id = NULL WHERE sequence = 3",
        "DELETE FROM accounts_auditevent",
        "DELETE FROM accounts_auditevent WHERE sequence = 6",
        "INSERT OR REPLACE INTO accounts_auditevent SELECT * FROM accounts_auditevent",
        "UPDATE accounts_auditchain SET count = count - 1",
        "DELETE FROM accounts_auditchain",
        "INSERT OR REPLACE INTO accounts_auditchain SELECT key, 0, '', '' FROM accounts_auditchain",
    ],
)
def test_the_database_refuses_to_change_or_delete(trail: Organization, statement: str) -> None:
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert kinds(trail) == set()
    assert AuditEvent.objects.filter(organization=trail).count() == 6


def test_a_checkpoint_cannot_be_moved(trail: Organization, tmp_path: Path) -> None:
    run("archive_audit", before="2999-01-01", to=tmp_path / "a")
    for statement in (
        "UPDATE accounts_auditcheckpoint SET sequence = 99",
        "DELETE FROM accounts_auditcheckpoint",
    ):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)


def test_an_event_outlives_its_actor_and_its_organization(admin: User, trail: Any) -> None:
    key = admin.pk
    admin.delete()
    trail.delete()
    events = AuditEvent.objects.filter(actor_id=key)
    assert events.count() == 6
    assert {event.actor for event in events.with_actors()} == {None}
    assert verify(events[0].organization_id).is_whole


# --- what verify_audit finds --------------------------------------------------------------------


def test_a_whole_trail_verifies(trail: Organization) -> None:
    assert kinds(trail) == kinds(None) == set()
    code, said = run("verify_audit")
    assert code == 0
    assert "Acme" in said
    assert "platform" in said
    assert AuditChain.objects.get(pk=trail.pk).head in said


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("action", "document.deleted"),
        ("actor_id", None),
        ("object_id", "x"),
        ("object_type", "user"),
        ("details", '{"number": 3}'),
        ("address", "10.0.0.1"),
        ("request_id", "x"),
        ("created_at", "2020-01-01 00:00:00"),
    ],
)
def test_an_edit_of_any_field_is_found(trail: Organization, column: str, value: object) -> None:
    sql(f"UPDATE accounts_auditevent SET {column} = %s WHERE sequence = 3", value)
    report = verify(trail.pk)
    assert [(fault.kind, fault.sequence) for fault in report.faults] == [("edited", 3)]
    assert run("verify_audit", organization="Acme")[0] == 1


def test_an_edit_with_a_fitting_hash_breaks_the_chain_behind_it(trail: Organization) -> None:
    from accounts.audit.chain import digest, facts

    event = AuditEvent.objects.get(organization=trail, sequence=3)
    forged = digest({**facts(event), "action": "x"})
    sql("UPDATE accounts_auditevent SET action = 'x', hash = %s WHERE id = %s", forged, event.pk)
    assert kinds(trail) == {"reordered"}


@pytest.mark.parametrize(("where", "found"), [("= 3", {"removed"}), (">= 5", {"removed"})])
def test_a_removed_event_is_found_at_the_tail_too(
    trail: Organization, where: str, found: set[str]
) -> None:
    sql(
        f"DELETE FROM accounts_auditevent WHERE organization_id = %s AND sequence {where}",
        hex_of(trail),
    )
    assert kinds(trail) == found


def test_events_that_changed_places_are_found(trail: Organization) -> None:
    for old, new in ((3, 99), (4, 3), (99, 4)):
        sql("UPDATE accounts_auditevent SET sequence = %s WHERE sequence = %s", new, old)
    assert kinds(trail) >= {"edited", "reordered"}


def test_an_event_moved_to_another_organization_is_found(
    trail: Organization, other_organization: Organization
) -> None:
    audit.record(action="document.viewed", organization=other_organization)
    sql(
        "UPDATE accounts_auditevent SET organization_id = %s, sequence = 2 WHERE sequence = 6",
        hex_of(other_organization),
    )
    assert kinds(trail) == {"removed"}
    assert kinds(other_organization) == {"added"}


def test_a_shortened_trail_with_a_fitting_head_lacks_the_seal_for_good(trail: Organization) -> None:
    before = AuditEvent.objects.get(organization=trail, sequence=4)
    sql("DELETE FROM accounts_auditevent WHERE sequence > 4")
    sql(
        "UPDATE accounts_auditchain SET count = 4, head = %s WHERE key = %s",
        before.hash,
        hex_of(trail),
    )
    assert kinds(trail) == {"unsealed"}
    audit.record(action="document.viewed", organization=trail)  # an honest event must not seal it
    assert kinds(trail) == {"unsealed"}


def test_a_head_that_was_put_back_is_found_by_what_was_kept_elsewhere(
    trail: Organization, tmp_path: Path
) -> None:
    head = AuditChain.objects.get(pk=trail.pk)
    audit.record(action="document.viewed", organization=trail)
    kept = tmp_path / "kept.jsonl"
    kept.write_text(run("verify_audit", "--json")[1])
    sql("DELETE FROM accounts_auditevent WHERE sequence = 7")
    sql(
        "UPDATE accounts_auditchain SET count = 6, seal = %s, head = %s WHERE key = %s",
        head.seal,
        head.head,
        hex_of(trail),
    )
    assert run("verify_audit")[0] == 0
    assert run("verify_audit", against=kept)[0] == 1
    audit.record(action="document.shared", organization=trail)
    said = run("verify_audit", against=kept)
    assert said[0] == 1
    assert "rewritten at 7" in said[1]


def test_after_a_change_of_the_key_the_operator_seals_anew(trail: Organization) -> None:
    with override_settings(SECRET_KEY="another-key-of-fifty-characters-" * 2):
        assert kinds(trail) == {"unsealed"}
        assert run("verify_audit", "--reseal")[0] == 0
        assert kinds(trail) == set()
        assert AuditEvent.objects.filter(organization=trail).last() is not None
    with override_settings(
        SECRET_KEY="a-third-key", SECRET_KEY_FALLBACKS=["another-key-of-fifty-characters-" * 2]
    ):
        assert kinds(trail) == set()


def test_what_is_no_archive_is_said_to_be_none(trail: Organization, tmp_path: Path) -> None:
    (tmp_path / "x").write_text("nothing")
    with pytest.raises(CommandError) as refused:
        run("verify_audit", archive=tmp_path / "x")
    assert refused.value.returncode == 2
    with pytest.raises(CommandError):
        run("verify_audit", organization="Nobody")


# --- archives -----------------------------------------------------------------------------------


def test_archive_and_rest_verify_each_alone_and_together(
    trail: Organization, admin: User, tmp_path: Path
) -> None:
    first, second = tmp_path / "first.jsonl", tmp_path / "second.jsonl"
    assert run("archive_audit", before="2999-01-01", to=first)[0] == 0
    assert AuditEvent.objects.of_chain(trail.pk).values_list("sequence", flat=True)[0] == 7
    audit.record(action="document.viewed", actor=admin)
    assert run("archive_audit", before="2999-01-01", to=second)[0] == 0
    audit.record(action="document.edited", actor=admin)
    assert kinds(trail) == kinds(None) == set()
    left = AuditEvent.objects.of_chain(trail.pk).values_list("action", flat=True)
    assert list(left) == ["audit.archived", "document.edited"]
    code, said = run("verify_audit", "--archive", str(second), str(first))
    assert code == 0
    assert "checked   10" in said  # six, an archiving, one, an archiving, one
    for_one_alone = run("verify_audit", "--archive", str(second))
    assert for_one_alone[0] == 1  # the first is missing
    lines = first.read_text().splitlines()
    edited = [line.replace("document.viewed", "document.shared") for line in lines[:2]]
    first.write_text("\n".join([*edited, *lines[2:]]))
    assert run("verify_audit", "--archive", str(first), str(second))[0] == 1
    first.write_text("\n".join(lines[:-1]))
    assert run("verify_audit", "--archive", str(first), str(second))[0] == 1


def test_only_what_is_older_is_archived(
    trail: Organization, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("archive_audit", before="2001-01-01", to=tmp_path / "a")[0] == 0
    assert not (tmp_path / "a").exists()
    assert not AuditCheckpoint.objects.exists()


def test_a_broken_trail_and_an_existing_file_are_not_archived(
    trail: Organization, tmp_path: Path
) -> None:
    (tmp_path / "there").write_text("kept")
    with pytest.raises(CommandError):
        run("archive_audit", before="2999-01-01", to=tmp_path / "there")
    assert (tmp_path / "there").read_text() == "kept"
    sql("UPDATE accounts_auditevent SET action = 'x' WHERE sequence = 3")
    with pytest.raises(CommandError):
        run("archive_audit", before="2999-01-01", to=tmp_path / "a")
    assert AuditEvent.objects.filter(organization=trail).count() == 6


def test_an_archiving_that_died_is_finished_by_the_next(
    trail: Organization, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(archiving, "_delete_archived", lambda key: 0)  # dies before the first row
        run("archive_audit", organization="Acme", before="2999-01-01", to=tmp_path / "a")
    assert AuditEvent.objects.filter(organization=trail).count() == 7
    assert kinds(trail) == set()
    run("archive_audit", organization="Acme", before="2001-01-01", to=tmp_path / "b")
    assert [e.action for e in AuditEvent.objects.of_chain(trail.pk)] == ["audit.archived"]
    assert kinds(trail) == set()


def test_a_checkpoint_of_somebody_else_is_found(trail: Organization) -> None:
    last = AuditEvent.objects.of_chain(trail.pk).last()
    assert last is not None
    AuditCheckpoint.objects.create(
        chain_id=trail.pk, sequence=last.sequence, hash=last.hash, file_sha256="0" * 64
    )
    AuditEvent.objects.of_chain(trail.pk).order_by().remove_archived()
    assert kinds(trail) == {"checkpoint_unexplained"}


# --- exports ------------------------------------------------------------------------------------


def test_an_export_can_be_verified_and_is_an_event(trail: Organization, tmp_path: Path) -> None:
    path = tmp_path / "export.jsonl"
    assert run("export_audit", organization="Acme", to=path)[0] == 0
    events = [json.loads(line) for line in path.read_text().splitlines()]
    assert [event["sequence"] for event in events] == [1, 2, 3, 4, 5, 6]
    assert events[0]["actor"] == "admin@acme.test"
    assert verify(trail.pk, archived=events).checked == 7
    assert AuditEvent.objects.of_chain(trail.pk).last().action == "audit.exported"  # type: ignore[union-attr]


def test_a_spreadsheet_runs_nothing_of_an_export(
    trail: Organization, page_as, admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ('=HYPERLINK("http://evil")', "+1", "-1", "@SUM(A1)", "\t=1")
    monkeypatch.setattr(audit, "ACTS", {*audit.ACTS, *names})
    for name in names:
        audit.record(action=name, organization=trail)
    answer = page_as(admin).get("/audit/export?type=csv")
    assert "attachment" in answer.headers["Content-Disposition"]
    cells = [cell for row in rows_of(answer) for cell in row]
    assert not [cell for cell in cells if cell[:1] in ("=", "+", "-", "@", "\t")]
    assert '\'=HYPERLINK("http://evil")' in cells


def rows_of(answer: Any) -> list[list[str]]:
    import csv

    return list(csv.reader(io.StringIO(b"".join(answer.streaming_content).decode())))


# --- page and API -------------------------------------------------------------------------------


def test_page_and_api_filter_alike(
    trail: Organization, page_as, as_user, admin: User, owner: User
) -> None:
    audit.record(action="team.created", actor=owner, target=trail)
    today = datetime.datetime.now(tz=datetime.UTC).date()
    page, api = page_as(admin), as_user(admin)
    for query, count in {
        "action=team.created": 1,
        "action=document.": 6,
        f"actor={owner.email}": 1,
        "actor=nobody@rival.test": 0,
        f"object_id={trail.pk}": 7,
        f"start={today}&action=document.": 6,
        f"end={today - datetime.timedelta(days=1)}": 0,
    }.items():
        assert api.get(f"/api/audit?{query}").json()["count"] == count, query
        shown = page.get(f"/audit/?{query}")
        assert shown.context["events"].paginator.count == count, query
        exported = page.get(f"/audit/export?type=csv&{query}")
        assert len(rows_of(exported)) == count + 1, query


def test_the_page_is_for_administrators_and_shows_their_organization_alone(
    trail: Organization, page_as, owner: User, admin: User, outside_admin: User
) -> None:
    assert page_as(owner).get("/audit/").status_code == 403
    assert page_as(owner).get("/audit/export").status_code == 403
    assert "document.viewed" in page_as(admin).get("/audit/").content.decode()
    assert page_as(outside_admin).get("/audit/").context["events"].paginator.count == 0
    wrong = page_as(admin).get("/audit/?start=yesterday&action=x")
    assert wrong.status_code == 200
    assert "Enter a valid date" in wrong.content.decode()


# --- parallel writers ---------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_parallel_writers_make_one_chain(organization: Organization) -> None:
    def write() -> None:
        for number in range(10):
            with transaction.atomic():
                audit.record(action="document.viewed", organization=organization, number=number)
        connection.close()

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    close_old_connections()
    report = verify(organization.pk)
    assert report.is_whole
    assert report.checked == 40


def hex_of(organization: Organization) -> str:
    return organization.pk.hex
