"""Whatever is spoilt in rows, words, memory, snapshots, files: it is found, and repaired."""

import pytest
from django.conf import settings

from documents.models import Document, DocumentChunk, Page
from documents.services import delete_documents
from rag.embedding.registry import get_embedder
from rag.index import versions
from rag.index.faiss_index import FaissIndex
from rag.index.registry import get_lexical_index, get_vector_index
from rag.index.scope import Scope
from rag.index.versions import get_state
from rag.integrity import embedding_repair, history
from rag.integrity.faults import MEANINGS, Fault
from rag.models import ChunkEmbedding, IndexChange, IndexRun
from rag.services.index import check_index, run_now
from rag.tests.corruptions import CORRUPTIONS, TEXTS, Corruption, Spoilable, sound
from rag.tests.library import publish_texts


@pytest.fixture
def world(owner, settings, tmp_path, monkeypatch) -> Spoilable:
    settings.MEDIA_ROOT = tmp_path / "media"
    monkeypatch.setattr(versions, "KEPT_CHANGES", 1)
    monkeypatch.setattr(history, "_SLACK", 9)
    return sound(owner)


def found(world: Spoilable) -> dict[Fault, int]:
    report = check_index(organization=world.owner.organization, thorough=True)
    return {finding.kind: finding.count for finding in report.findings}


def repaired(world: Spoilable) -> IndexRun:
    return run_now(organization=world.owner.organization, action="repair")


def read_again(world: Spoilable) -> None:
    """Do what the worker does with documents that a repair handed to it."""
    for document in Document.objects.filter(status="uploaded", filename__in=TEXTS):
        publish_texts(document, *TEXTS[document.filename])


def searches(world: Spoilable, vectors) -> dict[str, tuple[set[str], list[str]]]:
    """Return, for the text of each chunk, what is found at all and what its rare word finds."""
    state = get_state(world.owner.organization_id)
    scope = Scope(Document.objects.all())
    texts = dict(DocumentChunk.objects.values_list("pk", "text"))
    answers = {}
    for text in texts.values():
        vector = get_embedder(state.model).embed_query(text)
        near = vectors.search(vector, k=100, state=state, within=scope)
        words = get_lexical_index().search(text, k=100, state=state, within=scope)
        answers[text] = {texts[hit.chunk_id] for hit in near}, [texts[h.chunk_id] for h in words]
        assert len(near) == len(texts)
    return answers


def expected(world: Spoilable) -> dict[str, tuple[set[str], list[str]]]:
    completed = Document.objects.completed().values_list("filename", flat=True)
    texts = [text for name in completed for text in TEXTS[name]]
    return {text: (set(texts), [text]) for text in texts}


def test_nothing_is_found_where_nothing_is_spoilt(world):
    assert found(world) == {}


def test_every_kind_of_fault_has_a_case_and_a_meaning():
    cases = {kind for corruption in CORRUPTIONS.values() for kind in corruption.found}
    assert cases == set(Fault) == set(MEANINGS)


def test_the_manual_tells_what_a_repair_does_about_every_kind():
    manual = (settings.BASE_DIR / "docs" / "operations.md").read_text(encoding="utf-8")
    assert {fault for fault in Fault if f"`{fault.value}`" not in manual} == set()


@pytest.mark.parametrize("corruption", CORRUPTIONS.values(), ids=CORRUPTIONS)
def test_it_is_found_counted_and_mended(world, corruption: Corruption):
    before, after = FaissIndex(), FaissIndex()  # processes that loaded what was sound, and not
    searches(world, before)
    corruption.spoil(world)
    assert found(world) == corruption.found
    if Fault.MODEL_UNAVAILABLE not in corruption.found:
        after.warm_up(get_state(world.owner.organization_id))
    run = repaired(world)
    assert {f["kind"]: f["count"] for f in run.repaired} == corruption.found
    read_again(world)
    assert set(found(world)) == set(corruption.left)
    if not corruption.left:
        assert run.consistent
        assert searches(world, get_vector_index()) == expected(world)
        assert searches(world, before) == expected(world)
        assert searches(world, after) == expected(world)


@pytest.mark.parametrize("corruption", CORRUPTIONS.values(), ids=CORRUPTIONS)
def test_a_second_repair_changes_nothing(world, corruption: Corruption):
    corruption.spoil(world)
    repaired(world)
    version = get_state(world.owner.organization_id).version
    embedder = get_embedder()
    texts = len(embedder.history)
    second = repaired(world)
    assert {f["kind"] for f in second.repaired} == set(corruption.left)
    assert get_state(world.owner.organization_id).version == version
    assert len(embedder.history) == texts


def test_only_what_lacks_a_good_vector_is_embedded_again(world):
    CORRUPTIONS["embedding not a number"].spoil(world)
    before = len(get_embedder().history)
    repaired(world)
    assert get_embedder().history[before:] == ["alpha apple"]


@pytest.mark.parametrize("name", ["embedding not a number", "embedding misplaced", "words lost"])
def test_a_few_rows_are_mended_without_a_whole_new_copy_for_every_process(world, name):
    get_vector_index().warm_up(get_state(world.owner.organization_id))
    CORRUPTIONS[name].spoil(world)
    repaired(world)
    steps = IndexChange.objects.values_list("document_id", flat=True)
    assert len(steps) > 2
    assert versions.EVERYTHING not in steps


@pytest.mark.parametrize("meanwhile", ["deleted", "changed"])
def test_a_document_that_goes_or_changes_while_it_is_embedded_gets_no_old_vector(
    world, admin, monkeypatch, meanwhile
):
    CORRUPTIONS["embeddings lost"].spoil(world)
    embedder = get_embedder()
    embed = embedder.embed_passages
    one = Document.objects.filter(pk=world.one.pk)

    def embed_while_others_write(texts):
        if meanwhile == "deleted":
            delete_documents(documents=one, actor=admin)
        else:
            DocumentChunk.objects.filter(document=world.one).update(text="omega onion")
        return embed(texts)

    with monkeypatch.context() as patch:
        patch.setattr(embedder, "embed_passages", embed_while_others_write)
        embedding_repair.embed(world.owner.organization)
    assert not ChunkEmbedding.objects.filter(document=world.one).exists()


def test_what_is_left_of_a_document_that_lost_its_file_too_goes_on_answering(world):
    CORRUPTIONS["file lost"].spoil(world)
    Page.objects.filter(document=world.one, number=2).delete()
    run = repaired(world)
    assert {finding["kind"] for finding in run.report["findings"]} == {
        "document_incomplete",
        "file_lost",
    }
    assert set(searches(world, get_vector_index())) == {
        t for texts in TEXTS.values() for t in texts
    }


def test_a_repair_is_in_the_audit_trail_with_what_it_found_and_left(world):
    CORRUPTIONS["file lost"].spoil(world)
    CORRUPTIONS["words lost"].spoil(world)
    repaired(world)
    event = world.owner.organization.audit_events.get(action="index.repaired")
    assert event.details["found"] == {"file_lost": 1, "words_missing": 1}
    assert event.details["left"] == {"file_lost": 1}
