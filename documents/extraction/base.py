"""What every extractor gives: the text of each page, in reading order."""

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
        text: NFC, lines ended by `\\n`, without control characters.
        headings: in order of offset.
    """

    number: int
    text: str
    headings: tuple[Heading, ...] = ()


@dataclass(frozen=True)
class ExtractedDocument:
    """The text of a file."""

    pages: tuple[ExtractedPage, ...]
    title: str = ""


class Extractor(ABC):
    """Reads one format; runs in the child process, without Django.

    Attributes:
        extensions: lower case, without dot; the first is the usual one.
        content_type: the media type that the format is stored and served under.
    """

    extensions: tuple[str, ...]
    content_type: str

    @abstractmethod
    def extract(self, path: Path) -> ExtractedDocument:
        """Return the file's text.

        Raises:
            ExtractionError: the file can't be read; the message tells the user what to do.
        """
