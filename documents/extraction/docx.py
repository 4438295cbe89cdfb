"""DOCX: paragraphs, headings, list items and tables of the body, in order, on Word's pages.

The XML is read directly: of the libraries, python-docx leaves out content controls, tracked
insertions, text boxes, footnotes and the numbers of lists, and unpacks pictures into memory.
"""

from collections.abc import Iterator
from pathlib import Path

from lxml import etree

from documents.extraction.base import ExtractedDocument, Extractor, Limits
from documents.extraction.cleaning import squeeze
from documents.extraction.docx_styles import Numbering, Styles, numbering_of, outline_of
from documents.extraction.elements import attribute, child, name_of
from documents.extraction.errors import damaged
from documents.extraction.office_package import OfficePackage
from documents.extraction.rows import as_row
from documents.extraction.writer import DocumentWriter

_RENDERED_BREAK = "\x01"
_HARD_BREAK = "\x02"
_CONTAINERS = frozenset("body sdt sdtContent customXml ins moveTo smartTag txbxContent".split())
# Not shown, or shown elsewhere: properties, deleted text, field codes, a drawing's second version.
_NOT_TEXT = frozenset(
    "pPr rPr del moveFrom instrText delText Fallback sdtPr sdtEndPr tblPr trPr tcPr tblGrid "
    "docPr cNvPr posOffset".split()
)
_NOTES = ("footnote", "endnote", "comment")
_UNSTYLED_LEVEL = 6
"""Of a short bold line, which is how a heading is made without a style; below all that have one."""
_LONGEST_UNSTYLED = 100
_SIGNS = {"tab": "\t", "cr": "\n", "noBreakHyphen": "-", "den": "/", "ptab": "\t"}


class DocxExtractor(Extractor):
    """Reads .docx files."""

    def extract(self, path: Path, limits: Limits) -> ExtractedDocument:
        with OfficePackage(path, "DOCX") as package:
            main = package.main_part()
            root = package.xml(main)
            body = child(root, "body")
            if body is None:
                raise damaged("DOCX")
            parts = {
                kind: name
                for kind, name in package.relations(main).values()
                if kind in ("styles", "numbering", "footnotes", "endnotes", "comments")
            }
            reader = _BodyReader(
                writer=DocumentWriter(limits),
                styles=Styles(package.xml(parts.get("styles", ""))),
                numbering=Numbering(package.xml(parts.get("numbering", ""))),
                notes={kind: package.xml(parts.get(f"{kind}s", "")) for kind in _NOTES},
            )
            reader.read(body)
            return reader.writer.document(
                package.title() or reader.title, dated_on=package.dated_on()
            )


class _BodyReader:
    """Writes the blocks of a document's body."""

    def __init__(
        self,
        *,
        writer: DocumentWriter,
        styles: Styles,
        numbering: Numbering,
        notes: dict[str, etree._Element | None],
    ) -> None:
        self.writer = writer
        self.title = ""
        self._styles = styles
        self._numbering = numbering
        self._notes = {
            (kind, attribute(note, "id")): note
            for kind, root in notes.items()
            for note in (root if root is not None else ())
        }
        self._noted = 0
        self._page_is_new = True  # nothing was written since the last break

    def read(self, container: etree._Element) -> None:
        """Write the paragraphs and tables of a container."""
        for block in _blocks(container):
            if name_of(block) == "p":
                self._paragraph(block)
            else:
                self._table(block)

    def _paragraph(self, element: etree._Element) -> None:
        properties = child(element, "pPr")
        if child(properties, "pageBreakBefore") is not None:
            self._break_page(hard=False)
        style = attribute(found) if (found := child(properties, "pStyle")) is not None else ""
        outline = outline_of(properties)
        level = self._styles.heading_level(style) if outline is None else outline + 1
        text = _text_of(element)
        if text.strip(f" \t\n{_RENDERED_BREAK}{_HARD_BREAK}"):
            listed = numbering_of(properties) or self._styles.numbering(style)
            label = self._numbering.label(*listed) if listed and listed[0] != "0" else ""
            in_list = bool(label) or (listed is None and self._styles.is_list(style))
            text = _after_breaks(text, label)
            if not level and not in_list and _looks_like_heading(element, text):
                level = _UNSTYLED_LEVEL
            self._pieces(text, level=level if level and level <= 9 else 0, in_list=in_list,
                         indent=listed[1] if listed else 0)  # fmt: skip
        else:
            self._pieces(text, level=0, in_list=False, indent=0)
        self._extras(element)
        section = child(properties, "sectPr")
        if section is not None:
            kind = child(section, "type")
            if kind is None or attribute(kind) not in ("continuous", "nextColumn"):
                self._break_page(hard=True)

    def _pieces(self, text: str, *, level: int, in_list: bool, indent: int) -> None:
        """Write a paragraph's text, which page breaks may cut."""
        piece = ""
        for part in _split_at_breaks(text):
            if part not in (_RENDERED_BREAK, _HARD_BREAK):
                piece = part
                if not piece.strip():
                    continue
                if level:
                    self.writer.heading(piece, level)
                    self.title = self.title or squeeze(piece)
                elif in_list:
                    self.writer.line(piece, indent=min(indent, 8))
                else:
                    self.writer.paragraph(piece)
                self._page_is_new = False
            else:
                self._break_page(hard=part == _HARD_BREAK)

    def _break_page(self, *, hard: bool) -> None:
        """End the page; what Word noted after a hard break, where it broke itself, is the same."""
        if hard or not self._page_is_new:
            self.writer.end_page()
            self._page_is_new = True

    def _extras(self, element: etree._Element) -> None:
        """Write the paragraph's footnotes and text boxes after it."""
        for found in element.iterdescendants():
            name = name_of(found)
            if name in ("footnoteReference", "endnoteReference"):
                note = self._notes.get((name.removesuffix("Reference"), attribute(found, "id")))
                if note is not None:
                    self._noted += 1
                    self.writer.line(f"[{self._noted}] {_flat_text(note)}")
            elif name == "commentReference":
                comment = self._notes.get(("comment", attribute(found, "id")))
                if comment is not None and (said := _flat_text(comment)):
                    self.writer.line(f"Comment: {said}")
            elif name == "txbxContent" and not _is_fallback(found):
                self.read(found)

    def _table(self, table: etree._Element) -> None:
        rows = [row for row in _children(table) if name_of(row) == "tr"]
        if all(len(_cells(row)) <= 1 for row in rows):  # a frame around text
            for row in rows:
                for cell in _cells(row):
                    self.read(cell)
            return
        above: dict[int, str] = {}
        lines: list[str] = []
        for row in rows:
            if next(row.iterdescendants("{*}lastRenderedPageBreak"), None) is not None:
                self._rows(lines)
                lines = []
                self._break_page(hard=False)
            lines.append(as_row(_row_texts(row, above)))
        self._rows(lines)

    def _rows(self, lines: list[str]) -> None:
        if any(lines):
            self.writer.rows(lines)
            self._page_is_new = False


