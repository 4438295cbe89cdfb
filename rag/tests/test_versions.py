"""A new version takes the place of the one in force when it is published, whole or not at all."""

import io

import pytest

from documents.editing import edit_document
from documents.exceptions import AlreadyUploaded
from documents.leases import claim
from documents.models import Document, DocumentVersion, FileDeletion
from documents.services import (
    delete_documents,
    retry_document,
    share_document,
    upload_document,
)
from documents.tests.conftest import stored_files
from documents.versions import discard_version, upload_version, versions_of
from rag.chunk_vectors import Embedded
from rag.embedding.registry import get_embedder
from rag.embedding.texts import text_digest
from rag.ingestion import ingest_waiting
from rag.models import ChunkEmbedding
from rag.publishing import publish_together
from rag.reading import read
from rag.retrieval import retrieve
from rag.services.index import check_index
from rag.services.sources import answer_text, message_sources
from rag.services.turns import run_turn, start_turn
from rag.tests.api import client_of

pytestmark = pytest.mark.django_db(transaction=True)  # readers and writers have threads

QUESTION = "How many days of paid leave does every employee have?"
OLD = "Every employee has 30 days of paid leave a year."
NEW = "Every employee has 33 days of paid leave a year."


@pytest.fixture(autouse=True)
def media(settings, tmp_path):
    settings.MEDIA_ROOT, settings.PAGE_CACHE_DIR = tmp_path / "media", tmp_path / "page_cache"
    return tmp_path / "media"


@pytest.fixture
def handbook(owner) -> Document:
    document = upload_document(
        owner=owner,
        file=io.BytesIO(OLD.encode()),
        filename="leave.txt",
        visibility="organization",
    )
    ingest_waiting()
    document.refresh_from_db()
    return document


def replace(document: Document, actor, text: str = NEW, filename: str = "leave.txt") -> Document:
    return upload_version(
        document=document, actor=actor, file=io.BytesIO(text.encode()), filename=filename
    )


def said(user) -> list[str]:
    passages = retrieve(user=user, query=QUESTION, top_k=20).passages
    return [passage.content for passage in passages]


def test_the_newest_answers_once_it_is_read_and_the_earlier_one_until_then(
    handbook, owner, colleague, organization, media
):
    edit_document(document=handbook, actor=owner, tags=["HR"], collection="Rules")
    told = replace(handbook, owner)
    assert (told.pk, told.version) == (handbook.pk, 1)
    assert told.new_version is not None
    assert told.new_version.status == "uploaded"
    assert said(owner) == said(colleague) == [OLD]
    ingest_waiting()
    assert said(owner) == said(colleague) == [NEW]
    document = Document.objects.get()
    assert (document.pk, document.version) == (handbook.pk, 2)
    assert (document.status, document.chunk_count, document.page_count) == ("completed", 1, 1)
    assert (document.collection, document.visibility) == ("Rules", "organization")
    assert [tag.name for tag in document.tags.all()] == ["HR"]
    assert document.uploaded_by == owner
    listed = versions_of(document)
    assert [(v.number, v.in_force, v.size) for v in listed] == [
        (2, True, len(NEW)),
        (1, False, len(OLD)),
    ]
    files = {document.file.name, DocumentVersion.objects.get().file.name}
    assert stored_files(media) == files
    assert not FileDeletion.objects.exists()
    assert check_index(organization=organization, thorough=True).is_consistent


def test_a_version_that_fails_leaves_the_one_in_force_and_can_be_tried_again(
    handbook, owner, admin, media
):
    replace(handbook, owner, text=" ")
    ingest_waiting()
    document = Document.objects.select_related("draft").get(pk=handbook.pk)
    assert (document.status, document.version) == ("completed", 1)
    assert document.new_version.status == "failed"
    assert document.new_version.error_message
    assert said(owner) == [OLD]
    shown = client_of(owner).get(f"/api/documents/{handbook.pk}").json()
    assert shown["new_version"]["status"] == "failed"
    assert shown["new_version"]["error_message"] == document.new_version.error_message
    assert client_of(owner).get("/api/documents").json()["count"] == 1

    retry_document(document=document, actor=owner)
    assert Document.objects.get(version_of=handbook).status == "uploaded"
    ingest_waiting()
    discard_version(document=handbook, actor=owner)
    assert Document.objects.get().status == "completed"
    assert stored_files(media) == {handbook.file.name}


