"""The chat page: what it shows to whom, and the parts that htmx asks for."""

import datetime
import uuid

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from documents.models import Document, DocumentChunk
from documents.services import delete_documents
from rag.llm.base import ModelUnavailable
from rag.models import Conversation, Message
from rag.services.sources import WITHHELD
from rag.services.turns import run_turn, start_turn
from rag.tests.library import published

QUESTION = "How many days of paid leave does every employee have?"
LEAVE = "Every employee has 30 days of paid leave a year."
ANSWER = "Every employee has **30 days** of paid leave [1]."
HTMX = {"HX-Request": "true"}


@pytest.fixture
def handbook(owner) -> Document:
    return published(owner, LEAVE, filename="leave.md", visibility="organization")


@pytest.fixture
def answered(owner, handbook, model) -> Message:
    model.enqueue(ANSWER)
    return run_turn(user=owner, message_id=start_turn(user=owner, query=QUESTION).pk)


def shown(client: Client, conversation: Conversation, **get: str) -> str:
    response = client.get(reverse("rag:conversation", args=[conversation.pk]), get)
    assert response.status_code == 200
    return response.content.decode()


# --- who sees what --------------------------------------------------------------------------------
def addresses(answer: Message) -> list[tuple[str, str]]:
    """Return every address that names a conversation or an answer."""
    conversation, message = [answer.conversation_id], [answer.pk]
    return [
        ("get", reverse("rag:conversation", args=conversation)),
        ("get", reverse("rag:rename", args=conversation)),
        ("post", reverse("rag:rename", args=conversation)),
        ("post", reverse("rag:delete", args=conversation)),
        ("get", reverse("rag:answer", args=message)),
        ("get", reverse("rag:answer_stream", args=message)),
        ("post", reverse("rag:again", args=message)),
        ("post", reverse("rag:feedback", args=message)),
    ]


@pytest.mark.parametrize("who", ["colleague", "admin", "outsider", "outside_admin"])
def test_a_conversation_answers_nobody_else_even_administrators(request, page_as, answered, who):
    client = page_as(request.getfixturevalue(who))
    form = {"title": "Mine now", "rating": "up"}
    for method, address in addresses(answered):
        for headers in ({}, HTMX):
            response = getattr(client, method)(address, form, headers=headers)
            assert response.status_code == 404, address
            assert QUESTION not in response.content.decode()
    response = client.post(
        reverse("rag:ask"), {"query": "x", "conversation": answered.conversation_id}
    )
    assert response.status_code == 404
    answered.refresh_from_db()
    assert (answered.conversation.title, answered.rating) == (QUESTION, "")
    assert Message.objects.count() == 2


def test_an_unknown_conversation_answers_like_that_of_somebody_else(page_as, colleague, answered):
    client = page_as(colleague)
    theirs = client.get(reverse("rag:conversation", args=[answered.conversation_id]))
    unknown = client.get(reverse("rag:conversation", args=[uuid.uuid4()]))
    assert (theirs.status_code, unknown.status_code) == (404, 404)
    assert len(theirs.content) == len(unknown.content)


def test_whoever_is_not_signed_in_is_sent_to_the_login_page(answered):
    client = Client()
    for method, address in [
        *addresses(answered),
        ("get", reverse("rag:chat")),
        ("post", reverse("rag:ask")),
        ("get", reverse("rag:conversations")),
    ]:
        login = reverse("accounts:login")
        response = getattr(client, method)(address)
        assert response.status_code == 302
        assert response.headers["Location"].startswith(login)
        response = getattr(client, method)(address, headers=HTMX)
        assert response.status_code == 204
        assert response.headers["HX-Redirect"].startswith(login)


def test_a_question_is_no_answer(page_as, owner, answered):
    question = answered.question
    client = page_as(owner)
    for name in ("answer", "answer_stream"):
        assert client.get(reverse(f"rag:{name}", args=[question.pk])).status_code == 404
    assert client.post(reverse("rag:feedback", args=[question.pk])).status_code == 404


# --- the empty page -------------------------------------------------------------------------------
def test_the_empty_page_names_only_documents_that_can_be_read(
    page_as, owner, colleague, outsider, admin
):
    published(owner, "a", filename="private.md")
    published(owner, "b", filename="shared.md", visibility="organization")
    published(outsider, "c", filename="rival.md", visibility="organization")
    for user, named in (
        (colleague, {"shared.md"}),
        (owner, {"private.md", "shared.md"}),
        (admin, {"private.md", "shared.md"}),
        (outsider, {"rival.md"}),
    ):
        page = page_as(user).get(reverse("rag:chat")).content.decode()
        assert {n for n in ("private.md", "shared.md", "rival.md") if n in page} == named
        assert f"{len(named)} document" in page


