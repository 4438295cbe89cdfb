"""XML: running text as paragraphs, data as lines with the names that lead to them."""

import re
from pathlib import Path

from lxml import etree

from documents.extraction.base import ExtractedDocument, Extractor, Limits
from documents.extraction.cleaning import squeeze
from documents.extraction.elements import name_of
from documents.extraction.errors import ExtractionError, damaged
from documents.extraction.tree import Branch, Tree, write_tree
from documents.extraction.writer import DocumentWriter

_ENTITY = re.compile(rb"<!ENTITY", re.IGNORECASE)
_HEAD_BYTES = 1024 * 1024
_TITLES = ("title", "name", "heading", "head")


class XmlExtractor(Extractor):
    """Reads .xml files."""

    def extract(self, path: Path, limits: Limits) -> ExtractedDocument:
        root = _parse(path.read_bytes())
        writer = DocumentWriter(limits)
        name = name_of(root)
        if _is_writing(root):
            _write_blocks(writer, root)
        else:
            tree = _tree(root)
            write_tree(writer, tree if isinstance(tree, Branch) else Branch(((name, tree),)))
        title = next((child.text for child in root if name_of(child) in _TITLES), "")
        return writer.document(title or "")


def _parse(data: bytes) -> etree._Element:
    """Return the root of a file that defines no entities and refers to no other file.

    Raises:
        ExtractionError: it does, or is not well-formed.
    """
    # SECURITY: no DTD is loaded, no entity resolved, nothing fetched; libxml2's limits stay on.
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    if _ENTITY.search(data.replace(b"\0", b"")[:_HEAD_BYTES]):
        raise ExtractionError(
            "This XML file defines entities, which can make a reader fetch or multiply text. It is "
            "not read for safety; save it without them and upload that.",
            code="unsafe",
        )
    try:
        return etree.fromstring(data.strip(), parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise damaged("XML") from error


def _is_writing(root: etree._Element) -> bool:
    """Tell whether elements stand inside sentences, as they do in a text and not in data."""
    return any((element.tail or "").strip() for element in root.iterdescendants())


def _write_blocks(writer: DocumentWriter, root: etree._Element) -> None:
    """Write each element that holds text itself as a paragraph, titles as headings."""
    events = etree.iterwalk(root, events=("start", "end"))
    depth = 0
    for event, element in events:
        if event == "end":
            depth -= 1
            continue
        depth += 1
        own = [element.text, *(child.tail for child in element)]
        if not any((text or "").strip() for text in own):
            continue
        text = squeeze("".join(element.itertext()))
        if name_of(element) in _TITLES:
            writer.heading(text, min(max(depth - 1, 1), 6))
        else:
            writer.paragraph(text)
        events.skip_subtree()


def _tree(element: etree._Element) -> Tree:
    """Return an element's attributes and children, or its text alone; depth is the parser's."""
    items: list[tuple[str, Tree]] = [
        (str(key).rpartition("}")[2], str(value))
        for key, value in element.attrib.items()
        if not str(key).endswith(("}schemaLocation", "}noNamespaceSchemaLocation"))
    ]
    text = squeeze(element.text or "")
    children = list(element)
    if not children and not items:
        return text
    if text:
        items.append(("text", text))
    return Branch((*items, *_grouped(children)))


def _grouped(children: list[etree._Element]) -> list[tuple[str, Tree]]:
    """Return children by name; neighbours of one name are a list."""
    grouped: list[tuple[str, Tree]] = []
    place = 0
    while place < len(children):
        name = name_of(children[place])
        end = place
        while end < len(children) and name_of(children[end]) == name:
            end += 1
        if end - place == 1:
            grouped.append((name, _tree(children[place])))
        else:
            same = [(str(i), _tree(child)) for i, child in enumerate(children[place:end])]
            grouped.append((name, Branch(tuple(same), is_list=True)))
        place = end
    return grouped
