"""What a new installation starts with: an organization, its admin and the sample handbook."""

from contextlib import suppress
from pathlib import Path

from django.core.files import File

from accounts.models import Organization, User
from accounts.services import NewAccount, create_organization
from documents.exceptions import AlreadyUploaded
from documents.models import Document
from documents.services import upload_document


def create_first_organization(
    *, name: str, admin_email: str, admin_password: str
) -> NewAccount | None:
    """Create the organization and its admin, unless there is an organization already.

    Args:
        admin_password: empty for a generated one, which the returned account tells once.
    """
    if Organization.objects.exists():
        return None
    return create_organization(
        name=name,
        admin_email=admin_email,
        admin_password=admin_password or None,
        superuser=True,
    )


def upload_samples(*, owner: User, folder: Path) -> list[Document]:
    """Upload the folder's files for the whole organization to read; return those that are new."""
    uploaded = []
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        with path.open("rb") as stream, suppress(AlreadyUploaded):
            uploaded.append(
                upload_document(
                    owner=owner,
                    file=File(stream, name=path.name),
                    filename=path.name,
                    visibility=Document.Visibility.ORGANIZATION,
                )
            )
    return uploaded
