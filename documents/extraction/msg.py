"""MSG: a message as Outlook saves it, in an OLE file ([MS-OXMSG])."""

import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path

import olefile

from documents.extraction.base import Attachment, ExtractedDocument, Extractor, Limits
from documents.extraction.encoding import decode
from documents.extraction.errors import ExtractionError, damaged
from documents.extraction.message import Message, attachment_name, encrypted_message, laid_out
from documents.extraction.rtf_compressed import unpacked

_PROPERTIES = "__properties_version1.0"
_FOLDERS = {"": 32, "__attach": 8, "__recip": 8}  # bytes before the first property
_UNICODE, _BYTES, _BINARY = "001F", "001E", "0102"
# Property ids of [MS-OXPROPS].
_CLASS, _SUBJECT, _BODY, _HTML, _RTF = "001A", "0037", "1000", "1013", "1009"
_SENDER, _SENDER_SMTP, _SENDER_ADDRESS = "0C1A", "5D01", "0C1F"
_TO, _CC = "0E04", "0E03"
_SENT, _RECEIVED = 0x00390040, 0x0E060040
_CODE_PAGES = (0x3FDE0003, 0x3FFD0003)
_FILE_DATA, _LONG_NAME, _SHORT_NAME, _SHOWN_NAME = "3701", "3707", "3704", "3001"
_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
_MOST_ATTACHMENTS = 1_000
_UTF8 = 65001
_BROKEN = (OSError, ValueError, IndexError, KeyError, TypeError, AttributeError, struct.error,
           OverflowError)  # fmt: skip


class MsgExtractor(Extractor):
    """Reads .msg files."""

    def extract(self, path: Path, limits: Limits) -> ExtractedDocument:
        try:
            with olefile.OleFileIO(path) as ole:
                if not ole.exists(_PROPERTIES):
                    raise damaged("Outlook message")
                message = _message(_Storage(ole, ""))
        except ExtractionError:
            raise
        except _BROKEN as error:
            raise damaged("Outlook message") from error
        return laid_out(message, limits)


class _Storage:
    """The properties of a message, or of a thing in it.

    Args:
        ole: the file.
        folder: "" for the message.
    """

    def __init__(self, ole: olefile.OleFileIO, folder: str) -> None:
        self.ole = ole
        self._folder = folder
        head = next(size for name, size in reversed(_FOLDERS.items()) if folder.startswith(name))
        data = self._stream(_PROPERTIES) or b""
        self._fixed = {
            struct.unpack_from("<I", data, place)[0]: data[place + 8 : place + 16]
            for place in range(head, len(data) - 15, 16)
        }

    def text(self, id: str) -> str:
        """Return a property that is text, in whichever form the file holds it."""
        data = self._stream(f"__substg1.0_{id}{_UNICODE}")
        if data is not None:
            return data.decode("utf-16-le", errors="replace").rstrip("\0")
        data = self._stream(f"__substg1.0_{id}{_BYTES}")
        return "" if data is None else decode(data.rstrip(b"\0"), self._charset())

    def html(self) -> str:
        data = self.binary(_HTML)
        return self.text(_HTML) if data is None else decode(data, self._charset())

    def binary(self, id: str) -> bytes | None:
        return self._stream(f"__substg1.0_{id}{_BINARY}")

    def time(self, *tags: int) -> str:
        """Return the first of these moments that is set, in UTC."""
        for tag in tags:
            if (value := self._fixed.get(tag)) is not None:
                microseconds = struct.unpack("<Q", value)[0] // 10
                moment = _EPOCH + timedelta(microseconds=microseconds)
                return moment.strftime("%Y-%m-%d %H:%M UTC")
        return ""

    def _charset(self) -> str:
        for tag in _CODE_PAGES:
            if (value := self._fixed.get(tag)) is not None:
                page = struct.unpack_from("<I", value)[0]
                return "utf-8" if page == _UTF8 else f"cp{page}"
        return "cp1252"

    def _stream(self, name: str) -> bytes | None:
        path = f"{self._folder}/{name}" if self._folder else name
        if not self.ole.exists(path) or self.ole.get_type(path) != olefile.STGTY_STREAM:
            return None
        data: bytes = self.ole.openstream(path).read()
        return data


def _message(storage: _Storage) -> Message:
    if "SMIME" in storage.text(_CLASS).upper() and "MULTIPART" not in storage.text(_CLASS).upper():
        raise encrypted_message()
    message = Message(subject=storage.text(_SUBJECT))
    message.fields = [
        ("From", _sender(storage)),
        ("To", storage.text(_TO)),
        ("Cc", storage.text(_CC)),
        ("Date", storage.time(_SENT, _RECEIVED)),
    ]
    message.plain = storage.text(_BODY)
    if not message.plain.strip():
        message.html = storage.html()
    if not (message.plain.strip() or message.html.strip()):
        packed = storage.binary(_RTF)
        message.rtf = unpacked(packed) if packed else b""
    _take_attachments(storage, message)
    return message


def _sender(storage: _Storage) -> str:
    name = storage.text(_SENDER)
    address = storage.text(_SENDER_SMTP) or storage.text(_SENDER_ADDRESS)
    if "@" not in address or address == name:
        return name or address
    return f"{name} <{address}>" if name else address


def _take_attachments(storage: _Storage, message: Message) -> None:
    folders = sorted(
        {entry[0] for entry in storage.ole.listdir() if entry[0].startswith("__attach")}
    )
    for folder in folders[:_MOST_ATTACHMENTS]:
        attached = _Storage(storage.ole, folder)
        texts = (attached.text(id) for id in (_LONG_NAME, _SHORT_NAME, _SHOWN_NAME))
        name = attachment_name(next(filter(None, texts), ""), "attachment")
        data = attached.binary(_FILE_DATA)
        if data is not None:
            message.attachments.append(Attachment(name, data))
        else:  # a message, whose parts would have to be written as a file anew
            message.unread.append(name)
