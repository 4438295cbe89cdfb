"""Administrators see what the documents could not answer, as far as their organization allows."""

import csv
import io
import logging

import pytest

from accounts.models import AuditEvent
from rag.models import HandledQuestion, Message, QuestionPrivacy
from rag.services.conversations import delete_conversation
from rag.services.turns import run_turn, start_turn
from rag.services.unanswered import digest_of, unanswered
from rag.tests.library import published

PAGE = "/unanswered/"
PARKING = "Where can visitors park their cars?"
ANOTHER_WORDING = "Where do visitors park a car?"
LEAVE = "Every employee has 30 days of paid leave a year."


@pytest.fixture(autouse=True)
def handbook(owner):
    return published(owner, LEAVE, filename="leave.md", visibility="organization")


def ask(user, question: str) -> Message:
    message = start_turn(user=user, query=question)
    return run_turn(user=user, message_id=message.pk)


def shown(admin) -> list[tuple[str, int]]:
    return [(group.question, group.count) for group in unanswered(user=admin).groups]


def test_near_equal_questions_are_one_group_the_most_asked_first(admin, owner, colleague):
    ask(colleague, "Is there a canteen in Oslo?")
    for person, question in ((owner, PARKING), (colleague, ANOTHER_WORDING), (owner, PARKING)):
        assert not ask(person, question).grounded
    ask(owner, "How many days of paid leave does every employee have?")
    ask(owner, "Hello")
    assert shown(admin) == [(PARKING, 3), ("Is there a canteen in Oslo?", 1)]
    [group, _] = unanswered(user=admin).groups
    assert group.others == [ANOTHER_WORDING]
    assert len(group.askers) == 2
    assert [document.filename for document in group.near] == ["leave.md"]


def test_other_organizations_and_other_people_see_nothing(
    owner, outsider, outside_admin, admin, page_as
):
    ask(owner, PARKING)
    ask(outsider, "Is there a canteen in Oslo?")
    assert shown(admin) == [(PARKING, 1)]
    page = page_as(outside_admin).get(PAGE).content.decode()
    assert "park" not in page
    assert "canteen" in page
    assert page_as(owner).get(PAGE).status_code == 403


def test_names_are_shown_only_where_the_organization_wants_it(admin, owner, page_as):
    ask(owner, PARKING)
    client = page_as(admin)
    assert owner.display_name not in client.get(PAGE).content.decode()
    assert "without your name" in page_as(owner).get("/chat/").content.decode()
    client.post(f"{PAGE}settings/", {"mode": "with_names", "minimum_askers": "1"})
    assert owner.display_name in client.get(PAGE).content.decode()
    assert "with your name" in page_as(owner).get("/chat/").content.decode()
    client.post(f"{PAGE}settings/", {"mode": "off", "minimum_askers": "1"})
    assert "park" not in client.get(PAGE).content.decode()
    assert "your name" not in page_as(owner).get("/chat/").content.decode()
    trail = AuditEvent.objects.filter(action="unanswered.privacy_changed")
    assert trail.count() == 2


def test_the_file_shows_what_the_page_shows(admin, owner, colleague, page_as):
    def exported() -> list[dict[str, str]]:
        answer = page_as(admin).get(f"{PAGE}export")
        text = b"".join(answer.streaming_content).decode()
        return list(csv.DictReader(io.StringIO(text, newline="")))

    ask(owner, PARKING)
    ask(colleague, ANOTHER_WORDING)
    [row] = exported()
    assert (row["question"], row["times"], row["people"]) == (ANOTHER_WORDING, "2", "2")
    assert (row["also_asked_as"], row["documents"]) == (PARKING, "leave.md")
    QuestionPrivacy.objects.update_or_create(
        organization=admin.organization, defaults={"mode": "with_names"}
    )
    assert set(exported()[0]["people"].split(", ")) == {owner.display_name, colleague.display_name}
    QuestionPrivacy.objects.update(mode="off")
    assert exported() == []
    assert AuditEvent.objects.filter(action="unanswered.exported").count() == 3
    assert page_as(owner).get(f"{PAGE}export").status_code == 403


def test_what_too_few_people_asked_is_held_back(admin, owner, colleague, organization):
    QuestionPrivacy.objects.create(organization=organization, minimum_askers=2)
    ask(owner, PARKING)
    ask(owner, PARKING)
    found = unanswered(user=admin)
    assert (list(found.groups), found.held_back) == ([], 1)
    ask(colleague, ANOTHER_WORDING)
    assert shown(admin) == [(ANOTHER_WORDING, 3)]


def test_a_handled_question_comes_back_when_it_is_asked_again(admin, owner, page_as):
    ask(owner, PARKING)
    ask(owner, ANOTHER_WORDING)
    [group] = unanswered(user=admin).groups
    client = page_as(admin)
    client.post(f"{PAGE}handled/", {"digest": [*group.digests, "0" * 64]})
    assert shown(admin) == []
    assert HandledQuestion.objects.count() == len(group.digests) == 1
    ask(owner, PARKING)
    assert shown(admin) == [(PARKING, 1)]


def test_a_deleted_conversation_takes_its_question_along(admin, owner, colleague):
    kept = ask(colleague, ANOTHER_WORDING)
    gone = ask(owner, PARKING)
    delete_conversation(conversation=gone.conversation, actor=owner)
    assert shown(admin) == [(ANOTHER_WORDING, 1)]
    delete_conversation(conversation=kept.conversation, actor=colleague)
    assert shown(admin) == []


def test_near_documents_are_those_that_the_admin_may_read_now(admin, owner, handbook):
    ask(owner, PARKING)
    handbook.delete()
    [group] = unanswered(user=admin).groups
    assert group.near == []


def test_log_and_trail_hold_no_words_of_it(admin, owner, page_as, caplog):
    ask(owner, PARKING)
    client = page_as(admin)
    with caplog.at_level(logging.DEBUG):
        client.get(PAGE)
        [group] = unanswered(user=admin).groups
        client.post(f"{PAGE}handled/", {"digest": list(group.digests)})
    said = " ".join(str(vars(record)) for record in caplog.records)
    said += " ".join(str(event.details) for event in AuditEvent.objects.all())
    assert "visitors" not in said
    assert "visitor" not in HandledQuestion.objects.get().digest


def test_a_digest_is_of_one_organization(organization, other_organization):
    words = ["park", "visitor"]
    assert digest_of(organization.pk, words) == digest_of(organization.pk, words[::-1])
    assert digest_of(organization.pk, words) != digest_of(other_organization.pk, words)
