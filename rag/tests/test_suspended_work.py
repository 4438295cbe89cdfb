"""What workers do for an organization stops with its suspension, and goes on when it is lifted."""

import pytest
from django.utils import timezone
from django_q.models import OrmQ

from accounts.services import reinstate_organization, suspend_organization
from documents.leases import claim
from documents.models import Document
from rag import change_leases, reembedding, tasks
from rag.integrity import embedding_repair
from rag.models import ChunkEmbedding, IndexRun, Message, ModelChange
from rag.publishing import publish
from rag.services.index import check_every_index, request_run
from rag.services.model_change import start_change
from rag.services.model_change_run import run_change
from rag.services.titles import write_title
from rag.services.turns import run_turn, start_turn
from rag.tests.library import job_of, published, uploaded

pytestmark = pytest.mark.django_db(transaction=True)


def queued() -> list[str]:
    return [row.task["func"] for row in OrmQ.objects.all()]


def test_what_is_being_read_in_is_not_published_and_comes_back(owner, organization) -> None:
    document = uploaded(owner)
    [lease] = claim(limit=1)
    suspend_organization(organization=organization)
    assert not publish(job_of(document, lease, "Some text."))
    Document.objects.update(lease_expires_at=timezone.now())
    assert claim(limit=1) == []
    reinstate_organization(organization=organization)
    [again] = claim(limit=1)
    assert publish(job_of(document, again, "Some text."))
    document.refresh_from_db()
    assert document.status == "completed"


def test_a_change_of_the_model_stops_between_two_batches(owner, organization, monkeypatch) -> None:
    published(owner, *(f"Rule {number}." for number in range(4)))
    monkeypatch.setattr(reembedding, "BATCH_SIZE", 1)
    change = start_change(organization=organization, model="fake-wide", actor=None)

    def suspend(change: ModelChange) -> None:
        suspend_organization(organization=organization)

    def written() -> int:
        return ChunkEmbedding.objects.filter(model="fake-wide").count()

    run_change(change_id=change.pk, on_progress=suspend)
    assert written() == 1
    OrmQ.objects.all().delete()
    tasks.sweep()
    assert "rag.tasks.change_model" not in queued()
    assert change_leases.claim(change.pk) is None
    reinstate_organization(organization=organization)
    tasks.sweep()
    assert "rag.tasks.change_model" in queued()
    assert run_change(change_id=change.pk).status == ModelChange.Status.SWITCHED
    assert written() == 4


def test_a_run_on_the_index_waits_and_goes_on(owner, admin, organization) -> None:
    published(owner, "Some text.")
    run = request_run(organization=organization, action="check", actor=admin)
    suspend_organization(organization=organization)
    tasks.run_on_index(run.pk)
    tasks.sweep()
    run.refresh_from_db()
    assert run.status == IndexRun.Status.PAUSED
    check_every_index()
    assert list(IndexRun.objects.filter(organization=organization)) == [run]
    reinstate_organization(organization=organization)
    OrmQ.objects.all().delete()
    tasks.sweep()
    tasks.sweep()
    assert queued().count("rag.tasks.run_on_index") == 1
    tasks.run_on_index(run.pk)
    run.refresh_from_db()
    assert run.status == IndexRun.Status.FINISHED


def test_a_repair_stops_before_it_embeds_more(owner, admin, organization, monkeypatch) -> None:
    published(owner, "One.", "Two.", "Three.")
    ChunkEmbedding.objects.all().delete()
    monkeypatch.setattr(embedding_repair, "_EMBED_SIZE", 1)
    embed = embedding_repair.embed_chunks

    def embed_and_suspend(*args):
        suspend_organization(organization=organization)
        return embed(*args)

    run = request_run(organization=organization, action="repair", actor=admin)
    with monkeypatch.context() as patch:
        patch.setattr(embedding_repair, "embed_chunks", embed_and_suspend)
        tasks.run_on_index(run.pk)
    run.refresh_from_db()
    assert run.status == IndexRun.Status.PAUSED
    assert ChunkEmbedding.objects.count() == 1
    reinstate_organization(organization=organization)
    tasks.sweep()
    tasks.run_on_index(run.pk)
    run.refresh_from_db()
    assert run.status == IndexRun.Status.FINISHED
    assert ChunkEmbedding.objects.count() == 3


def test_no_title_is_asked_for(owner, organization, model) -> None:
    model.enqueue("An answer.")
    message = start_turn(user=owner, query="What is the plan?")
    run_turn(user=owner, message_id=message.pk)
    asked = len(model.history)
    suspend_organization(organization=organization)
    write_title(conversation_id=Message.objects.get(pk=message.pk).conversation_id)
    assert len(model.history) == asked
