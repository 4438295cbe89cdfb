"""The files that a browser announces before it sends them: what it says of each, made safe."""

import hashlib
from dataclasses import dataclass

from documents.filenames import display_name
from knowledge.lib.errors import InvalidInput

MOST_ANNOUNCED = 500
"""Files in one call of `expect_files`."""
_LONGEST_PATH = 1000


@dataclass(frozen=True)
class Announced:
    """A file that a browser is going to send.

    Attributes:
        path: inside the folder, as the browser gives it; anything may come.
        size: bytes.
        modified: milliseconds since 1970; with the size it tells whether the file is the same.
    """

    path: str
    size: int
    modified: int

    @property
    def key(self) -> str:
        """Return what tells files of an upload apart, however alike their paths look."""
        # Anything may stand in a name, halves of characters too.
        return hashlib.sha256(self.path.encode("utf-8", "surrogatepass")).hexdigest()

    @property
    def shown_path(self) -> str:
        """Return the path for display: each part cleaned, the beginning of a long one cut off."""
        given = self.path.replace("\\", "/").split("/")
        parts = [display_name(part) for part in given if part.strip(" .")]
        path = "/".join(parts) or display_name("")
        return path if len(path) <= _LONGEST_PATH else f"…{path[-_LONGEST_PATH + 1 :]}"


def announced(files: object) -> list[Announced]:
    """Return the files that a browser's JSON names.

    Raises:
        InvalidInput: it is not of the agreed form, or too long.
    """
    try:
        if not isinstance(files, list) or len(files) > MOST_ANNOUNCED:
            raise ValueError
        return [
            Announced(str(file["path"]), _bounded(file["size"]), _bounded(file["modified"]))
            for file in files
        ]
    except (KeyError, TypeError, ValueError):
        raise InvalidInput(
            f"`files` is a list of at most {MOST_ANNOUNCED} objects with path, size and modified."
        ) from None


def _bounded(number: object) -> int:
    if type(number) is not int:
        raise ValueError
    return max(0, min(number, 2**53))
