"""Mails an invitation's link, where a mail server is configured."""

from logging import getLogger
from smtplib import SMTPException

from django.conf import settings
from django.core.mail import send_mail

from accounts.models import Invitation

logger = getLogger("knowledge.accounts")

_TEXT = """{inviter} invites you to {organization}.

Open this link to choose a password; it works once, until {until:%d %B %Y, %H:%M} {zone}:

{link}

If you did not expect this, leave it be: nothing happens without the link.
"""


def mail_invitation(invitation: Invitation, link: str) -> bool:
    """Send the link to the person who is invited; False where it could not be, or none is sent.

    SECURITY: the link is a secret, so it goes neither into the queue nor into a log.
    """
    if not settings.EMAIL_HOST:
        return False
    inviter = invitation.invited_by
    organization = " ".join(invitation.organization.name.split())
    text = _TEXT.format(
        inviter=inviter.display_name if inviter is not None else "An administrator",
        organization=organization,
        until=invitation.expires_at,
        zone="UTC",
        link=link,
    )
    try:
        send_mail(f"Invitation to {organization}", text, None, [invitation.email])
    except (SMTPException, OSError) as error:
        logger.warning(
            "invitation not mailed",
            extra={"invitation_id": str(invitation.pk), "error": type(error).__name__},
        )
        return False
    return True
