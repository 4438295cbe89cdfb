"""Each sentence of an answer gets the verdict that its passages justify."""

import pytest

from rag.embedding.fake import FakeEmbedder
from rag.support.checking import check_answer
from rag.support.verdicts import as_stored, from_stored
from rag.tests.passages import passage, passages

LEAVE = "Every employee has 30 days of paid leave a year. Unused days lapse on 31 March."
PHONE = "Mobile phone costs are reimbursed up to $75 per month, as Anna Meier decided."
SCREEN = "Screens lock after 5 minutes. Guests are not allowed in the laboratory."
FOUND = passages(LEAVE, PHONE, SCREEN)


def verdict(sentence: str, found=FOUND):
    [checked] = check_answer(sentence, found, FakeEmbedder())
    return checked


def reasons(sentence: str) -> list[tuple[str, str, str]]:
    return [(flag.kind, flag.text, flag.reason) for flag in verdict(sentence).flags]


@pytest.mark.parametrize(
    "sentence",
    [
        "Every employee has 30 days of paid leave a year [1].",
        "Employees have thirty days of paid leave each year [1].",
        "Unused days of leave lapse on March 31st [1].",
        "Phone costs are reimbursed up to 75 dollars per month [2].",
        "Guests are forbidden in the laboratory [3].",
        "Mobile phone costs are reimbursed up to $75 per month.",
    ],
)
def test_what_a_passage_says_is_supported(sentence):
    checked = verdict(sentence)
    assert (checked.status, checked.flags) == ("supported", ())


@pytest.mark.parametrize(
    ("sentence", "flag"),
    [
        (
            "Every employee has 45 days of paid leave a year [1].",
            ("number", "45", "45 stands in no passage."),
        ),
        (
            "Every employee has 75 days of paid leave a year [1].",
            ("number", "75", "75 stands in another passage only."),
        ),
        (
            "Every employee has 30 weeks of paid leave a year [1].",
            ("unit", "30", "30 stands in the passage with another unit."),
        ),
        (
            "Unused days lapse on 31 May [1].",
            ("date", "31 May", "31 May stands in no passage."),
        ),
        (
            "Mobile phone costs are reimbursed up to $75 per month, as Anna Huber decided [2].",
            ("name", "Huber", "Huber stands in no passage."),
        ),
        (
            "Guests are allowed in the laboratory [3].",
            ("negation", "", "The passage says the opposite."),
        ),
        ("Unicorns graze behind our cafeteria [1].", ("meaning", "", "No passage says this.")),
    ],
)
def test_what_differs_from_the_passage_is_unsupported_and_says_why(sentence, flag):
    assert verdict(sentence).status == "unsupported"
    assert reasons(sentence) == [flag]


def test_what_another_sentence_of_a_row_denies_says_nothing_of_this_one():
    row = (
        "Finding | Server | Note\n"
        "F-7 | mail | Our mail server does not use basic passwords for signing in. "
        "Staff sign in through the portal, not the mail server.\n"
    )
    found = passages(row)
    assert verdict("F-7 mail: It does not use basic passwords [1].", found).status == "supported"
    [flag] = verdict("F-7 mail: It does use basic passwords [1].", found).flags
    assert flag.kind == "negation"


def test_what_another_passage_says_is_weak_and_names_it():
    checked = verdict("Every employee has 30 days of paid leave a year [2].")
    assert (checked.status, checked.citations, checked.supported_by) == ("weak", (2,), (1,))
    assert [flag.reason for flag in checked.flags] == ["[1] says this, not [2]."]
    assert checked.is_said


def test_a_number_of_another_sentence_of_the_passage_is_weak():
    found = passages("Every employee has 30 days of paid leave. Trainees get 14 days off.")
    checked = verdict("Every employee has 14 days of paid leave [1].", found)
    assert (checked.status, checked.flags[0].text) == ("weak", "14 days"[:2])


def test_an_unclear_sentence_is_weak_without_a_model_and_when_it_has_no_time():
    sentence = "Employees enjoy 30 days of holiday with pay [1]."
    [without] = check_answer(sentence, FOUND)
    assert without.status == "weak"


def test_one_batch_compares_all_unclear_meanings():
    embedder = FakeEmbedder()
    text = "\n".join(["Employees enjoy 30 days of holiday with pay [1]."] * 30)
    check_answer(text, FOUND, embedder)
    assert 0 < len(embedder.history) <= 48


def test_a_quote_is_the_best_sentence_in_characters_of_the_page():
    found = (passage(LEAVE, 1),)
    [quote] = verdict("Unused days lapse on 31 March [1].", found).quotes
    assert LEAVE[quote.start : quote.end] == "Unused days lapse on 31 March."


def test_what_claims_nothing_is_not_judged():
    assert check_answer("Yes.\n\nIt is as follows:", FOUND) == ()


def test_an_abbreviation_does_not_cut_a_sentence():
    text = "Costs, e.g. for phones, are reimbursed up to $75 per month [2]."
    assert [(s.start, s.end) for s in check_answer(text, FOUND)] == [(0, len(text))]


def test_verdicts_come_back_as_they_were_stored():
    checked = check_answer("Every employee has 45 days of leave [1]. Screens lock [3].", FOUND)
    assert from_stored(as_stored(checked)) == checked


def test_no_passage_supports_anything_when_there_is_none():
    [checked] = check_answer("Every employee has 30 days of leave.", ())
    assert checked.status == "unsupported"


def test_a_term_with_its_explanation_is_said_by_a_glossary():
    glossary = passages("Atlas\nThe document store.\n\nTunnel\nThe VPN. It is always on.")
    assert verdict("Tunnel: The VPN [1].", glossary).status == "supported"
    assert verdict("Atlas: The VPN [1].", glossary).status != "supported"
