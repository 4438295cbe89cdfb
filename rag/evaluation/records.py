"""Keeps what evaluations found, with all that it depends on."""

import subprocess  # nosec B404  # each use says why
import tomllib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction

from accounts.models import Organization
from rag.models import EvaluationOutcome, EvaluationRun

# Settings that figures depend on; one that this version does not have is left out.
_SETTINGS = (
    *("CHUNK_SIZE", "CHUNK_OVERLAP", "EMBEDDING_PRECISION", "VECTOR_INDEX", "LEXICAL_INDEX"),
    *("VECTOR_EXACT_ROWS", "RETRIEVAL_TOP_K", "RERANKER_MODEL", "LLM_PROVIDER", "LLM_MODEL"),
    *("LLM_TEMPERATURE", "LLM_MAX_TOKENS", "LLM_CONTEXT_CHARACTERS", "LLM_JUDGE"),
    *("ANSWER_PROMPT", "CONDENSE_PROMPT", "OCR_LANGUAGES"),
)


@dataclass(frozen=True)
class Outcome:
    """One question's, as it is kept.

    Attributes:
        score: from 0 to 1.
        details: JSON-ready.
    """

    key: str
    question: str
    score: float
    details: Mapping[str, Any]


@transaction.atomic
def keep_run(
    *,
    kind: str,
    data_set: str,
    digest: str,
    options: Mapping[str, Any],
    metrics: Mapping[str, float | None],
    outcomes: Iterable[Outcome],
    embedding_model: str | None = None,
    answer_model: str = "",
    prompt_version: str = "",
    organization: Organization | None = None,
) -> EvaluationRun:
    """Store a run with the outcome of each question.

    Args:
        embedding_model: by default the configured one, which new organizations have.
        organization: whose own cases were asked; None for a data set from files.
    """
    run = EvaluationRun.objects.create(
        organization=organization,
        kind=kind,
        data_set=data_set[:200],
        data_set_sha256=digest,
        options=dict(options),
        metrics=dict(metrics),
        embedding_model=embedding_model or settings.EMBEDDING_MODEL,
        answer_model=answer_model,
        prompt_version=prompt_version,
        parameters={name: getattr(settings, name) for name in _SETTINGS if hasattr(settings, name)},
        version=product_version(),
        revision=git_revision(),
    )
    EvaluationOutcome.objects.bulk_create(
        EvaluationOutcome(
            run=run,
            key=outcome.key[:200],
            question=outcome.question,
            score=outcome.score,
            details=dict(outcome.details),
        )
        for outcome in outcomes
    )
    return run


def product_version() -> str:
    """Return the product's version, as its project file says."""
    with suppress(OSError, tomllib.TOMLDecodeError, KeyError):
        project = tomllib.loads((Path(settings.BASE_DIR) / "pyproject.toml").read_text())
        return str(project["project"]["version"])
    return ""


def git_revision() -> str:
    """Return the revision of the code, with a + when it was changed since; empty without git."""
    with suppress(OSError, subprocess.SubprocessError):
        revision = _git("rev-parse", "HEAD")
        return f"{revision[:12]}+" if _git("status", "--porcelain") else revision[:12]
    return ""


def _git(*arguments: str) -> str:
    done = subprocess.run(  # noqa: S603  # nosec B603, B607  # whichever git is on the path
        ["git", *arguments],  # noqa: S607
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        timeout=10,
        check=True,
    )
    return done.stdout.strip()
