"""A conversation's title: by the model where there is one, from the person's own question alone."""

import pytest
from django_q.models import OrmQ

from rag.llm.base import ModelUnavailable
from rag.models import Conversation, UsageRecord
from rag.services.conversations import rename_conversation
from rag.services.titles import write_title
from rag.services.turns import run_turn, start_turn
from rag.tests.library import published

QUESTION = "How many days of paid leave does every employee have in a year?"


@pytest.fixture(autouse=True)
def _media(settings, tmp_path) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"


@pytest.fixture
def conversation(owner, model) -> Conversation:
    published(owner, "Every employee has 30 days of paid leave a year.")
    model.enqueue("Every employee has 30 days of paid leave a year [1].")
    message = start_turn(user=owner, query=QUESTION)
    run_turn(user=owner, message_id=message.pk)
    return message.conversation


def titled(conversation: Conversation) -> str:
    write_title(conversation_id=conversation.pk)
    conversation.refresh_from_db()
    return conversation.title


@pytest.mark.parametrize(
    "said",
    ["Days of paid leave", '"Days of paid leave."', "Title: Days of paid leave\n\nIt is about"],
)
def test_the_model_names_the_subject(conversation, model, said):
    model.enqueue(said)
    assert titled(conversation) == "Days of paid leave"
    prompt = model.history[-1].messages
    assert QUESTION in prompt[1].content
    assert "30 days" not in "".join(message.content for message in prompt)  # nothing of a document


def test_the_call_is_in_the_ledger(conversation, model):
    model.enqueue("Paid leave")
    titled(conversation)
    [record] = UsageRecord.objects.filter(feature="title")
    assert (record.prompt_tokens, record.completion_tokens) == (100, 10)


@pytest.mark.parametrize("said", ["", "   \n", "x" * 400])
def test_what_is_no_title_leaves_the_first_words(conversation, model, said):
    model.enqueue(said)
    assert titled(conversation) == QUESTION


def test_a_model_that_fails_leaves_the_first_words(conversation, model):
    model.enqueue(error=ModelUnavailable("away"))
    assert titled(conversation) == QUESTION
    assert UsageRecord.objects.get(feature="title").outcome == "failed"


def test_a_title_that_the_person_chose_stays(conversation, owner, model):
    rename_conversation(conversation=conversation, actor=owner, title="Mine")
    asked = len(model.history)
    assert titled(conversation) == "Mine"
    assert len(model.history) == asked


def test_a_conversation_that_was_deleted_is_left_alone(conversation):
    key = conversation.pk
    conversation.delete()
    write_title(conversation_id=key)


@pytest.mark.django_db(transaction=True)
def test_the_first_answer_asks_for_a_title_once(owner, model, settings):
    published(owner, "Every employee has 30 days of paid leave a year.")

    def asked(conversation_id=None):
        model.enqueue("Every employee has 30 days of paid leave a year [1].")
        message = start_turn(user=owner, query=QUESTION, conversation_id=conversation_id)
        run_turn(user=owner, message_id=message.pk)
        return message.conversation_id

    def requests() -> int:
        return sum("title_conversation" in str(task.task) for task in OrmQ.objects.all())

    first = asked()
    assert requests() == 1
    model.enqueue(QUESTION)  # the rewording
    asked(first)
    assert requests() == 1
    settings.LLM_TITLES = False
    asked()
    assert requests() == 1
    settings.LLM_TITLES, settings.LLM_PROVIDER = True, "extractive"
    asked()
    assert requests() == 1
