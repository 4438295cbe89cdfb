"""The command on a small data set, through the real pipeline with the fake embedder."""

import json
import re
import subprocess
import sys
from io import StringIO

import pytest
from django.apps import apps
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.models import AuditChain, AuditEvent, Organization
from documents.models import Document
from documents.services import delete_documents
from rag.embedding.registry import get_embedder
from rag.evaluation import workspace as workspaces
from rag.evaluation.floors import Floor
from rag.evaluation.retrieval_runs import percentiles
from rag.models import EvaluationOutcome, EvaluationRun, EvaluationWorkspace
from rag.tests.library import published

pytestmark = pytest.mark.django_db(transaction=True)

TEXTS = {
    "leave": "Everybody has thirty days of annual leave.",
    "travel": "Flights are booked by the travel desk.",
    "security": "Screens are locked after ten minutes.",
    "again": "Screens are locked after ten minutes.",
}


@pytest.fixture(autouse=True)
def evaluation_folder(settings, tmp_path):
    settings.EVALUATION_DIR = tmp_path / "evaluation"
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.MEDIA_ROOT.mkdir()


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "little"
    path.mkdir()
    rows = [json.dumps({"id": key, "title": "Rules", "text": text}) for key, text in TEXTS.items()]
    (path / "corpus.jsonl").write_text("\n".join(rows))
    questions = {"1": "annual leave days", "2": "screens locked minutes", "3": "travel flights"}
    rows = [json.dumps({"id": key, "text": text}) for key, text in questions.items()]
    (path / "queries.jsonl").write_text("\n".join(rows))
    (path / "qrels.tsv").write_text("1\tleave\t1\n2\tsecurity\t1\n3\tsecurity\t1\n")
    return path


def evaluate(folder, *options: str) -> str:
    output = StringIO()
    call_command("evaluate_retrieval", str(folder), *options, stdout=output)
    return output.getvalue()


def counts() -> dict[str, int]:
    return {
        model._meta.label: model._default_manager.count()
        for model in apps.get_models()
        if model._meta.app_label in ("accounts", "documents", "rag")
        and model not in (AuditEvent, AuditChain, EvaluationRun, EvaluationOutcome)
    }


def traces(settings) -> tuple[object, ...]:
    """Return what an evaluation could leave behind: rows, tables of words, files, a trail.

    That there was one stays in the platform's trail.
    """
    tables = sorted(t for t in connection.introspection.table_names() if "lexical" in t)
    stores = sorted(p.name for p in settings.VECTOR_STORE_DIR.glob("*"))
    trails = set(AuditEvent.objects.values_list("organization_id", flat=True)) - {None}
    return counts(), trails, tables, stores, sorted(default_storage.listdir("")[1])


def test_each_question_is_searched_and_the_outcome_told(folder, tmp_path):
    told = evaluate(folder, "--json", str(tmp_path / "out.json"))
    assert "little: 3 questions, 4 documents, 3 passages" in told
    outcome = json.loads((tmp_path / "out.json").read_text())
    by_id = {question["id"]: question for question in outcome["questions"]}
    assert by_id["1"]["ranking"][0] == "leave"
    assert set(by_id["2"]["ranking"][:2]) == {"security", "again"}, "the same text under two ids"
    assert by_id["3"]["ranking"][0] == "travel"
    assert outcome["metrics"]["recall@10"] == 1.0
    assert outcome["metrics"]["mrr"] == pytest.approx(
        sum(question["measures"]["mrr"] for question in outcome["questions"]) / 3
    )
    assert 0 < outcome["metrics"]["p50_ms"] <= outcome["metrics"]["p95_ms"]
    assert outcome["data_set"]["questions"] == 3


def test_one_index_can_be_asked_alone(folder, tmp_path, monkeypatch):
    rankings = {}
    for mode in ("dense", "lexical"):
        evaluate(folder, "--mode", mode, "--json", str(tmp_path / mode))
        first = json.loads((tmp_path / mode).read_text())["questions"][0]
        rankings[mode] = first["ranking"]
    # Words alone find what has one of them; the nearest are always some.
    assert rankings["lexical"] == ["leave"]
    assert (rankings["dense"][0], len(rankings["dense"])) == ("leave", 4)
    monkeypatch.setattr(type(get_embedder()), "embed_query", _must_not_be_called)
    evaluate(folder, "--mode", "lexical")


def _must_not_be_called(*args):
    raise AssertionError("words need no vector")


def test_it_is_told_what_a_reranker_takes(folder, settings, tiny_model, tmp_path):
    assert "reranker_p50_ms" not in evaluate(folder)
    settings.RERANKER_MODEL = tiny_model
    out = tmp_path / "out.json"
    evaluate(folder, "--json", str(out))
    metrics = json.loads(out.read_text())["metrics"]
    assert 0 < metrics["reranker_p50_ms"] <= metrics["reranker_p95_ms"] <= metrics["p95_ms"]


