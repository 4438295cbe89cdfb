"""A model may judge the sentences that words don't decide; it can't overrule what they do."""

import pytest

from rag.llm.base import ModelUnavailable
from rag.models import UsageRecord
from rag.services.turns import run_turn, start_turn
from rag.tests.library import published

LEAVE = "Every employee has 30 days of paid leave a year."
QUESTION = "How many days of paid leave does every employee have?"
UNCLEAR = "Employees enjoy a generous holiday with pay [1]."


@pytest.fixture(autouse=True)
def judged(settings, owner):
    settings.LLM_JUDGE = True
    published(owner, LEAVE, filename="leave.md")


def answered(owner):
    message = run_turn(user=owner, message_id=start_turn(user=owner, query=QUESTION).pk)
    return [sentence["status"] for sentence in message.sentences], message


def features() -> list[tuple[str, str]]:
    calls = UsageRecord.objects.filter(feature__in=UsageRecord.OF_LANGUAGE_MODELS)
    return list(calls.order_by("pk").values_list("feature", "outcome"))


def test_the_model_decides_what_words_do_not(owner, model):
    model.enqueue(f"Every employee has 30 days of leave [1]. {UNCLEAR}")
    model.enqueue("1: yes\n2: no")
    assert answered(owner)[0] == ["supported", "unsupported"]
    assert features() == [("chat", "completed"), ("judge", "completed")]
    [_, request] = model.history
    assert LEAVE in request.messages[1].content
    assert f"2: {UNCLEAR[:-5]}" in request.messages[1].content


def test_the_model_is_not_asked_about_a_wrong_number(owner, model):
    model.enqueue("Every employee has 30 days of leave [1]. Every employee has 99 days [1].")
    model.enqueue("1: yes\n2: yes")
    assert answered(owner)[0] == ["supported", "unsupported"]
    assert "99 days" not in model.history[1].messages[1].content


def test_when_the_model_fails_the_verdict_by_words_stands(owner, model):
    model.enqueue(f"Every employee has 30 days of leave [1]. {UNCLEAR}")
    model.enqueue(error=ModelUnavailable("down"))
    statuses, message = answered(owner)
    assert (statuses[0], message.status) == ("supported", "completed")
    assert features()[1] == ("judge", "failed")


def test_a_reply_that_is_no_list_changes_nothing_is_told_and_not_waited_for(owner, model, caplog):
    model.enqueue("Every employee has 30 days of leave [1].")
    pieces = [
        f"{n}. Every employee has 30 days of paid leave a year, and so on. " for n in range(9)
    ]
    model.enqueue(*pieces)
    assert answered(owner)[0] == ["supported"]
    assert ("judge", "stopped") in features()
    assert "no usable verdicts" in caplog.text


def test_a_model_that_says_the_same_to_everything_moves_a_sentence_by_one_step(owner, model):
    foreign = "Visitors park behind the second warehouse on weekends [1]."
    model.enqueue(f"Every employee has 30 days of leave [1]. {foreign}")
    model.enqueue("1: yes\n2: yes")
    assert answered(owner)[0] == ["supported", "weak"]
    model.enqueue("Every employee has 30 days of paid leave a year [1].")
    model.enqueue("1: no")
    assert answered(owner)[0] == ["weak"]


def test_without_the_setting_no_model_judges(owner, model, settings):
    settings.LLM_JUDGE = False
    model.enqueue("Every employee has 30 days of leave [1].")
    answered(owner)
    assert features() == [("chat", "completed")]
