"""Finds XML elements and attributes by their names without namespace."""

from lxml import etree


def name_of(element: etree._Element) -> str:
    """Return the tag without namespace; the two dialects of the format differ only there."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def attribute(element: etree._Element, name: str = "val") -> str:
    """Return an attribute by its name without namespace, "" where it is not set."""
    for key, value in element.attrib.items():
        if str(key).rpartition("}")[2] == name:
            return str(value)
    return ""


def child(element: etree._Element | None, *path: str) -> etree._Element | None:
    """Return the first descendant along a path of names."""
    for name in path:
        if element is None:
            return None
        element = next((found for found in element if name_of(found) == name), None)
    return element
