"""What a process can be told to do: the product's own services, tasks and commands."""

import os
import signal
import threading
from collections.abc import AsyncGenerator, Sequence
from datetime import timedelta
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any
from uuid import UUID

from django.apps import apps
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from django.utils.module_loading import import_string
from django_q.models import OrmQ
from django_q.signing import SignedPackage

from accounts.audit.verification import verify
from accounts.models import Membership, Organization, Team, User
from accounts.services import request_removal
from documents import services, versions
from documents.models import Document, FileDeletion
from knowledge.lib import faults
from knowledge.tests.crash import invariants
from knowledge.tests.crash.expected import (
    ADMINS,
    DOOMED,
    OTHER_MODEL,
    PASSWORD,
    PEOPLE,
    TEAM_OF,
    Expected,
    Note,
)
from rag import reembedding, tasks
from rag.index.registry import get_vector_index
from rag.index.versions import get_state
from rag.llm.base import ChatDelta, ChatRequest
from rag.llm.extractive import ExtractiveModel
from rag.models import Message, ModelChange
from rag.services.model_change import start_change
from rag.services.organization_removal import leftovers
from rag.services.turns import run_turn, start_turn

_PAST = timedelta(days=1)
_OTHER_EMBEDDER = "rag.embedding.fake.WideFakeEmbedder"


# --- dying ----------------------------------------------------------------------------------------
def arm(point: str, nth: int, signal_number: int = signal.SIGKILL) -> None:
    """Send this process the signal when it passes the point for the nth time."""
    lock = threading.Lock()
    passed = 0

    def handler(passing: faults.FaultPoint) -> None:
        nonlocal passed
        if passing != point:
            return
        with lock:
            passed += 1
            is_it = passed == nth
        if is_it:
            os.kill(os.getpid(), signal_number)

    faults.arm(handler)


def passings_of(operation: str, **arguments: Any) -> dict[str, int]:
    """Run an operation and return how often it passed each point."""
    counts: dict[str, int] = {}
    lock = threading.Lock()

    def count(point: faults.FaultPoint) -> None:
        with lock:
            counts[str(point)] = counts.get(str(point), 0) + 1

    faults.arm(count)
    globals()[operation](**arguments)
    faults.arm(None)
    return counts


# --- an installation ------------------------------------------------------------------------------
def bootstrap() -> None:
    call_command("bootstrap", stdout=StringIO())


def make_cast() -> None:
    """Make two organizations, their people and one team."""
    organizations = {
        name: Organization.objects.create(name=name)
        for name in sorted({person.organization for person in PEOPLE.values()})
    }
    team = Team.objects.create(name="Finance", organization=organizations[TEAM_OF])
    for person in PEOPLE.values():
        user = User.objects.create_user(
            person.email,
            PASSWORD,
            organization=organizations[person.organization],
            role="admin" if person.is_admin else "user",
        )
        if person.in_team:
            Membership.objects.create(team=team, user=user)


def prepare() -> None:
    """Set what every process here shares: a second model, of which few chunks are a batch."""
    settings.EMBEDDERS = {**settings.EMBEDDERS, OTHER_MODEL: _OTHER_EMBEDDER}
    reembedding.BATCH_SIZE = 4


# --- what people do -------------------------------------------------------------------------------
def upload(note: Note) -> str:
    """Upload a note; return its document's id."""
    document = services.upload_document(
        owner=_user(note.owner),
        file=BytesIO(note.content),
        filename=note.name,
        visibility=note.visibility,
        teams=Team.objects.all() if note.visibility == "teams" else (),
    )
    return str(document.pk)


def upload_version(note: Note) -> None:
    """Upload a new version of the document of this name."""
    versions.upload_version(
        document=Document.objects.without_drafts().get(filename=note.name),
        actor=_user(note.owner),
        file=BytesIO(note.content),
        filename=note.name,
    )


def upload_over_http(note: Note) -> None:
    """Upload a note as a browser does, through the handlers that receive it."""
    client = Client()
    client.force_login(_user(note.owner))
    files = {"file": SimpleUploadedFile(note.name, note.content)}
    client.post("/documents/upload", {**files, "visibility": "private"})


def upload_all(notes: Sequence[Note]) -> None:
    for note in notes:
        upload(note)


def share(name: str, visibility: str) -> None:
    """Have the organization's administrator change who may read a note."""
    document = Document.objects.without_drafts().get(filename=name)
    services.share_document(
        document=document,
        actor=_user(ADMINS[document.organization.name]),
        visibility=visibility,
        teams=Team.objects.all() if visibility == "teams" else (),
    )


def delete(names: Sequence[str]) -> None:
    """Have the organization's administrator delete notes of it, all in one go."""
    documents = Document.objects.without_drafts().filter(filename__in=names)
    [organization] = set(documents.values_list("organization__name", flat=True))
    deleted = services.delete_documents(documents=documents, actor=_user(ADMINS[organization]))
    assert deleted == len(names), f"{deleted} of {names} were deleted"


def document_ids() -> dict[str, str]:
    """Return the id of every document by its name."""
    documents = Document.objects.without_drafts()
    return {name: str(pk) for name, pk in documents.values_list("filename", "pk")}


def digests() -> dict[str, str]:
    """Return the digest of every document's file by its name."""
    return dict(Document.objects.without_drafts().values_list("filename", "sha256"))


