"""What should be there, in plain memory: the model that each life is compared with."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from email.message import EmailMessage
from random import Random

PASSWORD = "correct-horse-battery"
# The embedding models of these lives: the one that they begin with, and one to change to.
FIRST_MODEL, OTHER_MODEL = "fake", "fake-wide"
# A word of every chunk, so that a search for it finds all that its reader may see.
COMMON_WORD = "handbook"
_WORDS = (
    *("travel", "expense", "notice", "hotel", "laptop", "contract", "supplier", "invoice"),
    *("holiday", "parental", "training", "security", "badge", "visitor", "archive", "retention"),
)


@dataclass(frozen=True)
class Person:
    """A member of one of two organizations, perhaps of its one team."""

    email: str
    organization: str
    is_admin: bool = False
    in_team: bool = False


PEOPLE = {
    person.email: person
    for person in (
        Person("admin@acme.test", "Acme", is_admin=True),
        Person("owner@acme.test", "Acme"),
        Person("colleague@acme.test", "Acme"),
        Person("teammate@acme.test", "Acme", in_team=True),
        Person("admin@rival.test", "Rival", is_admin=True),
        Person("outsider@rival.test", "Rival"),
    )
}
ADMINS = {person.organization: person.email for person in PEOPLE.values() if person.is_admin}
TEAM_OF = "Acme"
# A third organization, of the lives in which one is deleted.
DOOMED = "Doomed"


@dataclass(frozen=True)
class Note:
    """A file to upload; its name tells it from every other."""

    name: str
    owner: str
    content: bytes
    visibility: str = "private"

    @property
    def organization(self) -> str:
        return PEOPLE[self.owner].organization

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def needle(self) -> str:
        """A word that no other note has."""
        return needle_of(self.name)

    def is_visible_to(self, person: Person) -> bool:
        if person.organization != self.organization:
            return False
        return (
            person.is_admin
            or person.email == self.owner
            or self.visibility == "organization"
            or (self.visibility == "teams" and person.in_team)
        )


def random_note(name: str, rng: Random, *, owner: str = "") -> Note:
    """Return a note of one to three pages, some of them longer than a chunk."""
    owner = owner or rng.choice(sorted(PEOPLE))
    person = PEOPLE[owner]
    can_share_with_team = person.in_team or (person.is_admin and person.organization == TEAM_OF)
    choices = ["private", "organization"] + ["teams"] * can_share_with_team
    pages = [
        "\n\n".join(_paragraph(needle_of(name), rng) for _ in range(rng.randint(1, 3)))
        for _ in range(rng.randint(1, 3))
    ]
    return Note(name, owner, "\f".join(pages).encode(), rng.choice(choices))


def needle_of(name: str) -> str:
    """Return the word that a note of this name has, and no other."""
    return name.rpartition(".")[0].replace("-", "")


def random_message(name: str, rng: Random, *, attached: Sequence[str]) -> tuple[Note, list[Note]]:
    """Return an e-mail message and the notes that are attached to it, shared as it is."""
    note = random_note(name, rng)
    attachments = [
        replace(random_note(each, rng, owner=note.owner), visibility=note.visibility)
        for each in attached
    ]
    message = EmailMessage()
    message["Subject"] = f"The {COMMON_WORD} {needle_of(name)}"
    message["From"] = note.owner
    message.set_content(_paragraph(needle_of(name), rng))
    for each in attachments:
        message.add_attachment(
            each.content, maintype="text", subtype="plain", filename=each.name, cte="base64"
        )
    return replace(note, content=message.as_bytes()), attachments


def _paragraph(needle: str, rng: Random) -> str:
    sentences = (
        f"The {COMMON_WORD} {needle} says {' '.join(rng.choices(_WORDS, k=6))} {rng.random():.9f}."
        for _ in range(rng.randint(1, 4))
    )
    return " ".join(sentences)


@dataclass
class Chat:
    """A question that was asked, and whether its answer was told to be complete."""

    owner: str
    query: str
    answered: bool


@dataclass
class Expected:
    """What the product has promised so far.

    Attributes:
        notes: by name; accepted and not deleted.
        doubtful: by name; its upload or its delete was cut off, so it may be there or not, whole.
        versions: how many new versions of a note were accepted, by its name.
        next_version: by name; the versions that were accepted since the one that is known to be in
            force, oldest first: each may have come into force, the newest does once it is read.
        to_come: by name; attached to a message that was accepted, so there when that is read.
        deleted: names and ids of documents whose delete returned.
        given_up: names that may have failed, because they stopped a worker too often.
        chats: what was asked, oldest first.
        models: the embedding models that organizations have changed to, one after the other.
    """

    notes: dict[str, Note] = field(default_factory=dict)
    doubtful: dict[str, tuple[Note, str]] = field(default_factory=dict)
    versions: Counter[str] = field(default_factory=Counter)
    next_version: dict[str, list[Note]] = field(default_factory=dict)
    to_come: dict[str, Note] = field(default_factory=dict)
    deleted: dict[str, str] = field(default_factory=dict)
    given_up: set[str] = field(default_factory=set)
    chats: list[Chat] = field(default_factory=list)
    models: dict[str, list[str]] = field(default_factory=dict)

    def changed_model(self, organization: str, model: str) -> None:
        self.models.setdefault(organization, []).append(model)

    def accepted(self, note: Note) -> None:
        self.notes[note.name] = note

    def accepted_version(self, note: Note) -> None:
        self.versions[note.name] += 1
        self.next_version.setdefault(note.name, []).append(note)

    def removed(self, name: str, document_id: str) -> None:
        self.notes.pop(name, None)
        self.next_version.pop(name, None)
        self.deleted[name] = document_id

    def in_doubt(self, name: str, note: Note | None = None, document_id: str = "") -> None:
        """Take an upload of a note, or the delete of a document, for one or the other."""
        self.doubtful[name] = (note or self.notes.pop(name), document_id)

    def settle(self, found: Mapping[str, str]) -> None:
        """Decide every doubt by what is there; from now on it is a promise like the others.

        Args:
            found: the digest of the file in force of each document, by its name.
        """
        for name, notes in list(self.next_version.items()):
            for place, note in enumerate(notes, start=1):
                if found.get(name) == note.sha256:
                    self.notes[name] = note
                    self.next_version[name] = notes[place:]
        self.next_version = {name: notes for name, notes in self.next_version.items() if notes}
        self.notes |= {name: note for name, note in self.to_come.items() if name in found}
        for name, (note, document_id) in self.doubtful.items():
            if name in found:
                self.notes[name] = note
            elif document_id:
                self.deleted[name] = document_id
        self.doubtful = {}

    def all_has_come(self) -> None:
        """Expect from now on what was attached to messages, and the newest versions."""
        newest = {name: notes[-1] for name, notes in self.next_version.items()}
        self.notes |= self.to_come | newest
        self.to_come, self.next_version = {}, {}

    def visible_to(self, email: str) -> dict[str, Note]:
        person = PEOPLE[email]
        return {name: note for name, note in self.notes.items() if note.is_visible_to(person)}
