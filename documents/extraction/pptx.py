"""PPTX: each slide is a page: its title, texts, tables and charts, then its notes and comments."""

from collections.abc import Iterator
from pathlib import Path

from lxml import etree

from documents.extraction import drawing
from documents.extraction.base import ExtractedDocument, Extractor, Limits
from documents.extraction.cleaning import squeeze
from documents.extraction.elements import attribute, child, name_of
from documents.extraction.errors import damaged, too_many_pages
from documents.extraction.office_package import OfficePackage
from documents.extraction.writer import SHEET_CHARACTERS, DocumentWriter

_TITLES = ("title", "ctrTitle")
_FURNITURE = ("dt", "ftr", "sldNum", "hdr", "sldImg")
"""Placeholders that come back on every slide, and the slide's picture on the notes page."""
_LISTED = ("", "body", "obj")
_MOST_SHAPES = 20_000
_ROW_OF = 300_000
"""A shape begins a new row of the reading order when it is so much lower (EMU, 8 mm)."""


class PptxExtractor(Extractor):
    """Reads .pptx files."""

    def extract(self, path: Path, limits: Limits) -> ExtractedDocument:
        with OfficePackage(path, "PPTX") as package:
            main = package.main_part("ppt/presentation.xml")
            root = package.xml(main)
            if root is None:
                raise damaged("PPTX")
            relations = package.relations(main)
            listed = child(root, "sldIdLst")
            slides = [
                relations.get(_relation(entry), ("", ""))[1]
                for entry in (listed if listed is not None else ())
            ]
            if len(slides) > limits.pages:
                raise too_many_pages(limits.pages)
            reader = _SlideReader(package, DocumentWriter(limits, part_characters=SHEET_CHARACTERS))
            for slide in slides:
                reader.read(slide)
            return reader.writer.document(
                package.title() or reader.first_title, dated_on=package.dated_on()
            )


class _SlideReader:
    """Writes slides."""

    def __init__(self, package: OfficePackage, writer: DocumentWriter) -> None:
        self.writer = writer
        self.first_title = ""
        self._package = package

    def read(self, slide: str) -> None:
        """Write a slide as a page; one that is missing stays, empty."""
        root = self._package.xml(slide)
        if root is not None:
            relations = self._package.relations(slide)
            tree = child(root, "cSld", "spTree")
            self._shapes(tree, relations)
            self._notes([part for kind, part in relations.values() if kind == "notesSlide"])
            self._comments([part for kind, part in relations.values() if kind == "comments"])
        self.writer.end_page()

    def _shapes(self, tree: etree._Element | None, relations: dict[str, tuple[str, str]]) -> None:
        shapes = list(_shapes(tree))[:_MOST_SHAPES]
        title = next((shape for shape in shapes if _placeholder(shape) in _TITLES), None)
        if title is not None and (text := drawing.text_of(title)):
            self.writer.heading(text, 1)
            self.first_title = self.first_title or text
        for shape in sorted((s for s in shapes if s is not title), key=_place):
            if _placeholder(shape) not in _FURNITURE:
                self._shape(shape, relations)

    def _shape(self, shape: etree._Element, relations: dict[str, tuple[str, str]]) -> None:
        body = child(shape, "txBody")
        if body is not None:
            kind = _placeholder(shape)
            drawing.write_paragraphs(self.writer, body, listed=kind in _LISTED)
            return
        data = child(shape, "graphic", "graphicData")
        for element in data if data is not None else ():
            name = name_of(element)
            if name == "tbl":
                drawing.write_table(self.writer, element)
            elif name == "chart":
                chart = self._part(_relation(element), relations)
                if chart is not None:
                    drawing.write_chart(self.writer, chart)
            elif name == "relIds":
                diagram = self._part(attribute(element, "dm"), relations)
                if diagram is not None:
                    drawing.write_diagram(self.writer, diagram)

    def _part(self, id: str, relations: dict[str, tuple[str, str]]) -> etree._Element | None:
        return self._package.xml(relations[id][1]) if id in relations else None

    def _notes(self, parts: list[str]) -> None:
        for part in parts:
            root = self._package.xml(part)
            texts = [
                drawing.text_of(shape)
                for shape in _shapes(child(root, "cSld", "spTree"))
                if _placeholder(shape) not in _FURNITURE
            ]
            if text := "\n".join(filter(None, texts)):
                self.writer.paragraph(f"Notes: {text}")

    def _comments(self, parts: list[str]) -> None:
        for part in parts:
            root = self._package.xml(part)
            for comment in root if root is not None else ():
                said = comment.findtext("{*}text") or drawing.text_of(comment)
                if text := squeeze(said):
                    self.writer.paragraph(f"Comment: {text}")


def _shapes(tree: etree._Element | None) -> Iterator[etree._Element]:
    """Yield the shapes that are shown, those of groups in their place."""
    waiting = [tree] if tree is not None else []
    while waiting:
        element = waiting.pop()
        name = name_of(element)
        if name in ("spTree", "grpSp"):
            waiting.extend(reversed(element))
        elif name == "AlternateContent":
            waiting.extend(element[:1])
        elif name in ("Choice", "contentPart"):
            waiting.extend(reversed(element))
        elif name in ("sp", "graphicFrame") and not _is_hidden(element):
            yield element


def _is_hidden(shape: etree._Element) -> bool:
    return any(
        attribute(properties, "hidden") in ("1", "true")
        for holder in shape[:1]
        for properties in holder[:1]
    )


def _placeholder(shape: etree._Element) -> str | None:
    """Return what a placeholder is for, "" for its content, None of other shapes."""
    found = child(shape, "nvSpPr", "nvPr", "ph")
    return None if found is None else attribute(found, "type")


def _place(shape: etree._Element) -> tuple[int, int]:
    """Return where a shape stands: its row, then how far left.

    A shape without a place has that of its layout, where it comes first.
    """
    offset = child(shape, "spPr", "xfrm", "off")
    if offset is None:
        offset = child(shape, "xfrm", "off")
    if offset is None:
        return (-1, 0)
    return _coordinate(offset, "y") // _ROW_OF, _coordinate(offset, "x")


def _coordinate(offset: etree._Element, name: str) -> int:
    value = attribute(offset, name)
    return int(value) if value.lstrip("-").isdigit() and len(value) < 12 else 0


def _relation(element: etree._Element) -> str:
    """Return the id of what an element refers to (`r:id`; `id` alone is a number of its own)."""
    return next((str(v) for k, v in element.attrib.items() if str(k).endswith("}id")), "")
