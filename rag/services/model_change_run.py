"""Carries a change of the embedding model on: builds, evaluates, prepares and switches."""

from collections.abc import Callable
from dataclasses import asdict
from logging import getLogger

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError, transaction

from knowledge.lib.errors import AppError, NotFound
from knowledge.lib.faults import FaultPoint, passing
from rag import change_leases, reembedding
from rag.change_leases import ChangeLease, LeaseLost
from rag.index.registry import get_vector_index
from rag.model_comparison import compare_models, evaluation_questions
from rag.models import ModelChange
from rag.services.model_change import prune_unneeded, record

logger = getLogger("knowledge.model_change")

Progress = Callable[[ModelChange], None]


def run_change(
    *,
    change_id: int,
    max_batches: int | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    on_progress: Progress = lambda change: None,
) -> ModelChange:
    """Go on with a change until it has ended or waits to be switched, and return it.

    What is stored is not computed again, so it may be stopped at any moment. It returns at once
    when another process works on the change.

    Args:
        max_batches: stop after so many batches of vectors.
        should_stop: asked after each batch.
        on_progress: called after each batch.

    Raises:
        NotFound: there is no such change (any more).
    """
    with transaction.atomic():
        if change_leases.give_up(change_id):
            ended = ModelChange.objects.get(pk=change_id)
            record("failed", ended, ended.started_by, reason=ended.error)
    lease = change_leases.claim(change_id)
    if lease is not None:
        with lease:
            _run(lease, _Limits(max_batches, should_stop, on_progress))
    change = ModelChange.objects.filter(pk=change_id).first()
    if change is None:
        raise NotFound
    return change


class _Stopped(Exception):
    """The caller's limit is reached."""


class _Limits:
    """When a run stops although the change has not ended."""

    def __init__(
        self, max_batches: int | None, should_stop: Callable[[], bool], on_progress: Progress
    ) -> None:
        self._left = max_batches
        self._should_stop = should_stop
        self._on_progress = on_progress

    def after_batch(self, change_id: int) -> None:
        change = ModelChange.objects.filter(pk=change_id).first()
        if change is not None:
            self._on_progress(change)
        if self._left is not None:
            self._left -= 1
        if self._left == 0 or self._should_stop():
            raise _Stopped


def _run(lease: ChangeLease, limits: _Limits) -> None:
    try:
        _advance(lease, limits)
    except (_Stopped, LeaseLost):
        return
    except OperationalError:
        # The database is busy or away: the sweeper has the change taken up again.
        logger.warning("model change interrupted", exc_info=True)
    except Exception as error:  # the edge: recorded on the row and shown
        logger.error("model change failed", exc_info=error)
        _end(lease, ModelChange.Status.FAILED, "failed", error=_sentence(error))


def _advance(lease: ChangeLease, limits: _Limits) -> None:
    change = reembedding.mark(lease)
    prune_unneeded(change.organization_id)  # of an earlier change
    _build(lease, limits)
    change = reembedding.mark_ready(lease)
    passing(FaultPoint.REEMBED_COMPLETE)
    get_vector_index().prepare(change.organization_id, change.model)
    if change.switch_when_ready and _is_good_enough(lease, change):
        _switch(lease, limits)


def _build(lease: ChangeLease, limits: _Limits) -> None:
    """Embed until no chunk lacks its vector."""
    while (written := reembedding.embed_next(lease)) is not None:
        if written:
            limits.after_batch(lease.change_id)


def _is_good_enough(lease: ChangeLease, change: ModelChange) -> bool:
    """Compare both models on the evaluation set, where there is one; end the change if it fails."""
    questions = evaluation_questions()
    if change.is_rollback or not questions:
        return True
    comparison = compare_models(
        change.organization_id, questions, before=change.previous_model, after=change.model
    )
    change = reembedding.mark(lease, evaluation=asdict(comparison))
    if change.force or not comparison.is_worse(settings.REEMBED_TOLERANCE):
        return True
    _end(
        lease,
        ModelChange.Status.REFUSED,
        "refused",
        error=comparison.verdict(settings.REEMBED_TOLERANCE),
    )
    return False


def _switch(lease: ChangeLease, limits: _Limits) -> None:
    """Catch up with what is published meanwhile, and switch in one step."""
    switched = False
    while not switched:
        _build(lease, limits)
        with transaction.atomic():
            switched = reembedding.switch_index(lease)
            if switched:
                change = ModelChange.objects.get(pk=lease.change_id)
                record(
                    "rolled_back" if change.is_rollback else "switched", change, change.started_by
                )
    passing(FaultPoint.REEMBED_SWITCHED)


def _end(lease: ChangeLease, status: ModelChange.Status, event: str, *, error: str) -> None:
    """End the change without a switch; nothing when it was cancelled meanwhile."""
    try:
        with transaction.atomic():
            change = reembedding.mark(lease, status=status, error=error)
            reembedding.withdraw(change)
            record(event, change, change.started_by, reason=error)
    except LeaseLost:
        return


def _sentence(error: Exception) -> str:
    """Return what an administrator is told; only messages of our own, for others may quote text."""
    if isinstance(error, AppError):
        return error.message
    if isinstance(error, ImproperlyConfigured):
        return str(error)
    return f"It stopped with {type(error).__name__}; the log says more."
