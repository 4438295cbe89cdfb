"""What the child process says to its parent: JSON, then attachments; believed in nothing.

SECURITY: the child has parsed a hostile file and may say anything, so that everything is checked
here, and nothing is unpickled.
"""

import contextlib
import datetime
import json
import re
import struct
from collections.abc import Iterator
from typing import Any

from documents.extraction.base import (
    Attachment,
    ExtractedDocument,
    ExtractedPage,
    Heading,
    Limits,
)
from documents.extraction.errors import ExtractionError

LENGTH = struct.Struct(">Q")
_MOST_HEADINGS_PER_PAGE = 20_000
_LONGEST_MESSAGE = 500
_LONGEST_CAUSE = 200
_MOST_WARNINGS = 50
_LONGEST_NAME = 1_000
_NOT_TEXT = re.compile("[\x00\ud800-\udfff]")


class WireError(Exception):
    """The child's answer is not what a child may say."""


def longest_answer(limits: Limits) -> int:
    """Return the most bytes that an honest answer has."""
    # At most 4 bytes a character of text, each heading's title is in the text, its frame is short.
    return 1024 * 1024 + 16 * limits.characters + 200 * limits.pages + limits.attachment_bytes


def encode_document(document: ExtractedDocument) -> bytes:
    """Return the bytes for a text; the contents of attachments follow the JSON."""
    pages = [
        [page.number, page.text, [[h.offset, h.level, h.title] for h in page.headings]]
        for page in document.pages
    ]
    said = {
        "title": document.title,
        "pages": pages,
        "warnings": [said[:_LONGEST_MESSAGE] for said in document.warnings[:_MOST_WARNINGS]],
        "attachments": [
            [attached.name[:_LONGEST_NAME], len(attached.content)]
            for attached in document.attachments
        ],
        "scans": document.scans,
        "dated_on": document.dated_on.isoformat() if document.dated_on else "",
    }
    return encode(said) + b"".join(attached.content for attached in document.attachments)


def encode_picture(picture: bytes) -> bytes:
    """Return the bytes for a page's picture."""
    return encode({"picture": len(picture)}) + picture


def encode_error(error: ExtractionError, *, cause: str = "") -> bytes:
    """Return the bytes for a failure; the cause is for the log."""
    failure = {
        "message": error.message,
        "code": error.code,
        "may_pass": error.may_pass,
        "cause": cause[:_LONGEST_CAUSE],
    }
    return encode({"error": failure})


def decode(data: bytes, limits: Limits) -> ExtractedDocument:
    """Return the text.

    Raises:
        ExtractionError: the failure that the child reports.
        WireError: it says something else, or more than the limits allow.
    """
    with checked():
        answer, contents = split(data)
        document = _document(answer, contents, limits)
    return document


def decode_picture(data: bytes) -> bytes:
    """Return a page's picture.

    Raises:
        ExtractionError: the failure that the child reports.
        WireError: it says something else.
    """
    with checked():
        answer, picture = split(data)
        if answer["picture"] != len(picture):
            raise ValueError("picture")
    return picture


@contextlib.contextmanager
def checked() -> Iterator[None]:
    """Turn what fails in the block because of a strange answer into a WireError."""
    try:
        yield
    except (ValueError, KeyError, TypeError, RecursionError, struct.error) as error:
        raise WireError(str(error)[:200]) from error


def split(data: bytes) -> tuple[Any, bytes]:
    """Return an answer's JSON and the bytes behind it; call it in `checked`.

    Raises:
        ExtractionError: the failure that the child reports.
    """
    end = LENGTH.size + LENGTH.unpack_from(data)[0]
    answer = json.loads(data[LENGTH.size : end].decode("utf-8"))
    if "error" in answer:
        raise _failure(answer["error"])
    return answer, data[end:]


def encode(answer: dict[str, Any]) -> bytes:
    """Return the bytes of an answer's JSON; other bytes may follow them."""
    said = json.dumps(answer, ensure_ascii=False, separators=(",", ":"))
    data = said.encode("utf-8", errors="replace")
    return LENGTH.pack(len(data)) + data


def _failure(said: Any) -> ExtractionError:
    error = ExtractionError(
        _text(said["message"], _LONGEST_MESSAGE),
        code=_text(said["code"], 40),
        may_pass=said["may_pass"] is True,
    )
    if cause := _text(said["cause"], _LONGEST_CAUSE):
        error.add_note(cause)
    return error


def _document(said: Any, contents: bytes, limits: Limits) -> ExtractedDocument:
    if not 0 < len(said["pages"]) <= limits.pages:
        raise ValueError("number of pages")
    left = limits.characters * 2  # line ends and marks come on top of what is counted
    pages = []
    for expected, (number, said_text, headings) in enumerate(said["pages"], start=1):
        if number != expected or len(headings) > _MOST_HEADINGS_PER_PAGE:
            raise ValueError("page")
        text = _text(said_text, left)
        left -= len(text)
        pages.append(ExtractedPage(expected, text, tuple(_heading(h, text) for h in headings)))
    if len(said["warnings"]) > _MOST_WARNINGS:
        raise ValueError("warnings")
    return ExtractedDocument(
        pages=tuple(pages),
        title=_text(said["title"], 1_000),
        warnings=tuple(_text(warning, _LONGEST_MESSAGE) for warning in said["warnings"]),
        attachments=tuple(_attachments(said["attachments"], contents, limits)),
        scans=tuple(_scans(said["scans"], len(pages))),
        dated_on=_date(said["dated_on"]),
    )


def _date(said: Any) -> datetime.date | None:
    text = _text(said, 10)
    return datetime.date.fromisoformat(text) if text else None


def _attachments(said: Any, contents: bytes, limits: Limits) -> Iterator[Attachment]:
    """Yield the attachments, whose contents stand one behind the other."""
    if len(said) > limits.attachments or len(contents) > limits.attachment_bytes:
        raise ValueError("attachments")
    start = 0
    for name, size in said:
        if type(size) is not int or not 0 <= size <= len(contents) - start:
            raise ValueError("attachment")
        yield Attachment(_text(name, _LONGEST_NAME), contents[start : start + size])
        start += size
    if start != len(contents):
        raise ValueError("attachments")


def _scans(said: Any, pages: int) -> Iterator[int]:
    for number in sorted(set(said)):
        if type(number) is not int or not 1 <= number <= pages:
            raise ValueError("scan")
        yield number


def _heading(said: Any, text: str) -> Heading:
    offset, level, title = said
    if type(offset) is not int or type(level) is not int or not 0 <= offset <= len(text):
        raise ValueError("heading")
    return Heading(offset, min(max(level, 1), 9), _text(title, 20_000))


def _text(said: Any, longest: int) -> str:
    if not isinstance(said, str) or len(said) > longest or _NOT_TEXT.search(said):
        raise ValueError("text")
    return said
