"""What a check found: figures and faults, the same for the command, the API and Django admin."""

import datetime
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from rag.index.base import IndexHealth
from rag.integrity.faults import Finding


@dataclass(frozen=True)
class Figures:
    """How much there is of everything in one organization.

    Attributes:
        model: that queries use.
        dimension: of its vectors; None where the model is not configured.
        version: of the index, in the database.
        documents: completed ones.
        unembedded: chunks of them without an embedding of the model.
        other_models: vectors of known models that are not in use, kept or in the making.
        wrong_model: vectors of models that nobody knows.
        vector: this process's copy, against the rows; None where the model is not configured.
        is_settled: False when so much was published meanwhile that `vector` says nothing.
    """

    model: str
    dimension: int | None
    version: int
    documents: int
    chunks: int
    embeddings: int
    unembedded: int
    other_models: Mapping[str, int]
    wrong_model: int
    wrong_dimension: int
    not_finite: int
    not_unit_length: int
    documents_past_lease: int
    vector: IndexHealth | None
    is_settled: bool
    lexical: IndexHealth


@dataclass(frozen=True)
class FileFigures:
    """How stored files and rows stand to one another.

    Attributes:
        stored: None where the storage holds files of several organizations.
        recent_without_rows: no fault yet: younger than a day.
        set_aside: in the folder without-row/.
    """

    stored: int | None
    without_rows: int
    recent_without_rows: int
    rows_without_files: int
    other_size: int
    set_aside: int


@dataclass(frozen=True)
class Report:
    """One check.

    Attributes:
        organization_id: None for what belongs to none of several organizations.
        is_thorough: whether the inner structure of the index of words was checked too.
        figures: None without an organization.
    """

    organization_id: uuid.UUID | None
    organization: str
    checked_at: datetime.datetime
    took_ms: int
    is_thorough: bool
    figures: Figures | None
    files: FileFigures
    findings: tuple[Finding, ...]

    @property
    def is_consistent(self) -> bool:
        """Whether no fault was found."""
        return not self.findings

    def as_json(self) -> dict[str, Any]:
        """Return it as scripts get it."""
        return {
            "organization_id": str(self.organization_id) if self.organization_id else None,
            "organization": self.organization,
            "checked_at": self.checked_at.isoformat(),
            "took_ms": self.took_ms,
            "thorough": self.is_thorough,
            "consistent": self.is_consistent,
            **(_plain(self.figures) if self.figures else {}),
            "files": asdict(self.files),
            "findings": [finding_as_json(finding) for finding in self.findings],
        }


def finding_as_json(finding: Finding) -> dict[str, Any]:
    """Return a finding as scripts get it."""
    return {
        "kind": finding.kind.value,
        "count": finding.count,
        "examples": list(finding.examples),
        "message": finding.message,
        "repairable": finding.repairable,
        "advice": finding.advice,
    }


def _plain(figures: Figures) -> dict[str, Any]:
    values = asdict(figures)
    values["settled"] = values.pop("is_settled")
    for part in ("vector", "lexical"):
        if values[part] is not None:
            values[part].pop("examples")
    return values
