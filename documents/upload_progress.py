"""How far an upload of many files is: counts, an estimate of time, what failed and what is left."""

import datetime
import math
from dataclasses import dataclass

from django.utils import timezone

from documents.models import Document, UploadBatch, UploadFile

State = UploadFile.State

_SENDING_FOR = datetime.timedelta(seconds=60)
"""Without a file for so long, nobody is sending any more."""
_WINDOW = datetime.timedelta(minutes=3)
_FEWEST_DONE = 3  # documents from which their pace is told


@dataclass(frozen=True)
class Progress:
    """Counts of files.

    Attributes:
        total: all that were announced, without those deleted since.
        unsent: not here yet.
        known: there already, before this upload.
        in_progress: here, and waiting or being read.
        ready: can be asked about, the known ones among them.
        failed: refused, or could not be read.
        unread: of these, documents that can be read again without sending anything.
        seconds_left: None where nothing can be told.
        is_sending: whether a file has come in the last minute.
    """

    total: int
    unsent: int
    known: int
    in_progress: int
    ready: int
    failed: int
    unread: int
    seconds_left: float | None
    is_sending: bool

    @property
    def sent(self) -> int:
        return self.total - self.unsent

    @property
    def left(self) -> int:
        return self.unsent + self.in_progress

    @property
    def done(self) -> int:
        return self.ready + self.failed

    @property
    def is_over(self) -> bool:
        return not self.left

    @property
    def is_changing(self) -> bool:
        """Whether it is worth to look again soon."""
        return bool(self.in_progress) or (bool(self.unsent) and self.is_sending)

    @property
    def time_left(self) -> str:
        """Return the estimate as people say it, "" where there is none."""
        if self.seconds_left is None:
            return ""
        minutes = math.ceil(self.seconds_left / 60)
        if minutes <= 1:
            return "less than a minute"
        if minutes < 90:
            return f"about {minutes} minutes"
        return f"about {round(minutes / 60)} hours"


def progress_of(batch: UploadBatch) -> Progress:
    """Count what became of the files of an upload, in one statement and another for the pace."""
    now = timezone.now()
    counts = batch.files.counts()
    unsent = sum(n for state, _, n in counts if state == State.WAITING)
    in_progress = sum(n for _, status, n in counts if status in ("uploaded", "processing"))
    unread = sum(n for _, status, n in counts if status == Document.Status.FAILED)
    refused = sum(n for state, _, n in counts if state == State.REFUSED)
    is_sending = now - batch.last_sent_at < _SENDING_FOR
    left = in_progress + (unsent if is_sending else 0)
    return Progress(
        total=sum(n for *_, n in counts),
        unsent=unsent,
        known=sum(n for state, _, n in counts if state == State.KNOWN),
        in_progress=in_progress,
        ready=sum(n for _, status, n in counts if status == Document.Status.COMPLETED),
        failed=refused + unread,
        unread=unread,
        seconds_left=_seconds_for(left, batch, now) if left else None,
        is_sending=is_sending,
    )


def _seconds_for(left: int, batch: UploadBatch, now: datetime.datetime) -> float | None:
    """Return how long so many documents take at the pace of the last minutes."""
    since = max(batch.created_at, now - _WINDOW)
    done = batch.files.filter(document__completed_at__gt=since).count()
    if done < _FEWEST_DONE:
        return None
    return left * (now - since).total_seconds() / done