def test_a_suggestion_is_about_a_heading_of_the_document(page_as, owner):
    document = published(owner, "Text.", "More text.", filename="handbook.pdf")
    Document.objects.filter(pk=document.pk).update(title="Handbook")
    DocumentChunk.objects.filter(document=document, chunk_index=0).update(heading="Handbook")
    DocumentChunk.objects.filter(document=document, chunk_index=1).update(
        heading="Handbook > 4.2 Travel <b>expenses</b>"
    )
    page = page_as(owner).get(reverse("rag:chat")).content.decode()
    assert "What does “Handbook” say about travel &lt;b&gt;expenses&lt;/b&gt;?" in page


def test_without_documents_the_page_says_so_and_leads_to_the_upload(page_as, owner):
    page = page_as(owner).get(reverse("rag:chat")).content.decode()
    assert "There is nothing to ask about yet" in page
    assert reverse("documents:upload") in page


# --- asking ---------------------------------------------------------------------------------------
def test_a_first_question_comes_back_with_a_pending_answer_and_the_new_list(page_as, owner):
    response = page_as(owner).post(
        reverse("rag:ask"), {"query": QUESTION, "conversation": ""}, headers=HTMX
    )
    answer = Message.objects.answers().get()
    part = response.content.decode()
    assert response.headers["HX-Push-Url"] == reverse(
        "rag:conversation", args=[answer.conversation_id]
    )
    assert answer.status == Message.Status.PENDING
    assert f'data-stream="{reverse("rag:answer_stream", args=[answer.pk])}"' in part
    assert f'value="{answer.conversation_id}"' in part
    assert 'id="welcome" hx-swap-oob="delete"' in part
    assert "<html" not in part


def test_a_further_question_goes_to_the_same_conversation(page_as, owner, answered):
    response = page_as(owner).post(
        reverse("rag:ask"),
        {"query": "And trainees?", "conversation": answered.conversation_id},
        headers=HTMX,
    )
    assert 'id="welcome"' not in response.content.decode()
    assert answered.conversation.messages.count() == 4


def test_without_htmx_a_question_leads_to_its_conversation(page_as, owner):
    response = page_as(owner).post(reverse("rag:ask"), {"query": QUESTION})
    conversation = Conversation.objects.get()
    assert response.headers["Location"] == reverse("rag:conversation", args=[conversation.pk])


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("", "Type a question first."),
        ("  \n", "Type a question first."),
        ("x" * 101, "at most 100"),
    ],
)
def test_a_question_that_can_not_be_asked_is_refused_in_a_sentence(
    page_as, owner, settings, query, said
):
    settings.MAX_QUERY_CHARACTERS = 100
    response = page_as(owner).post(reverse("rag:ask"), {"query": query}, headers=HTMX)
    assert response.status_code == 422
    assert said in response.content.decode()
    assert not Conversation.objects.exists()


def test_a_line_end_counts_as_one_character(page_as, owner, settings):
    settings.MAX_QUERY_CHARACTERS = 5
    response = page_as(owner).post(reverse("rag:ask"), {"query": "ab\r\ncd"}, headers=HTMX)
    assert response.status_code == 200
    assert Message.objects.get(role="user").content == "ab\ncd"


def test_a_question_is_shown_as_text(page_as, owner):
    query = "<script>alert(1)</script> ![x](https://evil.test)"
    response = page_as(owner).post(reverse("rag:ask"), {"query": query}, headers=HTMX)
    assert "<script" not in response.content.decode()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in response.content.decode()


# --- answers --------------------------------------------------------------------------------------
def test_an_answer_is_shown_with_its_source_one_click_away(page_as, owner, handbook, answered):
    page = shown(page_as(owner), answered.conversation)
    url = f"{reverse('documents:page', args=[handbook.pk, 1])}?start=0&amp;end={len(LEAVE)}#passage"
    assert "<strong>30 days</strong>" in page
    title = f"leave.md, page 1, uploaded {handbook.created_at:%-d %b %Y}"
    assert f'<a class="citation" title="{title}" href="{url}">1</a>' in page
    assert f'<a class="break" href="{url}">' in page
    assert f">{LEAVE}</blockquote>" in page


def test_an_answer_goes_with_the_document_it_came_from(page_as, owner, admin, handbook, answered):
    delete_documents(documents=Document.objects.all(), actor=admin)
    page = shown(page_as(owner), answered.conversation)
    assert WITHHELD in page
    assert "Source deleted or no longer shared with you" in page
    assert [word for word in ("30 days", LEAVE, "leave.md") if word in page] == []


