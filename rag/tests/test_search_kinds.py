"""What each kind of question finds."""

import pytest

from rag.models import Message
from rag.retrieval import retrieve
from rag.services.sources import answer_text, message_sources
from rag.services.turns import run_turn, start_turn
from rag.tests.library import published

pytestmark = pytest.mark.django_db


def texts(user, query, top_k=8):
    return [passage.content for passage in retrieve(user=user, query=query, top_k=top_k).passages]


def answered(user, query) -> str:
    message = run_turn(user=user, message_id=start_turn(user=user, query=query).pk)
    assert message.status == Message.Status.COMPLETED
    return answer_text(message=message, sources=message_sources(message=message, user=user))


def test_a_quoted_phrase_stands_in_every_passage(owner):
    exact = "Invoices are due net 30 days after delivery."
    published(owner, exact, "Net sales rose over the last 30 days.", "Days of net 30 are over.")
    assert texts(owner, 'when are invoices due, "net 30 days"?') == [exact]
    assert texts(owner, "\u201cNET  30 days\u201d") == [exact]


def test_a_quoted_title_leads_to_the_passages_under_it(owner):
    published(owner, "Hotels cost at most 120 EUR.", filename="travel-policy.md")
    published(owner, "Hotels are not part of the benefits.", filename="benefits.md")
    found = retrieve(user=owner, query='What does "travel policy" say about hotels?', top_k=8)
    assert [passage.filename for passage in found.passages] == ["travel-policy.md"]


def test_a_phrase_that_only_others_have_is_not_found(owner, colleague):
    published(colleague, "The blue moon project starts.")
    published(owner, "The moon is blue.")
    found = retrieve(user=owner, query='"blue moon"', top_k=8)
    assert (found.passages, found.missing_phrases) == ((), ("blue moon",))
    assert "\u201cblue moon\u201d" in answered(owner, 'What is "blue moon"?')


def test_a_number_is_found_however_it_is_written(owner):
    published(owner, "Goods can be sent back within fourteen days.", "The canteen opens at noon.")
    assert texts(owner, "14 days", top_k=1) == ["Goods can be sent back within fourteen days."]


def test_a_date_is_found_however_it_is_written(owner):
    published(owner, "The lease ends on 2026-03-01.", "March is a good month for 2026 plans.")
    assert texts(owner, "1 March 2026", top_k=1) == ["The lease ends on 2026-03-01."]


def test_a_comparison_shows_both_sides(owner):
    cats = [f"Cats sleep a lot, says report {n}." for n in range(6)]
    published(owner, *cats, filename="cats.md")
    published(owner, "Dogs bark a lot.", filename="dogs.md")
    found = texts(owner, "Compare cats and dogs", top_k=2)
    assert "Dogs bark a lot." in found
    assert any(text.startswith("Cats") for text in found)


def test_a_list_draws_on_several_documents(owner):
    published(owner, *(f"Holiday rule {n} of the head office." for n in range(9)), filename="a.md")
    published(owner, "Holiday rule of the plant: ask the foreman.", filename="b.md")
    found = retrieve(user=owner, query="List all holiday rules", top_k=5).passages
    assert {passage.filename for passage in found} == {"a.md", "b.md"}
    assert len(found) == 5


def test_scores_fall_with_the_rank(owner):
    published(owner, *(f"budget {'and plan ' * n}" for n in range(12)))
    scores = [p.score for p in retrieve(user=owner, query="budget plan", top_k=12).passages]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] == 1.0


def test_the_milliseconds_of_each_stage_are_known(owner):
    published(owner, "a budget")
    stages = retrieve(user=owner, query="budget", top_k=1).stages
    assert set(stages) == {"spelling", "embedding", "indexes", "second_stage", "reranker"}


@pytest.mark.parametrize(
    "query",
    [
        "budget",
        "?",
        "x",
        "budget " * 280,
        "\u9884\u7b97\u662f\u591a\u5c11",
        "a the of",
        "\U0001f642",
    ],
)
def test_every_text_is_searched_without_an_error(owner, query):
    published(owner, "the budget is fixed")
    retrieve(user=owner, query=query, top_k=8)
