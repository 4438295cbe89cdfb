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

from accounts.models import User
from documents.filenames import display_name
from documents.quotas import Quota, quotas_of
from knowledge.lib.errors import AppError, TooLarge

_REFUSED = "_refused_uploads"
_QUOTAS = "_upload_quotas"


def too_large(filename: str) -> TooLarge:
    """Return the error that names the file and the limit."""
    limit = settings.MAX_UPLOAD_BYTES
    shown = filesizeformat(limit).replace("\xa0", " ")
    return TooLarge(
        f"“{display_name(filename)}” is larger than {shown}, the most that is accepted.",
        details={"limit_bytes": limit, "limit_name": "MAX_UPLOAD_BYTES"},
    )


def oversized(request: HttpRequest) -> list[AppError]:
    """Return an error for each file of the (parsed) request that was cut off at a limit."""
    return list(refused_fields(request).values())


def refused_fields(request: HttpRequest) -> dict[str, AppError]:
    """Return the same by the name of the field that the file came in."""
    refused: dict[str, AppError] = getattr(request, _REFUSED, {})
    return refused


class UploadLimitHandler(FileUploadHandler):
    """Counts the bytes of each file, and drops one that passes a limit while it arrives.

    The limits are `MAX_UPLOAD_BYTES`, and the bytes that person and organization have left. It
    notes the error on the request rather than raising: the parser runs inside middleware, where an
    error would become a 500, and the fields that follow the file (the CSRF token) still count.
    """

    _received = 0

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self._received = 0

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        self._received += len(raw_data)
        if (refusal := self._refusal()) is not None:
            refused = vars(self.request).setdefault(_REFUSED, {})
            # Several files may come in one field; a script's name is no key to rely on.
            refused[self._free_key(refused)] = refusal
            raise SkipFile
        return raw_data

    def _refusal(self) -> AppError | None:
        if self._received > settings.MAX_UPLOAD_BYTES:
            return too_large(self.file_name or "")
        for quota in self._quotas():
            # Whether it is a document more is known later: it may be the next version of one.
            if quota.is_bytes and quota.left < self._received:
                return quota.refusal()
        return None

    def _quotas(self) -> list[Quota]:
        """Return what the person has left as this request began; the exact check comes later."""
        known = vars(self.request)
        if _QUOTAS not in known:
            user = getattr(self.request, "user", None)
            known[_QUOTAS] = quotas_of(user) if isinstance(user, User) else []
        quotas: list[Quota] = known[_QUOTAS]
        return quotas

    def _free_key(self, refused: dict[str, AppError]) -> str:
        name = self.field_name or ""
        return name if name not in refused else f"{name} {len(refused)}"

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
