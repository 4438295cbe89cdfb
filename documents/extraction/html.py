"""HTML: the text that a reader of the page sees, as headings, paragraphs, list items and rows."""

import re
from pathlib import Path

from lxml import etree

from documents.extraction.base import ExtractedDocument, Extractor, Limits
from documents.extraction.encoding import decode
from documents.extraction.errors import too_deep
from documents.extraction.html_tables import is_data_table, table_rows
from documents.extraction.html_visibility import is_link_farm, is_skipped
from documents.extraction.writer import DocumentWriter

_META_CHARSET = re.compile(rb"<meta[^>]+charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
_XML_ENCODING = re.compile(rb"^\s*<\?xml[^>]+encoding\s*=\s*[\"']([\w.:-]+)", re.IGNORECASE)
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_BLOCKS = frozenset(
    "address article aside blockquote body caption center dd details dialog div dl dt fieldset "
    "figcaption figure footer form header hgroup hr html legend main ol p pre section summary "
    "table tbody td tfoot th thead tr ul".split()
)
_LISTS = ("ul", "ol", "menu")
_WHITESPACE = re.compile(r"[ \t\r\n\f]+")
_ENOUGH_IN_MAIN = 200
"""Characters in `<main>` from which on the rest of the page is taken for navigation."""


class HtmlExtractor(Extractor):
    """Reads .html files."""

    def extract(self, path: Path, limits: Limits) -> ExtractedDocument:
        data = path.read_bytes()
        head = data[:4096].replace(b"\0", b"")
        declared = _META_CHARSET.search(head) or _XML_ENCODING.search(head)
        text = decode(data, declared.group(1).decode("ascii") if declared else None)
        return read_html(text, limits, without_link_farms=True)


def read_html(
    source: str, limits: Limits, *, title: str = "", without_link_farms: bool = False
) -> ExtractedDocument:
    """Return the visible text of a page.

    Args:
        source: the page.
        limits: how much it may give.
        title: what it is called, if that is known better than from the page.
        without_link_farms: leave out long lists of nothing but links, which on web pages are menus.
    """
    writer = DocumentWriter(limits)
    own_title = write_html(writer, source, without_link_farms=without_link_farms)
    return writer.document(title or own_title)


def write_html(writer: DocumentWriter, source: str, *, without_link_farms: bool = False) -> str:
    """Write the visible text of a page, and return its title."""
    root = _parse(source)
    if root is None:
        return ""
    if without_link_farms:
        for farm in [found for found in root.iter("ul") if is_link_farm(found)]:
            farm.clear(keep_tail=True)
    _Walker(writer).walk(_main_part(root))
    return root.findtext(".//head/title") or _first_heading(root)


def _parse(source: str) -> etree._Element | None:
    # SECURITY: no network, no entities, libxml2's limits stay on.
    parser = etree.HTMLParser(
        encoding="utf-8", no_network=True, huge_tree=False, remove_comments=True, remove_pis=True
    )
    data = source.replace("\0", "").encode("utf-8", errors="replace")
    if not data.strip():
        return None
    try:
        root: etree._Element | None = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        if "empty" in str(error):
            return None
        raise too_deep("page") from error
    if any("depth" in entry.message for entry in parser.error_log.filter_from_errors()):
        raise too_deep(
            "page"
        )  # the parser stops there, and half a text would look like a whole one
    return root


def _main_part(root: etree._Element) -> etree._Element:
    """Return the element that holds what the page is about."""
    for part in root.iterfind(".//main"):
        if sum(len(text.strip()) for text in part.itertext()) >= _ENOUGH_IN_MAIN:
            return part
    body = root.find(".//body")
    return root if body is None else body


def _first_heading(root: etree._Element) -> str:
    found = root.find(".//h1")
    return "" if found is None else "".join(found.itertext())


class _Walker:
    """Turns a tree into blocks, without recursion, since a file chooses how deep it is."""

    def __init__(self, writer: DocumentWriter) -> None:
        self._writer = writer
        self._inline: list[str] = []
        self._lists: list[int | None] = []  # the number of the last item; None without numbers
        self._marker: str | None = None  # of the item whose text has not begun
        self._heading = 0
        self._verbatim = 0

    def walk(self, root: etree._Element) -> None:
        events = etree.iterwalk(root, events=("start", "end"))
        for event, element in events:
            if event == "end":
                self._end(element)
                if element is not root:
                    self._text(element.tail)
            elif element is not root and is_skipped(element):
                events.skip_subtree()
            elif element.tag == "table" and is_data_table(element):
                self._flush()
                self._writer.rows(table_rows(element))
                events.skip_subtree()
            else:
                self._start(element)
        self._flush()

    def _start(self, element: etree._Element) -> None:
        tag = element.tag
        if tag in _BLOCKS or tag in _HEADINGS or tag == "li":
            self._flush()
        if tag in _HEADINGS:
            self._heading = _HEADINGS[tag]
        elif tag == "pre":
            self._verbatim += 1
        elif tag in _LISTS:
            self._lists.append(_first_number(element) if tag == "ol" else None)
        elif tag == "li":
            self._marker = self._next_marker()
        elif tag == "br":
            self._inline.append("\n")
        elif tag == "q":
            self._inline.append("“")
        self._text(element.text)

    def _end(self, element: etree._Element) -> None:
        tag = element.tag
        if is_skipped(element) or (tag == "table" and is_data_table(element)):
            return
        if tag == "q":
            self._inline.append("”")
        if tag in _BLOCKS or tag in _HEADINGS or tag == "li":
            self._flush()
        if tag in _HEADINGS:
            self._heading = 0
        elif tag == "pre":
            self._verbatim -= 1
        elif tag in _LISTS and self._lists:
            self._lists.pop()
        elif tag == "li":
            self._marker = None

    def _text(self, text: str | None) -> None:
        if text:
            self._inline.append(text if self._verbatim else _WHITESPACE.sub(" ", text))

    def _next_marker(self) -> str:
        if not self._lists or self._lists[-1] is None:
            return "- "
        self._lists[-1] += 1
        return f"{self._lists[-1]}. "

    def _flush(self) -> None:
        text = "".join(self._inline)
        self._inline.clear()
        if not text.strip():
            return
        if self._heading:
            self._writer.heading(text, self._heading)
        elif self._verbatim:
            self._writer.verbatim(text)
        elif self._lists or self._marker:
            self._writer.line((self._marker or "") + text.strip(), indent=len(self._lists) - 1)
            self._marker = None
        else:
            self._writer.paragraph(text)


def _first_number(element: etree._Element) -> int:
    start = element.get("start", "1")
    return int(start) - 1 if re.fullmatch(r"-?\d{1,6}", start) else 0
