"""Name, description, tags and collection: who changes them, and who learns of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import AuditEvent
from documents.attachments import store_attachments
from documents.editing import edit_document
from documents.extraction.base import Attachment
from documents.labels import BadLabel, label_key, tags_of
from documents.leases import claim
from documents.models import Document, DocumentTag
from documents.narrowing import Narrowing
from documents.services import share_document
from knowledge.lib.errors import Conflict, InvalidInput, NotAllowed, NotFound

pytestmark = pytest.mark.django_db


def names(document: Document) -> list[str]:
    return [tag.name for tag in document.tags.all()]


@pytest.mark.parametrize(
    ("wanted", "shown"),
    [
        ("Rail travel", "Rail travel.txt"),
        ("Rail travel.TXT", "Rail travel.txt"),
        ("Rail.v2", "Rail.v2.txt"),
        ("Rail.pdf", "Rail.pdf.txt"),
        ("  Q1/Q2\\\u202egpj  ", "Q1-Q2-gpj.txt"),
        ("x" * 255, "x" * 251 + ".txt"),
        ("Cafe\u0301", "Caf\u00e9.txt"),
    ],
)
def test_a_new_name_keeps_the_extension_and_nothing_that_hides(upload, owner, wanted, shown):
    document = edit_document(document=upload(), actor=owner, filename=wanted)
    assert document.filename == Document.objects.get().filename == shown


@pytest.mark.parametrize("wanted", ["", " . ", "\u202e", ".txt"])
def test_a_document_needs_a_name(upload, owner, wanted):
    with pytest.raises(InvalidInput, match="name"):
        edit_document(document=upload(), actor=owner, filename=wanted)


def test_what_is_not_given_stays(upload, owner):
    document = upload()
    edit_document(
        document=document, actor=owner, description="How", tags=["Rail", "air"], collection="HR"
    )
    edit_document(document=document, actor=owner, description="How to")
    document.refresh_from_db()
    assert (document.filename, document.description) == ("travel.txt", "How to")
    assert (document.collection, names(document)) == ("HR", ["air", "Rail"])
    edited = AuditEvent.objects.filter(action="document.edited").order_by("pk")
    assert [event.details["changed"] for event in edited] == [
        ["description", "collection", "tags"],
        ["description"],
    ]


def test_tags_are_equal_whatever_their_capitals_and_accents_are_made_of(upload, owner):
    document = upload()
    edit_document(
        document=document, actor=owner, tags=["Caf\u00e9", "CAFE\u0301", " caf\u00e9 ", ""]
    )
    assert names(document) == ["Caf\u00e9"]
    found = Document.objects.narrowed(Narrowing.of(tags=["cafe\u0301"]))
    assert list(found) == [document]


@pytest.mark.parametrize("tags", [["x" * 51], [str(n) for n in range(21)], ["a,b"]])
def test_tags_are_bounded(upload, owner, tags):
    with pytest.raises(InvalidInput, match="tag"):
        edit_document(document=upload(), actor=owner, tags=tags)
    assert not DocumentTag.objects.exists()


@given(st.lists(st.text(max_size=60), max_size=25))
def test_tags_are_unique_or_refused(given_names):
    try:
        tags = tags_of(given_names)
    except BadLabel:
        return
    assert len({tag.key for tag in tags}) == len(tags) <= 20
    assert all(0 < len(tag.name) <= 50 and tag.key == label_key(tag.name) for tag in tags)
    assert tags_of([tag.name for tag in tags]) == tags


def test_only_who_may_change_it_edits(upload, owner, colleague, teammate, team, admin, outsider):
    document = upload()
    share_document(document=document, actor=admin, visibility="teams", teams=[team])
    for person, refusal in [(teammate, NotAllowed), (colleague, NotFound), (outsider, NotFound)]:
        with pytest.raises(refusal):
            edit_document(document=document, actor=person, tags=["mine"])
    edit_document(document=document, actor=admin, tags=["ours"])
    assert names(document) == ["ours"]


def test_an_attachment_is_sorted_as_its_message_and_keeps_its_name(upload, owner):
    message = upload()
    edit_document(document=message, actor=owner, tags=["Rail"], collection="HR")
    [lease] = claim(limit=1)
    store_attachments(
        lease=lease, document=message, attachments=[Attachment("list.txt", b"A list.")]
    )
    attached = message.attachments.get()
    assert (names(attached), attached.collection) == (["Rail"], "HR")
    assert attached.collection_key == "hr"
    edit_document(document=attached, actor=owner, tags=["list"])
    assert (names(attached), names(message)) == (["list"], ["Rail"])
    with pytest.raises(Conflict):
        edit_document(document=attached, actor=owner, filename="other")


def test_tags_and_collections_are_offered_to_whom_their_documents_are_shown(
    upload, api_as, page_as, owner, colleague, outsider, admin
):
    mine, ours = upload(), upload(filename="ours.txt", visibility="organization")
    theirs = upload(owner=outsider)
    edit_document(document=mine, actor=owner, tags=["FALCON", "rail"], collection="Merger")
    edit_document(document=ours, actor=owner, tags=["falcon"], collection="Travel")
    edit_document(document=theirs, actor=outsider, tags=["Rival"], collection="Theirs")

    def offered(person):
        found = api_as(person).get("/api/documents/labels").json()
        return {kind: [(row["name"], row["count"]) for row in rows] for kind, rows in found.items()}

    everything = {
        "tags": [("falcon", 2), ("rail", 1)],
        "collections": [("Merger", 1), ("Travel", 1)],
    }
    assert offered(owner) == offered(admin) == everything
    # Not even how somebody else writes it is told.
    assert offered(colleague) == {"tags": [("falcon", 1)], "collections": [("Travel", 1)]}
    assert offered(outsider) == {"tags": [("Rival", 1)], "collections": [("Theirs", 1)]}
    for path in ("/documents/", f"/documents/{ours.pk}"):
        text = page_as(colleague).get(path).content.decode()
        assert [word for word in ("FALCON", "rail", "Merger", "Rival") if word in text] == []


def test_lists_are_filtered_by_tag_collection_status_and_search(upload, api_as, page_as, owner):
    documents = {name: upload(filename=f"{name}.txt") for name in ("one", "two", "three")}
    edit_document(document=documents["one"], actor=owner, tags=["a", "b"], collection="X")
    edit_document(document=documents["two"], actor=owner, tags=["a"], collection="X")
    edit_document(document=documents["three"], actor=owner, tags=["b"])
    for query, found in {
        "tag=A": {"one", "two"},
        "tag=a&tag=b": {"one"},
        "collection=x": {"one", "two"},
        "collection=x&tag=b": {"one"},
        "collection=x&search=tw": {"two"},
        "tag=a&status=failed": set(),
        "tag=nothing": set(),
    }.items():
        results = api_as(owner).get(f"/api/documents?{query}").json()["results"]
        assert {row["filename"].removesuffix(".txt") for row in results} == found, query
        if query.count("tag=") == 1:
            text = page_as(owner).get(f"/documents/?{query}").content.decode()
            assert {name for name in documents if f"{name}.txt" in text} == found, query


def test_the_api_edits_and_shares_in_one_go(upload, api_as, owner):
    document = upload()
    given = {"filename": "Rail", "tags": ["x"], "collection": "HR", "visibility": "organization"}
    answer = api_as(owner).patch(f"/api/documents/{document.pk}", given, format="json").json()
    assert answer["filename"] == "Rail.txt"
    assert (answer["tags"], answer["collection"]) == (["x"], "HR")
    assert answer["visibility"] == "organization"
    refused = {"filename": "Never", "visibility": "teams", "teams": []}
    client = api_as(owner)
    assert client.patch(f"/api/documents/{document.pk}", refused, format="json").status_code == 400
    assert Document.objects.get().filename == "Rail.txt"


def test_the_page_edits(upload, page_as, owner):
    document = upload()
    path = f"/documents/{document.pk}/edit"
    given = {"filename": "<b>Rail", "tags": "x, Y", "collection": "HR", "description": "Why"}
    text = page_as(owner).post(path, given, follow=True).content.decode()
    assert "&lt;b&gt;Rail.txt" in text
    assert "?tag=Y" in text
    wrong = page_as(owner).post(path, {**given, "tags": "x" * 60})
    assert wrong.status_code == 422
    assert "A tag has at most 50 characters." in wrong.content.decode()
