"""The facts of a sentence are the same however they are written."""

import pytest

from documents.dates import Date, find_dates
from rag.quantities import find_quantities
from rag.support.facts import facts_of
from rag.support.polarity import contradicts, polarity_of


def only(text: str):
    [quantity] = find_quantities(text)
    return quantity


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1,000 people", "1000 people"),
        ("1 000 people", "a thousand people"),
        ("fourteen days", "14 days"),
        ("two weeks", "14 days"),
        ("90 minutes", "1.5 hours"),
        ("12 months", "one year"),
        ("50 %", "50 percent"),
        ("50 per cent", "fifty percent"),
        ("$1.5 million", "$1,500,000"),
        ("EUR 20", "20 euros"),
        ("twenty-five km", "25,000 metres"),
        ("5 pm", "17:00"),
        ("9.30 a.m.", "09:30"),
        ("one hundred and twenty", "120"),
        ("the 19th", "the nineteenth"),
        ("1.000 Stück", "1000 Stück"),
    ],
)
def test_a_number_equals_itself_in_another_form(one, other):
    assert only(one).equals(only(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("30 days", "30 weeks"),
        ("30 days", "31 days"),
        ("$50", "50 euros"),
        ("50 %", "50 euros"),
        ("1,000", "100"),
        ("5 pm", "5:00"),
        ("the 3rd", "3 days"),
    ],
)
def test_another_number_or_unit_is_not_equal(one, other):
    assert not only(one).equals(only(other))


def test_the_first_number_of_a_range_has_the_unit_of_the_second():
    first, second = find_quantities("from 20 to 30 days")
    assert (first.dimension, second.dimension) == ("time", "time")


@pytest.mark.parametrize("text", ["ISO-27001", "1Password", "p0", "v2", "COVID-19", "3PL"])
def test_a_code_is_a_name_and_no_number(text):
    assert find_quantities(text) == []
    assert [name.text for name in facts_of(f"it is {text} here").names] == [text]


@pytest.mark.parametrize(
    "text",
    ["2 November 2026", "November 2, 2026", "2026-11-02", "the 2nd of November 2026", "02.11.2026"],
)
def test_a_date_is_one_day_in_every_form(text):
    [date] = find_dates(f"It was {text}.")
    assert Date(2026, 11, 2) in date.readings


def test_a_month_alone_is_a_date_where_it_is_no_word():
    assert [date.text for date in find_dates("You may come in May, not in March.")] == [
        "May",
        "March",
    ]
    assert find_dates("May I march?") == []


def test_the_month_31_is_no_date():
    assert find_dates("Version 31.31.2026") == []


def test_names_are_capitals_that_begin_no_sentence():
    facts = facts_of("Yesterday Anna Meier wrote to ap@acme.test. Then She went to New York.")
    names = {name.text for name in facts.names}
    assert {"Anna", "Meier", "ap@acme.test", "New", "York"} <= names
    assert "Then" not in names


@pytest.mark.parametrize(
    ("claim", "source"),
    [
        ("Dogs are allowed.", "Dogs are not allowed."),
        ("Dogs are not allowed.", "Dogs are allowed."),
        ("Dogs are forbidden.", "Dogs are allowed."),
        ("It costs at most 5 euros.", "It costs at least 5 euros."),
        ("Come before noon.", "Come after noon."),
        ("The form isn't required.", "The form is required."),
        ("The leave is unpaid.", "The leave is paid."),
    ],
)
def test_opposites_contradict_each_other(claim, source):
    assert contradicts(polarity_of(claim), polarity_of(source))


@pytest.mark.parametrize(
    ("claim", "source"),
    [
        ("Dogs are forbidden.", "Dogs are not allowed."),
        ("It takes no less than 5 days.", "It takes at least 5 days."),
        ("Not only dogs are welcome.", "Dogs are welcome."),
        ("Dogs are welcome.", "Cats, which are not quiet, stay out; dogs are welcome."),
    ],
)
def test_the_same_in_other_words_contradicts_nothing(claim, source):
    assert not contradicts(polarity_of(claim), polarity_of(source))
