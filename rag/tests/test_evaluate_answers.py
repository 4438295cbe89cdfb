"""Answers measured through the product's own turns, on sets made for that."""

import json
from collections import Counter
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command

from accounts.models import Organization
from documents.extraction.runner import extract_file
from rag.evaluation.answer_measures import (
    AnswerOutcome,
    auroc,
    holds_answer,
    summarize,
    word_f1,
)
from rag.evaluation.answer_sets import read_answer_set
from rag.evaluation.exceptions import BadDataSet
from rag.evaluation.located_quotes import Place, find_quote
from rag.llm.base import DONT_KNOW
from rag.models import Conversation
from rag.turn_events import Source

SAMPLES = Path(django_settings.BASE_DIR) / "samples"
QUESTIONS = (
    Path(django_settings.BASE_DIR) / "rag" / "evaluation" / "data" / "sample_questions.jsonl"
)


@pytest.fixture(autouse=True)
def evaluation_folder(settings, tmp_path):
    settings.EVALUATION_DIR = tmp_path / "evaluation"


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "rules"
    path.mkdir()
    (path / "leave.md").write_text("# Leave\n\nEverybody has **thirty days** of paid leave a year.")
    (path / "phone.md").write_text("# Phone\n\nMobile phone costs are paid up to $75 a month.")
    questions(
        path,
        {"id": "a", "question": "How many days of paid leave?", "answers": ["thirty days"]}
        | {"gold": "leave.md", "quote": "Everybody has **thirty days** of paid leave", "page": 1},
        {"id": "b", "question": "Which phone costs are paid a month?", "answer": "$75"}
        | {"gold": ["phone.md"], "quote": "up to $75 a month"},
        {"id": "c", "question": "Who painted it?", "answerable": False, "gold": []},
        {"id": "d", "question": "hello", "answerable": None},
    )
    return path


def questions(path, *rows) -> None:
    (path / "qa.jsonl").write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")


def evaluate(folder, *options: str) -> dict:
    out = folder.parent / "out.json"
    call_command("evaluate_answers", str(folder), "--json", str(out), *options, stdout=StringIO())
    return json.loads(out.read_text())


@pytest.mark.django_db(transaction=True)
def test_right_answers_and_citations_are_told_from_wrong_ones(folder, model):
    model.enqueue("It is thirty days a year [1].")
    model.enqueue("Nobody pays for it, says the paper on leave of thirty days [2].")
    model.enqueue(DONT_KNOW)
    outcome = evaluate(folder)
    by_id = {each["id"]: each for each in outcome["questions"]}
    assert by_id["a"]["is_right"] and by_id["a"]["as_expected"]
    assert (by_id["a"]["cited_right"], by_id["a"]["page_right"]) == (1.0, True)
    assert not by_id["b"]["is_right"]
    assert by_id["c"]["abstained"] and by_id["c"]["as_expected"]
    assert by_id["d"]["as_expected"], "a greeting is answered without a search"
    metrics = outcome["metrics"]
    assert metrics["answer_recall"] == 0.5
    assert metrics["abstention_recall"] == 1.0
    assert metrics["abstention_auroc"] is None, "this model tells no confidence"
    assert metrics["tokens"] == 330
    assert (outcome["model"], outcome["data_set"]["questions"]) == ("fake", 4)
    assert not Organization.objects.exists()
    assert not Conversation.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_follow_up_is_asked_after_what_was_asked_before(folder, model):
    questions(
        folder,
        {"question": "And phones?", "history": ["Which costs are paid?"], "answers": ["$75"]},
    )
    model.enqueue("Costs up to $75 [1].")
    model.enqueue("Which phone costs are paid?")  # the rewording
    model.enqueue("Up to $75 a month [1].")
    [outcome] = evaluate(folder)["questions"]
    assert outcome["is_right"]
    assert outcome["answer"].startswith("Up to $75")
    assert len(model.history) == 3


@pytest.mark.django_db(transaction=True)
def test_a_model_that_fails_is_an_error_and_not_an_abstention(folder, model):
    from rag.llm.base import ModelUnavailable

    model.enqueue(error=ModelUnavailable("The model is away."))
    outcome = evaluate(folder, "--limit", "1")
    assert outcome["questions"][0]["error"] == "The model is away."
    assert outcome["metrics"]["errors"] == 1.0
    assert outcome["metrics"]["answer_recall"] == 0.0


def test_a_quote_is_found_through_markup_case_and_line_ends():
    text = "First.\nAn order over $5,000 requires a\nPO (see below)."
    [(start, end)] = find_quote("over **$5,000** requires a [PO]", text)
    assert text[start:end] == "over $5,000 requires a\nPO"
    assert find_quote("nowhere", text) == []
    assert find_quote("...", text) == []