def _row_texts(row: etree._Element, above: dict[int, str]) -> list[str]:
    """Return a row's cells; one merged with the cell above it repeats that one's text."""
    texts: list[str] = []
    column = 0
    for cell in _cells(row):
        properties = child(cell, "tcPr")
        merge = child(properties, "vMerge")
        if merge is not None and attribute(merge) != "restart":
            text = above.get(column, "")
        else:
            text = _flat_text(cell)
        above[column] = text
        texts.append(text)
        span = child(properties, "gridSpan")
        width = attribute(span) if span is not None else "1"
        column += int(width) if width.isascii() and width.isdigit() and len(width) < 4 else 1
    return texts


def _blocks(container: etree._Element) -> Iterator[etree._Element]:
    for element in _children(container):
        if name_of(element) in ("p", "tbl"):
            yield element


def _children(container: etree._Element) -> Iterator[etree._Element]:
    """Yield the children, and those of wrappers such as content controls, in order."""
    for element in container:
        if name_of(element) in _CONTAINERS:
            yield from _children(element)
        else:
            yield element


def _cells(row: etree._Element) -> list[etree._Element]:
    return [cell for cell in _children(row) if name_of(cell) == "tc"]


def _flat_text(element: etree._Element) -> str:
    """Return all text below an element, a space between paragraphs, on one line."""
    paragraphs = (found for found in element.iterdescendants() if name_of(found) == "p")
    text = " ".join(_text_of(found) for found in paragraphs)
    return squeeze(text.replace(_RENDERED_BREAK, " ").replace(_HARD_BREAK, " "))


def _text_of(paragraph: etree._Element) -> str:
    """Return a paragraph's visible text, with marks where pages break."""
    pieces: list[str] = []
    events = etree.iterwalk(paragraph, events=("start",))
    for _, element in events:
        name = name_of(element)
        if name in _NOT_TEXT or name == "txbxContent" or (name == "r" and _is_hidden(element)):
            events.skip_subtree()
        elif name == "t":
            pieces.append(element.text or "")
        elif name == "br":
            pieces.append(_HARD_BREAK if attribute(element, "type") == "page" else "\n")
        elif name == "lastRenderedPageBreak":
            pieces.append(_RENDERED_BREAK)
        elif name in _SIGNS:
            pieces.append(_SIGNS[name])
    return "".join(pieces)


def _is_hidden(run: etree._Element) -> bool:
    return _is_on(child(run, "rPr", "vanish"))


def _looks_like_heading(paragraph: etree._Element, text: str) -> bool:
    """Tell whether a paragraph is one short bold line that is no sentence."""
    line = text.strip()
    if len(line) > _LONGEST_UNSTYLED or "\n" in line or line[-1] in ".,;:!?…。、":
        return False
    runs = [run for run in paragraph.iter("{*}r") if child(run, "t") is not None]
    return all(_is_on(child(run, "rPr", "b")) for run in runs)


def _is_on(switch: etree._Element | None) -> bool:
    return switch is not None and attribute(switch) not in ("0", "false", "off")


def _is_fallback(element: etree._Element) -> bool:
    """Tell whether this is the second version of a drawing, for old programs."""
    return any(name_of(parent) == "Fallback" for parent in element.iterancestors())


def _split_at_breaks(text: str) -> list[str]:
    pieces = [""]
    for character in text:
        if character in (_RENDERED_BREAK, _HARD_BREAK):
            pieces += [character, ""]
        else:
            pieces[-1] += character
    return pieces


def _after_breaks(text: str, label: str) -> str:
    """Put a list label before the first word, behind the page breaks that precede it."""
    rest = text.lstrip(f" \t\n{_RENDERED_BREAK}{_HARD_BREAK}")
    return text[: len(text) - len(rest)] + label + rest
