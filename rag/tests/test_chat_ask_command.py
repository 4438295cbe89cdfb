from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from rag.llm.base import DONT_KNOW, ModelUnavailable
from rag.models import Message
from rag.tests.library import published

QUESTION = "How many days of paid leave does every employee have?"
LEAVE = "Every employee has 30 days of paid leave a year."

pytestmark = pytest.mark.django_db(transaction=True)  # the stream runs in threads of its own


def asked(*arguments: str) -> str:
    out = StringIO()
    call_command("ask", *arguments, stdout=out)
    return out.getvalue()


def test_the_answer_is_printed_with_its_sources(owner):
    published(owner, LEAVE, filename="leave.md")
    assert asked(QUESTION, "--user", "OWNER@acme.test") == (
        f"{LEAVE} [1]\n\nSources:\n  [1] leave.md, page 1\n"
    )


def test_without_a_name_the_first_administrator_asks(admin, owner):
    published(owner, LEAVE)
    assert LEAVE in asked(QUESTION)
    assert Message.objects.filter(conversation__user=admin).count() == 2


def test_what_nobody_shared_is_not_told(owner, colleague):
    published(owner, LEAVE)
    assert asked(QUESTION, "--user", colleague.email) == f"{DONT_KNOW}\n"


def test_an_answer_that_nothing_supports_is_corrected(owner, model):
    published(owner, LEAVE)
    model.enqueue("Unicorns graze behind the cafeteria [1].")
    assert asked(QUESTION, "--user", owner.email).endswith(f"\n\n{DONT_KNOW}\n")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([""], "query is empty"),
        (["x", "--user", "nobody@acme.test"], "no active user"),
        (["x", "--top-k", "0"], "between 1 and 50"),
    ],
)
def test_what_can_not_be_asked_is_told(admin, arguments, sentence):
    with pytest.raises(CommandError, match=sentence):
        asked(*arguments)


def test_without_an_administrator_somebody_must_be_named(owner):
    with pytest.raises(CommandError, match="--user"):
        asked(QUESTION)


def test_a_failing_model_is_told(owner, model):
    published(owner, LEAVE)
    model.enqueue(error=ModelUnavailable("The model is down."))
    with pytest.raises(CommandError, match="The model is down"):
        asked(QUESTION, "--user", owner.email)
