import pytest

from documents.models import Document
from rag.index.registry import get_lexical_index
from rag.index.scope import Scope
from rag.index.versions import get_state
from rag.retrieval import retrieve
from rag.spelling import MOST_MISSPELT, one_edit_away, slips_of_english, with_corrections
from rag.tests.library import published


def corrections(user, text):
    scope = Scope(Document.objects.visible_to(user))
    state = get_state(user.organization_id)
    return get_lexical_index().corrections(text, state=state, within=scope)


@pytest.mark.parametrize(
    ("slip", "meant"),
    [("vaccation", "vacat"), ("parentel", "parent"), ("recieve", "receiv"), ("budgt", "budget")],
)
def test_one_slip_of_the_keyboard_leads_to_the_word(slip, meant):
    assert meant in one_edit_away(slip)


def test_short_words_are_not_guessed_at():
    assert one_edit_away("cat") == {}


@pytest.mark.parametrize(
    ("text", "word", "meant"),
    [
        ("Wat is the limit?", "wat", "what"),
        ("whcih limit holds", "whcih", "which"),
        ("the maximun number", "maximun", "maximum"),
        ("my vaccation", "vaccation", "vacation"),
    ],
)
def test_a_slip_is_put_right_though_no_document_has_the_word(text, word, meant):
    assert slips_of_english(text, [word]) == {word: meant}


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("how do I use sso", "sso"),
        ("who may use aws", "aws"),
        ("what is my hsa", "hsa"),
        ("Who is Maximun?", "maximun"),
        ("deploy it to kubernetes", "kubernetes"),
        ("the yacht", "yacht"),
    ],
)
def test_a_name_and_a_word_that_there_is_are_no_slips(text, word):
    assert slips_of_english(text, [word]) == {}


def test_many_unknown_words_are_another_language_and_no_slips():
    assert slips_of_english("waht whcih wehn theer", ["waht", "whcih", "wehn", "theer"]) == {}


@pytest.mark.django_db
def test_what_a_slip_was_meant_to_be_is_searched_and_as_unknown_as_if_it_had_been_written(owner):
    published(owner, "Everybody has thirty days of holiday.")
    found = retrieve(user=owner, query="how many days of vaccation and wat yacht", top_k=3)
    assert found.searched == "how many days of vacation and what yacht"
    assert found.unknown == {"vacation", "yacht"}


def test_words_are_exchanged_whole():
    assert with_corrections("Budgt, budgts", {"budgt": "budget"}) == "budget, budgts"


@pytest.mark.django_db
def test_a_misspelt_word_is_found(owner):
    published(owner, "Everybody has thirty days of vacation a year.")
    published(owner, "The canteen opens at noon.")
    found = retrieve(user=owner, query="vaccation", top_k=1)
    assert found.passages[0].content.startswith("Everybody")
    assert found.searched == "vacation"
    assert found.query == "vaccation"


@pytest.mark.django_db
def test_a_word_that_the_documents_hold_is_never_corrected(owner):
    published(owner, "The planes land here. The plants grow.")
    assert corrections(owner, "planes plants canteen") == {}


@pytest.mark.django_db
def test_a_word_of_english_is_no_slip(owner):
    published(owner, "Most of the heath is open; the basket is for everybody.")
    assert corrections(owner, "cost death") == {}


@pytest.mark.django_db
def test_only_a_word_that_is_written_like_that_is_offered(owner):
    published(owner, "The costs are covered by the government; others were governing.")
    assert corrections(owner, "goverment") == {"goverment": "government"}
    published(owner, "Metamorphosis of insects.")
    assert corrections(owner, "metamorphosing") == {}


def test_the_first_letter_is_hardly_ever_the_wrong_one():
    assert "basket" not in one_edit_away("gasket")
    assert "budget" in one_edit_away("ubdget")


@pytest.mark.django_db
def test_only_words_of_documents_that_the_person_may_read_are_offered(owner, colleague, outsider):
    published(owner, "The zeppelin project is secret.")
    published(outsider, "Our budget is secret.")
    published(colleague, "The canteen opens at noon.")
    assert corrections(owner, "zepelin") == {"zepelin": "zeppelin"}
    assert corrections(colleague, "zepelin") == {}
    assert corrections(colleague, "budgt") == {}


@pytest.mark.django_db
def test_a_word_of_others_alone_is_as_unknown_as_one_of_nobody(owner, colleague):
    published(owner, "The zeppelim project is secret.")
    published(colleague, "A zeppelin flew over the canteen.")
    assert corrections(colleague, "zeppelim") == {"zeppelim": "zeppelin"}


@pytest.mark.django_db
def test_a_text_in_another_language_is_left_alone(owner):
    published(owner, "We are here with them in the house; she was born then.")
    words = "wirr binn hierr mitt denn hausen"
    assert len(words.split()) > MOST_MISSPELT
    assert corrections(owner, words) == {}


@pytest.mark.django_db
def test_a_word_is_unknown_where_no_document_that_the_person_may_read_has_it(owner, colleague):
    published(owner, "The company yachts lie in the harbour.")
    published(colleague, "The price of laptops is fixed.")
    query = "What is the prise of the yacht, and of laptops?"
    assert retrieve(user=owner, query="price of the yacht", top_k=3).unknown == {"price"}
    assert retrieve(user=colleague, query=query, top_k=3).unknown == {"yacht"}
