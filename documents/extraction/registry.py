"""Which formats are read: a line each, how a file is known to be of one, and its extractor."""

import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import PurePath
from typing import BinaryIO

from documents.extraction.base import Extractor
from documents.extraction.signatures import OLE, PDF, ZIP, is_text, known_binary
from knowledge.lib.errors import UnsupportedType


@dataclass(frozen=True)
class FileType:
    """What a stored file is.

    Attributes:
        extension: lower case, without dot.
        content_type: the media type that it is served under.
    """

    extension: str
    content_type: str


@dataclass(frozen=True)
class Format:
    """A format that is read.

    Attributes:
        name: as users call it.
        extensions: lower case, without dot; a file is stored under the first.
        content_type: the media type of its files.
        extractor: dotted path; loaded in the child process only, as it imports a parser.
        fits: whether the first bytes of a file may be of this format.
    """

    name: str
    extensions: tuple[str, ...]
    content_type: str
    extractor: str
    fits: Callable[[bytes], bool]

    @property
    def file_type(self) -> FileType:
        """Return what a file of this format is stored as."""
        return FileType(self.extensions[0], self.content_type)


def _is_pdf(head: bytes) -> bool:
    return PDF in head[:1024]


def _is_word(head: bytes) -> bool:
    # A protected or older Word file is let through to the extractor, which says what to do.
    return head.startswith((ZIP, OLE))


_HERE = "documents.extraction"
FORMATS = (
    Format("PDF", ("pdf",), "application/pdf", f"{_HERE}.pdf.PdfExtractor", _is_pdf),
    Format(
        "Word",
        ("docx",),
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        f"{_HERE}.docx.DocxExtractor",
        _is_word,
    ),
    Format("text", ("txt", "text", "log"), "text/plain", f"{_HERE}.text.TextExtractor", is_text),
    Format(
        "Markdown",
        ("md", "markdown"),
        "text/markdown",
        f"{_HERE}.markdown.MarkdownExtractor",
        is_text,
    ),
    Format("HTML", ("html", "htm"), "text/html", f"{_HERE}.html.HtmlExtractor", is_text),
    Format("CSV", ("csv", "tsv"), "text/csv", f"{_HERE}.delimited.DelimitedExtractor", is_text),
)
_BY_EXTENSION = {extension: format for format in FORMATS for extension in format.extensions}


def accepted_extensions() -> tuple[str, ...]:
    """Return the extensions that may be uploaded, in lower case without dot."""
    return tuple(_BY_EXTENSION)


def detect_type(filename: str, head: bytes, file: BinaryIO | None = None) -> FileType:
    """Decide a file's type by content and extension together.

    Args:
        filename: as uploaded; only its extension is looked at.
        head: the first bytes; some kilobytes are enough.
        file: the whole file, seekable, to look into an archive too; its position is kept.

    Raises:
        UnsupportedType: the extension is not accepted, or the content is something else.
    """
    extension = PurePath(filename).suffix[1:].lower()
    format = _BY_EXTENSION.get(extension)
    if format is None:
        shown = f".{extension}" if extension.isalnum() and len(extension) <= 10 else "this kind"
        raise _unsupported(f"Files of type {shown} are not accepted." if extension else
                           "A file without an extension is not accepted.")  # fmt: skip
    if _is_pdf(head) and head.lstrip().startswith(PDF):
        return _BY_EXTENSION["pdf"].file_type  # unmistakable, whatever it is called
    if not format.fits(head):
        found = known_binary(head)
        found = f" It looks like {found}." if found else ""
        raise _unsupported(f"The content of this file does not fit its name (.{extension}).{found}")
    if extension == "docx" and file is not None and not _may_be_word(file):
        raise _unsupported("This file is an archive without a Word document in it.")
    return format.file_type


def load_extractor(extension: str) -> Extractor:
    """Return the extractor of an extension; for the child process."""
    module, _, name = _BY_EXTENSION[extension].extractor.rpartition(".")
    extractor: Extractor = getattr(import_module(module), name)()
    return extractor


def _unsupported(reason: str) -> UnsupportedType:
    names = ", ".join(f"{format.name} (.{', .'.join(format.extensions)})" for format in FORMATS)
    accepted = [f".{extension}" for extension in accepted_extensions()]
    return UnsupportedType(f"{reason} Accepted are: {names}.", details={"accepted": accepted})


def _may_be_word(file: BinaryIO) -> bool:
    """Tell whether an archive holds a Word document; a broken one is left to the extractor."""
    position = file.tell()
    try:
        with zipfile.ZipFile(file) as archive:
            return any(name.lower().startswith("word/") for name in archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return True
    finally:
        file.seek(position)
