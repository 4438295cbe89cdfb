"""Lays out an e-mail message: who wrote what to whom and when, its text, its attachments."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from documents.extraction.base import Attachment, ExtractedDocument, Limits
from documents.extraction.cleaning import squeeze
from documents.extraction.errors import ExtractionError
from documents.extraction.html import write_html
from documents.extraction.rtf import write_rtf
from documents.extraction.text import write_text
from documents.extraction.writer import DocumentWriter

_PGP = "-----BEGIN PGP MESSAGE-----"
_LONG_LINK = re.compile(r" ?<https?://[^<>\s]{60,}>")
"""What mail programs put beside a word that was a link; nobody reads it."""
_SEALED = ("smime.p7m", ".pgp-encrypted")
_LONGEST_NAME = 255
_MOST_NAMED = 20


@dataclass
class Message:
    """A message, as far as it can be read.

    Attributes:
        subject: "" without one.
        fields: what stands above its text: ("From", "Ana <ana@example.org>").
        plain, html, rtf: its text; the first of them that says anything is taken.
        attachments: in the order of the file.
        unread: names of attachments whose bytes can't be taken out.
    """

    subject: str = ""
    fields: list[tuple[str, str]] = field(default_factory=list)
    plain: str = ""
    html: str = ""
    rtf: bytes = b""
    attachments: list[Attachment] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)


def laid_out(message: Message, limits: Limits) -> ExtractedDocument:
    """Return the message as a document.

    Raises:
        ExtractionError: it is encrypted, or nothing is in it.
    """
    if _is_encrypted(message):
        raise encrypted_message()
    writer = DocumentWriter(limits)
    writer.heading(message.subject, 1)
    writer.rows(f"{name}: {squeeze(value)}" for name, value in message.fields if squeeze(value))
    kept = list(_within(message.attachments, limits))
    names = [attached.name for attached in message.attachments] + message.unread
    if names:
        writer.line(f"Attachments: {_listed(names)}")
    writer.gap()
    if message.plain.strip():
        write_text(writer, _LONG_LINK.sub("", message.plain))
    elif message.html.strip():
        write_html(writer, message.html)
    elif message.rtf:
        write_rtf(writer, message.rtf)
    left = [attached.name for attached in message.attachments[len(kept) :]] + message.unread
    if left:
        writer.warn(
            f"Attachments that were not read: {_listed(left, most=5)}. Save them from the message "
            "and upload them by themselves."
        )
    return writer.document(message.subject, attachments=kept)


def encrypted_message() -> ExtractionError:
    """Return the error of a message that only its recipient's key opens."""
    return ExtractionError(
        "This message is encrypted. Open it in your mail program, save its text (as PDF or text) "
        "and upload that.",
        code="encrypted",
    )


def attachment_name(name: str, default: str) -> str:
    """Return a name to show: of one line and bounded length, the end of a longer one kept."""
    shown = squeeze(name).replace("\\", "/").rpartition("/")[2] or default
    return shown if len(shown) <= _LONGEST_NAME else "…" + shown[1 - _LONGEST_NAME :]


def unflowed(text: str) -> str:
    """Join the lines of a text in the format "flowed" (RFC 3676): those that end in a space."""
    lines = text.replace("\r\n", "\n").split("\n")
    pieces = []
    for line, following in pairwise([*lines, ""]):
        goes_on = line.endswith(" ") and line != "-- " and following.strip()
        pieces.append(line if goes_on and line[:1] != ">" else line + "\n")
    return "".join(pieces)


def _is_encrypted(message: Message) -> bool:
    """Tell whether the text is somewhere in a part that only a key opens."""
    if message.plain.strip() or message.html.strip():
        return _PGP in message.plain
    return any(
        attached.name.lower().endswith(_SEALED) or _PGP.encode() in attached.content[:1000]
        for attached in message.attachments
    )


def _within(attachments: Iterable[Attachment], limits: Limits) -> Iterable[Attachment]:
    """Yield the first attachments, as many as the limits allow."""
    size = 0
    for number, attached in enumerate(attachments, start=1):
        size += len(attached.content)
        if number > limits.attachments or size > limits.attachment_bytes:
            return
        yield attached


def _listed(names: Sequence[str], *, most: int = _MOST_NAMED) -> str:
    shown = [name if len(name) <= 60 else f"{name[:57]}…" for name in names[:most]]
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(shown) + more
