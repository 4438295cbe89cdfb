"""Questions asked of some documents only: a choice narrows what a person may read."""

import uuid
from io import StringIO

import pytest
from django.core.management import call_command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from documents.editing import edit_document
from documents.models import Document
from documents.narrowing import Narrowing
from documents.services import share_document
from rag.llm.base import DONT_KNOW
from rag.models import Conversation, Message
from rag.retrieval import retrieve
from rag.services.turns import run_turn, start_turn
from rag.tests.api import client_of
from rag.tests.library import published

pytestmark = pytest.mark.django_db(transaction=True)  # answers run in threads of their own

QUESTION = "How many days of paid leave does every employee have?"
NAMES = ("mine", "shared", "theirs", "rivals")
TAGS = ("red", "green")


@pytest.fixture
def library(owner, colleague, outsider, admin) -> dict[str, Document]:
    """Four documents of three people, which all answer the question, each in its own way."""
    people = {"mine": owner, "shared": owner, "theirs": colleague, "rivals": outsider}
    documents = {
        name: published(
            person,
            f"Every employee of {name} has {number} days of paid leave a year.",
            filename=f"{name}.txt",
        )
        for number, (name, person) in enumerate(people.items(), start=30)
    }
    share_document(document=documents["shared"], actor=owner, visibility="organization")
    for name, tags in {"mine": ["Red", "Green"], "shared": ["red"], "rivals": ["red"]}.items():
        edit_document(document=documents[name], actor=people[name], tags=tags)
    for name in ("mine", "theirs", "rivals"):
        edit_document(document=documents[name], actor=people[name], collection="Leave")
    return documents


VISIBLE = {"owner": {"mine", "shared"}, "colleague": {"shared", "theirs"}, "outsider": {"rivals"}}
VISIBLE["admin"] = VISIBLE["owner"] | VISIBLE["colleague"]
TAGGED = {"red": {"mine", "shared", "rivals"}, "green": {"mine"}, "blue": set()}
COLLECTED = {"leave": {"mine", "theirs", "rivals"}, "": set(NAMES), "Other": set()}


def found(user, narrowing: Narrowing) -> set[str]:
    passages = retrieve(user=user, query=QUESTION, top_k=20, narrowing=narrowing).passages
    return {passage.filename.removesuffix(".txt") for passage in passages}


def test_any_choice_finds_what_it_names_of_what_is_visible(library, request):
    people = {name: request.getfixturevalue(name) for name in VISIBLE}

    @settings(
        max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
    )
    @given(
        who=st.sampled_from(sorted(VISIBLE)),
        tags=st.sets(st.sampled_from(sorted(TAGGED))),
        collection=st.sampled_from(sorted(COLLECTED)),
        chosen=st.sets(st.sampled_from([*NAMES, "nothing"])),
    )
    def check(who, tags, collection, chosen):
        keys = [library[name].pk if name in library else uuid.uuid4() for name in chosen]
        narrowing = Narrowing.of(tags=tags, collection=collection, documents=keys)
        expected = VISIBLE[who] & COLLECTED[collection]
        for tag in tags:
            expected = expected & TAGGED[tag]
        if chosen:
            expected = expected & chosen
        assert found(people[who], narrowing) == expected
        listed = Document.objects.visible_to(people[who]).narrowed(narrowing)
        assert {d.filename.removesuffix(".txt") for d in listed} == expected
        assert Narrowing.from_json(narrowing.as_json()) == narrowing

    check()


def test_a_conversation_keeps_what_it_asks(library, owner):
    first = start_turn(user=owner, query=QUESTION, narrowing=Narrowing.of(tags=["green"]))
    answer = run_turn(user=owner, message_id=first.pk)
    assert answer.content == "Every employee of mine has 30 days of paid leave a year. [1]"
    follow_up = start_turn(
        user=owner, query="And how many of shared?", conversation_id=first.conversation_id
    )
    answer = run_turn(user=owner, message_id=follow_up.pk)
    assert {source.document.filename for source in answer.sources.all()} == {"mine.txt"}


def test_what_is_taken_away_is_asked_no_more(library, owner, colleague):
    chosen = Narrowing.of(documents=[library["shared"].pk])
    assert found(colleague, chosen) == {"shared"}
    share_document(document=library["shared"], actor=owner, visibility="private")
    assert found(colleague, chosen) == set()


def post(user, path: str, **body):
    return client_of(user).post(path, body, format="json")


