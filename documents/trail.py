"""Notes in the audit trail who read a document, before it is shown."""

import datetime

from django.utils import timezone

from accounts.models import AuditEvent, User
from documents.changes import record
from documents.models import Document

VIEWED = "document.viewed"
# A page that the same person opens again within this time is one view: its text, its picture in
# another width, and going back to it.
ONE_VIEW = datetime.timedelta(minutes=10)


def record_view(
    *, document: Document, actor: User, page: int | None = None, part: str = ""
) -> None:
    """Note that a person was shown text of a document, once in `ONE_VIEW`.

    Args:
        page: its number, where one page was shown.
        part: what else it was: the passages, or rows in Django admin.
    """
    shown = {name: value for name, value in {"page": page, "part": part}.items() if value}
    recent = AuditEvent.objects.filter(
        object_id=str(document.pk),
        created_at__gte=timezone.now() - ONE_VIEW,
        action=VIEWED,
        actor_id=actor.pk,
    )
    for details in recent.values_list("details", flat=True):
        if {name: value for name, value in details.items() if name != "filename"} == shown:
            return
    record(VIEWED, document, actor, **shown)


def record_download(*, document: Document, actor: User, version: int | None = None) -> None:
    """Note who took a copy of the original, or of the version of that number."""
    which = {} if version is None else {"version": version}
    record("document.downloaded", document, actor, **which)