def test_an_answer_goes_when_the_document_is_no_longer_shared(
    page_as, owner, colleague, handbook, model
):
    model.enqueue(ANSWER)
    answer = run_turn(user=colleague, message_id=start_turn(user=colleague, query=QUESTION).pk)
    assert "30 days" in shown(page_as(colleague), answer.conversation)
    Document.objects.filter(pk=handbook.pk).update(visibility="private")
    page = shown(page_as(colleague), answer.conversation)
    assert [word for word in ("30 days", LEAVE, "leave.md") if word in page] == []


def test_an_answer_that_nothing_supports_says_so(page_as, owner, handbook, model):
    answer = run_turn(user=owner, message_id=start_turn(user=owner, query="Tungsten?").pk)
    assert "The documents do not say" in shown(page_as(owner), answer.conversation)


def test_a_greeting_is_not_said_to_be_missing_from_the_documents(page_as, owner, model):
    answer = run_turn(user=owner, message_id=start_turn(user=owner, query="Hello").pk)
    assert "The documents do not say" not in shown(page_as(owner), answer.conversation)


def test_a_sentence_without_support_is_marked(page_as, owner, handbook, model):
    model.enqueue(f"{ANSWER} Managers get fifty days off in summer.")
    answer = run_turn(user=owner, message_id=start_turn(user=owner, query=QUESTION).pk)
    page = shown(page_as(owner), answer.conversation)
    assert '<span class="unsupported">Managers get fifty days off in summer.</span>' in page
    assert '<span class="unsupported-label">unsupported</span>' in page
    assert "fifty stands in no passage." in page


def test_a_failed_answer_shows_why_with_its_passages_and_can_be_asked_again(
    page_as, owner, handbook, model
):
    model.enqueue(error=ModelUnavailable("The language model does not answer."))
    answer = run_turn(user=owner, message_id=start_turn(user=owner, query=QUESTION).pk)
    client = page_as(owner)
    page = shown(client, answer.conversation)
    assert "The language model does not answer." in page
    assert f">{LEAVE}</blockquote>" in page
    again = reverse("rag:again", args=[answer.pk])
    assert f'hx-post="{again}"' in page

    response = client.post(again, headers=HTMX)
    assert response.status_code == 200
    asked = answer.conversation.messages.filter(role="user").values_list("content", flat=True)
    assert list(asked) == [QUESTION, QUESTION]
    assert Message.objects.answers().get(status="pending").conversation == answer.conversation


def test_a_question_that_is_being_answered_can_not_be_asked_again(page_as, owner):
    answer = start_turn(user=owner, query=QUESTION)
    response = page_as(owner).post(reverse("rag:again", args=[answer.pk]), headers=HTMX)
    assert response.status_code == 409
    assert Message.objects.count() == 2


def test_a_pending_answer_resumes_when_the_page_is_loaded_anew(page_as, owner):
    answer = start_turn(user=owner, query=QUESTION)
    page = shown(page_as(owner), answer.conversation)
    assert f'data-stream="{reverse("rag:answer_stream", args=[answer.pk])}"' in page


def test_an_answer_whose_writer_died_can_be_asked_again(page_as, owner, settings):
    answer = start_turn(user=owner, query=QUESTION)
    long_ago = timezone.now() - settings.TURN_ABANDONED_AFTER - datetime.timedelta(seconds=1)
    Message.objects.filter(pk=answer.pk).update(
        status="streaming", claimed_at=long_ago, created_at=long_ago
    )
    page = shown(page_as(owner), answer.conversation)
    assert "data-stream" not in page
    assert reverse("rag:again", args=[answer.pk]) in page


def test_a_long_conversation_opens_at_its_end(page_as, owner, answered):
    conversation = answered.conversation
    later = timezone.now()
    Message.objects.bulk_create(
        Message(conversation=conversation, role="user", content=f"Note {n}.", created_at=later)
        for n in range(60)
    )
    client = page_as(owner)
    page = shown(client, conversation)
    assert (page.count('class="question"'), QUESTION + "</p>" in page) == (40, False)
    page = shown(client, conversation, all="1")
    assert (page.count('class="question"'), QUESTION + "</p>" in page) == (61, True)


def test_many_answers_cost_no_more_queries_than_one(
    page_as, owner, answered, model, django_assert_max_num_queries
):
    client = page_as(owner)
    for _ in range(3):
        model.enqueue("Every employee", "")  # a reworded question
        model.enqueue(ANSWER)
        again = start_turn(user=owner, query=QUESTION, conversation_id=answered.conversation_id)
        run_turn(user=owner, message_id=again.pk)
    with django_assert_max_num_queries(14):
        assert shown(client, answered.conversation).count('class="answer"') == 4


