"""EML: a message as mail programs send it (RFC 5322 and MIME)."""

import email
import re
from collections.abc import Iterator
from email.header import decode_header
from email.message import Message as Part
from email.policy import compat32
from pathlib import Path

from documents.extraction.base import Attachment, ExtractedDocument, Extractor, Limits
from documents.extraction.cleaning import squeeze
from documents.extraction.encoding import decode
from documents.extraction.errors import damaged
from documents.extraction.message import (
    Message,
    attachment_name,
    encrypted_message,
    laid_out,
    unflowed,
)

_FIELDS = ("From", "To", "Cc", "Date")
_MOST_PARTS = 2_000
_DEEPEST = 100
_FOLDED = re.compile(r"\r?\n[ \t]+")
_ENVELOPED = re.compile(r"enveloped-data|authenveloped", re.IGNORECASE)


class EmlExtractor(Extractor):
    """Reads .eml files.

    The parts are read by the older interface of the standard library, which takes everything; the
    newer one refuses what real messages contain.
    """

    def extract(self, path: Path, limits: Limits) -> ExtractedDocument:
        root = email.message_from_bytes(path.read_bytes().lstrip(), policy=compat32)
        if not any(root.get(name) for name in (*_FIELDS, "Subject", "Received", "Content-Type")):
            raise damaged("e-mail")
        message = Message(subject=_header(root, "Subject"))
        message.fields = [(name, _header(root, name)) for name in _FIELDS]
        for part in _parts(root):
            _take(part, message)
        return laid_out(message, limits)


def _parts(root: Part) -> Iterator[Part]:
    """Yield the parts that hold something, in order; of alternatives all, to choose from later."""
    waiting = [(root, 0)]
    seen = 0
    while waiting and seen < _MOST_PARTS:
        part, depth = waiting.pop()
        seen += 1
        if _is_encrypted(part):
            raise encrypted_message()
        if part.is_multipart() and part.get_content_type() != "message/rfc822":
            if depth < _DEEPEST:
                inside = part.get_payload()
                waiting.extend((found, depth + 1) for found in reversed(inside))  # type: ignore[arg-type]
        else:
            yield part


def _is_encrypted(part: Part) -> bool:
    kind = part.get_content_type()
    if kind == "multipart/encrypted":
        return True
    if kind in ("application/pkcs7-mime", "application/x-pkcs7-mime"):
        said = str(part.get_param("smime-type") or "")
        return not said or _ENVELOPED.search(said) is not None
    return False


def _take(part: Part, message: Message) -> None:
    """Put a part where it belongs: the text, or the attachments."""
    kind = part.get_content_type()
    attached = part.get_content_disposition() == "attachment" or bool(part.get_filename())
    if kind == "message/rfc822":
        inner = part.get_payload()
        whole = inner[0] if isinstance(inner, list) and inner else None
        if isinstance(whole, Part):
            name = attachment_name(f"{_header(whole, 'Subject') or 'message'}.eml", "message.eml")
            message.attachments.append(Attachment(name, whole.as_bytes()))
        return
    data = part.get_payload(decode=True)
    content = data if isinstance(data, bytes) else b""
    if not attached and kind in ("text/plain", "text/html"):
        text = decode(content, part.get_content_charset())
        if kind == "text/html":
            message.html += text
        else:
            flowed = str(part.get_param("format") or "").lower() == "flowed"
            message.plain += (unflowed(text) if flowed else text) + "\n\n"
    elif attached and not _is_decoration(part):
        name = _decoded(part.get_filename() or "")
        message.attachments.append(Attachment(attachment_name(name, "attachment"), content))


def _is_decoration(part: Part) -> bool:
    """Tell whether a picture only stands in the text (a logo), or a part is a signature."""
    kind = part.get_content_type()
    inline = part.get_content_disposition() != "attachment"
    is_picture = part.get_content_maintype() == "image" and part.get("Content-ID") is not None
    return (inline and is_picture) or kind in (
        "application/pkcs7-signature",
        "application/x-pkcs7-signature",
        "application/pgp-signature",
    )


def _header(part: Part, name: str) -> str:
    values = part.get_all(name) or []
    return ", ".join(_decoded(str(value)) for value in values[:20])


def _decoded(value: str) -> str:
    """Return a header's text, whose words may each be in an encoding of their own (RFC 2047)."""
    value = _FOLDED.sub(" ", value)
    if "=?" not in value:
        return squeeze(decode(value.encode("utf-8", errors="surrogateescape")))
    pieces = []
    try:
        words = decode_header(value)
    except (ValueError, LookupError):  # a broken encoded word
        words = [(value, None)]
    for word, charset in words:
        if isinstance(word, bytes):
            pieces.append(decode(word, charset) if charset else word.decode("latin-1"))
        else:
            pieces.append(word)
    return squeeze("".join(pieces))
