"""The date of a document: what its text says of itself, or else what its file does."""

import datetime
import re
from collections.abc import Iterator
from dataclasses import replace

from documents.dates import Date, find_dates
from documents.extraction.base import ExtractedDocument
from documents.models import Document

# How far from its beginning and end a document speaks of itself.
_HEAD_CHARACTERS, _FOOT_CHARACTERS = 1_200, 600
_MOST_BETWEEN = 40  # characters between the words that announce a date and the date
_ANNOUNCED = re.compile(
    r"\b(?:(?:last |first )?(?:updated?|reviewed|modified|changed|revised|amended)|in force|"
    r"effective|valid (?:since|from)|approved|adopted|published|issued|released|version|edition|"
    r"revision|date(?=:)|status|as of|as at)(?!\w)",
    re.IGNORECASE,
)
# What is to come says nothing of how old it is.
_TO_COME = re.compile(r"\b(?:next|until|expires?|due|valid to)\b", re.IGNORECASE)
_IS_ROW = re.compile(r" \| |;[^;]*;")
_EARLIEST = datetime.date(1980, 1, 1)
_AHEAD = datetime.timedelta(days=400)  # a policy may be in force from next year


def date_document(document: Document, extracted: ExtractedDocument) -> None:
    """Set the document's own date, from its text or else its file."""
    today = datetime.datetime.now(tz=datetime.UTC).date()
    stated = max((d for d in _stated(extracted) if _EARLIEST <= d <= today + _AHEAD), default=None)
    of_file = extracted.dated_on
    if of_file is not None and not _EARLIEST <= of_file <= today + datetime.timedelta(days=1):
        of_file = None
    document.dated_on = stated or of_file
    if stated:
        document.dated_by = Document.DatedBy.TEXT
    else:
        document.dated_by = Document.DatedBy.FILE if of_file else Document.DatedBy.UPLOAD


def _stated(extracted: ExtractedDocument) -> Iterator[datetime.date]:
    """Yield the dates that the text gives itself, at its beginning or end."""
    head = extracted.pages[0].text[:_HEAD_CHARACTERS]
    foot = extracted.pages[-1].text[-_FOOT_CHARACTERS:]
    for text in (head, foot):
        for found in find_dates(text):
            date = _day(found.readings[0])
            before = text[max(0, found.start - _MOST_BETWEEN) : found.start]
            line = text[text.rfind("\n", 0, found.start) + 1 :].partition("\n")[0]
            if _IS_ROW.search(line):
                continue  # the date of what a row is about
            sentence = re.split(r"\n|(?<=[a-z])\. ", before)[-1]
            if date and _ANNOUNCED.search(sentence) and not _TO_COME.search(sentence):
                yield date


def _day(date: Date) -> datetime.date | None:
    """Return the day, the first of the month where only that is told."""
    return replace(date, day=date.day or 1).as_day()
