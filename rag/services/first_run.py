"""What a new installation starts with: an organization, its admin and the sample handbook."""

import secrets
from dataclasses import dataclass
from pathlib import Path

from django.core.files import File

from accounts.models import Organization, User
from accounts.services import create_organization
from documents.models import Document
from documents.services import upload_document

# Without letters that are easily taken for one another.
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


@dataclass(frozen=True)
class FirstAdmin:
    """The first person of an installation.

    Attributes:
        generated_password: to be shown once; empty when the password was chosen.
    """

    user: User
    generated_password: str


def create_first_organization(
    *, name: str, admin_email: str, admin_password: str
) -> FirstAdmin | None:
    """Create the organization and its admin, unless there is an organization already.

    Args:
        admin_password: empty for one that is made up here.
    """
    if Organization.objects.exists():
        return None
    generated = "" if admin_password else _new_password()
    create_organization(
        name=name,
        admin_email=admin_email,
        admin_password=admin_password or generated,
        superuser=True,
    )
    user = User.objects.get_by_natural_key(admin_email)
    return FirstAdmin(user=user, generated_password=generated)


def upload_samples(*, owner: User, folder: Path) -> list[Document]:
    """Upload the folder's files for the whole organization to read."""
    uploaded = []
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        with path.open("rb") as stream:
            uploaded.append(
                upload_document(
                    owner=owner,
                    file=File(stream, name=path.name),
                    filename=path.name,
                    visibility=Document.Visibility.ORGANIZATION,
                )
            )
    return uploaded


def _new_password() -> str:
    groups = ("".join(secrets.choice(_ALPHABET) for _ in range(5)) for _ in range(4))
    return "-".join(groups)