def test_a_second_run_embeds_no_passage_again(folder):
    assert "(0 of 3 vectors known)" in evaluate(folder)
    history = get_embedder().history
    history.clear()
    assert "(3 of 3 vectors known)" in evaluate(folder)
    assert not [text for text in history if text.endswith(tuple(TEXTS.values()))]


def test_nothing_is_left_and_nobody_else_is_touched(folder, settings, owner):
    published(owner, "annual leave of Acme", visibility="organization")
    before = traces(settings)
    evaluate(folder, "--limit", "1")
    assert traces(settings) == before
    trail = AuditEvent.objects.filter(organization=None).order_by("pk")
    assert list(trail.values_list("action", flat=True)) == ["evaluation.began", "evaluation.ended"]


def test_an_interrupted_run_leaves_nothing(folder, settings, owner, monkeypatch):
    before = traces(settings)

    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("rag.evaluation.retrieval_runs.retrieve", interrupt)
    with pytest.raises(KeyboardInterrupt):
        evaluate(folder)
    assert traces(settings) == before


def test_what_a_killed_run_left_goes_when_the_next_one_begins(folder, settings, owner, monkeypatch):
    published(owner, "annual leave of Acme")
    before = traces(settings)
    with monkeypatch.context() as patch:
        patch.setattr(workspaces, "_remove", lambda organization_id: None)
        evaluate(folder)
    assert Organization.objects.count() == 2
    assert Document.objects.count() == 4
    evaluate(folder)
    assert traces(settings) == before


def test_what_another_machine_is_at_is_left_alone(folder, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(workspaces, "_remove", lambda organization_id: None)
        patch.setattr(workspaces.socket, "gethostname", lambda: "another")
        evaluate(folder)
    evaluate(folder)
    [mark] = EvaluationWorkspace.objects.all()
    assert mark.host == "another"
    mark.created_at -= workspaces.LEFT_BEHIND_AFTER
    mark.save()
    assert workspaces.remove_leftovers() == 1


def test_an_organization_without_the_mark_is_never_removed(owner):
    Organization.objects.create(name="Evaluation 12345678 (is removed by itself)")
    assert workspaces.remove_leftovers() == 0
    assert Organization.objects.count() == 2


def test_of_two_runs_at_once_the_second_is_refused(folder, settings):
    with workspaces.workspace():
        with pytest.raises(CommandError, match="Another evaluation runs here"):
            evaluate(folder)
        holder = (
            "import fcntl, sys; fcntl.flock(open(sys.argv[1], 'w'), fcntl.LOCK_EX | fcntl.LOCK_NB)"
        )
        lock = str(settings.EVALUATION_DIR / "lock")
        refused = subprocess.run(
            [sys.executable, "-c", holder, lock], check=False, capture_output=True
        )
        assert b"BlockingIOError" in refused.stderr
    with workspaces.workspace():
        pass


def test_nobody_can_sign_in_or_administer_there():
    with workspaces.workspace() as place:
        assert not place.user.has_usable_password()
        assert not place.user.is_staff
        assert not delete_documents(documents=Document.objects.all(), actor=place.user)


def test_a_file_that_cannot_be_read_is_told_and_the_others_count(tmp_path):
    (tmp_path / "leave.md").write_text("Everybody has thirty days of annual leave.")
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.7\nnothing")
    (tmp_path / "empty.txt").write_text("")
    rows = [{"question": "leave days", "gold": "leave.md"}, {"question": "x", "gold": "broken.pdf"}]
    (tmp_path / "qa.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    told = evaluate(tmp_path)
    assert "not ingested: broken.pdf:" in told
    assert "not ingested: empty.txt:" in told
    assert re.search(r"success@1 +0\.500", told)


def test_a_metric_below_its_floor_ends_with_a_clear_line(folder):
    evaluate(folder, "--fail-under", "recall@10=1", "p95_ms=60000")
    with pytest.raises(CommandError, match=r"mrr is 0\.[0-9]+, less than 0\.99") as refused:
        evaluate(folder, "--fail-under", "recall@10=1", "mrr=0.99")
    assert refused.value.returncode == 1
    with pytest.raises(CommandError, match="beauty is not measured here"):
        evaluate(folder, "--fail-under", "beauty=1")


def test_floors_of_times_and_costs_are_ceilings():
    assert Floor("p95_ms", 10).broken_by({"p95_ms": 11.0}) == "p95_ms is 11, more than 10."
    assert not Floor("p95_ms", 10).broken_by({"p95_ms": 9.0})
    assert Floor("auroc", 0.5).broken_by({"auroc": None})


def test_percentiles_of_one_and_of_many():
    assert percentiles([4.0]) == {"p50_ms": 4.0, "p95_ms": 4.0}
    assert percentiles(range(101)) == {"p50_ms": 50, "p95_ms": 95}


def test_a_question_longer_than_can_be_asked_is_cut(folder, settings):
    settings.MAX_QUERY_CHARACTERS = 30
    question = json.dumps({"id": "1", "text": "annual leave days " + "and more " * 30})
    (folder / "queries.jsonl").write_text(question)
    assert "1 questions" in evaluate(folder)
