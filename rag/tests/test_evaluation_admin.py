"""Runs side by side and kept cases: who sees them, and that nobody's words are told."""

import json
from io import StringIO

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command

from accounts.models import User
from rag.evaluation.comparison import compare_runs
from rag.evaluation.records import Outcome, git_revision, keep_run, product_version
from rag.models import Conversation, EvaluationCase, EvaluationOutcome, EvaluationRun, Message
from rag.services.feedback import give_feedback
from rag.services.turns import run_turn, start_turn
from rag.tests.library import published

LEAVE = "Every employee has 30 days of paid leave a year."
QUESTION = "How many days of paid leave does every employee have?"


def run_of(
    scores: dict[str, float], metrics: dict, organization=None, digest: str = "d" * 64, **more
) -> EvaluationRun:
    return keep_run(
        kind="answers",
        data_set="Handbook",
        digest=digest,
        options={"limit": None},
        metrics=metrics,
        outcomes=[
            Outcome(key, f"What of {key}?", score, {"answer": f"It is {key}."})
            for key, score in scores.items()
        ],
        organization=organization,
        **more,
    )


@pytest.fixture
def operator(organization) -> User:
    return User.objects.create_superuser("operator@acme.test", None, organization=organization)


@pytest.fixture
def rated(owner) -> Message:
    published(owner, LEAVE, filename="leave.md", visibility="organization")
    started = start_turn(user=owner, query=QUESTION)
    message = run_turn(user=owner, message_id=started.pk)
    return give_feedback(message=message, actor=owner, rating="down", comment="Too long")


# --- runs ---
@pytest.mark.django_db
def test_what_got_better_and_worse_is_told_question_by_question():
    before = run_of({"a": 0.0, "b": 1.0, "c": 1.0}, {"mrr": 0.5, "p95_ms": 10.0, "cost": 1.0})
    after = run_of({"a": 1.0, "b": 0.0, "c": 1.0}, {"mrr": 0.6, "p95_ms": 11.0, "cost": 2.0})
    compared = compare_runs(after, before)
    assert [change.now.key for change in compared.better] == ["a"]
    assert [change.now.key for change in compared.worse] == ["b"]
    assert compared.same == 1
    verdicts = {change.name: change.verdict for change in compared.metrics}
    assert verdicts == {"mrr": "better", "p95_ms": "same", "cost": "worse"}


@pytest.mark.django_db
def test_questions_that_only_one_run_asked_count_for_neither(organization):
    before = run_of({"a": 0.0, "b": 1.0}, {"mrr": 0.5}, organization)
    after = run_of({"b": 1.0, "c": 1.0, "d": 0.0}, {"mrr": 0.6}, organization)
    compared = compare_runs(after, before)
    assert (compared.better, compared.worse, compared.same) == ([], [], 1)
    assert (compared.only_before, compared.only_now) == (1, 2)
    assert (compared.mean_before, compared.mean_now) == (1.0, 1.0)
    assert [change.verdict for change in compared.metrics] == [""]


def test_runs_of_cases_stand_beside_each_other_though_cases_were_added(
    admin, organization, page_as
):
    run_of({"7": 0.0}, {"mrr": 0.5}, organization)
    later = run_of({"7": 1.0, "8": 0.0}, {"mrr": 0.6}, organization, digest="e" * 64)
    page = page_as(admin).get(f"/admin/rag/evaluationrun/{later.pk}/change/").content.decode()
    assert "1 question only this run asked, 0 only the earlier one" in page
    assert "was 0.000 and is 1.000" in page
    assert "/admin/rag/evaluationcase/8/change/" in page
    run_of({"7": 0.0}, {"mrr": 0.5})
    other = run_of({"7": 0.0}, {"mrr": 0.5}, digest="e" * 64)
    assert list(EvaluationRun.objects.like(other)) == []