def test_a_passage_counts_where_it_overlaps_the_quote(owner):
    key, other = owner.pk, owner.organization_id

    def source(document, page, start, end):
        return Source(1, None, document, "", page, start, end, "", 0.0, True, "", True)

    place = Place(key, 2, 10, 20)
    assert place.holds(source(key, 2, 0, 11))
    assert not place.holds(source(key, 2, 0, 10))
    assert not place.holds(source(key, 1, 0, 30))
    assert not place.holds(source(other, 2, 0, 30))
    assert Place(key).holds(source(key, 9, 0, 1)), "the whole document"


def test_answers_are_compared_as_squad_does():
    assert holds_answer("It is the Thirty, days!", ["thirty days"], [])
    assert not holds_answer("It is thirtydays", ["thirty days"], [])
    assert holds_answer("They say: paid up to $75 a month.", [], ["up to $75 a month"])
    assert word_f1("the cat sat", ["a cat"]) == pytest.approx(2 / 3)
    assert word_f1("dogs", ["a cat"]) == 0.0


def test_auroc_counts_pairs():
    assert auroc([0.9, 0.8], [0.1]) == 1.0
    assert auroc([0.5], [0.5]) == 0.5
    assert auroc([0.2, None], [0.7]) == 0.0
    assert auroc([None], [0.7]) is None


def test_metrics_of_nothing_are_none_and_abstention_is_no_right_answer():
    assert summarize([])["answer_recall"] is None
    silent = AnswerOutcome("1", "?", "", True, DONT_KNOW, ["x"], abstained=True, is_right=False)
    metrics = summarize([silent])
    assert (metrics["answer_recall"], metrics["abstention_precision"]) == (0.0, 0.0)


def test_a_list_of_quotes_is_needed_in_full_and_one_quote_in_any_document(folder):
    questions(
        folder,
        {"question": "?", "gold": ["leave.md", "phone.md"], "quote": ["a", "b"], "page": [1, 1]},
        {"question": "?", "gold": ["leave.md", "phone.md"], "quote": "a"},
    )
    both, either = read_answer_set(folder).cases
    assert [(item.documents, item.quote) for item in both.evidence] == [
        (("leave.md",), "a"),
        (("phone.md",), "b"),
    ]
    assert [item.documents for item in either.evidence] == [("leave.md", "phone.md")]


def test_a_question_about_an_unknown_document_is_refused(folder):
    questions(folder, {"question": "?", "gold": ["nowhere.md"]})
    with pytest.raises(BadDataSet, match=r"names the document 'nowhere\.md'"):
        read_answer_set(folder)
    questions(folder, {"question": 5})
    with pytest.raises(BadDataSet, match="of the wrong kind"):
        read_answer_set(folder)


# --- the set that is shipped ---
def test_the_shipped_set_has_every_kind_of_question():
    cases = read_answer_set(SAMPLES, QUESTIONS).cases
    assert len(cases) >= 120
    assert len({case.id for case in cases}) == len(cases)
    assert sum(case.is_answerable is False for case in cases) >= 20
    wanted = "fact table number date two_documents contradiction typo keywords one_word"
    wanted += " other_language exact_phrase follow_up list compare long greeting unanswerable"
    kinds = Counter(case.kind for case in cases)
    assert set(kinds) == set(wanted.split())
    assert min(kinds.values()) >= 3
    assert any(len(case.question) > 1_800 for case in cases)
    assert all(len(case.evidence) == 2 for case in cases if case.kind == "contradiction")


def test_every_quote_of_the_shipped_set_stands_on_its_page_word_for_word():
    data = read_answer_set(SAMPLES, QUESTIONS)
    pages = {
        (document.id, page.number): page.text
        for document in data.documents
        for page in extract_file(document.path, extension=document.path.suffix[1:]).pages
    }
    for case in data.cases:
        assert bool(case.evidence) == bool(case.is_answerable), case.id
        for item in case.evidence:
            [name] = item.documents
            assert item.quote and item.quote in pages[name, item.page], case.id


@pytest.mark.model
@pytest.mark.django_db(transaction=True)
def test_the_shipped_set_is_answered_as_well_as_before(settings):
    settings.EMBEDDING_MODEL = "all-MiniLM-L6-v2"
    try:
        call_command(
            "evaluate_answers", str(SAMPLES), "--questions", str(QUESTIONS), "--fail-under",
            "as_expected=0.83", "answer_recall=0.91", "evidence_recall=0.95",
            "citation_precision=0.77", "citation_recall=0.87", "page_accuracy=0.96",
            "abstention_recall=0.56", "abstention_auroc=0.84", "citation_holds_sentence=0.99",
            "no_question=1.0", "contradictions_told=1.0",
            stdout=(told := StringIO()),
        )  # fmt: skip
    except CommandError as error:
        pytest.fail(f"{error}\n{told.getvalue()}")
