"""Who may see and who may change which document: the one rule everything starts from."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

from django.db.models import (
    BooleanField,
    Case,
    Count,
    Exists,
    ExpressionWrapper,
    F,
    Max,
    OuterRef,
    Q,
    QuerySet,
    When,
)

from documents.labels import Label, label_key
from documents.narrowing import Narrowing

if TYPE_CHECKING:
    from accounts.models import User
    from accounts.querysets import OrganizationQuerySet
    from documents.models import Document, DocumentChunk, DocumentTag, FileDeletion, Page
    from documents.upload_batches import UploadBatch, UploadFile

# Extensions of files that were sent once and are never written again.
MESSAGES = ("eml", "msg")
# Of tags and collections that are offered; the rest is found by writing it.
_MOST_OFFERED = 200


class DocumentQuerySet(QuerySet["Document"]):
    """Documents."""

    def visible_to(self, user: User) -> DocumentQuerySet:
        """Return what the user may read: own, organization-wide, shared with a team of theirs.

        An administrator reads all of the organization. SECURITY: every page, API answer, search
        and download starts here; widening this widens all of them.
        """
        if not user.is_in_service or user.organization_id is None:
            return self.none()
        # Asked of the database as well: an answer or a download may be under way meanwhile.
        home = _organizations_of(self).filter(pk=user.organization_id)
        within = self.filter(~Exists(home.suspended()), organization_id=user.organization_id)
        within = within.without_drafts()
        if user.is_organization_admin:
            return within
        grounds = self._grounds(user)
        return within.filter(grounds["owner"] | grounds["organization"] | grounds["team"])

    def with_grounds(self, user: User) -> DocumentQuerySet:
        """Annotate which of the grounds for reading hold for the user: `is_owner` and so on.

        They are the parts of the rule above. They say nothing of whether the user is active, nor
        whether the organization is theirs and in service, which the rule asks besides.
        """
        wrapped = {
            f"is_{name}": ExpressionWrapper(ground, output_field=BooleanField())
            for name, ground in self._grounds(user).items()
        }
        return self.annotate(**wrapped)

    def _grounds(self, user: User) -> dict[str, Q]:
        """Return why one who is no administrator may read a document of their organization."""
        shares = self.model.teams.through.objects.filter(
            document_id=OuterRef("pk"), team__memberships__user_id=user.pk
        )
        return {
            "owner": Q(uploaded_by_id=user.pk),
            "organization": Q(visibility=self.model.Visibility.ORGANIZATION),
            "team": Q(Exists(shares), visibility=self.model.Visibility.TEAMS),
        }

    def editable_by(self, user: User) -> DocumentQuerySet:
        """Return what the user may share, retry and rename: own; an administrator: all."""
        visible = self.visible_to(user)
        return visible if user.is_organization_admin else visible.filter(uploaded_by_id=user.pk)

    def deletable_by(self, user: User) -> DocumentQuerySet:
        """Return what the user may delete: an administrator all of the organization, others none.

        SECURITY: the operator of the platform has all of every organization, for Django admin
        alone: pages and API look a document up through `visible_to` before they come here.
        """
        if user.is_in_service and user.is_superuser:
            return self.without_drafts()
        return self.visible_to(user) if user.is_organization_admin else self.none()

    def without_drafts(self) -> DocumentQuerySet:
        """Leave out what is to become the next version of another document."""
        return self.filter(version_of=None)

    def completed(self) -> DocumentQuerySet:
        """Return those whose text can be searched."""
        return self.filter(status=self.model.Status.COMPLETED)

    def failed(self) -> DocumentQuerySet:
        """Return those that were given up, which a retry starts anew."""
        return self.filter(status=self.model.Status.FAILED)

    def retryable_by(self, user: User) -> DocumentQuerySet:
        """Return those that failed and that the user may change, and so their next versions."""
        theirs = self.model._default_manager.all().editable_by(user).values("pk")
        return self.failed().filter(Q(pk__in=theirs) | Q(version_of__in=theirs))

    def in_progress(self) -> DocumentQuerySet:
        """Return those that wait for a worker or are with one."""
        return self.filter(status__in=[self.model.Status.UPLOADED, self.model.Status.PROCESSING])

    def waiting(self, now: datetime.datetime) -> DocumentQuerySet:
        """Return those that nobody has, and whose time for another try has come."""
        due = Q(next_attempt_at__isnull=True) | Q(next_attempt_at__lte=now)
        return self.in_service().filter(due, status=self.model.Status.UPLOADED)

    def in_service(self) -> DocumentQuerySet:
        """Return those whose organization is not suspended."""
        at_rest = _organizations_of(self).suspended().values("pk")
        return self.exclude(organization_id__in=at_rest)

    def left_behind(self, now: datetime.datetime) -> DocumentQuerySet:
        """Return those whose worker died or hangs: its lease has run out."""
        left = self.filter(status=self.model.Status.PROCESSING, lease_expires_at__lte=now)
        return left.in_service()

    def in_work(self, now: datetime.datetime) -> DocumentQuerySet:
        """Return those that a worker has under a lease."""
        return self.filter(status=self.model.Status.PROCESSING, lease_expires_at__gt=now)

    def claimable(self, now: datetime.datetime) -> DocumentQuerySet:
        """Return those a worker may take."""
        return self.waiting(now) | self.left_behind(now)

    def equal_to(self, document: Document) -> DocumentQuerySet:
        """Return the same bytes by the same person, neither failed nor the attachment of another.

        An attachment is none of them: it goes with its message, a file by itself stays. SECURITY:
        nor is a draft for somebody else's document, to which this person might be led.
        """
        theirs = Q(version_of=None) | Q(version_of__uploaded_by_id=document.uploaded_by_id)
        return self.filter(
            theirs,
            organization_id=document.organization_id,
            uploaded_by_id=document.uploaded_by_id,
            sha256=document.sha256,
            size=document.size,
            attached_to=None,
        ).exclude(status=self.model.Status.FAILED)

    def of_name(self, filename: str, *, owner: User) -> DocumentQuerySet:
        """Return the person's documents of this name that can have another version."""
        named = self.without_drafts().filter(uploaded_by_id=owner.pk, filename=filename)
        return named.with_versions().newest_first()

    def with_versions(self) -> DocumentQuerySet:
        """Return those that can have versions.

        A message is what was sent once: another file is another message. An attachment goes with
        its message.
        """
        return self.filter(attached_to=None).exclude(extension__in=MESSAGES)

    def search(self, text: str) -> DocumentQuerySet:
        """Return those whose file name contains the text."""
        return self.filter(filename__icontains=text) if text else self

    def narrowed(self, choice: Narrowing) -> DocumentQuerySet:
        """Return those of them that the choice names; what it names besides is not there."""
        narrowed = self
        for tag in choice.tags:
            tags = self.model.tags.rel.related_model._default_manager.all()
            has_it = tags.filter(document_id=OuterRef("pk"), key=label_key(tag))
            narrowed = narrowed.filter(Exists(has_it))
        if choice.collection:
            narrowed = narrowed.filter(collection_key=label_key(choice.collection))
        if choice.documents:
            narrowed = narrowed.filter(pk__in=choice.documents)
        return narrowed

    def collections(self) -> list[tuple[str, int]]:
        """Return the collections of these documents, by name, each with how many it has."""
        named = self.exclude(collection_key="").order_by().values("collection_key")
        rows = named.annotate(name=Max("collection"), count=Count("pk")).order_by("collection_key")
        return list(rows.values_list("name", "count")[:_MOST_OFFERED])

    def newest_first(self) -> DocumentQuerySet:
        """Order by upload, newest first, with a stable order inside one moment."""
        return self.order_by(F("created_at").desc(), "pk")


