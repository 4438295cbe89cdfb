"""What speaks for an answer, and that each sign counts in its direction."""

import pytest

from rag.answerability import EVIDENCE, LEAST_CONFIDENCE, WEIGHTS, confidence, evidence
from rag.tests.passages import passages

LEAVE = "Every employee in Ghent has 30 days of paid leave a year, but no bonus."


def of(question, text=LEAVE, *, best=None, cosine=0.6, unknown=()):
    row = evidence(
        question, passages(text), best=best or text, cosine=cosine, rarity={}, unknown=unknown
    )
    assert len(row) == len(EVIDENCE) == len(WEIGHTS)
    return dict(zip(EVIDENCE, row, strict=True)), confidence(row)


def test_a_question_in_the_words_of_the_passage_is_answered():
    assert of("How many days of paid leave has every employee?")[1] > 0.5


def test_a_foreign_question_is_not():
    assert of("Who painted the ceiling?", cosine=0.05)[1] < LEAST_CONFIDENCE


@pytest.mark.parametrize(
    ("sign", "asked", "altered"),
    [
        ("names", "paid leave in Ghent", "paid leave in Porto"),
        ("numbers", "who has 30 days of leave", "who has 90 days of leave"),
        ("numbers", "who has thirty days of leave", "who has 90 days of leave"),
    ],
)
def test_what_the_question_names_and_the_passage_lacks_speaks_against_it(sign, asked, altered):
    (held, sure), (lacking, unsure) = of(asked), of(altered)
    assert (held[sign], lacking[sign]) == (0.0, 1.0)
    assert unsure < sure


def test_a_number_speaks_against_it_only_where_one_is_asked_for():
    text = "The bonus is paid in May."
    assert of("How many employees get a bonus?", text)[0]["no_cue"] == 1.0
    assert of("Which bonus is paid?", text)[0]["no_cue"] == 0.0


def test_a_denial_needs_a_sentence_that_denies():
    question = "Which employees don't have paid leave?"
    assert of(question, best="Every employee has paid leave.")[0]["negation"] == 1.0
    assert of(question, best="Interns have no paid leave.")[0]["negation"] == 0.0
    assert of("Who has paid leave?")[0]["negation"] == 0.0


def test_the_nearer_the_passage_the_surer():
    assert of("paid leave", cosine=0.7)[1] > of("paid leave", cosine=0.3)[1]


PRICES = "The price of a laptop is 900 EUR, and the company pays it."


def test_a_thing_that_no_document_names_speaks_against_an_answer():
    asked = "What is the price of the company yacht?"
    elsewhere, sure = of(asked, PRICES)
    nowhere, unsure = of(asked, PRICES, unknown={"yacht"})
    assert (elsewhere["unknown"], nowhere["unknown"]) == (0.0, 1.0)
    assert unsure < sure - 0.2


@pytest.mark.parametrize("asked", ["computer", "laptops", "pricing"])
def test_a_word_of_like_meaning_or_form_names_it_too(asked):
    assert of(f"company {asked}", PRICES, unknown={asked})[0]["unknown"] == 0.0
