"""What OpenDocument files share: their package, paragraphs, lists and tables."""

import datetime
from collections.abc import Iterator
from pathlib import Path

from lxml import etree

from documents.extraction.archive import BoundedArchive
from documents.extraction.cleaning import iso_date, squeeze
from documents.extraction.elements import attribute, child, name_of
from documents.extraction.errors import damaged
from documents.extraction.rows import as_row
from documents.extraction.writer import DocumentWriter

_APART = frozenset(
    "note annotation annotation-end text-box tracked-changes ruby-text hidden-text "
    "hidden-paragraph page-number table desc title".split()
)
"""What stands inside a paragraph, and is no part of its text."""
_WRAPPERS = frozenset(
    "section index-body table-of-content index-title illustration-index table-index object-index "
    "user-index alphabetical-index bibliography numbered-paragraph a".split()
)
_MOST_REPEATED = 1_000
_DEEPEST = 8
_CHANGES_ONLY = frozenset("change change-start change-end".split())


class OdfPackage(BoundedArchive):
    """An OpenDocument file.

    Raises:
        ExtractionError: damaged, or protected with a password.
    """

    def __init__(self, path: Path, kind: str) -> None:
        super().__init__(path, kind)
        # The manifest of an old file has a document type, so it is not read as XML.
        if b"encryption-data" in (self.read("META-INF/manifest.xml") or b""):
            raise self._encrypted()

    def body(self, kind: str) -> etree._Element:
        """Return the content, of a kind such as "text"."""
        self.content = self.xml("content.xml")
        found = child(self.content, "body", kind)
        if found is None:
            raise damaged(self._kind)
        return found

    def title(self) -> str:
        """Return the title in the file's properties, "" without one."""
        meta = child(self.xml("meta.xml"), "meta", "title")
        return "" if meta is None else (meta.text or "").strip()

    def dated_on(self) -> datetime.date | None:
        """Return when the file's properties say that it was changed last."""
        meta = child(self.xml("meta.xml"), "meta", "date")
        return None if meta is None else iso_date(meta.text or "")

    def styles(self) -> Iterator[etree._Element]:
        """Yield the definitions of styles, those of the whole file first."""
        for root in (self.xml("styles.xml"), self.content):
            for holder in ("styles", "automatic-styles"):
                found = child(root, holder)
                yield from found if found is not None else ()


