"""Diagnostics: each trouble is made for real, named with advice, and shown to whom it concerns."""

import datetime
import json
import re
import socket
import time
from io import StringIO

import pytest
from django.core.management import call_command
from django.utils import timezone
from django_q.brokers import get_broker
from django_q.models import Failure, OrmQ, Schedule
from django_q.signing import SignedPackage
from django_q.status import Status
from django_q.tasks import async_task

from accounts.models import User
from conftest import PASSWORD
from documents.models import Document
from knowledge.lib import diagnostics, recent
from knowledge.lib.diagnostics import Audience, Line, State, examine
from knowledge.lib.models import WorkerSign
from rag.llm import openai_probe
from rag.models import IndexChange
from rag.services.index import run_now
from rag.services.schedules import ensure_schedules
from rag.tests.corruptions import CORRUPTIONS, sound
from rag.tests.library import published, uploaded
from rag.tests.model_server import ModelServer

PAGE = "/diagnostics/"
SECRETS = ("hunter2", "sk-secret-key", "tr0ub4dor")


@pytest.fixture(autouse=True)
def _own_folders(settings, tmp_path, db):
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.DIAGNOSTICS_DIR = tmp_path / "diagnostics"
    settings.MIN_FREE_DISK_BYTES = 0
    openai_probe._latest.clear()
    ensure_schedules()
    sign()


def sign(host: str = "here", *, minutes_ago: int = 0) -> None:
    """Let a cluster of two workers have been seen."""
    seen = timezone.now() - datetime.timedelta(minutes=minutes_ago)
    WorkerSign.objects.create(
        cluster=host, host=host, pid=7, status="Idle", workers=2, started_at=seen, seen_at=seen
    )


@pytest.fixture
def operator(outsider) -> User:
    return User.objects.create_superuser(
        "operator@rival.test", PASSWORD, organization=outsider.organization
    )


def words(response) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


def line_of(title: str, name: str, audience: Audience | None = None) -> Line:
    [section] = [s for s in examine(audience or Audience()) if s.title == title]
    [line] = [line for line in section.lines if line.name.startswith(name)]
    return line


def expect(title: str, name: str, state: State, *said: str, audience=None) -> Line:
    line = line_of(title, name, audience)
    assert line.state == state, line
    for text in said:
        assert text in f"{line.value} {line.advice} {line.details}", line
    if state != State.OK:
        assert line.advice
    return line


def failed(owner: User, code: str, filename: str) -> Document:
    document = uploaded(owner, filename=filename)
    Document.objects.filter(pk=document.pk).update(
        status="failed",
        error_code=code,
        sha256=filename.ljust(64, "0"),
        request_id=f"upload-of-{filename}",
    )
    return document


def doctor(*arguments: str) -> tuple[int, str]:
    output = StringIO()
    try:
        call_command("doctor", *arguments, stdout=output)
    except SystemExit as ended:
        return int(ended.code or 0), output.getvalue()
    return 0, output.getvalue()


# --- each trouble -------------------------------------------------------------------------------


def test_a_sound_installation_has_nothing_that_fails(owner):
    sound(owner)
    run_now(organization=owner.organization, action="check")
    lines = [line for section in examine(Audience()) for line in section.lines]
    assert [line for line in lines if line.state != State.OK] == []
    assert {section.title for section in examine(Audience())} == {
        *("Parts", "Background work", "Documents", "Indexes", "Answers", "Requests"),
        *("Database", "Room", "Versions", "Configuration"),
    }


def test_a_full_disk_is_named(settings, db):
    settings.MIN_FREE_DISK_BYTES = 10**18
    expect("Room", "Disk", State.FAIL, "nearly full", "Make room")


def test_a_disk_that_fills_is_a_warning(settings, db):
    import shutil

    free = shutil.disk_usage(settings.DATA_DIR).free
    settings.MIN_FREE_DISK_BYTES = free // 2
    expect("Room", "Disk", State.WARN, "Make room")


@pytest.mark.parametrize(
    ("part", "setting"), [("Storage", "MEDIA_ROOT"), ("Index", "VECTOR_STORE_DIR")]
)
def test_a_folder_that_cannot_be_written_is_named(settings, db, tmp_path, part, setting):
    (tmp_path / "no-folder").write_text("a file where a folder should be")
    setattr(settings, setting, tmp_path / "no-folder")
    expect("Parts", part, State.FAIL, "cannot be used", "writable")


def test_a_stopped_worker_is_named_to_both_audiences(organization):
    long_ago = timezone.now() - datetime.timedelta(minutes=9)
    Schedule.objects.filter(name="sweep").update(next_run=long_ago)
    expect("Background work", "Worker", State.FAIL, "9 minutes", "manage.py qcluster")
    theirs = Audience(organization_id=organization.pk)
    line = expect("Background work", "Worker", State.FAIL, "not running", audience=theirs)
    assert "qcluster" not in line.advice


