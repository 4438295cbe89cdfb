"""Deletes an organization with everything of it, a step at a time, and counts what is left."""

import datetime
import uuid
from dataclasses import dataclass
from logging import getLogger

from django.apps import apps
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.core.files.storage import default_storage
from django.db import connection, models, transaction
from django.utils import timezone

from accounts import audit
from accounts.models import AuditEvent, Organization, Team, User
from documents.file_check import files_known_of
from documents.services import delete_all_of
from knowledge.lib.errors import Conflict
from knowledge.lib.faults import FaultPoint, passing
from rag.index.registry import get_lexical_index, get_vector_index
from rag.models import Conversation

logger = getLogger("knowledge.organizations")

# Without a sign for so long, whoever deleted it has died.
ABANDONED_AFTER = datetime.timedelta(minutes=2)
_BATCH = 500


@dataclass(frozen=True)
class Removal:
    """What was deleted in this run; an earlier one may have been killed after a part."""

    name: str
    documents: int
    conversations: int
    people: int


def remove_organization(*, organization_id: uuid.UUID) -> Removal | None:
    """Delete an organization whose removal was requested; None when it has gone already.

    Each step is done again without harm, so whatever dies, the next run goes on. The audit trail
    stays: it says that the organization was deleted, and by whom.

    Raises:
        Conflict: its removal was not requested, or something is left that nothing here deletes.
    """
    organization = Organization.objects.filter(pk=organization_id).first()
    if organization is None:
        return None
    if organization.removal_requested_at is None:
        raise Conflict("Nobody has asked for the organization to be deleted.")

    def sign_of_life() -> None:
        Organization.objects.filter(pk=organization_id).update(removal_seen_at=timezone.now())

    sign_of_life()
    documents = delete_all_of(organization_id=organization_id, sign_of_life=sign_of_life)
    passing(FaultPoint.ORGANIZATION_DOCUMENTS_GONE)
    for name in files_known_of(organization_id):
        default_storage.delete(name)
    get_lexical_index().discard(organization_id)
    get_vector_index().discard(organization_id)
    passing(FaultPoint.ORGANIZATION_INDEXES_GONE)
    conversations = _delete_conversations(organization_id)
    sign_of_life()
    with transaction.atomic():
        people = _delete_people(organization_id)
        Organization.objects.filter(pk=organization_id).delete()
        passing(FaultPoint.ORGANIZATION_ROWS_GONE)
        left = leftovers(organization_id)
        if any(left.values()):
            logger.error("organization not deleted", extra={"left": left})
            raise Conflict(f"Something of the organization is left: {left}.")
        removal = Removal(organization.name, documents, conversations, people)
        for home in (organization, None):
            audit.record(
                action="organization.deleted",
                organization=home,
                target=organization,
                **vars(removal),
                left=0,
            )
    passing(FaultPoint.ORGANIZATION_DELETED)
    return removal


def leftovers(organization_id: uuid.UUID) -> dict[str, int]:
    """Count what there is of an organization beside its audit trail: rows, files, index, pictures.

    Returns:
        Each place that was looked into, and how much is left there.
    """
    left = {}
    for model in apps.get_models():
        for field in model._meta.concrete_fields:
            if field.related_model is Organization and model is not AuditEvent:
                rows = model._base_manager.filter(**{field.attname: organization_id})
                left[model._meta.label] = rows.count()
    left["accounts.Organization"] = Organization.objects.filter(pk=organization_id).count()
    left["files"] = len(files_known_of(organization_id))
    left["index folder"] = int((settings.VECTOR_STORE_DIR / str(organization_id)).exists())
    tables = connection.introspection.table_names()
    left["index tables"] = sum(organization_id.hex in name for name in tables)
    left["page pictures"] = _page_pictures(organization_id)
    return left


def abandoned_removals() -> list[uuid.UUID]:
    """Return the organizations that are to be deleted while nobody does."""
    long_ago = timezone.now() - ABANDONED_AFTER
    at_work = models.Q(removal_seen_at__gt=long_ago) | models.Q(
        removal_seen_at__isnull=True, removal_requested_at__gt=long_ago
    )
    return list(Organization.objects.to_remove().exclude(at_work).values_list("pk", flat=True))


def _delete_conversations(organization_id: uuid.UUID) -> int:
    theirs = Conversation.objects.filter(user__organization_id=organization_id)
    deleted = 0
    while keys := list(theirs.values_list("pk", flat=True)[:_BATCH]):
        Conversation.objects.filter(pk__in=keys).delete()
        deleted += len(keys)
    return deleted


def _delete_people(organization_id: uuid.UUID) -> int:
    people = User.objects.filter(organization_id=organization_id)
    keys = {str(key) for key in people.values_list("pk", flat=True)}
    # Failures to sign in are counted by email, for whoever has or had it.
    attempts = apps.get_model("axes", "AccessAttempt")._default_manager
    attempts.filter(username__in=people.values_list("email", flat=True)).delete()
    tokens = apps.get_model("token_blacklist", "OutstandingToken")._default_manager
    tokens.filter(user__in=people).delete()
    ended = [
        session.pk
        for session in Session.objects.iterator(chunk_size=_BATCH)
        if session.get_decoded().get("_auth_user_id") in keys
    ]
    Session.objects.filter(pk__in=ended).delete()
    # Django admin's own notes name what was changed, by whomever.
    teams = Team.objects.filter(organization_id=organization_id).values_list("pk", flat=True)
    named = [*keys, *map(str, teams), str(organization_id)]
    LogEntry.objects.filter(object_id__in=named).delete()
    people.delete()
    return len(keys)


def _page_pictures(organization_id: uuid.UUID) -> int:
    if not settings.PAGE_CACHE_DIR.is_dir():
        return 0
    kept = [path.name for path in settings.PAGE_CACHE_DIR.iterdir()]
    count = 0
    for first in range(0, len(kept), _BATCH):
        known = AuditEvent.objects.of_chain(organization_id).filter(
            object_type="document", object_id__in=kept[first : first + _BATCH]
        )
        count += known.order_by().values("object_id").distinct().count()
    return count
