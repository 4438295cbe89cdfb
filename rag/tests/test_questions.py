import pytest

from rag.questions import LONG, not_found, passages_wanted, understand, wants_each


@pytest.mark.parametrize(
    "text",
    [
        "What is the notice period?",
        "insurance",
        "Urlaubstage pro Jahr",
        "vs",
        "compare",
        "and?",
        "?",
    ],
)
def test_an_ordinary_question_is_searched_as_it_is(text):
    question = understand(text)
    assert (question.kind, question.phrases, question.subjects) == ("plain", (), (text,))


@pytest.mark.parametrize(
    ("text", "phrases"),
    [
        ('Where is "bring your own device" described?', ("bring your own device",)),
        ("Where is \u201cnet   30 days\u201d written?", ("net 30 days",)),
        ("\u201eKurze Wege\u201c und \u00abvoil\u00e0\u00bb", ("Kurze Wege", "voil\u00e0")),
        ('an 5" screen', ()),
        ('""', ()),
    ],
)
def test_what_stands_in_quotation_marks_is_an_exact_phrase(text, phrases):
    assert understand(text).phrases == phrases


@pytest.mark.parametrize(
    "text",
    [
        "List all public holidays",
        "please list the offices",
        "Name every tool that we pay for",
        "Show me all policies about travel",
        "What are the different kinds of leave?",
        "Which offices do we have?",
    ],
)
def test_whoever_wants_a_list_gets_more_passages(text):
    assert understand(text).kind == "list"
    assert passages_wanted(text, usual=8, most=50) == 24
    assert passages_wanted(text, usual=8, most=10) == 10


def test_an_ordinary_question_gets_the_usual_passages():
    assert passages_wanted("Who signs contracts?", usual=8, most=50) == 8


@pytest.mark.parametrize(
    ("text", "sides"),
    [
        ("Compare annual leave and sick leave", ("annual leave", "sick leave")),
        ("What is the difference between a P0 and a P1 issue?", ("a P0", "a P1 issue")),
        ("How does unpaid leave differ from a sabbatical?", ("unpaid leave", "a sabbatical")),
        ("laptops vs. desktops for engineers", ("laptops for engineers", "desktops for engineers")),
        (
            "compare parental leave in France and Spain",
            ("parental leave in France", "parental leave in Spain"),
        ),
        ("compare leave in France with in Spain", ("leave in France", "leave in Spain")),
        ("Compare Ghent and Porto parking", ("Ghent parking", "Porto parking")),
        ("compare paid and unpaid leave", ("paid leave", "unpaid leave")),
        ("Compare New York and Los Angeles fees", ("New York fees", "Los Angeles fees")),
        ("compare laptops and mobile phones", ("laptops", "mobile phones")),
        ("compare leave and parental leave", ("leave", "parental leave")),
        ("Compare Tidegate and the help desk", ("Tidegate", "the help desk")),
    ],
)
def test_a_comparison_is_searched_whole_and_for_each_side_with_what_they_share(text, sides):
    question = understand(text)
    assert (question.kind, question.subjects) == ("comparison", sides)
    assert question.searches == (text, *sides)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (
            "How long is probation, and which benefits start after it?",
            ("How long is probation", "which benefits start after it (long probation)"),
        ),
        (
            "Who signs an order and how many quotes does an order need?",
            ("Who signs an order", "how many quotes does an order need?"),
        ),
    ],
)
def test_of_two_questions_in_one_each_is_searched_and_answered(text, parts):
    question = understand(text)
    assert (question.kind, question.subjects) == ("several", parts)
    assert question.searches == (text, *parts)
    assert passages_wanted(text, usual=8, most=50) == 16


@pytest.mark.parametrize("text", ["What happened and why?", "Who may come and go as they like?"])
def test_an_afterthought_is_no_question_of_its_own(text):
    assert understand(text).kind == "plain"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Which benefits start after probation?", True),
        ("What are the severity levels?", True),
        ("List all trainings", True),
        ("Which class is allowed?", False),
        ("What was the price?", False),
        ("What is a station?", False),
    ],
)
def test_a_plural_asks_for_each_thing_that_fits(text, expected):
    assert wants_each(text) is expected


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        ("how many days off do I get as new employee", "how many days off do I get"),
        ("As a new colleague, when do I get a laptop?", "when do I get a laptop?"),
        ("I'm new here. Where do I park?", "Where do I park?"),
        ("How many days do I get as a contractor?", "How many days do I get as a contractor?"),
        ("What is a new employee?", "What is a new employee?"),
        ("As an employee", "As an employee"),
    ],
)
def test_that_an_employee_asks_is_no_part_of_what_is_asked(text, subject):
    assert understand(text).subjects == (subject,)


@pytest.mark.parametrize("text", ["How do I compare two branches?", "Is it safe and fast?"])
def test_comparing_as_a_subject_is_no_comparison(text):
    assert understand(text).kind == "plain"


def test_of_a_long_text_the_sentences_that_ask_are_searched():
    story = "I have been here for three years and travel a lot. " * 20
    question = understand(f"{story}How many days may I work from abroad? {story}")
    assert question.subjects == ("How many days may I work from abroad?",)
    assert understand(story).subjects == (story,)
    assert len(story) > LONG


def test_a_figure_of_speech_in_a_long_text_is_not_what_it_asks():
    argument = "Cities grow, and so does the noise in them. " * 8
    text = f"{argument}Who would pay for that? {argument}"
    assert understand(text).subjects == (text,)
    assert understand(f"{text} What does it cost? Thanks!").subjects == ("What does it cost?",)


def test_quotation_marks_ask_for_words_only_where_they_tell_something():
    assert understand('Why is there no "with" statement?').phrases == ()
    assert understand('Who said "with honours"?').phrases == ("with honours",)
    assert understand('They call it "progress". ' * 40).phrases == ()


def test_a_phrase_that_nothing_holds_is_named():
    assert "\u201cblue moon\u201d" in not_found(["blue moon"])
    assert not_found(["a", "b"]).startswith("I don't know")