class DocumentTagQuerySet(QuerySet["DocumentTag"]):
    """Tags of documents."""

    def put(self, tags: Iterable[Label], *, on: Document) -> None:
        """Add tags to a document that has none of them."""
        self.bulk_create(self.model(document=on, name=tag.name, key=tag.key) for tag in tags)

    def of(self, documents: DocumentQuerySet) -> list[tuple[str, int]]:
        """Return the tags of the documents, by name, each with how many have it."""
        theirs = self.filter(document__in=documents.order_by().values("pk")).order_by()
        rows = theirs.values("key").annotate(shown=Max("name"), count=Count("pk"))
        return list(rows.order_by("key").values_list("shown", "count")[:_MOST_OFFERED])


class PageQuerySet(QuerySet["Page"]):
    """Pages of documents."""

    def visible_to(self, user: User) -> PageQuerySet:
        """Return the pages of documents that the user may read."""
        return self.filter(document__in=_documents_of(self).visible_to(user))


class DocumentChunkQuerySet(QuerySet["DocumentChunk"]):
    """Chunks of documents."""

    def visible_to(self, user: User) -> DocumentChunkQuerySet:
        """Return the chunks of completed documents that the user may read."""
        return self.filter(document__in=_documents_of(self).completed().visible_to(user))


class FileDeletionQuerySet(QuerySet["FileDeletion"]):
    """The journal of files that are to go."""

    def due(self, now: datetime.datetime) -> FileDeletionQuerySet:
        """Return those whose file may be removed by now, longest due first."""
        return self.filter(not_before__lte=now).order_by("not_before", "pk")


