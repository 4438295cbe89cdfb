"""What every extractor gives: the text of each page, in reading order."""

import datetime
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Heading:
    """A heading inside a page's text.

    Attributes:
        offset: where it begins, in characters of the page's text.
        level: 1 is the highest.
        title: its words.
    """

    offset: int
    level: int
    title: str


@dataclass(frozen=True)
class ExtractedPage:
    """One page.

    Attributes:
        number: from 1, the file's own where it has pages.
        text: NFC, without control characters. A line ended by `\\n` stands alone (a heading, a
            list item, a table row); the lines of one paragraph are joined; a blank line separates
            paragraphs. Whoever cuts sentences may rely on it.
        headings: in order of offset.
    """

    number: int
    text: str
    headings: tuple[Heading, ...] = ()


@dataclass(frozen=True)
class Attachment:
    """A file inside a file, which may become a document of its own.

    Attributes:
        name: as the file calls it: shown, looked at for its extension, never used as a path.
        content: its bytes, unread.
    """

    name: str
    content: bytes


@dataclass(frozen=True)
class ExtractedDocument:
    """The text of a file.

    Attributes:
        pages: in order, numbered from 1.
        title: what the file calls itself, "" where it does not.
        warnings: sentences for the user about what could not be read.
        attachments: files inside it, as far as the limits allow.
        scans: numbers of the pages that are pictures of text, which nobody has read yet.
        dated_on: when the file says that it was changed last, None where it does not.
    """

    pages: tuple[ExtractedPage, ...]
    title: str = ""
    warnings: tuple[str, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    scans: tuple[int, ...] = ()
    dated_on: datetime.date | None = None


@dataclass(frozen=True)
class Limits:
    """How much one file may give; an extractor stops as soon as it is passed.

    Attributes:
        pages: at most so many.
        characters: over all pages.
        attachments: files inside the file that are handed on.
        attachment_bytes: of all of them together.
    """

    pages: int
    characters: int
    attachments: int = 0
    attachment_bytes: int = 0


class Extractor(ABC):
    """Reads one format; runs in the child process, without Django."""

    def warm_up(self) -> None:  # noqa: B027  # most need nothing
        """Do now, before children are forked, what every file would need to be done."""

    @abstractmethod
    def extract(self, path: Path, limits: Limits) -> ExtractedDocument:
        """Return the file's text.

        Raises:
            ExtractionError: the file can't be read; the message tells the user what to do.
        """

    def picture(self, path: Path, page: int) -> bytes:
        """Return a page as a grey picture (PGM) to recognize text in.

        Asked only for the pages that `extract` has called scans.

        Raises:
            ExtractionError: it can't be drawn.
        """
        raise NotImplementedError
