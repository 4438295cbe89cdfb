"""Start-up checks of the settings that `documents` depends on."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

_UPLOAD_LIMIT = "documents.upload_limit.UploadLimitHandler"


@register()
def check_chunking(**kwargs: Any) -> list[CheckMessage]:
    """Chunks that overlap by their whole length would never end."""
    if settings.CHUNK_OVERLAP < settings.CHUNK_SIZE:
        return []
    return [
        Error("CHUNK_OVERLAP must be less than CHUNK_SIZE.", id="documents.E001"),
    ]


@register()
def check_upload_limit(**kwargs: Any) -> list[CheckMessage]:
    """The limit only holds where its handler comes before those that keep the bytes."""
    if settings.FILE_UPLOAD_HANDLERS[:1] == [_UPLOAD_LIMIT]:
        return []
    return [Error(f"FILE_UPLOAD_HANDLERS must begin with {_UPLOAD_LIMIT}.", id="documents.E002")]