class UploadBatchQuerySet(QuerySet["UploadBatch"]):
    """Uploads of many files."""

    def visible_to(self, user: User) -> UploadBatchQuerySet:
        """Return the user's own; an administrator: all of the organization."""
        if not user.is_in_service or user.organization_id is None:
            return self.none()
        within = self.filter(organization_id=user.organization_id)
        return within if user.is_organization_admin else within.filter(owner_id=user.pk)


class UploadFileQuerySet(QuerySet["UploadFile"]):
    """Files of uploads."""

    def with_became(self) -> UploadFileQuerySet:
        """Annotate what decides `became`: whether the file is the next version of its document.

        It is for as long as that is not in force, and where it came with this upload.
        """
        taken = Q(state=self.model.State.TAKEN)
        since = Q(document__draft__created_at__gte=F("batch__created_at"))
        decided = {"is_next_version": Case(When(taken & since, then=True), default=False)}
        return self.select_related("document__draft").annotate(**decided)

    def failed(self) -> UploadFileQuerySet:
        """Return those that were refused, and those that could not be read afterwards."""
        refused = Q(state=self.model.State.REFUSED)
        rows = self.with_became().annotate(status=self._status())
        return rows.filter(refused | Q(status="failed"))

    def counts(self) -> list[tuple[str, str | None, int]]:
        """Return how many there are of each state and each status of what they became."""
        groups = self.with_became().order_by().values_list("state", self._status())
        return list(groups.annotate(Count("pk")))

    @staticmethod
    def _status() -> Case:
        draft = When(is_next_version=True, then=F("document__draft__status"))
        return Case(draft, default=F("document__status"))

    def unsent(self) -> UploadFileQuerySet:
        """Return those whose bytes have not come yet."""
        return self.filter(state=self.model.State.WAITING)


def _documents_of(rows: PageQuerySet | DocumentChunkQuerySet) -> DocumentQuerySet:
    """Return all documents, found through the rows' model, which this module may not import."""
    model = rows.model._meta.get_field("document").related_model
    return cast("DocumentQuerySet", model._default_manager.all())


def _organizations_of(rows: DocumentQuerySet) -> OrganizationQuerySet:
    """Return all organizations, found the same way."""
    model = rows.model._meta.get_field("organization").related_model
    return cast("OrganizationQuerySet", model._default_manager.all())
