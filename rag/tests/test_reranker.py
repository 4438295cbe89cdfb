"""The reranker: a seam, with a tiny cross-encoder of random weights made for the test."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from rag.reranker.base import Reranker
from rag.reranker.fake import FakeReranker
from rag.reranker.registry import get_reranker
from rag.retrieval import retrieve
from rag.tests.library import published


def test_without_a_setting_there_is_none(settings):
    settings.RERANKER_MODEL = ""
    assert get_reranker() is None


def test_a_cross_encoder_is_loaded_from_its_folder(settings, tiny_model):
    settings.RERANKER_MODEL = tiny_model
    reranker = get_reranker()
    assert reranker is get_reranker()
    texts = ["a short one", "another passage " * 200]
    scores = reranker.score("which one?", texts)
    assert len(scores) == 2
    assert reranker.score("which one?", texts[::-1])[::-1] == pytest.approx(scores, abs=1e-3)
    assert reranker.score("which one?", []) == []


def test_what_is_no_cross_encoder_is_named(settings, tmp_path):
    settings.RERANKER_MODEL = str(tmp_path)
    with pytest.raises(ImproperlyConfigured, match="RERANKER_MODEL"):
        get_reranker()


def test_a_model_that_judges_another_number_of_passages_is_caught():
    class Broken(Reranker):
        name = "broken"

        def _score(self, question, passages):
            return [1.0]

    with pytest.raises(ValueError, match="broken gave 1 scores for 2"):
        Broken().score("?", ["a", "b"])


@pytest.mark.django_db
def test_it_has_the_last_word_about_the_best_passages(settings, owner, monkeypatch):
    settings.RERANKER_MODEL = "fake"
    settings.RERANKER_CANDIDATES = 3
    fake = get_reranker()
    assert isinstance(fake, FakeReranker)
    monkeypatch.setattr(fake, "_score", lambda question, passages: [len(p) for p in passages])
    published(owner, *(f"budget{' of the year' * n}" for n in range(6)))
    found = retrieve(user=owner, query="budget", top_k=6)
    judged = [len(passage.content) for passage in found.passages[:3]]
    assert judged == sorted(judged, reverse=True)
    assert len(found.passages) == 6
    assert found.stages["reranker"] > 0
    scores = [passage.score for passage in found.passages]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.django_db
def test_it_reads_only_what_the_person_may_read(settings, owner, colleague):
    settings.RERANKER_MODEL = "fake"
    fake = get_reranker()
    fake.history.clear()
    published(owner, "budget of the owner")
    published(colleague, "budget of the colleague")
    retrieve(user=colleague, query="budget", top_k=5)
    assert fake.history == [("budget", ("budget of the colleague",))]
