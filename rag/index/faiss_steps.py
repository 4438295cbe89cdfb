"""How a copy or a snapshot at one version gets to the database's, if their histories are one."""

import uuid

from rag.index.faiss_copy import IndexCopy, Step
from rag.index.faiss_rows import read_documents
from rag.index.versions import EVERYTHING
from rag.models import ChunkEmbedding, IndexChange, OrganizationIndex


def continues(version: int, token: uuid.UUID, state: OrganizationIndex) -> bool:
    """Tell whether the database came through this version, and did not count it another time.

    A restored backup goes on from an older version: its later ones have the same numbers again, and
    its rows the same keys. The token, drawn at random with each version, tells them apart.
    """
    if version >= state.version:
        return (version, token) == (state.version, state.token)
    steps = IndexChange.objects.filter(organization_id=state.pk)
    return steps.filter(version=version, token=token).exists()


def steps_since(version: int, token: uuid.UUID, state: OrganizationIndex) -> list[Step] | None:
    """Return the steps from the version to the database's; None when they cannot all be told."""
    if not continues(version, token, state):
        return None
    rows = IndexChange.objects.filter(
        organization_id=state.pk, version__gt=version, version__lte=state.version
    ).order_by("version")
    steps = [
        Step(number, token, document)
        for number, token, document in rows.values_list("version", "token", "document_id")
    ]
    if len(steps) != state.version - version or any(s.document == EVERYTHING for s in steps):
        return None
    return steps


def catch_up(copy: IndexCopy, state: OrganizationIndex) -> bool:
    """Take each document that changed anew; False when the steps are not one history or not kept.

    The caller holds `copy.updating`. Reading a document later than its change is harmless: what is
    read then is newer, and the newer change takes it once more.
    """
    steps = steps_since(copy.view.version, copy.view.token, state)
    if steps:
        documents = list({step.document for step in steps})
        copy.apply(steps, read_documents(state.pk, copy.model, copy.dimension, documents))
    return steps is not None


def is_complete(copy: IndexCopy, state: OrganizationIndex) -> bool:
    """Tell whether the copy has as many rows as the database, unless that changed meanwhile."""
    count = ChunkEmbedding.objects.of_index(state.pk, copy.model).count()
    now = OrganizationIndex.objects.get(pk=state.pk)
    return count == copy.view.rows or not copy.is_at(now.version, now.token)
