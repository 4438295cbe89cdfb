import pytest

from rag.quantities import find_quantities, lacks_a_value, values
from rag.value_forms import normalized, other_spellings


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("fourteen days", "14 days"),
        ("1,000 EUR", "1000 EUR"),
        ("two hundred and five people", "205 people"),
        ("twenty-one", "21"),
        ("a thousand visitors", "1000 visitors"),
        ("a dozen eggs", "a 12 eggs"),
        ("two thousand and twenty six", "2026"),
        ("between twenty and thirty", "between 20 and 30"),
        ("twenty twenty", "20 20"),
        ("2 million visitors", "2000000 visitors"),
        ("$1.5m", "$1500000"),
    ],
)
def test_a_number_has_one_form_however_it_is_written(one, other):
    assert normalized(one) == other
    assert values(one) == values(other)


@pytest.mark.parametrize(
    "written",
    [
        "2026-03-01",
        "1 March 2026",
        "1st of March 2026",
        "March 1, 2026",
        "Mar 1st 2026",
        "01.03.2026",
        "1. 3. 2026",
        "01/03/2026",
        "2026/3/1",
        "2026-03-01T10:30",
    ],
)
def test_a_date_has_one_form_however_it_is_written(written):
    assert "20260301" in values(f"It ends on {written}.")


def test_a_date_that_may_mean_two_days_means_both():
    assert {"20260301", "20260103"} <= values("3/1/2026")
    assert "20261331" not in values("13/31/2026")


def test_with_dots_the_day_comes_first():
    assert "20260103" not in values("01.03.2026")
    assert "20261231" in values("12.31.2026")


def test_a_number_that_is_grouped_otherwise_is_found_by_its_digits_too():
    assert normalized("1 000 people") == "1 000 1000 people"
    assert normalized("1 000 people", asked=True) == "1000 people"
    assert {"1.5", "17:00"} <= values("1,5 hours, until 5 pm")


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("It ends on 1 March 2026.", "What ends on 3/1/2026?"),
        ("It ends on 1 March 2026.", "What ended in 2026?"),
        ("Since 1.000 people came", "Who were the thousand people?"),
        ("Between twenty and thirty days", "What takes 30 days?"),
    ],
)
def test_a_text_has_the_values_of_a_question_however_they_are_written(text, question):
    assert not lacks_a_value(text, question)
    assert lacks_a_value("It ends on 2 March 2025, in 14 days.", question)


def test_the_last_of_a_range_of_days_is_a_date():
    assert "20260310" in values("from 3-10 March 2026")


def test_numbers_in_a_row_of_words_are_read_one_by_one():
    read = [str(q.values[0]) for q in find_quantities("two hundred and five, one two three")]
    assert read == ["205", "1", "2", "3"]


def test_what_is_no_number_stays():
    for text in ("one of them", "half of it", "the May report", "10,5", "version 1.2.3", "3PL"):
        assert normalized(text) == text


@pytest.mark.parametrize(
    ("question", "spelling"),
    [
        ("the 14 days rule", "fourteen"),
        ("the fourteen days rule", "14"),
        ("above 5000 euros", "5,000"),
        ("above 5,000 euros", "5000"),
        ("since 2026-03-01", "1 march 2026"),
        ("since 1 March 2026", "2026-03-01"),
        ("25 people", "twenty five"),
        ("2 million visitors", "2,000,000"),
        ("14-day notice", "fourteen"),
    ],
)
def test_the_words_of_the_other_spelling_are_searched_too(question, spelling):
    assert spelling in other_spellings(question)


def test_a_question_without_numbers_has_no_other_spelling():
    assert other_spellings("How do I claim travel costs?") == []
