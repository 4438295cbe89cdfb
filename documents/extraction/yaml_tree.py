"""YAML: a line for each value, with the names that lead to it, and what comments say."""

import re
from collections.abc import Iterator
from pathlib import Path

import yaml

from documents.extraction.base import ExtractedDocument, Extractor, Limits
from documents.extraction.encoding import decode
from documents.extraction.errors import too_deep, too_many_characters
from documents.extraction.tree import Branch, Tree, write_tree
from documents.extraction.writer import DocumentWriter

# SECURITY: the file is composed into nodes and never constructed, so that no tag makes an object.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_COMMENT = re.compile(r"^[ \t]*#+ ?(.*)$", re.MULTILINE)
_RULE = re.compile(r"[\W_]*$")


class YamlExtractor(Extractor):
    """Reads .yaml files; one that is no YAML (a template) as the text that it is."""

    def extract(self, path: Path, limits: Limits) -> ExtractedDocument:
        text = decode(path.read_bytes())
        writer = DocumentWriter(limits)
        try:
            trees = [
                _Converter(limits).tree(node)
                for node in yaml.compose_all(text, Loader=_Loader)
                if node is not None
            ]
        except RecursionError as error:
            raise too_deep("file") from error
        except (yaml.YAMLError, ValueError):
            writer.verbatim(text)
        else:
            for comment in _comments(text):
                writer.line(comment)
            writer.gap()
            for tree in trees:
                write_tree(writer, tree)
                writer.gap()
        return writer.document()


class _Converter:
    """Makes trees of nodes, which may refer to one another again and again."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._characters = 0

    def tree(self, node: yaml.Node) -> Tree:
        if isinstance(node, yaml.ScalarNode):
            return self._counted(str(node.value))
        self._counted(" ")  # so that a few empty ones cannot multiply without end
        if isinstance(node, yaml.SequenceNode):
            items = tuple((str(i), self.tree(inner)) for i, inner in enumerate(node.value))
            return Branch(items, is_list=True)
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        return Branch(tuple((_name(key), self.tree(value)) for key, value in pairs))

    def _counted(self, text: str) -> str:
        self._characters += len(text)
        if self._characters > self._limits.characters:
            raise too_many_characters(self._limits.characters)
        return text


def _name(key: yaml.Node) -> str:
    return str(key.value) if isinstance(key, yaml.ScalarNode) else "?"


def _comments(text: str) -> Iterator[str]:
    """Yield what whole-line comments say; rules of dashes say nothing."""
    for found in _COMMENT.finditer(text):
        if not _RULE.match(found[1]):
            yield found[1].strip()