class OdfReader:
    """Writes paragraphs, lists and tables.

    Args:
        package: whose styles tell which lists are numbered and where pages break.
        writer: where to.
        paged: whether the pages that a text was laid out on are pages.
    """

    def __init__(self, package: OdfPackage, writer: DocumentWriter, *, paged: bool) -> None:
        self.writer = writer
        self.first_title = ""
        self._paged = paged
        self._numbered: set[tuple[str, int]] = set()  # list style and depth
        self._reached: dict[tuple[str, int], int] = {}  # number of its last item
        self._breaking: set[str] = set()
        self._titles = {"Title"}
        self._notes = 0
        self._page_is_new = True
        for style in package.styles():
            self._learn(style)

    def read(self, container: etree._Element) -> None:
        """Write the blocks of a container."""
        for block in container:
            name = name_of(block)
            if name == "h":
                self._heading(block)
            elif name == "p":
                self._paragraph(block)
            elif name == "list":
                self._list(block, 0)
            elif name == "table":
                self.table(block)
            elif name == "soft-page-break":
                self._break_page()
            elif name in _WRAPPERS:
                self.read(block)

    def table(self, table: etree._Element) -> None:
        """Write a table."""
        if self._paged and next(table.iterdescendants("{*}soft-page-break"), None) is not None:
            rows: list[str] = []
            for element in table.iterdescendants("{*}table-row", "{*}soft-page-break"):
                if name_of(element) == "table-row":
                    rows.append(as_row(row_texts(element)))
                elif _of_table(element, table):
                    self.writer.rows(rows)
                    rows = []
                    self._break_page(written=True)
            self.writer.rows(rows)
        else:
            self.writer.rows(as_row(row_texts(row)) for row in rows_of(table))
        self._page_is_new = False

    def _learn(self, style: etree._Element) -> None:
        name = attribute(style, "name")
        if name_of(style) == "list-style":
            for level in style:
                depth = attribute(level, "level")
                numbers = attribute(level, "num-format") != ""
                if name_of(level) == "list-level-style-number" and depth.isdigit() and numbers:
                    self._numbered.add((name, int(depth[:2]) - 1))
            return
        if attribute(style, "parent-style-name") == "Title":
            self._titles.add(name)
        properties = child(style, "paragraph-properties")
        if properties is not None and attribute(properties, "break-before") == "page":
            self._breaking.add(name)

    def _heading(self, element: etree._Element) -> None:
        self._before(element)
        text = squeeze(paragraph_text(element))
        level = attribute(element, "outline-level")
        self.writer.heading(text, int(level) if level.isdigit() and len(level) < 3 else 1)
        self.first_title = self.first_title or text
        self._after(element, text)

    def _paragraph(self, element: etree._Element) -> None:
        self._before(element)
        text = paragraph_text(element)
        if attribute(element, "style-name") in self._titles:
            self.writer.heading(squeeze(text), 1)
            self.first_title = self.first_title or squeeze(text)
        else:
            self.writer.paragraph(text)
        self._after(element, text)

    def _before(self, element: etree._Element) -> None:
        if attribute(element, "style-name") in self._breaking:
            self._break_page()

    def _after(self, element: etree._Element, text: str) -> None:
        if text.strip():
            self._page_is_new = False
        for found in element.iterdescendants():
            name = name_of(found)
            if name == "note-body":
                self._notes += 1
                self.writer.line(f"[{self._notes}] {flat_text(found)}")
            elif name == "annotation" and (said := flat_text(found)):
                self.writer.line(f"Comment: {said}")
            elif name == "text-box":
                self.read(found)
            elif name == "soft-page-break":
                self._break_page()

    def _break_page(self, *, written: bool = False) -> None:
        if self._paged and (written or not self._page_is_new):
            self.writer.end_page()
            self._page_is_new = True

    def _list(self, element: etree._Element, depth: int, style: str = "") -> None:
        style = attribute(element, "style-name") or style
        place = (style, depth)
        goes_on = attribute(element, "continue-numbering") == "true"
        number = self._reached.get(place, 0) if goes_on else 0
        for item in element:
            if name_of(item) not in ("list-item", "list-header"):
                continue
            marker = "- "
            if place in self._numbered and name_of(item) == "list-item":
                number += any(name_of(block) == "p" for block in item)
                self._reached[place] = number
                marker = f"{number}. "
            for block in item:
                if name_of(block) == "list":
                    self._list(block, min(depth + 1, _DEEPEST), style)
                elif name_of(block) == "h":
                    self._heading(block)
                elif name_of(block) == "p":
                    text = paragraph_text(block)
                    if text.strip():
                        self.writer.line(f"{marker}{text.strip()}", indent=depth)
                        marker = ""
                    self._after(block, text)


def paragraph_text(paragraph: etree._Element) -> str:
    """Return the text of a paragraph, with line breaks and tabs."""
    pieces: list[str] = [paragraph.text or ""]
    events = etree.iterwalk(paragraph, events=("start", "end"))
    for event, element in events:
        if element is paragraph:
            continue
        name = name_of(element)
        if event == "end":
            pieces.append(element.tail or "")
        elif name in _APART:
            events.skip_subtree()
        elif name == "s":
            count = attribute(element, "c")
            pieces.append(" " * min(int(count) if count.isdigit() and len(count) < 4 else 1, 100))
        elif name == "tab":
            pieces.append("\t")
        elif name == "line-break":
            pieces.append("\n")
        elif name not in _CHANGES_ONLY:
            pieces.append(element.text or "")
    return "".join(pieces)


def flat_text(element: etree._Element) -> str:
    """Return all text below an element, a space between paragraphs, on one line."""
    found = (paragraph_text(p) for p in element.iterdescendants("{*}p", "{*}h"))
    return squeeze(" ".join(found))


def rows_of(table: etree._Element) -> Iterator[etree._Element]:
    """Yield the rows of a table, not of those inside it."""
    for row in table.iterdescendants("{*}table-row"):
        if _of_table(row, table):
            yield row


def row_texts(row: etree._Element) -> list[str]:
    """Return the text of each cell; those that a wide cell covers are empty."""
    texts: list[str] = []
    for cell in row:
        if name_of(cell) not in ("table-cell", "covered-table-cell"):
            continue
        repeated = attribute(cell, "number-columns-repeated")
        times = int(repeated) if repeated.isdigit() and len(repeated) < 8 else 1
        text = flat_text(cell) if name_of(cell) == "table-cell" else ""
        texts += [text] * min(times, _MOST_REPEATED)
    return texts


def _of_table(element: etree._Element, table: etree._Element) -> bool:
    return next(element.iterancestors("{*}table"), None) is table
