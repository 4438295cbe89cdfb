import asyncio

import pytest

from rag.citations import CitationFilter
from rag.llm.base import DONT_KNOW, ChatRequest
from rag.llm.extractive import MAX_SENTENCES, ExtractiveModel, readable
from rag.tests.passages import passage, passages

LEAVE = "Every employee has 30 days of paid leave a year. Leave is requested from the team lead."
CITIES = ("Ghent", "Porto", "Turin", "Lyon", "Bergen")
PHONE = "Mobile phone costs are reimbursed up to $75 per month. Receipts go to Finance."


def deltas(question: str, found) -> list[str]:
    async def drain() -> list[str]:
        request = ChatRequest((), question, tuple(found), 100)
        return [d.text async for d in ExtractiveModel().stream(request) if d.text]

    return asyncio.run(drain())


def answer(question: str, *contents: str) -> str:
    return "".join(deltas(question, passages(*contents)))


def test_the_sentence_that_answers_is_copied_with_its_citation():
    text = answer("How many days of paid leave does every employee have a year?", PHONE, LEAVE)
    assert text.startswith("Every employee has 30 days of paid leave a year. [2]")


def test_it_says_that_it_does_not_know_when_no_sentence_answers():
    assert answer("Who painted the Mona Lisa in Florence?", LEAVE, PHONE) == DONT_KNOW


def test_without_passages_it_does_not_know():
    assert deltas("How many days?", ()) == [DONT_KNOW]


def test_a_question_without_words_is_not_answered():
    assert answer("???", LEAVE) == DONT_KNOW


def test_it_streams_sentence_by_sentence_and_at_most_three():
    facts = [f"The travel budget of office number {n} is {n}00 euros a month." for n in range(1, 9)]
    pieces = deltas("What is the travel budget of the office a month?", passages(*facts))
    assert 1 <= len(pieces) <= MAX_SENTENCES


def test_what_is_said_twice_is_answered_once():
    again = "Every employee has 30 days of paid leave per year."
    text = answer("How many days of paid leave does every employee have?", LEAVE, again)
    assert text.count("30 days") == 1


def test_sentences_of_one_passage_keep_its_order():
    content = "Travel costs need approval first. Travel costs of trains are paid. Cats sleep."
    text = answer("Which travel costs need approval and are paid?", content)
    assert text.index("approval first") < text.index("trains")


def test_a_reference_mark_of_the_document_is_not_taken_for_a_citation():
    content = "Every employee has 30 days[1] of paid leave a year.[2, 3]"
    text = answer("How many days of paid leave does every employee have a year?", content)
    citations = CitationFilter(1)
    assert citations.feed(text) + citations.finish() == (
        "Every employee has 30 days(1) of paid leave a year.(2, 3) [1]"
    )


@pytest.mark.parametrize(
    ("copied", "shown"),
    [
        ("- Phone:\n  $75", "Phone: $75"),
        ("## Leave", "Leave"),
        ("> * quoted", "quoted"),
        ("3.5 hours", "3.5 hours"),
        ("-5 degrees", "-5 degrees"),
        ("5. If it was stolen, call.", "If it was stolen, call."),
        ("12 May is a holiday.", "12 May is a holiday."),
    ],
)
def test_list_marks_do_not_stand_inside_an_answer(copied, shown):
    assert readable(copied) == shown


def test_a_very_long_sentence_is_cut_between_words():
    shown = readable("word " * 400)
    assert len(shown) < 610
    assert shown.endswith("word \u2026")


def test_a_sentence_shared_by_overlapping_passages_is_cited_once():
    shared = "Every employee has 30 days of paid leave a year."
    found = [passage(f"Hours. {shared}", 1), passage(f"{shared} Cats.", 2)]
    text = "".join(deltas("How many days of paid leave does every employee have a year?", found))
    assert text.count(shared) == 1


def test_a_heading_is_no_answer_and_stands_for_what_follows_it():
    content = (
        "Opening hours\n\nMonday to Friday from 07:00 to 20:00.\n\nParking\n\nBehind the house."
    )
    text = answer("When are the opening hours?", content)
    assert text == "Monday to Friday from 07:00 to 20:00. [1]"


def test_a_question_in_the_document_stands_for_the_answer_below_it():
    content = "Do I need a visa?\n\nThe travel desk checks it.\n\nWho books?\n\nEverybody alone."
    assert answer("Do I need a visa?", content).startswith("The travel desk checks it. [1]")


def test_the_first_row_of_a_table_is_no_answer():
    content = "Sites\n\nSite | Opening hours\nGhent | Opening hours 07:00 to 20:00\nPorto | 08:00"
    text = answer("What are the opening hours of Ghent?", content)
    assert "Site |" not in text
    assert text.startswith("Site: Ghent \u00b7 Opening hours: Opening hours 07:00 to 20:00 [1]")