def test_every_cluster_is_listed_with_when_it_was_seen():
    line = expect("Background work", "Signs of life", State.OK, "2 workers in 1 cluster")
    assert line.details[0].startswith("here, process 7: idle, 2 workers, seen ")
    sign("gone", minutes_ago=5)
    line = expect("Background work", "Signs of life", State.WARN, "1 without", "taken up")
    assert [detail.split(",")[0] for detail in line.details] == ["gone", "here"]
    WorkerSign.objects.filter(host="here").delete()
    expect("Background work", "Signs of life", State.FAIL, "none", "manage.py qcluster")


def test_a_cluster_writes_down_that_it_is_alive_and_that_it_ends(db):
    WorkerSign.objects.all().delete()
    broker = get_broker()
    stat = Status(pid=9, cluster_id="c")
    stat.tob, stat.workers, stat.status = timezone.now(), [1, 2, 3], "Idle"
    for _ in range(3):  # it tells twice a second
        broker.set_stat("key", SignedPackage.dumps(stat, True), 3)
    written = WorkerSign.objects.get()
    assert (written.cluster, written.pid, written.workers) == ("c", 9, 3)
    WorkerSign.objects.update(seen_at=timezone.now() - datetime.timedelta(hours=1))
    broker.set_stat("key", SignedPackage.dumps(stat, True), 3)
    written.refresh_from_db()
    assert timezone.now() - written.seen_at > datetime.timedelta(minutes=59)  # not yet again
    stat.status = "Stopped"
    broker.set_stat("key", SignedPackage.dumps(stat, True), 3)
    assert not WorkerSign.objects.exists()


def test_an_installation_that_was_not_prepared_is_named(db):
    Schedule.objects.all().delete()
    expect("Background work", "Worker", State.FAIL, "nothing is scheduled", "bootstrap")


def test_a_job_that_waits_for_long_is_named(db):
    async_task("rag.tasks.sweep")
    expect("Background work", "Oldest job", State.OK, "rag.tasks.sweep")
    OrmQ.objects.update(lock=timezone.now() - datetime.timedelta(hours=3))
    expect("Background work", "Queue", State.OK, "1 waiting")
    expect("Background work", "Oldest job", State.WARN, "3 hours", "WORKERS")


def test_a_job_that_failed_is_named_without_what_it_was_given(db):
    now = timezone.now()
    Failure.objects.create(
        id="f" * 32, name="n", func="rag.tasks.sweep", started=now, stopped=now,
        success=False, result="hunter2",
    )  # fmt: skip
    line = expect("Background work", "Jobs that failed", State.WARN, "rag.tasks.sweep", "log")
    assert "hunter2" not in str(line)


def test_a_document_whose_worker_died_is_named(owner):
    document = uploaded(owner)
    Document.objects.filter(pk=document.pk).update(
        status="processing", lease_expires_at=timezone.now() - datetime.timedelta(minutes=1)
    )
    expect("Documents", "In work", State.WARN, "1 left behind", "worker")


def test_a_document_that_waits_for_long_is_named_with_its_turn(owner, outsider):
    document = uploaded(owner)
    uploaded(outsider, filename="other.txt")
    Document.objects.update(created_at=timezone.now() - datetime.timedelta(hours=2))
    theirs = Audience(organization_id=document.organization_id)
    line = expect("Documents", "Oldest", State.WARN, "120 minutes", audience=theirs)
    assert re.search(r"number [12] in the queue", line.value)


def test_failed_documents_are_counted_by_cause_with_links_and_a_retry(owner):
    failed(owner, "damaged", "one.pdf")
    last = failed(owner, "damaged", "two.pdf")
    failed(owner, "unexpected", "three.pdf")
    theirs = Audience(organization_id=owner.organization_id)
    line = expect("Documents", "Failed: damaged", State.WARN, "2 documents", audience=theirs)
    assert {link.label for link in line.links} == {"one.pdf", "two.pdf"}
    assert f"/documents/{last.pk}" in {link.path for link in line.links}
    assert line.actions[0].label == "Retry these 2"
    assert "two.pdf: request upload-of-two.pdf" in line.details
    expect("Documents", "Failed: unexpected", State.WARN, "1 document", audience=theirs)


