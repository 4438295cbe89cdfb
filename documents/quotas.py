"""How many documents and bytes a person and an organization may have, and how many they have.

What is checked in the transaction that adds a document is exact, however many uploads run at once;
what is told before that (while a file arrives, on a page) saves the way there.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import Sum
from django.template.defaultfilters import filesizeformat

from accounts.models import Organization, User
from documents.models import Document, DocumentVersion
from documents.querysets import DocumentQuerySet
from knowledge.lib.errors import AppError, TooLarge, Unprocessable


@dataclass(frozen=True)
class Quota:
    """One limit.

    Attributes:
        setting: its name.
        whose: "you" or "your organization", as sentences call them.
        is_bytes: else documents are counted.
        used, limit: bytes or documents.
    """

    setting: str
    whose: str
    is_bytes: bool
    used: int
    limit: int

    @property
    def left(self) -> int:
        return max(0, self.limit - self.used)

    @property
    def is_used_up(self) -> bool:
        return self.used >= self.limit

    @property
    def said(self) -> str:
        """Return use and limit in words."""
        have = "You have" if self.whose == "you" else "Your organization has"
        if self.is_bytes:
            return f"{have} used {_size(self.used)} of {_size(self.limit)}."
        return f"{have} {self.used:,} of {self.limit:,} documents."

    def refusal(self) -> AppError:
        """Return the error that names the limit."""
        unit = "limit_bytes" if self.is_bytes else "limit"
        details = {unit: self.limit, "limit_name": self.setting}
        theirs = "You may" if self.whose == "you" else "Your organization may"
        do = "Ask an administrator to delete documents that are not needed, or to raise the limit."
        if self.is_bytes:
            have = f"{theirs} keep {_size(self.limit)} of documents, and this would be more."
            return TooLarge(f"{have} {do}", details=details)
        return Unprocessable(
            f"{theirs} keep {self.limit:,} documents, and that many are there. {do}",
            details=details,
        )


def quotas_of(user: User) -> list[Quota]:
    """Return the limits that are set for a person, each with what is used of it now."""
    return list(_quotas(user.pk, user.organization_id))


def check_room(document: Document) -> None:
    """Refuse a document that is one too many; call it in the transaction that adds it.

    Person and organization are locked until the commit, so that of two uploads that would pass a
    limit together one waits here, and then counts the other.

    Raises:
        TooLarge, Unprocessable: a limit would be passed.
    """
    # Always in this order, and locked only where there is a limit to hold.
    if settings.MAX_USER_DOCUMENTS or settings.MAX_USER_BYTES:
        User.objects.select_for_update(no_key=True).get(pk=document.uploaded_by_id)
    if settings.MAX_ORGANIZATION_DOCUMENTS or settings.MAX_ORGANIZATION_BYTES:
        Organization.objects.select_for_update(no_key=True).get(pk=document.organization_id)
    more = 0 if document.version_of_id else 1  # a version is no document more
    for quota in _quotas(document.uploaded_by_id, document.organization_id):
        if quota.left < (document.size if quota.is_bytes else more):
            raise quota.refusal()


def _quotas(user_id: Any, organization_id: Any) -> Iterator[Quota]:
    theirs = (settings.MAX_USER_DOCUMENTS, settings.MAX_USER_BYTES)
    if any(theirs):
        own = Document.objects.filter(organization=organization_id, uploaded_by=user_id)
        yield from _of("you", "USER", own, *theirs)
    common = (settings.MAX_ORGANIZATION_DOCUMENTS, settings.MAX_ORGANIZATION_BYTES)
    if any(common):
        all_of_them = Document.objects.filter(organization=organization_id)
        yield from _of("your organization", "ORGANIZATION", all_of_them, *common)


def _of(
    whose: str, name: str, documents: DocumentQuerySet, most: int, most_bytes: int
) -> Iterator[Quota]:
    """Yield the limits that are set; attachments and failed documents count, as they take room.

    The files of earlier versions count, with their document's owner, as bytes.
    """
    rows = documents.order_by()
    if most:
        yield Quota(f"MAX_{name}_DOCUMENTS", whose, False, rows.without_drafts().count(), most)
    if most_bytes:
        earlier = DocumentVersion.objects.filter(document__in=rows.values("pk")).order_by()
        used = sum(kept.aggregate(bytes=Sum("size"))["bytes"] or 0 for kept in (rows, earlier))
        yield Quota(f"MAX_{name}_BYTES", whose, True, used, most_bytes)


def _size(count: int) -> str:
    return filesizeformat(count).replace("\xa0", " ")