def test_it_tells_how_sure_it_is_whether_it_answers_or_not():
    async def confidence(question: str) -> float | None:
        request = ChatRequest((), question, passages(PHONE, LEAVE), 100)
        told = [d.confidence async for d in ExtractiveModel().stream(request)]
        return next(value for value in told if value is not None)

    sure = asyncio.run(confidence("How many days of paid leave does every employee have a year?"))
    unsure = asyncio.run(confidence("Who painted the Mona Lisa in Florence?"))
    assert 0 <= unsure < sure <= 1


def test_a_list_has_a_sentence_a_line():
    contents = [f"The {city} office has holiday rule {n}." for n, city in enumerate(CITIES)]
    lines = answer("List all office holiday rules", *contents).splitlines()
    assert len(lines) > MAX_SENTENCES
    assert all(line.startswith("- The ") and line.endswith("]") for line in lines)


def test_a_comparison_says_something_about_each_side():
    cats, dogs = "Cats sleep sixteen hours a day.", "Dogs bark at the post."
    text = answer("Compare cats and dogs", "Cats eat fish. " + cats, dogs)
    assert "Cats" in text
    assert f"{dogs} [2]" in text


def test_a_comparison_of_which_one_side_is_unknown_tells_the_other():
    text = answer("Compare paid leave and zeppelins", LEAVE, PHONE)
    assert "paid leave" in text


PERKS = (
    "Perk | Amount | From when\n"
    "Perk: Meal voucher; Amount: 8 euros; From when: First day\n"
    "Perk: Pension; Amount: 5 % of the salary; From when: After probation\n"
    "Perk: Gym; Amount: 30 euros; From when: After probation\n"
    "Perk: Gift; Amount: 150 euros; From when: First day"
)
CAPTION = "Some perks begin only after probation. The table of perks says which."


@pytest.mark.parametrize(
    "question",
    ["List all perks that start after probation", "Which perks start after probation?"],
)
def test_a_list_is_answered_by_the_rows_that_say_so_and_not_by_their_caption(question):
    lines = answer(question, CAPTION, PERKS).splitlines()
    assert lines == [
        "- Perk: Pension \u00b7 Amount: 5 % of the salary \u00b7 From when: After probation [2]",
        "- Perk: Gym \u00b7 Amount: 30 euros \u00b7 From when: After probation [2]",
    ]


def test_who_asks_for_all_that_a_table_names_gets_all_its_rows_in_order():
    lines = answer("List all perks", CAPTION, PERKS).splitlines()
    assert [line.split(" \u00b7 ")[0] for line in lines] == [
        "- Perk: Meal voucher",
        "- Perk: Pension",
        "- Perk: Gym",
        "- Perk: Gift",
    ]


def test_a_table_about_something_else_is_no_list():
    text = answer("Which offices may dogs visit after probation?", CAPTION, PERKS)
    assert "Pension" not in text


def test_where_a_sentence_has_the_amount_that_was_asked_about_others_are_left_out():
    laptop = "A meal costs 6 euros. A used laptop costs 120 euros."
    desk = "A desk costs 120 minutes of work. A visitor costs 60 euros."
    assert answer("What costs 120 euros?", laptop, desk) == "A used laptop costs 120 euros. [1]"


def test_what_goes_on_from_the_numbered_thing_stays():
    content = "Stage 3 is the final stage of a bill. This stage has two parts, a debate and a vote."
    assert "two parts" in answer("How many parts has stage 3 of a bill?", content)


def test_a_term_is_read_with_its_explanation_and_is_no_answer_alone():
    glossary = "Keyring\nThe password manager.\n\nTunnel\nThe VPN of the company."
    other = "Passwords are kept in Keyring and told to nobody.\n\nKeyring"
    first = answer("What is Keyring?", other, glossary).split(" [")[0]
    assert first == "Keyring: The password manager."
    assert "Keyring [" not in answer("Keyring", other, glossary)


def test_a_heading_says_which_of_the_compared_things_a_sentence_is_about():
    content = (
        "Ghent\n\n46 parking places for cars.\n\nPorto\n\nNo parking places of our own for cars."
    )
    text = answer("Compare Ghent and Porto parking places", content)
    assert "Porto: No parking places of our own for cars. [1]" in text


def test_words_that_documents_join_are_asked_for_together():
    content = (
        "Enter calls in Harbour within three days.\n\nEngineers of Porto are on-call at night."
    )
    assert answer("Who is on call?", content).startswith("Engineers of Porto are on-call")


def test_a_comparison_has_a_row_for_each_side_where_a_table_has_both():
    table = "Site | Opening hours\nGhent | 7 to 20\nLeipzig | 5 to 22\nPorto | 8 to 20"
    other = "The opening hours of Ghent and of Porto differ. Opening hours are on the door."
    text = answer("Compare Ghent and Porto opening hours", other, table)
    assert "Site: Ghent \u00b7 Opening hours: 7 to 20 [2]" in text
    assert "Site: Porto \u00b7 Opening hours: 8 to 20 [2]" in text
    assert "Leipzig" not in text
    assert "Site:" not in answer("Compare Ghent and Porto parking", "Ghent has parking.", table)
