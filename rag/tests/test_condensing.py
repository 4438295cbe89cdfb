import asyncio

import pytest

from rag.condensing import (
    PastTurn,
    condense_by_model,
    condense_by_rule,
    condense_call,
    is_follow_up,
)
from rag.llm.base import ModelUnavailable
from rag.llm.fake import FakeChatModel
from rag.prompts.loader import load_prompt

STIPEND = PastTurn(
    "What is the monthly wellness stipend?", "What is the monthly wellness stipend?", "$100"
)


@pytest.mark.parametrize(
    "question",
    [
        "And for contractors?",
        "What about Germany?",
        "How long does it last?",
        "Who approves it?",
        "Why?",
        "For how long?",
        "How much is that?",
        "Is that also true for part-time staff?",
        "Which documents do they need?",
        "Does it apply to interns?",
        "In Japan?",
    ],
)
def test_a_question_that_leans_on_the_one_before_gets_its_topic(question):
    assert is_follow_up(question)
    assert condense_by_rule(question, [STIPEND]) == f"{question} (monthly wellness stipend)"


@pytest.mark.parametrize(
    "question",
    [
        "What is the wifi password?",
        "How do I submit expenses and who approves them?",
        "If an employee is sick, what should they do?",
        "How do employees get their laptop?",
        "Is there a dress code?",
        "What is the policy that applies to travel?",
        "Who founded this company?",
        "Insurance",
        "Can I carry over vacation days?",
    ],
)
def test_a_question_that_can_be_understood_alone_is_left_alone(question):
    assert condense_by_rule(question, [STIPEND]) == question


def test_a_chain_of_follow_ups_keeps_the_topic():
    second = PastTurn(
        "And for contractors?", condense_by_rule("And for contractors?", [STIPEND]), "x"
    )
    assert (
        condense_by_rule("And in Germany?", [STIPEND, second])
        == "And in Germany? (contractors monthly wellness stipend)"
    )


def test_the_first_question_has_nothing_to_lean_on():
    assert condense_by_rule("And for contractors?", []) == "And for contractors?"


def test_the_topic_never_makes_a_question_too_long(settings):
    settings.MAX_QUERY_CHARACTERS = 25
    assert condense_by_rule("And for contractors?", [STIPEND]) == "And for contractors?"


def reworded(model: FakeChatModel, question: str) -> str:
    call = condense_call(question, [STIPEND], model, load_prompt("condense", "v1"))
    return asyncio.run(condense_by_model(call, question, [STIPEND]))


def test_a_model_rewords_the_question_from_the_conversation():
    model = FakeChatModel()
    model.enqueue('"What is the wellness stipend ', 'for contractors?"\n')
    assert (
        reworded(model, "And for contractors?") == "What is the wellness stipend for contractors?"
    )
    [request] = model.history
    assert STIPEND.question in request.messages[1].content
    assert request.passages == ()


@pytest.mark.parametrize("answer", ["", "Sure!", "word " * 200, "I cannot help with geography."])
def test_what_is_no_rewording_is_not_used(answer):
    model = FakeChatModel()
    model.enqueue(answer)
    assert (
        reworded(model, "And for contractors?") == "And for contractors? (monthly wellness stipend)"
    )


def test_a_model_that_fails_says_so():
    model = FakeChatModel()
    model.enqueue(error=ModelUnavailable("down"))
    with pytest.raises(ModelUnavailable):
        reworded(model, "And for contractors?")


def test_an_answer_that_may_not_be_read_any_more_stays_out_of_the_prompt():
    hidden = PastTurn("Who pays?", "Who pays?", None)
    call = condense_call("And when?", [hidden], FakeChatModel(), load_prompt("condense", "v1"))
    assert "Answer:" not in call.request.messages[1].content
