"""Which elements of a page a reader does not see, or sees only as the page's furniture."""

import re

from lxml import etree

_SKIPPED = frozenset(
    "annotation audio button canvas datalist embed frame frameset head iframe input map menu meta "
    "nav noembed noframes noscript object option param script select source style svg template "
    "textarea title track video".split()
)
_SKIPPED_ROLES = frozenset("navigation search menu menubar toolbar tablist".split())
# Conventional names of what is shown to machines or for editing only.
_SKIPPED_CLASSES = frozenset(
    "sr-only visually-hidden screen-reader-text noprint mw-editsection mw-jump-link".split()
)
_HIDING_STYLE = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)"
    r"|(?:font-size|opacity)\s*:\s*0(?:\.0+)?(?:px|em|rem|pt|%)?\s*(?:;|!|$)",
    re.IGNORECASE,
)
_MANY_LINKS = 40


def is_skipped(element: etree._Element) -> bool:
    """Tell whether the element and all inside it are left out."""
    if element.tag in _SKIPPED:
        return True
    attributes = element.attrib
    if not attributes:
        return False
    if "hidden" in attributes or attributes.get("aria-hidden", "").lower() == "true":
        return True
    if attributes.get("role", "").lower() in _SKIPPED_ROLES:
        return True
    if not _SKIPPED_CLASSES.isdisjoint(attributes.get("class", "").split()):
        return True
    return _HIDING_STYLE.search(attributes.get("style", "")) is not None


def is_link_farm(element: etree._Element) -> bool:
    """Tell whether a list holds very many links and hardly anything else."""
    links = list(element.iterdescendants("a"))
    if len(links) < _MANY_LINKS:
        return False
    linked = sum(len(text.strip()) for link in links for text in link.itertext())
    return linked >= 0.95 * sum(len(text.strip()) for text in element.itertext())
