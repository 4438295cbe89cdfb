"""The row that somebody wants to change: locked, if they may; and the trail of what they did."""

from typing import Any

from accounts import audit
from accounts.models import User
from documents.models import Document
from knowledge.lib.errors import NotAllowed, NotFound


def locked_for_change(document: Document, actor: User) -> Document:
    """Return the row as it is now, locked, if the actor may change it.

    Raises:
        NotFound, NotAllowed: the actor may not see, or not change, the document.
    """
    rows = Document.objects.select_for_update(of=("self",)).filter(pk=document.pk)
    current = rows.editable_by(actor).first() or rows.deletable_by(actor).first()
    return current or refuse(document, actor)


def require_change(document: Document, actor: User) -> None:
    """Refuse an actor who may not change the document, before anything of theirs is looked at.

    Raises:
        NotFound, NotAllowed: the actor may not see, or not change, the document.
    """
    if not Document.objects.filter(pk=document.pk).editable_by(actor).exists():
        refuse(document, actor)


def refuse(document: Document, actor: User) -> Any:
    """Raise NotAllowed if the actor may at least see the document, else NotFound."""
    if Document.objects.visible_to(actor).filter(pk=document.pk).exists():
        raise NotAllowed
    raise NotFound


def record(action: str, document: Document, actor: User, **details: Any) -> None:
    """Add what was done to a document to the audit trail."""
    audit.record(
        action=action,
        actor=actor,
        organization=document.organization,
        target=document,
        filename=document.filename,
        **details,
    )
