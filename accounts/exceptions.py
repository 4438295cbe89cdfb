"""What keeps a person out who proved who they are."""

from knowledge.lib.errors import AppError


class OrganizationSuspended(AppError):
    """The person's organization is at rest; only who proved to be of it is told."""

    code = "organization_suspended"
    status = 403

    def __init__(self) -> None:
        super().__init__(
            "Your organization is suspended. Nothing of it is lost; ask whoever runs this system."
        )
