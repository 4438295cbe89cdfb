"""Which formats are read: a line each, how a file is known to be of one, and its extractor."""

from dataclasses import dataclass
from importlib import import_module
from pathlib import PurePath
from typing import BinaryIO

from documents.extraction.base import Extractor
from documents.extraction.containers import ENCRYPTED, identify
from documents.extraction.signatures import (
    JPEG,
    OLE,
    PDF,
    PNG,
    RTF,
    TIFF_BE,
    TIFF_LE,
    ZIP,
    is_text,
    known_binary,
)
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
        begins: first bytes, of which a file has one; none of a text.
        family: formats of a family are told apart by their content, whatever they are called.
        converted_to: extension of what LibreOffice turns it into before it is read.
    """

    name: str
    extensions: tuple[str, ...]
    content_type: str
    extractor: str
    begins: tuple[bytes, ...] = ()
    family: str = ""
    converted_to: str = ""

    @property
    def file_type(self) -> FileType:
        """Return what a file of this format is stored as."""
        return FileType(self.extensions[0], self.content_type)

    def fits(self, head: bytes) -> bool:
        """Tell whether the first bytes of a file may be of this format."""
        return head.lstrip().startswith(self.begins) if self.begins else is_text(head)


_HERE = "documents.extraction"
_OOXML = "application/vnd.openxmlformats-officedocument"
_ODF = "application/vnd.oasis.opendocument"
_OFFICE = (ZIP, OLE)  # an older or a protected file is let through to where it is said what to do
FORMATS: tuple[Format, ...] = (
    Format("PDF", ("pdf",), "application/pdf", f"{_HERE}.pdf.PdfExtractor", (PDF,)),
    Format("Word", ("docx", "docm", "dotx"), f"{_OOXML}.wordprocessingml.document",
           f"{_HERE}.docx.DocxExtractor", _OFFICE, "word"),
    Format("Word 97", ("doc",), "application/msword",
           f"{_HERE}.docx.DocxExtractor", _OFFICE, "word", "docx"),
    Format("PowerPoint", ("pptx", "pptm", "ppsx"), f"{_OOXML}.presentationml.presentation",
           f"{_HERE}.pptx.PptxExtractor", _OFFICE, "powerpoint"),
    Format("PowerPoint 97", ("ppt",), "application/vnd.ms-powerpoint",
           f"{_HERE}.pptx.PptxExtractor", _OFFICE, "powerpoint", "pptx"),
    Format("Excel", ("xlsx", "xlsm"), f"{_OOXML}.spreadsheetml.sheet",
           f"{_HERE}.xlsx.XlsxExtractor", _OFFICE, "excel"),
    Format("Excel 97", ("xls",), "application/vnd.ms-excel",
           f"{_HERE}.xlsx.XlsxExtractor", _OFFICE, "excel", "xlsx"),
    Format("OpenDocument text", ("odt",), f"{_ODF}.text", f"{_HERE}.odt.OdtExtractor", (ZIP,)),
    Format("OpenDocument sheet", ("ods",), f"{_ODF}.spreadsheet",
           f"{_HERE}.ods.OdsExtractor", (ZIP,)),
    Format("OpenDocument slides", ("odp",), f"{_ODF}.presentation",
           f"{_HERE}.odp.OdpExtractor", (ZIP,)),
    Format("RTF", ("rtf",), "application/rtf", f"{_HERE}.rtf.RtfExtractor", (RTF,), "word"),
    Format("e-mail", ("eml",), "message/rfc822", f"{_HERE}.eml.EmlExtractor"),
    Format("Outlook e-mail", ("msg",), "application/vnd.ms-outlook",
           f"{_HERE}.msg.MsgExtractor", (OLE,)),
    Format("EPUB", ("epub",), "application/epub+zip", f"{_HERE}.epub.EpubExtractor", (ZIP,)),
    Format("text", ("txt", "text", "log"), "text/plain", f"{_HERE}.text.TextExtractor"),
    Format("Markdown", ("md", "markdown"), "text/markdown",
           f"{_HERE}.markdown.MarkdownExtractor"),
    Format("Org", ("org",), "text/x-org", f"{_HERE}.markup.OrgExtractor"),
    Format("reStructuredText", ("rst",), "text/x-rst",
           f"{_HERE}.markup.RestructuredTextExtractor"),
    Format("AsciiDoc", ("adoc", "asciidoc"), "text/asciidoc",
           f"{_HERE}.markup.AsciiDocExtractor"),
    Format("LaTeX", ("tex",), "text/x-tex", f"{_HERE}.latex.LatexExtractor"),
    Format("subtitles", ("vtt", "srt"), "text/vtt", f"{_HERE}.subtitles.SubtitleExtractor"),
    Format("HTML", ("html", "htm", "xhtml"), "text/html", f"{_HERE}.html.HtmlExtractor"),
    Format("CSV", ("csv", "tsv"), "text/csv", f"{_HERE}.delimited.DelimitedExtractor"),
    Format("JSON", ("json",), "application/json", f"{_HERE}.json_tree.JsonExtractor"),
    Format("YAML", ("yaml", "yml"), "application/yaml", f"{_HERE}.yaml_tree.YamlExtractor"),
    Format("XML", ("xml",), "application/xml", f"{_HERE}.xml_tree.XmlExtractor"),
    Format("PNG", ("png",), "image/png", f"{_HERE}.image.ImageExtractor", (PNG,), "image"),
    Format("JPEG", ("jpg", "jpeg"), "image/jpeg",
           f"{_HERE}.image.ImageExtractor", (JPEG,), "image"),
    Format("TIFF", ("tif", "tiff"), "image/tiff",
           f"{_HERE}.image.ImageExtractor", (TIFF_LE, TIFF_BE), "image"),
)  # fmt: skip
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
    found = _format_of(head, file)
    if found is not None and (found.extensions[0] == "pdf" or _are_kin(found, format)):
        return found.file_type  # unmistakable, whatever it is called
    if PDF in head[:1024] and format.extensions[0] == "pdf":
        return format.file_type  # some programs write something before it
    if found is None and format.fits(head):
        return format.file_type
    raise _unsupported(
        f"The content of this file does not fit its name (.{extension}).{_look(found, head)} Open "
        "it in the program it was made with, save it again and upload the new file."
    )


def load_extractor(extension: str) -> Extractor:
    """Return the extractor of an extension; for the child process."""
    module, _, name = _BY_EXTENSION[extension].extractor.rpartition(".")
    extractor: Extractor = getattr(import_module(module), name)()
    return extractor


def conversion_target(extension: str) -> str:
    """Return the extension that a file is converted to before it is read, "" if it is not."""
    return _BY_EXTENSION[extension].converted_to


def _format_of(head: bytes, file: BinaryIO | None) -> Format | None:
    """Return the format that the content is of, where that is beyond doubt.

    Raises:
        UnsupportedType: a container of something else.
    """
    if head.startswith(_OFFICE):
        inside = None if file is None else identify(head, file)
        if inside in (None, ENCRYPTED):
            return None
        if inside not in _BY_EXTENSION:
            raise _unsupported(
                "This file is an archive without a document in it that could be read. Unpack it "
                "and upload the files in it."
            )
        return _BY_EXTENSION[inside]
    return next((format for format in FORMATS if format.begins and format.fits(head)), None)


def _are_kin(found: Format, named: Format) -> bool:
    return found is named or (found.family != "" and found.family == named.family)


def _look(found: Format | None, head: bytes) -> str:
    if found is not None:
        return f" It looks like a file of type {found.name} (.{found.extensions[0]})."
    known = known_binary(head)
    return f" It looks like {known}." if known else ""


def _unsupported(reason: str) -> UnsupportedType:
    accepted = [f".{extension}" for extension in accepted_extensions()]
    return UnsupportedType(
        f"{reason} Accepted are: {', '.join(accepted)}.", details={"accepted": accepted}
    )
