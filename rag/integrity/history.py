"""The steps of an index: whether they lead to its version without a hole."""

import uuid
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Count, F, Max, Min, OuterRef, Subquery, Value
from django.db.models.functions import Greatest

from rag.index import versions
from rag.index.versions import get_state, prune_changes, record_rebuild
from rag.models import IndexChange, OrganizationIndex

# The sweeper forgets the oldest each minute; so many may come in between.
_SLACK = 10_000


@dataclass(frozen=True)
class History:
    """What the steps are.

    Attributes:
        version: of the index.
        is_broken: the newest step isn't of this version and token, or one is missing between.
        surplus: steps that no process needs any more.
    """

    version: int
    is_broken: bool
    surplus: int


def read_history(organization_id: uuid.UUID) -> History:
    """Look at the steps, all in one statement."""
    steps = IndexChange.objects.filter(organization=OuterRef("pk")).order_by()
    by_organization = steps.values("organization")
    state = (
        OrganizationIndex.objects.filter(pk=get_state(organization_id).pk)
        .annotate(
            steps=Subquery(by_organization.annotate(n=Count("pk")).values("n")),
            oldest=Subquery(by_organization.annotate(n=Min("version")).values("n")),
            newest=Subquery(by_organization.annotate(n=Max("version")).values("n")),
            newest_token=Subquery(steps.order_by("-version").values("token")[:1]),
        )
        .values_list("version", "token", "steps", "oldest", "newest", "newest_token")
        .get()
    )
    version, token, count, oldest, newest, newest_token = state
    if not count:
        return History(version, is_broken=version > 0, surplus=0)
    leads_there = (newest, newest_token) == (version, token) and newest - oldest + 1 == count
    surplus = count - versions.KEPT_CHANGES
    return History(version, not leads_there, surplus if surplus > _SLACK else 0)


def mend_history(organization_id: uuid.UUID) -> None:
    """Begin a new history where the old one is broken, and forget surplus steps."""
    with transaction.atomic():
        get_state(organization_id)
        # Locked, as by a publish: what follows is decided by the steps as they are now.
        OrganizationIndex.objects.select_for_update().get(pk=organization_id)
        if read_history(organization_id).is_broken:
            steps = IndexChange.objects.filter(organization_id=organization_id)
            # Beyond all that a process may have seen, so that it cannot take a new version for it.
            newest = steps.aggregate(newest=Max("version"))["newest"] or 0
            states = OrganizationIndex.objects.filter(pk=organization_id)
            states.update(version=Greatest(F("version"), Value(newest)))
            steps.delete()
            record_rebuild(organization_id)
    prune_changes(organization_id)
