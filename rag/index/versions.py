"""The version of each organization's index, and which documents changed at which one."""

import uuid
from collections.abc import Sequence

from django.conf import settings
from django.db.models import F

from rag.models import IndexChange, OrganizationIndex

# How many steps are kept for processes that lag; one further behind loads its index anew.
KEPT_CHANGES = 20_000
# Stands for the document in a step after which nothing that was taken before may be used: a copy or
# a snapshot that is older is made anew from the rows.
EVERYTHING = uuid.UUID(int=2**128 - 1)
# Stands for the document in a step that changes no vectors, but what else depends on the version.
NO_DOCUMENT = uuid.UUID(int=0)


def get_state(organization_id: uuid.UUID) -> OrganizationIndex:
    """Return the organization's index state; the first call makes it."""
    state = OrganizationIndex.objects.filter(pk=organization_id).first()
    if state is None:
        state, _ = OrganizationIndex.objects.get_or_create(
            pk=organization_id, defaults={"model": settings.EMBEDDING_MODEL}
        )
    return state


def lock_state(organization_id: uuid.UUID) -> None:
    """Let nobody else change what the organization's indexes hold until the transaction ends."""
    get_state(organization_id)
    OrganizationIndex.objects.select_for_update().get(pk=organization_id)


def record_changes(organization_id: uuid.UUID, document_ids: Sequence[uuid.UUID]) -> int:
    """Count the version up by one a document, in the caller's transaction; return the last.

    The update locks the organization's row until the caller commits, so versions become visible
    in their order and without gaps.
    """
    get_state(organization_id)
    states = OrganizationIndex.objects.filter(pk=organization_id)
    tokens = [uuid.uuid4() for _ in document_ids]
    states.update(version=F("version") + len(document_ids), token=tokens[-1])
    last = states.values_list("version", flat=True).get()
    first = last - len(document_ids) + 1
    IndexChange.objects.bulk_create(
        IndexChange(
            organization_id=organization_id, version=version, document_id=document_id, token=token
        )
        for version, (document_id, token) in enumerate(
            zip(document_ids, tokens, strict=True), start=first
        )
    )
    return last


def record_rebuild(organization_id: uuid.UUID) -> int:
    """Make every process take a new copy from the rows at its next search; return the version."""
    return record_changes(organization_id, [EVERYTHING])


def prune_changes(organization_id: uuid.UUID) -> int:
    """Forget the steps that no process needs any more; return how many."""
    oldest_kept = get_state(organization_id).version - KEPT_CHANGES
    deleted, _ = IndexChange.objects.filter(
        organization_id=organization_id, version__lte=oldest_kept
    ).delete()
    return deleted
