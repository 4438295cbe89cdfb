"""Organizations, people, teams, and what they did."""

from accounts.models.audit import AuditChain, AuditCheckpoint, AuditEvent
from accounts.models.people import Membership, Organization, Team, User

__all__ = [
    "AuditChain",
    "AuditCheckpoint",
    "AuditEvent",
    "Membership",
    "Organization",
    "Team",
    "User",
]
