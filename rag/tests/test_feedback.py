import pytest

from rag.models import Message
from rag.services.turns import run_turn, start_turn
from rag.tests.api import client_of


@pytest.fixture
def answer(owner) -> Message:
    message = start_turn(user=owner, query="How many days of leave?")
    return run_turn(user=owner, message_id=message.pk)


def path_of(message: Message) -> str:
    return f"/api/messages/{message.pk}/feedback"


def test_an_answer_is_rated_with_a_comment(owner, answer):
    response = client_of(owner).post(path_of(answer), {"rating": "down", "comment": " Too short "})
    assert response.status_code == 200
    assert response.json() == {
        "message_id": str(answer.pk),
        "rating": "down",
        "comment": "Too short",
    }
    answer.refresh_from_db()
    assert (answer.rating, answer.comment) == ("down", "Too short")


def test_an_opinion_can_be_changed(owner, answer):
    client = client_of(owner)
    client.post(path_of(answer), {"rating": "down", "comment": "Wrong"})
    client.post(path_of(answer), {"rating": "up"})
    answer.refresh_from_db()
    assert (answer.rating, answer.comment) == ("up", "")


@pytest.mark.parametrize(
    "body", [{}, {"rating": ""}, {"rating": "sideways"}, {"rating": "up", "comment": "x" * 1001}]
)
def test_a_wrong_opinion_is_refused(owner, answer, body):
    assert client_of(owner).post(path_of(answer), body).status_code == 400


@pytest.mark.parametrize("who", ["colleague", "admin", "outsider"])
def test_nobody_else_can_rate_it(answer, who, request):
    client = client_of(request.getfixturevalue(who))
    assert client.post(path_of(answer), {"rating": "up"}).status_code == 404


def test_a_question_can_not_be_rated(owner, answer):
    assert client_of(owner).post(path_of(answer.question), {"rating": "up"}).status_code == 404


def test_an_answer_that_is_still_to_come_can_not_be_rated(owner):
    message = start_turn(user=owner, query="How many days of leave?")
    assert client_of(owner).post(path_of(message), {"rating": "up"}).status_code == 409
