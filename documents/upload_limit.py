"""Receives files: stops one that is too large while it arrives, and leaves none of them behind."""

from tempfile import TemporaryFile
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import (
    FileUploadHandler,
    SkipFile,
    TemporaryFileUploadHandler,
)
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat

from documents.filenames import display_name
from knowledge.lib.errors import TooLarge

_OVERSIZED = "_oversized_uploads"


def too_large(filename: str) -> TooLarge:
    """Return the error that names the file and the limit."""
    limit = settings.MAX_UPLOAD_BYTES
    shown = filesizeformat(limit).replace("\xa0", " ")
    return TooLarge(
        f"“{display_name(filename)}” is larger than {shown}, the most that is accepted.",
        details={"limit_bytes": limit},
    )


def oversized(request: HttpRequest) -> list[TooLarge]:
    """Return an error for each file of the (parsed) request that was cut off at the limit."""
    names: list[str] = getattr(request, _OVERSIZED, [])
    return [too_large(name) for name in names]


class UploadLimitHandler(FileUploadHandler):
    """Counts the bytes of each file and drops one that passes `MAX_UPLOAD_BYTES`.

    It notes the name on the request rather than raising: the parser runs inside middleware, where
    an error would become a 500, and the fields that follow the file (the CSRF token) still count.
    """

    _received = 0

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self._received = 0

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        self._received += len(raw_data)
        if self._received > settings.MAX_UPLOAD_BYTES:
            names = vars(self.request).setdefault(_OVERSIZED, [])
            names.append(self.file_name or "")
            raise SkipFile
        return raw_data

    def file_complete(self, file_size: int) -> "UploadedFile[bytes] | None":
        return None


class UnnamedFileUploadHandler(TemporaryFileUploadHandler):
    """Receives a large file into one without a name, which goes with the process.

    Django's own has a name in the temporary folder, and would stay there when the server is killed.
    """

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        FileUploadHandler.new_file(self, *args, **kwargs)
        self.file: UploadedFile[bytes] = UploadedFile(  # type: ignore[assignment]
            TemporaryFile(dir=settings.FILE_UPLOAD_TEMP_DIR),  # noqa: SIM115  closed by its request
            self.file_name,
            self.content_type,
            0,
            self.charset,
            self.content_type_extra,
        )

    def upload_interrupted(self) -> None:
        if hasattr(self, "file"):
            self.file.close()
