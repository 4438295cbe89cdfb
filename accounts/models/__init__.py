"""Organizations, people, teams, and what they did."""

from accounts.models.audit import AuditChain, AuditCheckpoint, AuditEvent
from accounts.models.invitations import Invitation
from accounts.models.people import Membership, Organization, Team, User

__all__ = [
    "AuditChain",
    "AuditCheckpoint",
    "AuditEvent",
    "Invitation",
    "Membership",
    "Organization",
    "Team",
    "User",
]
