"""A change of the model is refused when the evaluation set says that the search gets worse."""

import json

import numpy as np
import pytest

from accounts.models import AuditEvent
from knowledge.lib.errors import InvalidInput
from rag.embedding.fake import FakeEmbedder
from rag.embedding.registry import get_embedder
from rag.index.versions import get_state
from rag.model_comparison import Figures, compare_models, evaluation_questions
from rag.services.model_change import roll_back, start_change
from rag.services.model_change_run import run_change
from rag.tests.library import published

ANSWERS = {
    "leave.txt": "thirty days of annual leave",
    "laptop.txt": "laptops are replaced every four years",
    "hotel.txt": "a hotel may cost two hundred euros",
}
QUESTIONS = [
    {"question": "annual leave days", "gold": "leave.txt"},
    {"question": "laptops replaced years", "gold": ["handbook/it/laptop.txt", "elsewhere.md"]},
    {"question": "hotel cost euros", "gold": ["hotel.txt"]},
]


class Blind(FakeEmbedder):
    """A model to which every question looks like the first document."""

    name = "fake-wide"

    def _embed_query(self, text):
        return -np.ones(self.dimension, dtype=np.float32)

    def _embed_passages(self, texts):
        vectors = np.ones((len(texts), self.dimension), dtype=np.float32)
        vectors[:, 0] = np.arange(len(texts))
        return vectors


@pytest.fixture
def library(owner, organization):
    for filename, text in ANSWERS.items():
        published(owner, text, filename=filename)
    return organization


@pytest.fixture
def evaluation_set(settings, tmp_path):
    def write(*rows):
        path = tmp_path / "questions.jsonl"
        path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
        settings.REEMBED_EVALUATION_SET = str(path)

    return write


@pytest.fixture
def worse_model(settings, monkeypatch):
    """The new model finds nothing by meaning, and words find nothing at all."""
    settings.EMBEDDERS = {**settings.EMBEDDERS, "fake-wide": f"{__name__}.Blind"}
    monkeypatch.setattr("rag.embedding.registry._instances", {})
    monkeypatch.setattr("rag.model_comparison._words", lambda organization_id, question: [])


def change(organization, **options):
    started = start_change(organization=organization, model="fake-wide", actor=None, **options)
    return run_change(change_id=started.pk)


def test_a_model_that_finds_as_much_is_switched_to_with_its_figures(library, evaluation_set):
    evaluation_set(*QUESTIONS)
    done = change(library)
    assert done.status == "switched"
    assert done.evaluation["questions"] == 3
    for part in ("vectors_before", "vectors_after", "search_before", "search_after"):
        assert done.evaluation[part] == {"mrr": 1.0, "recall": 1.0}


def test_a_model_that_finds_less_is_refused_with_its_figures(library, evaluation_set, worse_model):
    evaluation_set(*QUESTIONS)
    done = change(library)
    assert done.status == "refused"
    assert done.evaluation["search_after"]["mrr"] < done.evaluation["search_before"]["mrr"] == 1.0
    assert "on 3 questions: MRR@10 1.000 before" in done.error
    assert get_state(library.pk).model == "fake"
    assert get_state(library.pk).next_model == ""
    assert AuditEvent.objects.filter(action="model_change.refused").exists()


def test_force_switches_all_the_same(library, evaluation_set, worse_model):
    evaluation_set(*QUESTIONS)
    assert change(library).status == "refused"
    done = change(library, force=True)
    assert done.status == "switched"
    assert done.evaluation["search_after"]["mrr"] < 1


def test_a_tolerance_lets_a_little_pass(library, evaluation_set, worse_model, settings):
    settings.REEMBED_TOLERANCE = 1.0
    evaluation_set(*QUESTIONS)
    assert change(library).status == "switched"


def test_the_way_back_is_never_refused(library, evaluation_set, worse_model, settings):
    change(library)
    settings.EMBEDDERS = {**settings.EMBEDDERS, "fake": f"{__name__}.Blind"}
    evaluation_set(*QUESTIONS)
    back = roll_back(organization=library, actor=None)
    assert run_change(change_id=back.pk).status == "switched"


def test_questions_about_documents_that_are_elsewhere_say_nothing(library, evaluation_set):
    evaluation_set(
        *QUESTIONS[:1],
        {"question": "of another organization", "gold": "theirs.txt"},
        {"question": "that nothing answers", "gold": []},
        {"question": "without a word about it"},
    )
    assert [question.text for question in evaluation_questions()] == [
        "annual leave days",
        "of another organization",
    ]
    assert change(library).evaluation["questions"] == 1


def test_a_document_of_another_organization_is_no_answer(library, outsider, evaluation_set):
    theirs = published(outsider, "thirty days of annual leave", filename="leave.txt")
    evaluation_set({"question": "annual leave", "gold": str(theirs.pk)})
    assert change(library).evaluation["questions"] == 0


def test_a_document_may_be_named_by_its_id(owner, library, evaluation_set):
    wanted = published(owner, "parking costs nothing", filename="same.txt")
    published(owner, "parking is behind the house", filename="same.txt")
    evaluation_set({"question": "parking costs nothing", "gold": str(wanted.pk)})
    found = compare_models(library.pk, evaluation_questions(), before="fake", after="fake")
    assert found.questions == 1
    assert found.search_before == Figures(1.0, 1.0)


def test_the_first_document_that_answers_counts_by_its_rank(owner, library, evaluation_set):
    published(owner, "annual leave annual leave", "annual leave again", filename="other.txt")
    evaluation_set({"question": "annual leave", "gold": "leave.txt"})
    found = compare_models(library.pk, evaluation_questions(), before="fake", after="fake")
    assert found.vectors_before == Figures(0.5, 1.0)  # two chunks of one document are one place


@pytest.mark.parametrize(
    "line", ["not json", "[]", '{"gold": "a.txt"}', '{"question": "?", "gold": 7}']
)
def test_a_set_that_cannot_be_read_is_refused_before_anything_is_embedded(
    library, settings, tmp_path, line
):
    path = tmp_path / "questions.jsonl"
    path.write_text(json.dumps(QUESTIONS[0]) + "\n" + line, encoding="utf-8")
    settings.REEMBED_EVALUATION_SET = str(path)
    with pytest.raises(InvalidInput, match="line 2 is not"):
        start_change(organization=library, model="fake-wide", actor=None)
    settings.REEMBED_EVALUATION_SET = str(tmp_path / "nowhere")
    with pytest.raises(InvalidInput, match="cannot be read"):
        start_change(organization=library, model="fake-wide", actor=None)


def test_figures_are_compared_with_a_tolerance():
    before = Figures(mrr=0.8, recall=0.9)
    assert Figures(0.7, 0.9).is_worse_than(before, 0.05)
    assert Figures(0.8, 0.8).is_worse_than(before, 0.05)
    assert not Figures(0.78, 0.89).is_worse_than(before, 0.05)
    assert not Figures(1.0, 1.0).is_worse_than(before, 0.0)


def test_memory_is_bounded_by_reading_vectors_in_batches(owner, library, monkeypatch):
    monkeypatch.setattr("rag.model_comparison.READ_SIZE", 2)
    evaluation = list(_questions())
    found = compare_models(library.pk, evaluation, before="fake", after="fake")
    assert found.vectors_before == Figures(1.0, 1.0)
    assert get_embedder("fake")


def _questions():
    from rag.model_comparison import Question

    for row in QUESTIONS:
        gold = row["gold"] if isinstance(row["gold"], list) else [row["gold"]]
        yield Question(row["question"], frozenset(gold))
