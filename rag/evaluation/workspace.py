"""The throw-away organization that an evaluation works in, and how it goes, whatever happens."""

import contextlib
import datetime
import fcntl
import io
import socket
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from logging import getLogger
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts import audit
from accounts.models import Organization, User
from documents.exceptions import AlreadyUploaded
from documents.models import Document
from documents.services import delete_documents, upload_document
from knowledge.lib.errors import AppError
from rag.evaluation.data_sets import SourceFile
from rag.evaluation.exceptions import AlreadyRunning
from rag.index.registry import get_lexical_index, get_vector_index
from rag.ingestion import ingest_waiting
from rag.models import EvaluationWorkspace

logger = getLogger("knowledge.evaluation")

Progress = Callable[[str, int, int], None]  # what is done, how many of them, of how many

# A workspace of another machine is left behind for sure when it is so old: no evaluation takes a
# day. Of this machine, none that nobody has locked is in use.
LEFT_BEHIND_AFTER = datetime.timedelta(days=1)
# Documents uploaded before they are ingested: their files need not all wait on the disk at once.
_BATCH = 500
_WAIT_S = 0.2


@dataclass
class Workspace:
    """An organization with one person, whom nobody can sign in as, and what they uploaded.

    Attributes:
        user: sees the documents as any uploader does.
        sources: ids of the data set by document; several where the set has the same text twice.
        failures: id of the data set and why it was refused or could not be read.
    """

    user: User
    organization_id: uuid.UUID
    sources: dict[uuid.UUID, list[str]] = field(default_factory=lambda: defaultdict(list))
    failures: dict[str, str] = field(default_factory=dict)

    def ingest(self, files: Sequence[SourceFile], progress: Progress) -> None:
        """Take the files through the whole pipeline: upload, read, cut, embed, publish."""
        for first in range(0, len(files), _BATCH):
            for source in files[first : first + _BATCH]:
                self._upload(source)
            self._wait()
            progress("documents", min(first + _BATCH, len(files)), len(files))
        failed = Document.objects.filter(
            organization_id=self.organization_id, status=Document.Status.FAILED
        )
        for document in failed:
            for name in self.sources.get(document.pk, ()):
                self.failures[name] = document.error_message

    def _upload(self, source: SourceFile) -> None:
        try:
            with io.BytesIO(source.read()) as stream:
                document = upload_document(
                    owner=self.user, file=stream, filename=source.filename, ingest=False
                )
        except AlreadyUploaded as known:
            document = known.document
        except (AppError, OSError) as error:
            self.failures[source.id] = getattr(error, "message", str(error))
            return
        self.sources[document.pk].append(source.id)

    def _wait(self) -> None:
        """Ingest until none of ours is left, whoever works on it."""
        ours = Document.objects.filter(organization_id=self.organization_id).in_progress()
        while ours.exists():
            if not ingest_waiting():
                time.sleep(_WAIT_S)  # a worker has the rest, or another try is due later


@contextlib.contextmanager
def workspace() -> Iterator[Workspace]:
    """Make a throw-away organization for a `with` block.

    It is removed at the end, after an error or Ctrl-C too. What a killed process left is removed
    when the next evaluation begins.

    Raises:
        AlreadyRunning: another evaluation runs here.
    """
    with _alone():
        remove_leftovers()
        mark, user = _make()
        try:
            with audit.without_trail(mark.pk):
                yield Workspace(user, mark.pk)
        finally:
            _remove(mark.pk)


def remove_leftovers() -> int:
    """Remove what evaluations that were killed left behind; return how many.

    Call it only where no evaluation runs on this machine.
    """
    ours = EvaluationWorkspace.objects.filter(host=socket.gethostname())
    old = EvaluationWorkspace.objects.filter(created_at__lt=timezone.now() - LEFT_BEHIND_AFTER)
    keys = list((ours | old).values_list("pk", flat=True))
    for key in keys:
        logger.warning("evaluation left behind", extra={"organization_id": str(key)})
        _remove(key)
    return len(keys)


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Hold the lock of this data folder; the system lets go of it when the process dies."""
    path = Path(settings.EVALUATION_DIR) / "lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(
                "Another evaluation runs here. Wait for its end, or stop it."
            ) from None
        yield


@transaction.atomic
def _make() -> tuple[EvaluationWorkspace, User]:
    """Create organization, person and mark in one transaction, so that none is ever without."""
    name = uuid.uuid4().hex[:8]
    organization = Organization.objects.create(name=f"Evaluation {name} (is removed by itself)")
    # SECURITY: nobody signs in as this person. An ordinary user, so that retrieval asks for what
    # a person may read, and no command takes them for the installation's administrator.
    user = User.objects.create_user(
        f"evaluation-{name}@evaluation.invalid", None, organization=organization
    )
    mark = EvaluationWorkspace.objects.create(organization=organization, host=socket.gethostname())
    # Of the platform's trail: the organization itself has none.
    audit.record(action="evaluation.began", target=organization)
    return mark, user


def _remove(organization_id: uuid.UUID) -> None:
    """Remove a marked organization with everything of it: rows, words, vectors, files."""
    for mark in EvaluationWorkspace.objects.filter(pk=organization_id):
        people = User.objects.filter(organization_id=mark.pk)
        for person in people:
            person.role = User.Role.ADMIN  # in memory alone: only an administrator deletes
            with audit.without_trail(mark.pk):
                delete_documents(
                    documents=Document.objects.filter(organization_id=mark.pk), actor=person
                )
        get_lexical_index().discard(mark.pk)
        get_vector_index().discard(mark.pk)
        with transaction.atomic():
            organization = mark.organization
            audit.record(action="evaluation.ended", target=organization)
            people.delete()
            organization.delete()