@pytest.mark.django_db
def test_what_was_set_otherwise_is_told(settings):
    before = run_of({}, {}, answer_model="small")
    settings.CHUNK_SIZE = 999
    after = run_of({}, {}, answer_model="large")
    changed = {name: (old, new) for name, old, new in compare_runs(after, before).settings}
    assert changed == {"Answers by": ("small", "large"), "CHUNK_SIZE": (500, 999)}


def test_a_run_says_which_code_it_was_of():
    assert product_version()
    assert git_revision().rstrip("+").isalnum()


def test_a_run_is_shown_beside_the_one_before_it(operator, page_as):
    first = run_of({"a": 0.0}, {"mrr": 0.5})
    run_of({"a": 1.0}, {"mrr": 0.4})
    last = run_of({"a": 1.0}, {"mrr": 0.7})
    client = page_as(operator)
    address = f"/admin/rag/evaluationrun/{last.pk}/change/"
    page = client.get(address)
    assert page.context["comparison"].metrics[0].before == 0.4
    assert "What of a?" not in page.content.decode().split("Got better")[1].split("Not perfect")[0]
    page = client.get(address, {"against": first.pk})
    assert page.context["comparison"].metrics[0].before == 0.5
    assert "It is a." in page.content.decode()
    assert client.get("/admin/rag/evaluationrun/").status_code == 200


def test_runs_of_files_are_the_operators_and_kept_cases_the_organizations(
    operator, admin, outside_admin, organization, page_as
):
    of_files = run_of({"a": 0.0}, {"mrr": 0.5})
    of_cases = run_of({"a": 0.0}, {"mrr": 0.5}, organization)
    seen = {
        user.email: {
            run.pk
            for run in (of_files, of_cases)
            if page_as(user).get(f"/admin/rag/evaluationrun/{run.pk}/change/").status_code == 200
        }
        for user in (operator, admin, outside_admin)
    }
    assert seen == {
        operator.email: {of_files.pk, of_cases.pk},
        admin.email: {of_cases.pk},
        outside_admin.email: set(),
    }
    against = page_as(admin).get(
        f"/admin/rag/evaluationrun/{of_cases.pk}/change/", {"against": of_files.pk}
    )
    assert against.context["comparison"] is None


@pytest.mark.django_db(transaction=True)
def test_the_commands_keep_what_they_found(tmp_path, settings):
    settings.EVALUATION_DIR = tmp_path / "evaluation"
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "leave.md").write_text(LEAVE)
    row = {"id": "q", "question": QUESTION, "answers": ["30 days"], "gold": "leave.md"}
    (folder / "qa.jsonl").write_text(json.dumps(row))
    for command in ("evaluate_retrieval", "evaluate_answers", "evaluate_answers"):
        call_command(command, str(folder), stdout=StringIO())
    answers, again, retrieval = EvaluationRun.objects.all()
    assert (retrieval.kind, answers.kind) == ("retrieval", "answers")
    assert list(EvaluationRun.objects.like(answers)) == [again]
    assert answers.answer_model == "extractive"
    [outcome] = answers.outcomes.all()
    assert (outcome.key, outcome.score) == ("q", 1.0)
    assert retrieval.outcomes.get().details["found"] == ["leave.md"]


# --- cases ---
def keep(client, message):
    return client.post(
        "/admin/rag/message/", {"action": "keep_as_cases", "_selected_action": [message.pk]}
    )


@pytest.mark.django_db(transaction=True)
def test_an_administrator_keeps_a_thumbs_down_without_reading_it(
    rated, admin, outside_admin, page_as
):
    keep(page_as(outside_admin), rated)
    assert not EvaluationCase.objects.exists()
    client = page_as(admin)
    keep(client, rated)
    keep(client, rated)
    case = EvaluationCase.objects.get()
    assert (case.organization, case.message, case.question) == (admin.organization, rated, "")
    assert not case.is_ready
    for address in ("", f"{case.pk}/change/", f"{case.pk}/history/", f"{case.pk}/delete/"):
        page = client.get(f"/admin/rag/evaluationcase/{address}").content.decode()
        assert QUESTION not in page and LEAVE not in page
    assert "Too long" in client.get(f"/admin/rag/evaluationcase/{case.pk}/change/").content.decode()