def test_the_newest_upload_takes_the_place_of_one_that_waits(handbook, owner, media):
    replace(handbook, owner, text="Never read.")
    replace(handbook, owner)
    assert len(stored_files(media)) == 2
    ingest_waiting()
    assert said(owner) == [NEW]
    assert Document.objects.get().version == 2


def test_the_bytes_that_are_there_are_no_new_version(handbook, owner):
    with pytest.raises(AlreadyUploaded):
        replace(handbook, owner, text=OLD)
    replace(handbook, owner)
    with pytest.raises(AlreadyUploaded):
        replace(handbook, owner)
    with pytest.raises(AlreadyUploaded) as known:
        upload_document(owner=owner, file=io.BytesIO(NEW.encode()), filename="other.txt")
    assert known.value.document == handbook
    ingest_waiting()
    replace(handbook, owner, text=OLD)  # what was, may be again
    ingest_waiting()
    assert (said(owner), Document.objects.get().version) == ([OLD], 3)


@pytest.mark.parametrize("together", [True, False])
def test_a_version_of_what_is_not_read_yet_wins_whichever_is_published_first(
    owner, organization, together
):
    document = upload_document(owner=owner, file=io.BytesIO(OLD.encode()), filename="leave.txt")
    replace(document, owner)
    jobs = {}
    for lease in claim(limit=5):
        job = read(lease)
        texts = [chunk.text for chunk in job.chunks]
        jobs[job.document.version_of_id] = job
        job.embedded = Embedded(
            get_embedder(job.model).embed_passages(texts), [text_digest(t) for t in texts]
        )
    first, second = jobs[None], jobs[document.pk]
    if together:
        assert publish_together([first, second]) == [second]
    else:
        assert publish_together([second]) == [second]
        assert publish_together([first]) == []
    assert said(owner) == [NEW]
    assert [v.number for v in versions_of(Document.objects.get())] == [2, 1]
    assert check_index(organization=organization, thorough=True).is_consistent


def test_what_stayed_the_same_is_not_embedded_again(owner, monkeypatch):
    same = [f"Paragraph {n} is about {'rules ' * 60}{n}." for n in range(6)]
    document = upload_document(
        owner=owner, file=io.BytesIO("\f".join(same).encode()), filename="leave.txt"
    )
    ingest_waiting()
    before = ChunkEmbedding.objects.count()
    embedder = get_embedder()
    computed = []
    embed = embedder.embed_passages
    monkeypatch.setattr(
        embedder, "embed_passages", lambda texts: computed.extend(texts) or embed(texts)
    )
    replace(document, owner, text="\f".join([*same[:3], NEW, *same[4:]]))
    ingest_waiting()
    assert len(computed) == 1
    assert NEW in computed[0]
    assert ChunkEmbedding.objects.count() == before


def test_a_delete_takes_every_version_and_draft_with_it(handbook, owner, admin, media):
    replace(handbook, owner)
    ingest_waiting()
    replace(handbook, owner, text="On its way.")
    assert len(stored_files(media)) == 3
    assert delete_documents(documents=Document.objects.all(), actor=admin) == 1
    assert not Document.objects.exists()
    assert not DocumentVersion.objects.exists()
    assert stored_files(media) == set()
    assert not FileDeletion.objects.exists()


def test_a_document_that_is_deleted_while_its_version_is_read_stays_deleted(
    handbook, owner, admin, organization
):
    replace(handbook, owner)
    [lease] = claim(limit=1)
    job = read(lease)
    delete_documents(documents=Document.objects.all(), actor=admin)
    assert publish_together([job]) == []
    assert not Document.objects.exists()
    assert check_index(organization=organization, thorough=True).is_consistent


def test_a_version_of_another_type_gives_the_name_its_extension(handbook, owner):
    edit_document(document=handbook, actor=owner, filename="Annual leave")
    replace(handbook, owner, text=f"# Leave\n\n{NEW}", filename="whatever.md")
    edit_document(document=handbook, actor=owner, filename="Leave rules")
    ingest_waiting()
    document = Document.objects.get()
    assert (document.filename, document.extension) == ("Leave rules.md", "md")
    assert DocumentVersion.objects.get().filename == "Leave rules.txt"


# --- who may do what ------------------------------------------------------------------------


