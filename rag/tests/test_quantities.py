import pytest

from rag.quantities import normalized, other_spellings, values


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("fourteen days", "14 days"),
        ("1,000 EUR", "1000 EUR"),
        ("two hundred and five people", "205 people"),
        ("twenty-one", "21"),
        ("a thousand visitors", "a 1000 visitors"),
        ("two thousand and twenty six", "2026"),
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
    ],
)
def test_a_date_has_one_form_however_it_is_written(written):
    assert "20260301" in values(f"It ends on {written}.")


def test_a_date_that_may_mean_two_days_means_both():
    assert {"20260301", "20260103"} <= values("3/1/2026")
    assert "20261331" not in values("13/31/2026")


def test_what_is_no_number_stays():
    for text in ("one of them", "twenty twenty", "the May report", "10,5", "version 1.2.3"):
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
    ],
)
def test_the_words_of_the_other_spelling_are_searched_too(question, spelling):
    assert spelling in other_spellings(question)


def test_a_question_without_numbers_has_no_other_spelling():
    assert other_spellings("How do I claim travel costs?") == []