@pytest.mark.django_db(transaction=True)
def test_an_answer_that_was_liked_is_not_kept(rated, owner, admin, page_as):
    give_feedback(message=rated, actor=owner, rating="up")
    keep(page_as(admin), rated)
    assert not EvaluationCase.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_kept_cases_are_asked_of_what_the_named_person_may_read(rated, owner, colleague, tmp_path):
    organization = owner.organization
    EvaluationCase.objects.create(
        organization=organization,
        question="How many days of paid leave?",
        answerable="yes",
        expected_answer="30 days",
        document=rated.sources.first().document,
    )
    EvaluationCase.objects.create(
        organization=organization, message=rated, answerable="yes", expected_answer="30 days"
    )
    EvaluationCase.objects.create(organization=organization, question="Undecided?")
    before = set(Conversation.objects.values_list("pk", flat=True))
    asked = {}
    for user in (owner, colleague):
        out = tmp_path / "out.json"
        options = ("--organization", organization.name, "--user", user.email, "--json", str(out))
        call_command("evaluate_answers", *options, stdout=StringIO())
        asked[user.email] = json.loads(out.read_text())
    assert set(Conversation.objects.values_list("pk", flat=True)) == before
    assert asked[owner.email]["metrics"]["answer_recall"] == 1.0
    assert len(asked[owner.email]["questions"]) == 2
    assert len(asked[colleague.email]["questions"]) == 1, "what the owner asked is the owner's"
    kept = json.dumps(asked) + "".join(
        f"{outcome.question}{json.dumps(outcome.details)}"
        for outcome in EvaluationOutcome.objects.all()
    )
    assert QUESTION not in kept and LEAVE not in kept
    assert set(EvaluationRun.objects.values_list("organization", flat=True)) == {organization.pk}


@pytest.mark.django_db(transaction=True)
def test_cases_are_asked_only_as_one_of_the_organization(rated, owner, outsider):
    EvaluationCase.objects.create(
        organization=owner.organization, question="Paid leave?", answerable="no"
    )
    name = owner.organization.name
    for email, said in ((outsider.email, "no active user"), ("nobody@acme.test", "no user")):
        with pytest.raises(CommandError, match=said):
            call_command("evaluate_answers", "--organization", name, "--user", email)
    with pytest.raises(CommandError, match="Name with --user"):
        call_command("evaluate_answers", "--organization", name)
    with pytest.raises(CommandError, match="either a FOLDER or"):
        call_command("evaluate_answers")


def test_a_case_names_only_a_document_of_its_organization(owner, outsider):
    theirs = published(outsider, "theirs")
    case = EvaluationCase(organization=owner.organization, question="?", document=theirs)
    with pytest.raises(ValidationError, match="no such document"):
        case.full_clean()
    case = EvaluationCase(organization=owner.organization, question="?", answerable="yes")
    with pytest.raises(ValidationError, match="cannot be judged"):
        case.full_clean()


def test_an_administrator_writes_a_case(admin, outsider, page_as):
    theirs = published(outsider, "theirs")
    client = page_as(admin)
    form = {
        "organization": admin.organization_id,
        "question": "Is there a canteen?",
        "answerable": "no",
        "expected_answer": "",
        "document": theirs.pk,
    }
    refused = client.post("/admin/rag/evaluationcase/add/", form)
    assert refused.status_code == 200
    assert not EvaluationCase.objects.exists()
    client.post("/admin/rag/evaluationcase/add/", form | {"document": ""})
    case = EvaluationCase.objects.get()
    assert (case.created_by, case.is_ready) == (admin, True)
