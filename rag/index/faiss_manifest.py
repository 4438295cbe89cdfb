"""What the files of a snapshot are, with a checksum of its own."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

FORMAT = 2


class Damaged(Exception):
    """What lies there is not what was written."""


@dataclass(frozen=True)
class Manifest:
    """What the files of a snapshot are.

    Attributes:
        version, token: of the organization's index when it was written.
        count: vectors.
        written_at: seconds since 1970.
        folder: where the files lie, beside the manifest.
        scales: of the codes, part by part; empty when there are none.
        files: length and SHA-256 of each file.
        checksum: SHA-256 of all other fields.
    """

    version: int
    token: str
    model: str
    dimension: int
    count: int
    written_at: float
    folder: str
    scales: list[float]
    files: dict[str, dict[str, Any]]
    format: int = FORMAT
    checksum: str = ""

    @classmethod
    def read(cls, path: Path) -> Self:
        """Return the manifest in the file.

        Raises:
            FileNotFoundError: there is none.
            Damaged: it is not as it was written.
        """
        try:
            manifest = cls(**json.loads(path.read_text(encoding="utf-8")))
            right = manifest.format == FORMAT and manifest.checksum == manifest._sum()
        except FileNotFoundError:
            raise
        except (OSError, ValueError, TypeError, RecursionError) as error:
            raise Damaged("the manifest cannot be read") from error
        if not right:
            raise Damaged("the manifest is not what was written")
        return manifest

    def text(self) -> str:
        """Return the manifest as JSON with its checksum."""
        return json.dumps({**asdict(self), "checksum": self._sum()}, indent=2)

    def _sum(self) -> str:
        fields = {name: value for name, value in asdict(self).items() if name != "checksum"}
        return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()