# --- feedback -------------------------------------------------------------------------------------
def test_a_thumb_opens_the_comment_and_both_are_kept(page_as, owner, answered):
    client, address = page_as(owner), reverse("rag:feedback", args=[answered.pk])
    part = client.post(address, {"rating": "down", "comment": ""}, headers=HTMX).content.decode()
    assert "What was wrong or missing?" in part
    form = {"rating": "down", "comment": "Old rule."}
    assert "Thank you" in client.post(address, form, headers=HTMX).content.decode()
    answered.refresh_from_db()
    assert (answered.rating, answered.comment) == ("down", "Old rule.")
    client.post(address, {"rating": "", "comment": "Old rule."}, headers=HTMX)
    answered.refresh_from_db()
    assert (answered.rating, answered.comment) == ("", "")


@pytest.mark.parametrize("form", [{"rating": "great"}, {"rating": "up", "comment": "x" * 1001}])
def test_feedback_that_makes_no_sense_is_refused(page_as, owner, answered, form):
    address = reverse("rag:feedback", args=[answered.pk])
    assert page_as(owner).post(address, form, headers=HTMX).status_code == 422
    answered.refresh_from_db()
    assert (answered.rating, answered.comment) == ("", "")


# --- the list of conversations --------------------------------------------------------------------
def test_the_list_is_searched_by_title_among_ones_own(page_as, owner, colleague):
    for user, title in ((owner, "Paid leave"), (owner, "Laptops"), (colleague, "Leave of mine")):
        Conversation.objects.create(user=user, title=title)
    address = reverse("rag:conversations")
    part = page_as(owner).get(address, {"search": "leave"}, headers=HTMX).content.decode()
    titles = {"Paid leave", "Laptops", "Leave of mine"}
    assert {title for title in titles if title in part} == {"Paid leave"}


def test_the_list_is_grouped_by_age_newest_first(page_as, owner):
    now = timezone.now()
    for days in (30, 0, 5, 1):
        Conversation.objects.create(
            user=owner, title=f"Age {days}", updated_at=now - datetime.timedelta(days=days)
        )
    page = page_as(owner).get(reverse("rag:chat")).content.decode()
    order = ["Today", "Age 0", "Yesterday", "Age 1", "Past seven days", "Age 5"]
    order += ["Earlier", "Age 30"]
    places = [page.index(f">{word}<") for word in order]
    assert places == sorted(places)


def test_a_conversation_is_renamed_in_its_place(page_as, owner):
    conversation = Conversation.objects.create(user=owner, title="Old")
    client, address = page_as(owner), reverse("rag:rename", args=[conversation.pk])
    assert 'value="Old"' in client.get(address, headers=HTMX).content.decode()
    assert "<form" not in client.get(address, {"cancel": "1"}, headers=HTMX).content.decode()
    assert ">New<" in client.post(address, {"title": "New"}, headers=HTMX).content.decode()
    assert client.post(address, {"title": " "}, headers=HTMX).status_code == 422
    conversation.refresh_from_db()
    assert conversation.title == "New"


def test_deleting_the_conversation_one_looks_at_leads_to_a_new_one(page_as, owner):
    here, other = (Conversation.objects.create(user=owner, title=title) for title in "ab")
    client = page_as(owner)
    url = "http://testserver" + reverse("rag:conversation", args=[here.pk])
    headers = HTMX | {"HX-Current-URL": url}
    response = client.post(reverse("rag:delete", args=[other.pk]), headers=headers)
    assert (response.status_code, response.content) == (200, b"")
    response = client.post(reverse("rag:delete", args=[here.pk]), headers=headers)
    assert response.headers["HX-Redirect"] == reverse("rag:chat")
    assert not Conversation.objects.exists()


# --- what every page holds to ---------------------------------------------------------------------
def test_the_page_holds_no_inline_script_or_style_and_names_no_other_server(
    page_as, owner, answered
):
    page = shown(page_as(owner), answered.conversation)
    assert "style=" not in page
    assert "onclick" not in page
    assert page.count("<script") == page.count('<script src="/static/')
    assert "//" not in page.replace("<!doctype html>", "")


def test_an_error_page_is_styled_and_says_what_to_do(page_as, owner):
    page = page_as(owner).get("/nowhere").content.decode()
    assert "There is nothing here" in page
    assert "/static/css/app.css" in page
