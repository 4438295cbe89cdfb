"""JSON: a line for each value, with the names that lead to it."""

import json
from pathlib import Path
from typing import Any

from documents.extraction.base import ExtractedDocument, Extractor, Limits
from documents.extraction.encoding import decode
from documents.extraction.errors import too_deep
from documents.extraction.text import write_text
from documents.extraction.tree import Branch, Tree, write_tree
from documents.extraction.writer import DocumentWriter


class _Pairs(list[tuple[str, Any]]):
    """The members of an object, in order, with those whose names come back."""


class JsonExtractor(Extractor):
    """Reads .json files; one that is no JSON (comments, lines of JSON) as the text that it is."""

    def extract(self, path: Path, limits: Limits) -> ExtractedDocument:
        text = decode(path.read_bytes())
        writer = DocumentWriter(limits)
        try:
            tree = _tree(
                json.loads(
                    text, object_pairs_hook=_Pairs, parse_float=str, parse_int=str,
                    parse_constant=str,
                )
            )  # fmt: skip
        except RecursionError as error:
            raise too_deep("file") from error
        except ValueError:
            write_text(writer, text)
        else:
            write_tree(writer, tree)
        return writer.document()


def _tree(value: Any) -> Tree:
    if isinstance(value, _Pairs):
        return Branch(tuple((name, _tree(inner)) for name, inner in value))
    if isinstance(value, list):
        return Branch(tuple((str(i), _tree(inner)) for i, inner in enumerate(value)), is_list=True)
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
