"""Rebuilds an organization's indexes and reports how they are."""

import uuid
from dataclasses import dataclass

from django_q.tasks import async_task

from accounts import audit
from accounts.models import Organization, User
from documents.models import Document, DocumentChunk
from knowledge.lib.errors import NotAllowed
from rag.index.base import IndexHealth
from rag.index.registry import get_lexical_index, get_vector_index
from rag.index.versions import get_state
from rag.models import ChunkEmbedding


@dataclass(frozen=True)
class OrganizationIndexHealth:
    """How the indexes of one organization stand against its rows.

    Attributes:
        unembedded: chunks without an embedding of the active model.
        consistent: nothing is missing and nothing extra, anywhere.
    """

    organization_id: uuid.UUID
    model: str
    version: int
    documents: int
    chunks: int
    unembedded: int
    vector: IndexHealth
    lexical: IndexHealth
    consistent: bool


def index_health(*, organization_id: uuid.UUID) -> OrganizationIndexHealth:
    """Compare what is indexed with what the rows say should be."""
    state = get_state(organization_id)
    chunks = DocumentChunk.objects.filter(document__organization_id=organization_id).count()
    embedded = ChunkEmbedding.objects.of_index(organization_id, state.model).count()
    vector = get_vector_index().health(organization_id)
    lexical = get_lexical_index().health(organization_id)
    faults = vector.missing + vector.extra + lexical.missing + lexical.extra
    return OrganizationIndexHealth(
        organization_id=organization_id,
        model=state.model,
        version=state.version,
        documents=Document.objects.completed().filter(organization_id=organization_id).count(),
        chunks=chunks,
        unembedded=chunks - embedded,
        vector=vector,
        lexical=lexical,
        consistent=not faults and chunks == embedded,
    )


def request_rebuild(*, organization: Organization, actor: User | None) -> None:
    """Queue a rebuild of the organization's indexes from its rows."""
    if actor is not None and not _may_administer(actor, organization):
        raise NotAllowed
    audit.record(action="index.rebuild_requested", actor=actor, organization=organization)
    async_task("rag.services.index.rebuild_index", str(organization.pk))


def rebuild_index(organization_id: str) -> None:
    """Make both indexes anew from the rows, without the embedder."""
    key = uuid.UUID(organization_id)
    get_lexical_index().rebuild(key)
    get_vector_index().rebuild(key)


def _may_administer(actor: User, organization: Organization) -> bool:
    own = actor.is_organization_admin and actor.organization_id == organization.pk
    return own or (actor.is_active and actor.is_superuser)
