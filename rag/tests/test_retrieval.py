import logging

import pytest

from accounts.models import Membership
from documents.models import Document
from documents.services import delete_documents
from knowledge.lib.errors import InvalidInput, Unprocessable
from rag import search
from rag.fusion import fuse
from rag.index.base import Hit
from rag.index.scope import Scope
from rag.retrieval import retrieve
from rag.tests.library import published


def found(user, query: str = "budget", top_k: int = 50) -> set[str]:
    return {passage.content for passage in retrieve(user=user, query=query, top_k=top_k).passages}


@pytest.fixture
def library(owner, colleague, outsider, team):
    published(owner, "budget private to owner")
    published(owner, "budget of the team", visibility="teams", teams=(team,))
    published(owner, "budget of everybody", visibility="organization")
    published(colleague, "budget private to colleague")
    published(outsider, "budget of the rival", visibility="organization")


def test_each_person_finds_exactly_what_they_may_read(
    library, owner, colleague, teammate, admin, outsider, outside_admin
):
    private, team, everybody = (
        "budget private to owner",
        "budget of the team",
        "budget of everybody",
    )
    own = "budget private to colleague"
    assert found(owner) == {private, team, everybody}
    assert found(colleague) == {everybody, own}
    assert found(teammate) == {team, everybody}
    assert found(admin) == {private, team, everybody, own}
    assert found(outsider) == found(outside_admin) == {"budget of the rival"}


def test_a_permission_taken_away_is_gone_for_the_next_query(library, teammate, team):
    assert "budget of the team" in found(teammate)
    Membership.objects.filter(team=team, user=teammate).delete()
    assert found(teammate) == {"budget of everybody"}


def test_an_inactive_user_finds_nothing(library, owner):
    owner.is_active = False
    assert found(owner) == set()


def test_a_deleted_document_is_not_found(library, owner, admin):
    delete_documents(documents=Document.objects.filter(visibility="private"), actor=admin)
    assert found(owner) == {"budget of the team", "budget of everybody"}


def test_an_unfinished_document_is_not_found(library, owner):
    Document.objects.filter(visibility="private").update(status="processing")
    assert found(owner) == {"budget of the team", "budget of everybody"}


def test_the_indexes_are_asked_only_within_completed_documents_of_the_reader(library, colleague):
    unfinished = published(colleague, "budget still being read")
    Document.objects.filter(pk=unfinished.pk).update(status="processing")
    readable = Document.objects.filter(
        pages__text__in=["budget of everybody", "budget private to colleague"]
    )
    scope = Scope(Document.objects.visible_to(colleague))
    assert scope.keys == {document.pk.hex for document in readable}


def test_hits_are_read_back_by_permission_even_when_an_index_is_wrong(
    library, colleague, monkeypatch
):
    class Leaking:
        def search(self, *_args, **_kwargs):
            keys = Document.objects.values_list("chunks", flat=True)
            return [Hit(key, 1.0) for key in keys]

        def unknown(self, *_args, **_kwargs):
            return []

        def corrections(self, *_args, **_kwargs):
            return {}

        def rarity(self, *_args, **_kwargs):
            return {}

    monkeypatch.setattr(search, "get_vector_index", Leaking)
    monkeypatch.setattr(search, "get_lexical_index", Leaking)
    assert found(colleague) == {"budget of everybody", "budget private to colleague"}


def test_a_user_with_one_document_among_many_still_gets_it(owner, colleague):
    for number in range(120):
        published(owner, f"budget budget {number}")
    published(colleague, "a budget in other words")
    assert found(colleague, top_k=1) == {"a budget in other words"}


def test_the_same_text_is_shown_once(owner):
    published(owner, "the budget is fixed", filename="a.txt")
    published(owner, "the budget is fixed", filename="b.txt")
    assert len(retrieve(user=owner, query="budget", top_k=10).passages) == 1


def test_ranks_count_from_one_and_scores_fall(owner):
    published(owner, "budget one", "budget two words", "travel budget three")
    passages = retrieve(user=owner, query="budget", top_k=10).passages
    assert [passage.rank for passage in passages] == [1, 2, 3]
    assert [p.score for p in passages] == sorted((p.score for p in passages), reverse=True)


def test_what_stands_high_in_both_indexes_comes_first():
    fused = fuse([Hit(1, 0.9), Hit(2, 0.8)], [Hit(2, 7.0), Hit(3, 5.0)])
    assert [hit.chunk_id for hit in fused] == [2, 3, 1]
    assert [hit.similarity for hit in fused] == [0.8, None, 0.9]


def test_scores_are_weighed_as_shares_of_the_best_of_their_index():
    fused = fuse([Hit(1, 0.8), Hit(2, 0.6)], [Hit(2, 5.0), Hit(3, 4.0)])
    assert {hit.chunk_id: hit.score for hit in fused} == pytest.approx(
        {1: 0.5, 2: 0.375 + 0.5, 3: 0.375 + 0.4}
    )
    assert fuse([], []) == []
    [alone] = fuse([Hit(1, -0.2)], [])
    assert alone.score == 0.0


@pytest.mark.parametrize(
    ("query", "error"), [("", InvalidInput), (" \x00", InvalidInput), ("x" * 2001, Unprocessable)]
)
def test_a_query_that_cannot_be_searched_is_refused(owner, query, error):
    with pytest.raises(error):
        retrieve(user=owner, query=query, top_k=5)


@pytest.mark.parametrize("top_k", [0, -1, 51])
def test_top_k_has_limits(owner, top_k):
    with pytest.raises(InvalidInput):
        retrieve(user=owner, query="x", top_k=top_k)


def test_the_log_carries_counts_and_ids_but_no_text(library, owner, caplog):
    with caplog.at_level(logging.INFO, "knowledge.retrieval"):
        retrieve(user=owner, query="budget secretword", top_k=5)
    [record] = [record for record in caplog.records if record.message == "retrieval"]
    assert record.passages == 3
    assert "secretword" not in str(vars(record))
    assert "everybody" not in str(vars(record))
