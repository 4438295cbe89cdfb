"""What keeps a person out, in a sentence for them."""

from knowledge.lib.errors import AppError


class OrganizationSuspended(AppError):
    """The person's organization is at rest; only who proved to be of it is told."""

    code = "organization_suspended"
    status = 403

    def __init__(self) -> None:
        super().__init__(
            "Your organization is suspended. Nothing of it is lost; ask whoever runs this system."
        )


class InvitationNotValid(AppError):
    """The link of an invitation does not work, for whatever reason: all are told alike."""

    code = "invitation_not_valid"
    status = 404

    def __init__(self) -> None:
        super().__init__(
            "This invitation cannot be used (any more). Ask who invited you for another one."
        )