def test_of_many_failed_documents_the_newest_are_linked_and_the_list_of_all(
    owner, admin, operator, page_as
):
    for number in range(7):
        failed(owner, "damaged", f"{number}.pdf")
    for audience, user in (
        (Audience(organization_id=owner.organization_id), admin),
        (Audience(), operator),
    ):
        line = expect("Documents", "Failed: damaged", State.WARN, "7", audience=audience)
        assert len(line.links) == 6
        listed = page_as(user).get(line.links[-1].path)
        assert listed.status_code == 200
        assert all(f"{number}.pdf" in words(listed) for number in range(7))
        assert page_as(user).get(line.links[0].path).status_code == 200


def test_a_damaged_index_is_named_once_it_is_checked(owner):
    world = sound(owner)
    expect("Indexes", "Index of Acme", State.WARN, "not checked yet", "Check now")
    CORRUPTIONS["words lost"].spoil(world)
    run_now(organization=owner.organization, action="check")
    line = expect("Indexes", "Index of Acme", State.FAIL, "faults found", "Repair")
    assert line.links[0].path == f"/admin/rag/organizationindex/{owner.organization_id}/change/"


def test_a_hole_in_the_steps_is_named_before_any_check(owner):
    published(owner, "one")
    published(owner, "two", filename="second.txt")
    IndexChange.objects.order_by("version").last().delete()
    expect("Indexes", "Index of Acme", State.FAIL, "hole", "--repair")


def test_a_model_that_is_gone_is_named(owner):
    published(owner, "one")
    owner.organization.index.__class__.objects.update(model="gone")
    expect("Indexes", "Index of Acme", State.FAIL, "not there")


def test_a_model_server_that_cannot_be_reached_is_named(settings, organization):
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound, and nobody listens
        settings.LLM_PROVIDER = "openai"
        settings.LLM_BASE_URL = f"http://127.0.0.1:{held.getsockname()[1]}/v1"
        expect("Answers", "Model server", State.OK, "not asked")
        asking = Audience(asks_servers=True)
        expect("Answers", "Model server", State.FAIL, "reached", "LLM_BASE_URL", audience=asking)
        theirs = Audience(organization_id=organization.pk)
        line = expect("Answers", "Model server", State.FAIL, "Tell whoever", audience=theirs)
        assert "LLM_BASE_URL" not in line.advice
        # For a minute it is known, without asking again.
        expect("Answers", "Model server", State.FAIL, "cannot be reached")


def test_a_model_server_that_answers_shows_how_fast(settings, db):
    with ModelServer() as server:
        settings.LLM_PROVIDER, settings.LLM_BASE_URL = "openai", server.url
        asking = Audience(asks_servers=True)
        settings.LLM_MODEL = "local"
        for _ in range(3):
            expect("Answers", "Model server", State.OK, "answers in", audience=asking)
        assert server.asked == ["/v1/models"]
        settings.LLM_MODEL = "missing"
        expect("Answers", "Model server", State.WARN, "does not list missing", "LLM_MODEL")


@pytest.mark.parametrize(
    ("answer", "state", "said"),
    [
        (openai_probe.Answer(0, 5.0, 401), State.FAIL, "OPENAI_API_KEY"),
        (openai_probe.Answer(0, 5.0, 503), State.FAIL, "503"),
        (openai_probe.Answer(0, 5.0, 404), State.OK, "answers in"),
    ],
)
def test_what_the_model_server_says_is_told(settings, db, monkeypatch, answer, state, said):
    settings.LLM_PROVIDER = "openai"
    monkeypatch.setattr(openai_probe, "latest", lambda: answer)
    expect("Answers", "Model server", state, said)


def test_a_probe_that_breaks_fails_and_the_others_go_on(db, monkeypatch):
    monkeypatch.setattr(diagnostics, "_probes", dict(diagnostics._probes))

    def broken(audience):
        raise RuntimeError("password=hunter2")

    diagnostics.register("Broken", broken, place=1)
    line = expect("Broken", "Broken", State.FAIL, "RuntimeError")
    assert "hunter2" not in str(line)
    assert len(examine(Audience())) > 5


# --- requests -----------------------------------------------------------------------------------


def test_an_error_and_a_slow_request_are_kept_by_route_and_id(settings, client):
    settings.SLOW_REQUEST_MS = 0  # every one
    client.get("/health", headers={"X-Request-ID": "was-slow"})
    settings.MEDIA_ROOT.write_text("no folder")
    client.get("/health/ready?secret=hunter2", headers={"X-Request-ID": "failed-1"})
    slow = expect("Requests", "Slow requests", State.WARN, "was-slow")
    line = expect("Requests", "Errors", State.WARN, "/health/ready", "503", "failed-1", "log")
    assert "hunter2" not in str((slow, line))


