"""What the child process says to its parent: JSON of a bounded length, believed in nothing.

SECURITY: the child has parsed a hostile file and may say anything, so that everything is checked
here, and nothing is unpickled.
"""

import json
import re
import struct
from typing import Any

from documents.extraction.base import ExtractedDocument, ExtractedPage, Heading, Limits
from documents.extraction.errors import ExtractionError

LENGTH = struct.Struct(">Q")
_MOST_HEADINGS_PER_PAGE = 20_000
_LONGEST_MESSAGE = 500
_LONGEST_CAUSE = 200
_NOT_TEXT = re.compile("[\x00\ud800-\udfff]")


class WireError(Exception):
    """The child's answer is not what a child may say."""


def longest_answer(limits: Limits) -> int:
    """Return the most bytes that an honest answer has."""
    # At most 4 bytes a character of text, each heading's title is in the text, its frame is short.
    return 1024 * 1024 + 16 * limits.characters + 200 * limits.pages


def encode_document(document: ExtractedDocument) -> bytes:
    """Return the bytes for a text."""
    pages = [
        [page.number, page.text, [[h.offset, h.level, h.title] for h in page.headings]]
        for page in document.pages
    ]
    return _encode({"title": document.title, "pages": pages})


def encode_error(error: ExtractionError, *, cause: str = "") -> bytes:
    """Return the bytes for a failure; the cause is for the log."""
    failure = {
        "message": error.message,
        "code": error.code,
        "may_pass": error.may_pass,
        "cause": cause[:_LONGEST_CAUSE],
    }
    return _encode({"error": failure})


def decode(data: bytes, limits: Limits) -> ExtractedDocument:
    """Return the text.

    Raises:
        ExtractionError: the failure that the child reports.
        WireError: it says something else, or more than the limits allow.
    """
    try:
        answer = json.loads(data.decode("utf-8"))
        if "error" in answer:
            raise _failure(answer["error"])
        return _document(answer, limits)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise WireError(str(error)[:200]) from error


def _encode(answer: dict[str, Any]) -> bytes:
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode(
        "utf-8", errors="replace"
    )


def _failure(said: Any) -> ExtractionError:
    error = ExtractionError(
        _text(said["message"], _LONGEST_MESSAGE),
        code=_text(said["code"], 40),
        may_pass=said["may_pass"] is True,
    )
    if cause := _text(said["cause"], _LONGEST_CAUSE):
        error.add_note(cause)
    return error


def _document(said: Any, limits: Limits) -> ExtractedDocument:
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
    return ExtractedDocument(tuple(pages), _text(said["title"], 1_000))


def _heading(said: Any, text: str) -> Heading:
    offset, level, title = said
    if type(offset) is not int or type(level) is not int or not 0 <= offset <= len(text):
        raise ValueError("heading")
    return Heading(offset, min(max(level, 1), 9), _text(title, 20_000))


def _text(said: Any, longest: int) -> str:
    if not isinstance(said, str) or len(said) > longest or _NOT_TEXT.search(said):
        raise ValueError("text")
    return said