def test_who_sees_the_document_sees_its_versions_and_who_may_change_it_adds_one(
    handbook, owner, colleague, outsider, admin
):
    replace(handbook, admin)
    ingest_waiting()
    base = f"/api/documents/{handbook.pk}/versions"
    listed = client_of(colleague).get(base).json()
    assert [(v["number"], v["in_force"], v["uploaded_by"]) for v in listed] == [
        (2, True, str(admin.pk)),
        (1, False, str(owner.pk)),
    ]
    first = client_of(colleague).get(f"{base}/1/file")
    assert b"".join(first.streaming_content).decode() == OLD
    second = client_of(colleague).get(f"{base}/2/file")
    assert b"".join(second.streaming_content).decode() == NEW
    assert client_of(colleague).get(f"{base}/3/file").status_code == 404
    assert client_of(outsider).get(base).status_code == 404
    assert client_of(outsider).get(f"{base}/1/file").status_code == 404
    assert client_of(colleague).post(base, {}).status_code == 403
    share_document(document=handbook, actor=owner, visibility="private")
    assert client_of(colleague).get(f"{base}/1/file").status_code == 404
    # The uploader of a version, who is no administrator any more, has no right by it.
    admin.role = "user"
    admin.save()
    assert client_of(admin).get(base).status_code == 404


def test_bytes_that_somebody_sent_as_a_version_lead_them_to_nobody_elses_document(
    handbook, owner, admin
):
    share_document(document=handbook, actor=owner, visibility="private")
    replace(handbook, admin)
    admin.role = "user"
    admin.save()
    mine = upload_document(owner=admin, file=io.BytesIO(NEW.encode()), filename="mine.txt")
    assert mine.pk != handbook.pk


# --- answers of before ----------------------------------------------------------------------


def test_an_answer_of_before_says_that_a_newer_version_is_in_force(handbook, owner, page_as):
    message = run_turn(user=owner, message_id=start_turn(user=owner, query=QUESTION).pk)
    [source] = message_sources(message=message, user=owner)
    assert (source.available, source.superseded, source.version) == (True, False, 1)
    replace(handbook, owner)
    ingest_waiting()
    message.refresh_from_db()
    [source] = message_sources(message=message, user=owner)
    assert (source.available, source.superseded, source.version) == (False, True, 1)
    assert (source.content, source.chunk_id, source.filename) == ("", None, "leave.txt")
    assert source.url == f"/documents/{handbook.pk}#versions"
    assert answer_text(message=message, sources=[source]) == message.content
    page = page_as(owner).get(f"/chat/{message.conversation_id}/").content.decode()
    assert "A newer version of this document is in force." in page
    shown = client_of(owner).get(f"/api/conversations/{message.conversation_id}").json()
    [told] = shown["messages"][1]["sources"]
    assert (told["superseded"], told["document_id"]) == (True, str(handbook.pk))

    answer = run_turn(user=owner, message_id=start_turn(user=owner, query=QUESTION).pk)
    [source] = message_sources(message=answer, user=owner)
    assert (source.content, source.version) == (NEW, 2)
    assert "version=2" in source.url


def test_an_answer_of_an_earlier_version_goes_with_its_document(handbook, owner, colleague, admin):
    asked = start_turn(user=colleague, query=QUESTION)
    message = run_turn(user=colleague, message_id=asked.pk)
    replace(handbook, owner)
    ingest_waiting()
    share_document(document=handbook, actor=owner, visibility="private")
    sources = message_sources(message=message, user=colleague)
    assert [(s.available, s.superseded, s.filename) for s in sources] == [(False, False, "")]
    assert OLD not in answer_text(message=message, sources=sources)
    delete_documents(documents=Document.objects.all(), actor=admin)
    message.refresh_from_db()
    assert message.content == ""


def test_a_link_to_a_passage_of_an_earlier_version_marks_nothing(handbook, owner, page_as):
    address = f"/documents/{handbook.pk}/pages/1?start=0&end=10"
    assert "<mark" in page_as(owner).get(address).content.decode()
    replace(handbook, owner, text=f"Preface.\n\n{NEW}")
    ingest_waiting()
    page = page_as(owner).get(address).content.decode()
    assert "<mark" not in page
    assert "The passage that led here is of an earlier version." in page
    assert "<mark" in page_as(owner).get(f"{address}&version=2").content.decode()
    gone = page_as(owner).get(address.replace("/1?", "/9?"))
    assert gone.url == f"/documents/{handbook.pk}"