def test_the_file_of_requests_stays_small(settings, db):
    for number in range(3_000):
        recent.note(recent.Event(time.time(), f"request-{number}", "GET", "x", 500, "c", 1.0))
    kept = recent.events(since=recent.day_ago())
    assert 500 < len(kept) < 3_000
    assert sum(p.stat().st_size for p in settings.DIAGNOSTICS_DIR.iterdir()) < 300_000
    assert kept[0].request_id == "request-2999"


def test_requests_go_on_when_the_file_cannot_be_written(settings, client, db, tmp_path):
    (tmp_path / "file").write_text("")
    settings.DIAGNOSTICS_DIR, settings.SLOW_REQUEST_MS = tmp_path / "file", 0
    assert client.get("/health").status_code == 200
    assert recent.events(since=0) == []


# --- who sees what ------------------------------------------------------------------------------


def test_a_user_has_no_such_page(owner, page_as):
    assert page_as(owner).get(PAGE).status_code == 403
    assert page_as(owner).post(f"{PAGE}retry/", {"code": "damaged"}).status_code == 403


def test_an_administrator_sees_nothing_of_another_organization_nor_of_the_installation(
    owner, admin, outsider, outside_admin, operator, page_as
):
    failed(owner, "damaged", "acme-secret.pdf")
    failed(outsider, "empty", "rival-secret.pdf")
    published(owner, "alpha")
    published(outsider, "beta", filename="beta.txt")
    theirs = words(page_as(outside_admin).get(PAGE))
    assert "rival-secret.pdf" in theirs
    for hidden in ("acme-secret", "Acme", "damaged", "Versions", "Configuration", "faiss", "GB"):
        assert hidden not in theirs
    everything = words(page_as(operator).get(PAGE))
    for shown in ("acme-secret", "rival-secret", "Index of Acme", "Index of Rival", "faiss-cpu"):
        assert shown in everything


def test_retrying_one_cause_leaves_the_others_and_other_organizations(
    owner, admin, outsider, page_as
):
    failed(owner, "damaged", "one.pdf")
    failed(owner, "empty", "two.pdf")
    failed(outsider, "damaged", "theirs.pdf")
    answer = page_as(admin).post(f"{PAGE}retry/", {"code": "damaged"}, follow=True)
    assert "1 document will be read again" in words(answer)
    waiting = Document.objects.filter(status="uploaded").values_list("filename", flat=True)
    assert list(waiting) == ["one.pdf"]


def test_the_operator_is_offered_a_retry_of_their_own_organization_alone(
    owner, outsider, operator, page_as
):
    failed(owner, "damaged", "acme.pdf")
    assert "Retry" not in words(page_as(operator).get(PAGE))
    failed(outsider, "damaged", "rival.pdf")
    assert "Retry this one of your organization" in words(page_as(operator).get(PAGE))
    page_as(operator).post(f"{PAGE}retry/", {"code": "damaged"})
    assert Document.objects.get(filename="acme.pdf").is_failed
    assert not Document.objects.get(filename="rival.pdf").is_failed


def test_no_secret_is_on_the_page_nor_in_the_command(settings, operator, admin, page_as):
    settings.LLM_PROVIDER = "openai"
    settings.LLM_BASE_URL = "http://me:hunter2@127.0.0.1:9/v1?key=tr0ub4dor"
    settings.OPENAI_API_KEY = "sk-secret-key"
    settings.EMAIL_HOST_PASSWORD = "tr0ub4dor"
    shown = [page_as(user).get(f"{PAGE}?ask=1").content.decode() for user in (operator, admin)]
    shown += [doctor()[1], doctor("--json")[1]]
    for output in shown:
        assert "Model server" in output
        for secret in (*SECRETS, settings.SECRET_KEY):
            assert secret not in output
    assert "http://127.0.0.1:9/v1" in shown[0]
    assert "127.0.0.1" not in shown[1]


# --- the command --------------------------------------------------------------------------------


def test_the_doctor_ends_with_what_it_found(owner, settings):
    sound(owner)
    assert doctor()[0] == 0
    assert doctor("--strict")[0] == 1  # the index was not checked yet
    run_now(organization=owner.organization, action="check")
    assert doctor("--strict") == (0, doctor()[1])
    assert "Everything is well." in doctor()[1]
    settings.MIN_FREE_DISK_BYTES = 10**18
    code, output = doctor()
    assert code == 1
    assert "-> Make room" in output
    assert "1 of " in output


def test_the_doctor_speaks_json(owner):
    failed(owner, "damaged", "one.pdf")
    code, output = doctor("--json")
    told = json.loads(output)
    assert (code, told["state"]) == (0, "warn")
    lines = {line["name"]: line for section in told["sections"] for line in section["lines"]}
    assert lines["Failed: damaged"]["advice"]
    assert lines["Failed: damaged"]["state"] == "warn"
