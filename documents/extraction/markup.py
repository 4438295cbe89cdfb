"""Org, reStructuredText and AsciiDoc: headings, rows and code, the rest as the text that it is."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from documents.extraction.base import ExtractedDocument, Extractor, Limits
from documents.extraction.encoding import decode
from documents.extraction.rows import as_row
from documents.extraction.text import write_text
from documents.extraction.writer import DocumentWriter

Block = tuple[str, str, int]
"""Kind ("heading", "text", "code", "row"), text, and the level of a heading."""

_ORG_HEADING = re.compile(r"(\*+)\s+(?:TODO |DONE )?(.+?)(?:\s+:[\w:]+:)?$")
_ORG_KEYWORD = re.compile(r"\s*#\+(\w+):?\s*(.*)$")
_ORG_INLINE = re.compile(r"(?<!\w)[~=](\S(?:.{0,200}?\S)?)[~=](?!\w)")
_ORG_LINK = re.compile(r"\[\[[^\]\[]{0,500}\](?:\[([^\]]{0,500})\])?\]")
_RST_RULE = re.compile(r"([=\-`:'\"~^_*+#<>.])\1{2,}$")
_RST_DIRECTIVE = re.compile(r"\s*\.\. (?:([\w:-]+?)::\s*(.*)|_.*|\[.*|\|.*|(?!\w).*)$")
_RST_INLINE = re.compile(
    r"``([^`]{1,300})``|:\w+:`([^`<]{1,300}?)(?:\s{0,9}<[^>]{0,300}>)?`|`([^`<]{1,300}?)(?:\s{0,9}<[^>]{0,300}>)?`__?"
)
_ADOC_HEADING = re.compile(r"(={1,6})\s+(.+)$")
_ADOC_FENCE = re.compile(r"(?:-{4,}|\.{4,}|`{3,}\w*)$")
_ADOC_MACRO = re.compile(r"(?:image|video|audio)::?\S*?\[([^\],]*)[^\]]*\]")
_ADOC_ATTRIBUTE = re.compile(r":[\w-]+!?:|\[[^\]]*\]$|//|'{3,}$|include::|toc::")
_CELL = re.compile(r"(?<!\\)\|")


class _MarkupExtractor(Extractor):
    """Reads a markup by its blocks."""

    blocks: Callable[[list[str]], Iterator[Block]]

    def extract(self, path: Path, limits: Limits) -> ExtractedDocument:
        lines = decode(path.read_bytes()).expandtabs(4).splitlines()
        writer = DocumentWriter(limits)
        title = ""
        waiting: list[str] = []
        for kind, text, level in (*type(self).blocks(lines), ("end", "", 0)):
            if kind == "text":
                waiting.append(text)
                continue
            write_text(writer, "\n".join(waiting))
            waiting.clear()
            if kind == "heading":
                writer.heading(text, level)
                title = title or text
            elif kind == "code":
                writer.verbatim(text)
            elif kind == "row":
                writer.line(text)
        return writer.document(title)


def _org_blocks(lines: list[str]) -> Iterator[Block]:
    code: list[str] | None = None
    for line in lines:
        keyword = _ORG_KEYWORD.match(line)
        name = keyword[1].lower() if keyword else ""
        if code is not None:
            if name.startswith("end_"):
                yield "code", "\n".join(code), 0
                code = None
            else:
                code.append(line)
        elif name in ("begin_src", "begin_example"):
            code = []
        elif keyword and name == "title":
            yield "heading", keyword[2], 1
        elif keyword and name == "caption":
            yield "text", keyword[2], 0
        elif found := _ORG_HEADING.match(line):
            yield "heading", _org_text(found[2]), len(found[1])
        elif line.lstrip().startswith("|"):
            if not set(line.strip()) <= set("|-+"):
                yield (
                    "row",
                    as_row([_org_text(c.strip()) for c in line.strip().strip("|").split("|")]),
                    0,
                )
        elif not name:
            yield "text", _org_text(line), 0
    yield from [("code", "\n".join(code), 0)] if code else []


def _org_text(text: str) -> str:
    return _ORG_INLINE.sub(r"\1", _ORG_LINK.sub(lambda found: found[1] or "", text))


def _rst_blocks(lines: list[str]) -> Iterator[Block]:
    levels: list[str] = []  # rules in the order in which they come up
    place = 0
    while place < len(lines):
        line = lines[place]
        following = lines[place + 1] if place + 1 < len(lines) else ""
        rule = _RST_RULE.match(following.rstrip())
        above = place > 0 and lines[place - 1].rstrip() == following.rstrip()
        if (
            rule
            and line.strip()
            and not _RST_RULE.match(line)
            and len(line.strip()) <= len(following)
        ):
            look = rule[1] * (2 if above else 1)
            levels += [look] if look not in levels else []
            yield "heading", _rst_text(line.strip()), min(levels.index(look) + 1, 6)
            place += 2
        elif _RST_RULE.match(line.rstrip()):
            place += 1  # the rule above a title, or of a table
        elif directive := _RST_DIRECTIVE.match(line):
            end = place + 1
            while end < len(lines) and (not lines[end].strip() or lines[end].startswith("  ")):
                end += 1
            body = [found for found in lines[place + 1 : end] if not found.strip().startswith(":")]
            kind = "code" if directive[1] in ("code", "code-block", "sourcecode") else "text"
            if directive[1]:
                shown = directive[2] if kind == "text" else ""
                dedented = [found[3:] if found.startswith("   ") else found for found in body]
                yield kind, "\n".join([shown, *dedented]).strip("\n"), 0
                yield "text", "", 0
            place = end
        else:
            yield (
                "text",
                _rst_text(line.removesuffix("::") + (":" if line.endswith("::") else "")),
                0,
            )
            place += 1


def _rst_text(text: str) -> str:
    return _RST_INLINE.sub(lambda found: next(filter(None, found.groups()), ""), text)


def _adoc_blocks(lines: list[str]) -> Iterator[Block]:
    fence = ""
    code: list[str] = []
    for raw in lines:
        line = raw.rstrip()
        if fence:
            if line == fence:
                yield "code", "\n".join(code), 0
                fence, code = "", []
            else:
                code.append(raw)
        elif _ADOC_FENCE.match(line):
            fence = "```" if line.startswith("```") else line
        elif found := _ADOC_HEADING.match(line):
            yield "heading", found[2], len(found[1])
        elif line.startswith("|"):
            cells = [cell.strip() for cell in _CELL.split(line)[1:]]
            if line.strip() != "|===" and any(cells):
                yield "row", as_row(cells), 0
        elif re.match(r"\.[^.\s]", line):
            yield "text", f"\n{line[1:]}\n", 0
        elif not _ADOC_ATTRIBUTE.match(line):
            yield "text", _ADOC_MACRO.sub(r"\1", line), 0
    yield from [("code", "\n".join(code), 0)] if code else []


class OrgExtractor(_MarkupExtractor):
    """Reads .org files."""

    blocks = staticmethod(_org_blocks)


class RestructuredTextExtractor(_MarkupExtractor):
    """Reads .rst files."""

    blocks = staticmethod(_rst_blocks)


class AsciiDocExtractor(_MarkupExtractor):
    """Reads .adoc files."""

    blocks = staticmethod(_adoc_blocks)
