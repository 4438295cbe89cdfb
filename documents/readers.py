"""Who can read a document and by what, and why one person can or cannot: told from the one rule."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet

from accounts.models import Membership, Team, User
from documents.models import Document

# People that are listed; an organization may have thousands.
MOST_LISTED = 100


@dataclass(frozen=True)
class Reason:
    """One part of the rule: whether it holds for this person and document, in a sentence."""

    name: str
    holds: bool
    sentence: str


@dataclass(frozen=True)
class Explanation:
    """Why a person can read a document or not.

    Attributes:
        needed: all of these must hold.
        grounds: of these, one must.
    """

    person: User
    needed: tuple[Reason, ...]
    grounds: tuple[Reason, ...]

    @property
    def is_visible(self) -> bool:
        """What follows from the parts; the rule itself says the same, as a test holds."""
        return all(part.holds for part in self.needed) and any(g.holds for g in self.grounds)

    @property
    def holding(self) -> tuple[Reason, ...]:
        """The grounds that the person reads it by."""
        return tuple(ground for ground in self.grounds if ground.holds)


@dataclass(frozen=True)
class Readers:
    """People who can read a document, the first of them by email; `more` may be left out."""

    people: tuple[Explanation, ...]
    is_cut: bool


def explain(document: Document, person: User) -> Explanation:
    """Tell each part of the rule for one person; both must be of the asking admin's organization.

    Args:
        document: it may be hidden from the person, not from who asks.
    """
    row: Any = Document.objects.filter(pk=document.pk).with_grounds(person).get()
    is_home = person.organization_id == row.organization_id
    teams = _shared_teams(document, person) if row.is_team else "none of the teams"
    return Explanation(
        person,
        needed=(
            Reason("active", person.is_active, "The account is active."),
            Reason("organization", is_home, "The person is of the document's organization."),
            Reason("in_service", not person.is_suspended, "The organization is not suspended."),
        ),
        grounds=(
            Reason(
                "administrator",
                person.role == User.Role.ADMIN,
                "Administrators read all of the organization.",
            ),
            Reason("owner", row.is_owner, "Who uploaded a document reads it."),
            Reason(
                "everybody",
                row.is_organization,
                "The document is shared with the whole organization.",
            ),
            Reason(
                "team",
                row.is_team,
                f"The document is shared with teams, and the person is in {teams}.",
            ),
        ),
    )


def readers_of(document: Document) -> Readers:
    """Return who can read the document now."""
    found = []
    for explanation in _explained(document):
        if explanation.is_visible:
            found.append(explanation)
        if len(found) > MOST_LISTED:
            return Readers(tuple(found[:MOST_LISTED]), is_cut=True)
    return Readers(tuple(found), is_cut=False)


def _explained(document: Document) -> Iterator[Explanation]:
    for person in _candidates(document).select_related("organization").iterator(chunk_size=200):
        yield explain(document, person)


def _candidates(document: Document) -> QuerySet[User]:
    """Return people among whom all readers are, so that not everybody has to be looked at."""
    people = User.objects.filter(organization_id=document.organization_id, is_active=True)
    if document.visibility != Document.Visibility.ORGANIZATION:
        members = Membership.objects.filter(team__documents=document)
        people = people.filter(
            Q(role=User.Role.ADMIN)
            | Q(pk=document.uploaded_by_id)
            | Q(pk__in=members.values("user_id"))
        )
    return people.order_by("email")


def _shared_teams(document: Document, person: User) -> str:
    teams = Team.objects.filter(documents=document, memberships__user=person).order_by("name")
    return ", ".join(teams.values_list("name", flat=True))
