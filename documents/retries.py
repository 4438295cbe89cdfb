"""Has many failed documents read again in one go."""

import uuid
from collections.abc import Sequence

from django.db import transaction
from django.db.models import Q

from accounts import audit
from accounts.models import User
from documents import leases
from documents.intake import enqueue_ingestion
from documents.models import Document
from documents.querysets import DocumentQuerySet
from documents.versions import lock_with_drafts
from knowledge.lib import context

_RETRY_BATCH = 100  # documents a transaction: some tenths of a second, for which writers wait


def retry_documents(*, documents: DocumentQuerySet, actor: User) -> int:
    """Have those of the documents that failed, and that the actor may change, read again.

    So are their next versions. One whose file its uploader has uploaded again since, or has there
    twice, stays as it is.

    Returns:
        How many it are.
    """
    asked = documents.values("pk")
    failed = Document.objects.retryable_by(actor).order_by("created_at", "pk")
    failed = failed.filter(Q(pk__in=asked) | Q(version_of__in=asked))
    keys = list(failed.values_list("pk", flat=True))
    reopened: list[uuid.UUID] = []
    for start in range(0, len(keys), _RETRY_BATCH):
        reopened += _retry_batch(keys[start : start + _RETRY_BATCH], actor)
    if reopened:
        # One ring is enough: whoever comes works through all that waits.
        transaction.on_commit(lambda: enqueue_ingestion(reopened[0]), robust=True)
    return len(reopened)


@transaction.atomic
def _retry_batch(keys: Sequence[uuid.UUID], actor: User) -> list[uuid.UUID]:
    failed = Document.objects.filter(pk__in=keys).retryable_by(actor)
    with_new_version = lock_with_drafts(list(failed))
    rows = failed.select_for_update(of=("self",)).select_related("organization")
    found = list(rows.order_by("created_at", "pk"))
    # As at an upload: of equal files of one person only one may be on its way.
    owners = {document.uploaded_by_id for document in found}
    list(User.objects.select_for_update(no_key=True).filter(pk__in=owners).order_by("pk"))
    reopened = []
    for document in found:
        stands_alone = document.attached_to_id is None and document.version_of_id is None
        if stands_alone and Document.objects.equal_to(document).exists():
            continue
        leases.reopen(document, request_id=context.current().request_id)
        reopened.append(document)
    named = [with_new_version.get(one.version_of_id, one) for one in reopened]
    audit.record_for_each(
        action="document.retried",
        actor=actor,
        targets=[(one.organization, one, {"filename": one.filename}) for one in named],
    )
    return [document.pk for document in reopened]
