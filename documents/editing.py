"""What a document is called and sorted by: its name, description, tags and collection."""

from collections.abc import Iterable

from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.models import User
from documents.changes import locked_for_change, record
from documents.filenames import renamed, with_extension_of
from documents.labels import BadLabel, Label, collection_of, tags_of
from documents.models import Document, DocumentTag
from documents.projection import projection
from knowledge.lib.errors import Conflict, InvalidInput


@transaction.atomic
def edit_document(
    *,
    document: Document,
    actor: User,
    filename: str | None = None,
    description: str | None = None,
    tags: Iterable[str] | None = None,
    collection: str | None = None,
) -> Document:
    """Change what is given; what is None stays.

    A new name is searched from the commit on. It keeps the extension, by which people and their
    programs know what the file is.

    Raises:
        NotFound, NotAllowed: the actor may not see, or not change, the document.
        Conflict: an attachment keeps the name that it came with.
        InvalidInput: a name is empty, or something is too long.
    """
    document = locked_for_change(document, actor)
    title = document.display_title
    changed: list[str] = []
    if filename is not None:
        changed += _rename(document, filename)
    if description is not None:
        changed += _set(document, "description", description.replace("\x00", "").strip())
    if collection is not None:
        changed += _collect(document, collection)
    if tags is not None:
        changed += set_tags(document, tags)
    try:
        document.full_clean()
    except ValidationError as error:
        raise InvalidInput(" ".join(error.messages)) from error
    document.save(update_fields=["filename", "description", "collection", "collection_key"])
    if document.display_title != title:
        projection().after_new_title(document=document)
    if changed:
        record("document.edited", document, actor, changed=changed)
    return document


def set_tags(document: Document, names: Iterable[str]) -> list[str]:
    """Give a document these tags and no others; return ["tags"] if that changed anything."""
    try:
        wanted = tags_of(names)
    except BadLabel as error:
        raise InvalidInput(str(error)) from error
    before = [Label(tag.name, tag.key) for tag in document.tags.all()]
    if sorted(before, key=lambda tag: tag.key) == sorted(wanted, key=lambda tag: tag.key):
        return []
    document.tags.all().delete()
    DocumentTag.objects.put(wanted, on=document)
    return ["tags"]


def _rename(document: Document, wanted: str) -> list[str]:
    name = renamed(document.filename, wanted)
    if not name:
        raise InvalidInput("A document needs a name.")
    if name == document.filename:
        return []
    if document.attached_to_id is not None:
        # By its name it is known when its message is read again.
        raise Conflict("An attachment keeps the name that it came with.")
    for draft in Document.objects.select_for_update(of=("self",)).filter(version_of=document):
        draft.filename = with_extension_of(name, draft.filename)
        draft.save(update_fields=["filename"])
    return _set(document, "filename", name)


def _collect(document: Document, name: str) -> list[str]:
    try:
        label = collection_of(name)
    except BadLabel as error:
        raise InvalidInput(str(error)) from error
    document.collection_key = label.key
    return _set(document, "collection", label.name)


def _set(document: Document, field: str, value: str) -> list[str]:
    if getattr(document, field) == value:
        return []
    setattr(document, field, value)
    return [field]
