"""Every way to spoil an index that a check must find: one a kind, done past the services."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
from django.utils import timezone

from accounts.models import User
from documents.leases import claim
from documents.models import Document, DocumentChunk, FileDeletion, Page
from rag.index.faiss_copy import IndexCopy, Step
from rag.index.faiss_documents import pack
from rag.index.faiss_index import FaissIndex
from rag.index.faiss_snapshot import Snapshot, organization_folder
from rag.index.faiss_view import Block
from rag.index.registry import get_vector_index
from rag.index.sqlite_fts_table import FtsTable
from rag.index.versions import get_state
from rag.integrity.faults import Fault
from rag.models import ChunkEmbedding, IndexChange, OrganizationIndex
from rag.tests.library import published, uploaded

TEXTS = {
    "one.txt": ("alpha apple", "beta banana"),
    "two.txt": ("gamma grape", "delta date", "epsilon elder"),
}


@dataclass
class Spoilable:
    """An organization with two documents and their files, of which everything is sound."""

    owner: User
    one: Document
    two: Document

    @property
    def table(self) -> str:
        return FtsTable(self.owner.organization_id).name

    def chunk(self, text: str) -> DocumentChunk:
        return DocumentChunk.objects.get(text=text)

    def embedding(self, text: str) -> ChunkEmbedding:
        return ChunkEmbedding.objects.get(chunk__text=text, model="fake")


def sound(owner: User) -> Spoilable:
    """Return an organization that a check finds nothing in."""
    documents = [published(owner, *texts, filename=name) for name, texts in TEXTS.items()]
    for document in documents:
        store(document)
    return Spoilable(owner, *documents)


def store(document: Document) -> None:
    """Give a document the file that it says it has."""
    default_storage.save(str(document.file.name), ContentFile(b"x"))


@dataclass(frozen=True)
class Corruption:
    """A way to spoil.

    Attributes:
        spoil: does it.
        found: what a check finds then, by kind.
        left: what a repair cannot take away.
    """

    spoil: Callable[[Spoilable], None]
    found: dict[Fault, int]
    left: tuple[Fault, ...] = ()


def sql(statement: str, *parameters: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)


def unit(seed: int = 0) -> np.ndarray:
    vector = np.random.default_rng(seed).standard_normal(64)
    return (vector / np.linalg.norm(vector)).astype("<f4")


def set_vector(world: Spoilable, text: str, vector: np.ndarray) -> None:
    ChunkEmbedding.objects.filter(pk=world.embedding(text).pk).update(vector=vector.tobytes())


def embedding_of(world: Spoilable, **fields: object) -> None:
    values = {
        "organization": world.owner.organization,
        "document": world.one,
        "model": "fake",
        "vector": unit().tobytes(),
        **fields,
    }
    ChunkEmbedding.objects.create(**values)


# --- embeddings -----------------------------------------------------------------------------------
def lose_embeddings(world: Spoilable) -> None:
    ChunkEmbedding.objects.filter(document=world.one).delete()


def shorten_embedding(world: Spoilable) -> None:
    set_vector(world, "alpha apple", unit()[:-1])


def poison_embedding(world: Spoilable) -> None:
    vector = unit()
    vector[3] = np.nan
    set_vector(world, "alpha apple", vector)


def stretch_embedding(world: Spoilable) -> None:
    set_vector(world, "alpha apple", 2 * unit())


def embed_with_a_stranger(world: Spoilable) -> None:
    embedding_of(world, chunk=world.chunk("alpha apple"), model="a model of long ago")


def misplace_embedding(world: Spoilable) -> None:
    row = world.embedding("alpha apple")
    ChunkEmbedding.objects.filter(pk=row.pk).update(document=world.two)


def embed_nothing(world: Spoilable) -> None:
    embedding_of(world, chunk_id=999_999)


def forget_the_model(world: Spoilable) -> None:
    OrganizationIndex.objects.update(model="a model of long ago")


# --- documents, pages, chunks ---------------------------------------------------------------------
def alter_chunk(world: Spoilable) -> None:
    DocumentChunk.objects.filter(text="alpha apple").update(text="omega onion")


def lose_page(world: Spoilable) -> None:
    Page.objects.filter(document=world.two, number=2).delete()


def lose_chunk(world: Spoilable) -> None:
    world.chunk("delta date").delete()


def cut_page(world: Spoilable) -> None:
    Page.objects.filter(document=world.two, number=2).update(text="del")


def miscount(world: Spoilable) -> None:
    Document.objects.filter(pk=world.two.pk).update(chunk_count=1, page_count=2)


def unfinish(world: Spoilable) -> None:
    Document.objects.filter(pk=world.two.pk).update(status="failed")


def abandon(world: Spoilable) -> None:
    document = uploaded(world.owner, filename="three.txt")
    store(document)
    [lease] = claim(limit=1, first=document.pk)
    assert lease.document_id == document.pk
    Document.objects.filter(pk=document.pk).update(
        lease_expires_at=timezone.now() - timedelta(hours=1)
    )


def hand_to_nobody(world: Spoilable) -> None:
    document = uploaded(world.owner, filename="three.txt")
    store(document)
    Document.objects.filter(pk=document.pk).update(status="processing")


# --- history --------------------------------------------------------------------------------------
def lose_step(world: Spoilable) -> None:
    IndexChange.objects.filter(version=1).delete()
    IndexChange.objects.create(
        organization=world.owner.organization, version=0, document_id=uuid.uuid4()
    )


def lose_newest_step(world: Spoilable) -> None:
    IndexChange.objects.filter(version=2).delete()


def turn_back_the_version(world: Spoilable) -> None:
    OrganizationIndex.objects.update(version=1)


def change_the_token(world: Spoilable) -> None:
    OrganizationIndex.objects.update(token=uuid.uuid4())


def keep_every_step(world: Spoilable) -> None:
    """The test forgets nothing and needs nothing, see `test_index_repair`."""
    newest = OrganizationIndex.objects.get()
    IndexChange.objects.bulk_create(
        IndexChange(
            organization=world.owner.organization,
            version=version,
            document_id=uuid.UUID(int=0),
            token=newest.token,
        )
        for version in range(newest.version + 1, newest.version + 11)
    )
    OrganizationIndex.objects.update(version=newest.version + 10)


# --- words ----------------------------------------------------------------------------------------
def lose_words(world: Spoilable) -> None:
    FtsTable(world.owner.organization_id).delete([world.chunk("alpha apple").pk])


def lose_all_words(world: Spoilable) -> None:
    sql(f"DROP TABLE {world.table}")


def add_words(world: Spoilable) -> None:
    sql(
        f"INSERT INTO {world.table} (rowid, document, title, heading, text) "
        "VALUES (999999, %s, 'ghost', '', 'ghost story')",
        world.one.pk.hex,
    )


def alter_words(world: Spoilable) -> None:
    sql(
        f"UPDATE {world.table} SET text = 'other words' WHERE rowid = %s",
        world.chunk("alpha apple").pk,
    )


def alter_title(world: Spoilable) -> None:
    sql(f"UPDATE {world.table} SET title = 'other' WHERE document = %s", world.one.pk.hex)


def alter_words_behind_the_index(world: Spoilable) -> None:
    sql(
        f"UPDATE {world.table}_content SET c3 = 'other words' WHERE id = %s",
        world.chunk("alpha apple").pk,
    )


def damage_words(world: Spoilable) -> None:
    sql(f"DELETE FROM {world.table}_data WHERE id > 10")


def damage_sizes(world: Spoilable) -> None:
    sql(f"DELETE FROM {world.table}_docsize WHERE id = %s", world.chunk("alpha apple").pk)


# --- memory and snapshot --------------------------------------------------------------------------
def copy_of(index: FaissIndex, owner: User) -> IndexCopy:
    """Return what a process holds in memory, loaded if it was not."""
    index.warm_up(get_state(owner.organization_id))
    return index._copies[owner.organization_id, "fake"]


def this_copy(world: Spoilable) -> IndexCopy:
    index = get_vector_index()
    assert isinstance(index, FaissIndex)
    return copy_of(index, world.owner)


def alter_vector(world: Spoilable) -> None:
    this_copy(world).view.parts[0].vectors[0] = unit(9)


def double_vector(world: Spoilable) -> None:
    ids = this_copy(world).view.parts[0].ids
    ids[1] = ids[0]


def lose_vectors(world: Spoilable) -> None:
    change_memory(world, world.one.pk, [])


def add_vector(world: Spoilable) -> None:
    change_memory(world, uuid.uuid4(), [999_999])


def change_memory(world: Spoilable, document_id: uuid.UUID, ids: list[int]) -> None:
    """Let the copy in memory believe that the document has vectors of these ids."""
    copy = this_copy(world)
    view = copy.view
    block = Block(
        pack(document_id.hex if ids else ""),
        np.array([len(ids)] if ids else [], dtype=np.int64),
        np.array(ids, dtype=np.int64),
        np.array([unit(n) for n in ids], dtype=np.float32).reshape(-1, 64),
    )
    copy.apply([Step(view.version, view.token, document_id)], block)


def snapshot_files(world: Spoilable) -> list[Path]:
    """Write a snapshot and return its files, the largest first."""
    get_vector_index().rebuild(world.owner.organization_id)
    folder = organization_folder(world.owner.organization_id)
    files = [path for path in folder.rglob("*") if path.is_file()]
    return sorted(files, key=lambda path: -path.stat().st_size)


def flip_a_bit(world: Spoilable) -> None:
    largest = snapshot_files(world)[0]
    content = bytearray(largest.read_bytes())
    content[len(content) // 2] ^= 1
    largest.write_bytes(bytes(content))


def truncate_snapshot(world: Spoilable) -> None:
    largest = snapshot_files(world)[0]
    largest.write_bytes(largest.read_bytes()[:-1])


def tear_manifest(world: Spoilable) -> None:
    [manifest] = [path for path in snapshot_files(world) if path.suffix == ".json"]
    manifest.write_text(manifest.read_text()[:40])


def keep_a_snapshot_of_another_history(world: Spoilable) -> None:
    snapshot_files(world)
    turned = {"token": uuid.uuid4()}
    IndexChange.objects.filter(version=2).update(**turned)
    OrganizationIndex.objects.update(**turned)


def fail_to_write_a_snapshot(world: Spoilable) -> None:
    manifest = Snapshot(world.owner.organization_id, "fake").manifest_path
    manifest.mkdir(parents=True)  # a file cannot take the place of a folder
    get_vector_index().rebuild(world.owner.organization_id)
    manifest.rmdir()


# --- files ----------------------------------------------------------------------------------------
def add_file(world: Spoilable) -> None:
    name = f"{uuid.uuid4()}.pdf"
    default_storage.save(name, ContentFile(b"what is left of somebody's work"))
    age(name)


def age(name: str, *, hours: float = 25) -> None:
    """Make a stored file older."""
    import os

    then = timezone.now().timestamp() - hours * 3600
    os.utime(default_storage.path(name), (then, then))


def lose_file(world: Spoilable) -> None:
    Path(default_storage.path(str(world.one.file.name))).unlink()


def cut_file(world: Spoilable) -> None:
    Path(default_storage.path(str(world.one.file.name))).write_bytes(b"")


def threaten_file(world: Spoilable) -> None:
    FileDeletion.objects.create(path=str(world.one.file.name))


def leave_deletion(world: Spoilable) -> None:
    name = f"{uuid.uuid4()}.pdf"
    default_storage.save(name, ContentFile(b"deleted"))
    FileDeletion.objects.create(path=name, not_before=timezone.now() - timedelta(hours=2))


# --- references -----------------------------------------------------------------------------------
def orphan_page(world: Spoilable) -> None:
    Page.objects.create(document_id=uuid.uuid4(), number=1, text="left behind")


CORRUPTIONS: dict[str, Corruption] = {
    "embeddings lost": Corruption(lose_embeddings, {Fault.EMBEDDING_MISSING: 2}),
    "embedding too short": Corruption(shorten_embedding, {Fault.EMBEDDING_WRONG_DIMENSION: 1}),
    "embedding not a number": Corruption(poison_embedding, {Fault.EMBEDDING_NOT_FINITE: 1}),
    "embedding too long": Corruption(stretch_embedding, {Fault.EMBEDDING_NOT_UNIT: 1}),
    "embedding of a stranger": Corruption(
        embed_with_a_stranger, {Fault.EMBEDDING_UNKNOWN_MODEL: 1}
    ),
    "embedding misplaced": Corruption(misplace_embedding, {Fault.EMBEDDING_MISPLACED: 1}),
    "embedding of nothing": Corruption(embed_nothing, {Fault.EMBEDDING_ORPHANED: 1}),
    "model forgotten": Corruption(
        forget_the_model,
        {Fault.MODEL_UNAVAILABLE: 1, Fault.EMBEDDING_MISSING: 5},
        left=(Fault.MODEL_UNAVAILABLE, Fault.EMBEDDING_MISSING),
    ),
    "chunk altered": Corruption(alter_chunk, {Fault.CHUNK_ALTERED: 1, Fault.WORDS_ALTERED: 1}),
    "page lost": Corruption(lose_page, {Fault.DOCUMENT_INCOMPLETE: 1}),
    "chunk lost": Corruption(lose_chunk, {Fault.DOCUMENT_INCOMPLETE: 1, Fault.WORDS_EXTRA: 1}),
    "page cut": Corruption(cut_page, {Fault.DOCUMENT_INCOMPLETE: 1}),
    "miscounted": Corruption(miscount, {Fault.DOCUMENT_MISCOUNTED: 1}),
    "unfinished": Corruption(unfinish, {Fault.DOCUMENT_UNFINISHED_WITH_TEXT: 1}),
    "abandoned": Corruption(abandon, {Fault.DOCUMENT_PAST_LEASE: 1}),
    "nobody's": Corruption(hand_to_nobody, {Fault.DOCUMENT_PAST_LEASE: 1}),
    "step lost": Corruption(lose_step, {Fault.HISTORY_BROKEN: 1}),
    "newest step lost": Corruption(lose_newest_step, {Fault.HISTORY_BROKEN: 1}),
    "version turned back": Corruption(turn_back_the_version, {Fault.HISTORY_BROKEN: 1}),
    "token changed": Corruption(change_the_token, {Fault.HISTORY_BROKEN: 1}),
    "steps kept": Corruption(keep_every_step, {Fault.HISTORY_TOO_LONG: 11}),
    "vector altered": Corruption(alter_vector, {Fault.VECTOR_ALTERED: 1}),
    "vector doubled": Corruption(
        double_vector, {Fault.VECTOR_DUPLICATE: 1, Fault.VECTOR_MISSING: 1}
    ),
    "vectors lost": Corruption(lose_vectors, {Fault.VECTOR_MISSING: 2}),
    "vector of nothing": Corruption(add_vector, {Fault.VECTOR_EXTRA: 1}),
    "snapshot flipped": Corruption(flip_a_bit, {Fault.SNAPSHOT_UNUSABLE: 1}),
    "snapshot truncated": Corruption(truncate_snapshot, {Fault.SNAPSHOT_UNUSABLE: 1}),
    "manifest torn": Corruption(tear_manifest, {Fault.SNAPSHOT_UNUSABLE: 1}),
    "snapshot of another history": Corruption(
        keep_a_snapshot_of_another_history, {Fault.SNAPSHOT_UNUSABLE: 1}
    ),
    "snapshot not written": Corruption(fail_to_write_a_snapshot, {Fault.SNAPSHOT_NOT_WRITTEN: 1}),
    "words lost": Corruption(lose_words, {Fault.WORDS_MISSING: 1}),
    "all words lost": Corruption(lose_all_words, {Fault.WORDS_MISSING: 5}),
    "words of nothing": Corruption(add_words, {Fault.WORDS_EXTRA: 1}),
    "words altered": Corruption(alter_words, {Fault.WORDS_ALTERED: 1}),
    "title altered": Corruption(alter_title, {Fault.WORDS_ALTERED: 2}),
    "words altered inside": Corruption(
        alter_words_behind_the_index, {Fault.WORDS_ALTERED: 1, Fault.WORDS_DAMAGED: 1}
    ),
    "words damaged": Corruption(damage_words, {Fault.WORDS_DAMAGED: 1}),
    "sizes of words damaged": Corruption(damage_sizes, {Fault.WORDS_DAMAGED: 1}),
    "file of nobody": Corruption(add_file, {Fault.FILE_WITHOUT_ROW: 1}),
    "file lost": Corruption(lose_file, {Fault.FILE_LOST: 1}, left=(Fault.FILE_LOST,)),
    "file cut": Corruption(cut_file, {Fault.FILE_OTHER_SIZE: 1}, left=(Fault.FILE_OTHER_SIZE,)),
    "file threatened": Corruption(threaten_file, {Fault.FILE_THREATENED: 1}),
    "deletion left": Corruption(leave_deletion, {Fault.FILE_DELETION_OVERDUE: 1}),
    "page of nothing": Corruption(orphan_page, {Fault.REFERENCE_BROKEN: 1}),
}
