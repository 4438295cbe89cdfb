"""What the command and the API say of an index, and to whom; a rebuild reaches every process."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django_q.models import OrmQ
from rest_framework.test import APIClient

from accounts.models import AuditEvent
from knowledge.lib.errors import NotAllowed
from rag.index.faiss_index import FaissIndex
from rag.index.registry import get_vector_index
from rag.index.scope import Scope
from rag.index.sqlite_fts_table import FtsTable
from rag.index.versions import get_state
from rag.models import ChunkEmbedding, IndexRun
from rag.services import index
from rag.services.index import KEPT_RUNS, check_every_index, check_index, request_run, run_now
from rag.services.schedules import ensure_schedules
from rag.tasks import run_on_index
from rag.tests.corruptions import CORRUPTIONS, copy_of, sound, unit
from rag.tests.library import published


@pytest.fixture(autouse=True)
def _media(settings, tmp_path) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"


def api(user) -> APIClient:
    client = APIClient()
    client.force_authenticate(user)
    return client


def health(user, **parameters) -> dict:
    return api(user).get("/api/index/health", parameters).json()


def kinds(report: dict) -> dict[str, int]:
    return {finding["kind"]: finding["count"] for finding in report["findings"]}


def test_a_sound_index_is_called_consistent(owner, admin):
    sound(owner)
    body = health(admin)
    assert body["consistent"] is True
    assert body["findings"] == []
    assert (body["documents"], body["chunks"], body["embeddings"], body["unembedded"]) == (
        *(2, 5),
        *(5, 0),
    )
    assert (body["model"], body["dimension"], body["version"]) == ("fake", 64, 2)
    assert (body["vector"]["backend"], body["vector"]["in_memory_version"]) == ("faiss", 2)
    for part in ("vector", "lexical"):
        names = ("entries", "expected", "present", "missing", "extra", "duplicate", "altered")
        assert [body[part][name] for name in names] == [5, 5, 5, 0, 0, 0, 0]
    assert body["files"] == {
        "stored": 2,
        "without_rows": 0,
        "recent_without_rows": 0,
        "rows_without_files": 0,
        "other_size": 0,
        "set_aside": 0,
    }


def test_a_finding_says_what_it_is_how_often_and_what_to_do(owner, admin):
    world = sound(owner)
    CORRUPTIONS["words lost"].spoil(world)
    assert health(admin)["findings"] == [
        {
            "kind": "words_missing",
            "count": 1,
            "examples": [str(world.chunk("alpha apple").pk)],
            "message": "1 chunk is not in the index of words: it is found by its meaning only.",
            "repairable": True,
            "advice": "Repair puts these chunks into the index of words as their rows say.",
        }
    ]


def test_health_counts_only_the_own_organization(owner, admin, outsider):
    sound(owner)
    published(outsider, "beta", "gamma")  # whose file is lost
    body = health(admin)
    assert (body["chunks"], body["consistent"]) == (5, True)
    assert body["files"]["stored"] is None  # a count of all would tell of the others


def test_faults_of_an_organization_are_told_to_its_admins_alone(
    owner, admin, outsider, outside_admin
):
    CORRUPTIONS["file lost"].spoil(sound(owner))
    published(outsider, "beta")
    assert kinds(health(admin)) == {"file_lost": 1}
    [lost] = health(outside_admin)["findings"]
    assert lost["examples"] == [str(outsider.documents.get().pk)]


def test_embeddings_of_models_kept_or_in_the_making_are_no_fault(owner, admin, settings):
    world = sound(owner)
    settings.EMBEDDERS = {**settings.EMBEDDERS, "next": settings.EMBEDDERS["fake"]}
    for row in ChunkEmbedding.objects.filter(document=world.one):
        ChunkEmbedding.objects.create(
            organization=row.organization,
            document=row.document,
            chunk=row.chunk,
            model="next",
            vector=row.vector,
        )
    body = health(admin)
    assert body["consistent"]
    assert body["other_models"] == {"next": 2}


def test_the_recorded_check_is_given_without_checking_again(owner, admin):
    world = sound(owner)
    assert api(admin).get("/api/index/health?recorded=true").status_code == 404
    run_now(organization=owner.organization, action="check")
    CORRUPTIONS["words lost"].spoil(world)
    recorded = health(admin, recorded="true")
    assert (recorded["consistent"], recorded["thorough"]) == (True, True)
    assert kinds(health(admin)) == {"words_missing": 1}
    assert [(run["action"], run["status"]) for run in recorded["runs"]] == [("check", "finished")]


def test_a_large_index_is_not_checked_within_a_request_unless_asked(owner, admin, monkeypatch):
    monkeypatch.setattr(index, "QUICK_CHUNKS", 4)
    world = sound(owner)
    run_now(organization=owner.organization, action="check")
    CORRUPTIONS["words lost"].spoil(world)
    assert health(admin)["consistent"] is True
    assert health(admin, recorded="false")["consistent"] is False


def test_a_worker_keeps_no_copy_after_a_check(owner, admin):
    sound(owner)
    run = request_run(organization=owner.organization, action="check", actor=admin)
    run_on_index(run.pk)
    check_every_index()
    assert not get_vector_index()._copies


@pytest.mark.parametrize(
    ("method", "path"),
    [("get", "health"), ("post", "check"), ("post", "repair"), ("post", "rebuild")],
)
def test_only_admins_may_look_and_act(owner, method, path):
    assert getattr(APIClient(), method)(f"/api/index/{path}").status_code == 401
    assert getattr(api(owner), method)(f"/api/index/{path}").status_code == 403
    assert not IndexRun.objects.exists()


@pytest.mark.parametrize("action", ["check", "repair", "rebuild"])
def test_what_is_asked_for_is_queued_recorded_and_done_by_a_worker(
    owner, admin, action, django_capture_on_commit_callbacks
):
    sound(owner)
    with django_capture_on_commit_callbacks(execute=True):
        answer = api(admin).post(f"/api/index/{action}")
    assert answer.status_code == 202
    assert (answer.json()["action"], answer.json()["status"]) == (action, "queued")
    assert OrmQ.objects.count() == 1
    assert admin.audit_events.get().action == f"index.{action}_requested"
    run_on_index(answer.json()["id"])
    run = IndexRun.objects.get()
    assert (run.status, run.consistent, run.requested_by) == ("finished", True, admin)
    assert health(admin)["runs"][0]["status"] == "finished"


def test_only_who_administers_the_organization_may_ask(owner, outside_admin):
    for actor in (owner, outside_admin):
        with pytest.raises(NotAllowed):
            request_run(organization=owner.organization, action="repair", actor=actor)
    assert not IndexRun.objects.exists()


def test_asking_twice_queues_once(admin):
    first = request_run(organization=admin.organization, action="rebuild", actor=admin)
    assert request_run(organization=admin.organization, action="rebuild", actor=admin) == first
    other = request_run(organization=admin.organization, action="check", actor=admin)
    assert other != first


def test_a_run_that_is_delivered_twice_is_done_once(admin):
    run = request_run(organization=admin.organization, action="rebuild", actor=admin)
    run_on_index(run.pk)
    version = get_state(admin.organization_id).version
    run_on_index(run.pk)
    assert get_state(admin.organization_id).version == version


def test_a_run_that_fails_says_so(owner, admin, monkeypatch):
    sound(owner)
    run = request_run(organization=owner.organization, action="rebuild", actor=admin)
    monkeypatch.setattr(FtsTable, "fill", lambda self: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run_on_index(run.pk)
    [told] = health(admin)["runs"]
    assert (told["status"], told["consistent"]) == ("failed", None)
    assert told["error_message"] == "It stopped with ZeroDivisionError; the log says more."


def test_a_rebuild_in_a_worker_makes_every_process_take_a_new_copy(owner, admin):
    published(owner, "alpha", "beta")
    web = FaissIndex()
    search(web, owner)
    copy_of(web, owner).view.parts[0].vectors[0] = unit(9)
    assert search(web, owner) != search(FaissIndex(), owner)
    run = request_run(organization=owner.organization, action="rebuild", actor=admin)
    run_on_index(run.pk)
    assert search(web, owner) == search(FaissIndex(), owner)


def search(vectors: FaissIndex, owner) -> list[tuple[int, float]]:
    from documents.models import Document
    from rag.embedding.registry import get_embedder

    vector = get_embedder().embed_query("alpha")
    hits = vectors.search(
        vector,
        k=10,
        state=get_state(owner.organization_id),
        within=Scope(Document.objects.all()),
    )
    return [(hit.chunk_id, round(hit.score, 4)) for hit in hits]


def test_the_oldest_runs_are_forgotten(admin):
    for _ in range(KEPT_RUNS + 2):
        run_now(organization=admin.organization, action="check")
    assert IndexRun.objects.count() == KEPT_RUNS


def test_the_recurring_check_looks_at_every_organization_and_at_what_belongs_to_none(
    owner, outsider
):
    check_every_index()
    checked = set(IndexRun.objects.values_list("organization__name", flat=True))
    assert checked == {"Acme", "Rival", None}


def test_the_recurring_check_is_scheduled(db):
    from django_q.models import Schedule

    ensure_schedules()
    assert Schedule.objects.get(name="check indexes").func == "rag.tasks.check_indexes"


class TestCommand:
    def call(self, *arguments: str) -> tuple[str, int]:
        output = StringIO()
        try:
            call_command("check_index", *arguments, stdout=output)
        except SystemExit as end:
            return output.getvalue(), int(end.code or 0)
        return output.getvalue(), 0

    def test_it_says_that_all_is_well_with_exit_code_0(self, owner):
        sound(owner)
        output, code = self.call()
        assert code == 0
        assert "Acme" in output
        assert "Consistent." in output

    def test_it_tells_faults_with_exit_code_1_and_changes_nothing(self, owner):
        CORRUPTIONS["words lost"].spoil(sound(owner))
        output, code = self.call()
        assert code == 1
        assert "words_missing: 1 chunk is not in the index of words" in output
        assert self.call()[1] == 1

    def test_it_repairs_with_exit_code_0(self, owner):
        CORRUPTIONS["words lost"].spoil(sound(owner))
        output, code = self.call("--repair")
        assert code == 0
        assert "repaired: 1 chunk is not in the index of words" in output
        assert AuditEvent.objects.get(action="index.repaired").actor is None

    def test_what_it_cannot_repair_is_left_with_exit_code_1(self, owner):
        CORRUPTIONS["file lost"].spoil(sound(owner))
        output, code = self.call("--repair")
        assert code == 1
        assert "file_lost" in output

    def test_its_json_is_what_the_api_gives(self, owner, admin):
        CORRUPTIONS["words lost"].spoil(sound(owner))
        output, code = self.call("--json")
        assert code == 1
        [report] = json.loads(output)
        told = health(admin)
        differing = {"checked_at", "took_ms", "thorough", "vector"}
        assert {k: report[k] for k in set(report) - differing - {"repaired"}} == {
            k: told[k] for k in set(told) - differing - {"runs"}
        }

    def test_an_organization_is_chosen_by_name_or_id(self, owner, outsider):
        sound(owner)
        published(outsider, "whose file is lost")
        assert self.call("--organization", "acme")[1] == 0
        assert self.call("--organization", str(owner.organization_id))[1] == 0
        assert self.call("--organization", "rival")[1] == 1
        assert self.call()[1] == 1

    @pytest.mark.parametrize("name", ["nobody", "00000000-0000-0000-0000-000000000000"])
    def test_an_unknown_organization_is_a_usage_error(self, owner, name):
        with pytest.raises(CommandError) as refused:
            call_command("check_index", organization=name)
        assert refused.value.returncode == 2

    def test_what_belongs_to_no_organization_is_told_where_there_are_several(self, owner, outsider):
        world = sound(owner)
        CORRUPTIONS["page of nothing"].spoil(world)
        assert check_index(organization=owner.organization).is_consistent
        output, code = self.call("--repair")
        assert code == 0
        assert "The installation" in output
        assert "repaired: 1 row refers to another row" in output


def test_the_rebuild_command_reports(owner):
    sound(owner)
    output = StringIO()
    call_command("rebuild_index", stdout=output)
    assert "Acme: 5 vectors, 5 chunks by words, version 3" in output.getvalue()
