"""Writes data that is nested by names (JSON, YAML, XML) as lines that tell where they belong."""

from collections.abc import Iterator
from dataclasses import dataclass

from documents.extraction.cleaning import squeeze
from documents.extraction.errors import too_deep
from documents.extraction.writer import DocumentWriter

_MOST_FIELDS_IN_A_LINE = 30
_LONGEST_FIELD = 200
_DEEPEST = 200


@dataclass(frozen=True)
class Branch:
    """Named things in order, the names of a list's items being their places.

    Attributes:
        items: name -> text or branch; a name may come back.
        is_list: whether the names are places.
    """

    items: tuple[tuple[str, "str | Branch"], ...]
    is_list: bool = False


Tree = str | Branch


def write_tree(writer: DocumentWriter, tree: Tree) -> None:
    """Write a tree, a line for each text: "server.ports[0]: 8080".

    Things of a list that hold nothing but texts become a line each, as the rows of a table do:
    "users[0]: name: Ana; city: Lisbon".

    Raises:
        ExtractionError: it is nested beyond reason.
    """
    if isinstance(tree, str):
        writer.paragraph(tree)
        return
    group, was_nested = "", False
    for path, text in _lines(tree):
        outermost, _, below = path.partition(".")
        if outermost != group and (below or was_nested):
            writer.gap()
        group, was_nested = outermost, bool(below)
        writer.line(f"{path}: {text}" if path else text)


def _lines(tree: Branch) -> Iterator[tuple[str, str]]:
    """Yield each line's path and text, in order, without recursion."""
    waiting: list[tuple[str, Iterator[tuple[str, Tree]], bool]] = [
        ("", iter(tree.items), tree.is_list)
    ]
    while waiting:
        path, items, is_list = waiting[-1]
        name, value = next(items, (None, ""))
        if name is None:
            waiting.pop()
            continue
        below = _joined(path, name, is_list=is_list)
        if isinstance(value, str):
            if text := squeeze(value):
                yield below, text
        elif (record := _record(value)) is not None and (is_list or value.is_list):
            if record:
                yield below, record
        else:
            if len(waiting) >= _DEEPEST:
                raise too_deep("file")
            waiting.append((below, iter(value.items), value.is_list))


def _joined(path: str, name: str, *, is_list: bool) -> str:
    if is_list:
        return f"{path}[{name}]" if path else f"[{name}]"
    return f"{path}.{squeeze(name)}" if path else squeeze(name)


def _record(branch: Branch) -> str | None:
    """Return a thing of short texts on one line, None of any other."""
    if len(branch.items) > _MOST_FIELDS_IN_A_LINE:
        return None
    fields = []
    for name, value in branch.items:
        if not isinstance(value, str) or len(value) > _LONGEST_FIELD:
            return None
        if text := squeeze(value):
            fields.append(text if branch.is_list else f"{squeeze(name)}: {text}")
    return (", " if branch.is_list else "; ").join(fields)