def test_the_api_narrows_a_search(library, colleague):
    def names(**filters) -> set[str]:
        answer = post(colleague, "/api/retrieval", query=QUESTION, filters=filters)
        assert answer.status_code == 200, answer.content
        return {result["filename"] for result in answer.json()["results"]}

    assert names() == {"shared.txt", "theirs.txt"}
    assert names(tags=["RED"]) == {"shared.txt"}
    assert names(collection="leave") == {"theirs.txt"}
    assert names(documents=[str(library["mine"].pk)]) == names(documents=[str(uuid.uuid4())])
    assert names(documents=[str(library["rivals"].pk)]) == set()
    refused = post(colleague, "/api/retrieval", query=QUESTION, filters={"documents": ["x"]})
    assert refused.status_code == 400


def test_the_api_narrows_a_conversation_until_it_is_told_otherwise(library, owner):
    first = post(owner, "/api/chat", query=QUESTION, filters={"tags": ["green"]}).json()
    assert {source["filename"] for source in first["sources"]} == {"mine.txt"}
    going_on = {"conversation_id": first["conversation_id"], "query": QUESTION}
    again = post(owner, "/api/chat", **going_on).json()
    assert {source["filename"] for source in again["sources"]} == {"mine.txt"}
    kept = client_of(owner).get(f"/api/conversations/{first['conversation_id']}").json()
    assert kept["filters"] == {"tags": ["green"], "collection": "", "documents": []}
    wide = post(owner, "/api/chat", **going_on, filters={}).json()
    assert {source["filename"] for source in wide["sources"]} == {"mine.txt", "shared.txt"}


def test_the_command_narrows(library, owner, admin):
    def asked(*arguments: str) -> str:
        out = StringIO()
        call_command("ask", QUESTION, "--user", owner.email, *arguments, stdout=out)
        return out.getvalue()

    assert "of mine" in asked("--tag", "green")
    assert "of shared" in asked("--document", str(library["shared"].pk))
    assert asked("--collection", "Other") == f"{DONT_KNOW}\n"
    assert asked("--document", str(library["theirs"].pk)) == f"{DONT_KNOW}\n"


# --- the page -------------------------------------------------------------------------------


def test_the_page_shows_what_is_asked_and_keeps_it(library, page_as, owner):
    client = page_as(owner)
    mine = library["mine"]
    page = client.get(f"/chat/?document={mine.pk}&tag=red").content.decode()
    assert "Asking only" in page
    assert f'<input type="hidden" name="document" value="{mine.pk}">' in page
    given = {"query": QUESTION, "document": [str(mine.pk)], "tag": ["red"]}
    asked = client.post("/chat/ask/", given, headers={"HX-Request": "true"}).content.decode()
    conversation = Conversation.objects.get()
    assert conversation.narrowing == Narrowing.of(tags=["red"], documents=[mine.pk])
    removal = f'hx-post="/chat/{conversation.pk}/narrow/"'
    assert removal in asked
    page = client.get(f"/chat/{conversation.pk}/").content.decode()
    assert "mine.txt" in page
    assert removal in page
    client.post("/chat/ask/", {"query": "And you?", "conversation": str(conversation.pk)})
    conversation.refresh_from_db()
    assert conversation.narrowing.tags == ("red",)
    assert (
        "Asking only"
        not in client.post(f"/chat/{conversation.pk}/narrow/", follow=True).content.decode()
    )
    conversation.refresh_from_db()
    assert not conversation.narrowing
    assert Message.objects.count() == 4


def test_a_chosen_document_that_is_not_visible_is_counted_and_not_named(library, page_as, owner):
    hidden = [library["theirs"].pk, library["rivals"].pk, uuid.uuid4()]
    query = "&".join(f"document={key}" for key in hidden)
    page = page_as(owner).get(f"/chat/?{query}&document=nonsense").content.decode()
    assert "3 documents that you cannot see any more" in page
    assert "theirs" not in page
    assert "rivals" not in page
    assert "None of your documents is among these" in page


def test_only_tags_and_collections_of_what_is_visible_can_be_chosen(library, page_as, outsider):
    edit_document(document=library["theirs"], actor=library["theirs"].uploaded_by, tags=["Falcon"])
    text = page_as(outsider).get("/chat/choices/").content.decode()
    assert "red" in text
    assert [word for word in ("Falcon", "Green", "Red") if word in text] == []


def test_another_persons_conversation_is_not_narrowed(library, page_as, owner, colleague):
    theirs = Conversation.objects.create(user=owner, filters={"tags": ["secret"]})
    assert page_as(colleague).post(f"/chat/{theirs.pk}/narrow/").status_code == 404
    text = page_as(colleague).get(f"/chat/choices/?conversation={theirs.pk}").content.decode()
    assert "secret" not in text
