"""A question that the search model may not read is told so, and is still not answered."""

import asyncio
from contextlib import aclosing

import pytest

from rag.embedding.fake import FakeEmbedder
from rag.embedding.registry import reads_many_languages
from rag.evaluation.answer_runs import judge
from rag.evaluation.answer_sets import AnswerCase
from rag.languages import ENGLISH_READS_BEST, is_foreign
from rag.llm.base import DONT_KNOW
from rag.services.shown_answers import does_not_know
from rag.services.turns import TokenArrived, run_turn, start_turn, stream_turn
from rag.tests.api import client_of
from rag.tests.library import published

GERMAN = "Wie viele Urlaubstage habe ich im Jahr?"
HINTED = f"{DONT_KNOW} {ENGLISH_READS_BEST}"


@pytest.fixture
def reads_english_alone(monkeypatch):
    monkeypatch.setattr(FakeEmbedder, "reads_many_languages", False)


@pytest.fixture
def handbook(owner):
    return published(owner, "Every employee has 30 days of paid leave a year.", filename="leave.md")


def ask(user, query: str):
    return run_turn(user=user, message_id=start_turn(user=user, query=query).pk)


@pytest.mark.parametrize(
    "question",
    [
        GERMAN,
        "Was kostet das?",
        "Combien de jours de congé ai-je ?",
        "¿Cuántas vacaciones me corresponden?",
        "Quanti giorni di ferie ho?",
        "Quantos dias de férias tenho?",
        "Hoeveel vakantiedagen heb ik?",
        "Hur många semesterdagar har jag?",
        "Ile mam dni urlopu?",
        "Kolik mám dnů dovolené?",
        "Kuinka monta lomapäivää minulla on?",
        "Сколько у меня дней отпуска?",
        "我有多少天假期？",
        "כמה ימי חופשה יש לי?",
        "congés payés",
    ],
)
def test_a_question_in_another_language_is_known_as_such(question):
    assert is_foreign(question)


@pytest.mark.parametrize(
    "question",
    [
        "How many days of leave do I have?",
        "dogs",
        "VPN",
        "42?",
        "résumé of an applicant",
        "Brückwerkstraße opening hours",
        "Müller",
        "Los Angeles office",
        "Who visited El Paso and La Paz?",
        "Wat is the purchse limit for the line manger?",
        "pro rata per diem",
    ],
)
def test_an_english_question_is_none_whatever_names_it_has(question):
    assert not is_foreign(question)


def test_who_asks_in_another_language_learns_why_nothing_was_found(
    owner, handbook, reads_english_alone
):
    answer = ask(owner, GERMAN)
    assert (answer.content, answer.grounded) == (HINTED, False)
    assert does_not_know(answer), "it is among the unanswered questions"
    assert not answer.sources.filter(used=True).exists(), "it holds nothing of any document"
    case = AnswerCase("1", GERMAN, is_answerable=False)
    assert judge(case, answer, owner, ()).abstained, "and it is one for evaluations"


def test_api_and_page_say_the_same(client, owner, handbook, reads_english_alone):
    body = client_of(owner).post("/api/chat", {"query": GERMAN}).json()
    assert (body["answer"], body["grounded"]) == (HINTED, False)
    client.force_login(owner)
    assert ENGLISH_READS_BEST in client.get(f"/chat/{body['conversation_id']}/").text


@pytest.mark.django_db(transaction=True)
def test_the_stream_shows_it(owner, handbook, reads_english_alone):
    started = start_turn(user=owner, query=GERMAN)

    async def shown() -> str:
        async with aclosing(stream_turn(user=owner, message_id=started.pk)) as events:
            return "".join([e.text async for e in events if isinstance(e, TokenArrived)])

    assert asyncio.run(shown()) == HINTED


def test_a_model_server_that_finds_nothing_gets_the_same_hint(
    owner, handbook, model, reads_english_alone
):
    model.enqueue("Das steht nirgends, es sind 99 Tage.")
    assert ask(owner, GERMAN).content == HINTED
    model.enqueue(DONT_KNOW)
    assert ask(owner, GERMAN).content == HINTED


def test_a_model_of_many_languages_and_an_english_question_get_none(owner, handbook, monkeypatch):
    assert ask(owner, GERMAN).content == DONT_KNOW, "the model reads many"
    monkeypatch.setattr(FakeEmbedder, "reads_many_languages", False)
    assert ask(owner, "Who painted the Mona Lisa in Florence?").content == DONT_KNOW


def test_of_the_models_that_come_with_it_one_reads_many():
    assert not reads_many_languages("all-MiniLM-L6-v2")
    assert reads_many_languages("multilingual-e5-small")


def test_an_answer_that_was_found_needs_no_hint(owner, model, reads_english_alone):
    published(owner, "Jeder hat 30 Tage Urlaub im Jahr.", filename="urlaub.md")
    model.enqueue("Jeder hat 30 Tage Urlaub im Jahr [1].")
    answer = ask(owner, "Wie viele Tage Urlaub hat jeder im Jahr?")
    assert answer.grounded
    assert ENGLISH_READS_BEST not in answer.content