def ask(owner: str, query: str) -> None:
    """Ask and wait for the answer."""
    user = _user(owner)
    answer = start_turn(user=user, query=query)
    settled = run_turn(user=user, message_id=answer.pk)
    assert settled.status == Message.Status.COMPLETED, settled.error_message


class DyingModel(ExtractiveModel):
    """Kills its process after some pieces of the answer, the last one included."""

    pieces = 0

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ChatDelta, None]:
        left = self.pieces
        async for delta in super().stream(request):
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)
            left -= 1
            yield delta
        os.kill(os.getpid(), signal.SIGKILL)


def ask_and_die(owner: str, query: str, pieces: int) -> None:
    """Ask, and be killed after so many pieces of the answer, at the latest before it is stored."""
    DyingModel.pieces = pieces
    settings.CHAT_MODELS = {"dying": f"{__name__}.{DyingModel.__name__}"}
    settings.LLM_PROVIDER = "dying"
    ask(owner, query)


def question(owner: str, query: str) -> None:
    """Ask, and be gone before anybody answers."""
    start_turn(user=_user(owner), query=query)


def change_model(organization: str, model: str) -> None:
    """Have the organization change to another embedding model."""
    start_change(organization=Organization.objects.get(name=organization), model=model, actor=None)


def make_doomed() -> None:
    """Make a third organization with something of everything, which nobody will miss."""
    doomed = Organization.objects.create(name=DOOMED)
    for email, role in (("admin@doomed.test", "admin"), ("user@doomed.test", "user")):
        user = User.objects.create_user(email, PASSWORD, organization=doomed, role=role)
        for number in range(3):
            text = f"The {DOOMED} handbook of {role}s says number {number}.".encode()
            services.upload_document(
                owner=user,
                file=BytesIO(text),
                filename=f"{role}-{number}.txt",
                visibility="organization",
            )
    work()
    ask("user@doomed.test", "What does the handbook of users say?")
    work()
    Client().post("/login", {"email": "user@doomed.test", "password": "wrong"})
    request_removal(organization=doomed)


def what_is_left(key: str) -> dict[str, int]:
    """Return what there is of an organization beside its trail, which must be whole."""
    assert verify(UUID(key)).is_whole
    left = leftovers(UUID(key))
    attempts = apps.get_model("axes", "AccessAttempt").objects
    left["failures to sign in"] = attempts.filter(username__endswith="@doomed.test").count()
    return {place: count for place, count in left.items() if count}


def key_of(organization: str) -> str:
    return str(Organization.objects.get(name=organization).pk)


def keep_pictures() -> None:
    """Leave a file for each document where pictures of its pages are kept."""
    for key in Document.objects.values_list("pk", flat=True):
        folder = Path(settings.PAGE_CACHE_DIR) / str(key)
        folder.mkdir(parents=True)
        (folder / "picture").write_bytes(b"")


# --- what a worker does ---------------------------------------------------------------------------
def work(times: int = 1) -> None:
    """Run every task of the queue as a worker does, each as often as it is delivered."""
    while (row := OrmQ.objects.order_by("pk").first()) is not None:
        task = SignedPackage.loads(row.payload)
        for _ in range(times):
            import_string(task["func"])(*task["args"])
        row.delete()


def ingest(document_id: str) -> None:
    """Run the task that an upload rings for."""
    tasks.ingest_document(document_id)


def sweep() -> None:
    tasks.sweep()


def lose_queue() -> None:
    """Lose every doorbell, as a queue of another machine may."""
    OrmQ.objects.all().delete()


def is_waiting() -> bool:
    """Tell whether a document, a change of the model or a task is still to be worked on."""
    unfinished = (Document.objects.in_progress(), ModelChange.objects.open(), OrmQ.objects.all())
    return any(rows.exists() for rows in unfinished)


def load_index() -> None:
    """Load every organization's index, as the first search does."""
    for key in Organization.objects.values_list("pk", flat=True):
        get_vector_index().warm_up(get_state(key))


def let_time_pass() -> None:
    """Make it a day later for leases, pauses, the journal of files and open answers."""
    past = timezone.now() - _PAST
    Document.objects.filter(lease_expires_at__isnull=False).update(lease_expires_at=past)
    Document.objects.filter(next_attempt_at__isnull=False).update(next_attempt_at=past)
    FileDeletion.objects.update(not_before=past)
    Organization.objects.filter(removal_requested_at__isnull=False).update(
        removal_requested_at=past, removal_seen_at=past
    )
    ModelChange.objects.filter(lease_expires_at__isnull=False).update(lease_expires_at=past)
    ModelChange.objects.filter(queued_at__isnull=False).update(queued_at=past)
    Message.objects.filter(claimed_at__isnull=False).update(claimed_at=past)
    Message.objects.filter(status=Message.Status.PENDING).update(created_at=past)


# --- checks ---------------------------------------------------------------------------------------
def check_before_restart(expected: Expected) -> list[str]:
    """Return what is wrong right after a crash, seen by a process that has just started."""
    return invariants.broken(invariants.AT_ANY_TIME, expected)


def check(expected: Expected) -> list[str]:
    """Return what is wrong after a restart, seen by a process that has just started."""
    return invariants.broken(invariants.ALL, expected)


def check_process(expected: Expected) -> list[str]:
    """Return what is wrong with what this process, which lived through it all, finds."""
    return invariants.broken(invariants.OF_A_PROCESS, expected)


def _user(email: str) -> User:
    return User.objects.get(email=email)
