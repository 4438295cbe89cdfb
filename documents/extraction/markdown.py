"""Markdown: what the rendered page says, so that an answer can quote whole sentences of it."""

import datetime
import re
from collections.abc import MutableMapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from lxml.html import defs
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import OptionsDict

from documents.extraction.base import ExtractedDocument, Extractor, Limits
from documents.extraction.cleaning import iso_date
from documents.extraction.encoding import decode
from documents.extraction.html import read_html

_FRONT_MATTER = re.compile(r"\A(---|\+\+\+)[ \t]*\n(.*?)\n(?:\1|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_TITLE = re.compile(r"^title[ \t]*[:=][ \t]*(.+?)[ \t]*$", re.MULTILINE | re.IGNORECASE)
_DATE = re.compile(
    r"^(?:date|(?:last[-_ ]?)?(?:updated|modified|mod))[ \t]*[:=][ \t]*[\"']?(\d{4}-\d{2}-\d{2})",
    re.MULTILINE | re.IGNORECASE,
)
_HEADING_ANCHOR = re.compile(r"^(#{1,6} .*?)[ \t]*\{#[^}\n]*\}[ \t]*$", re.MULTILINE)
_ALERT = re.compile(r"^([ \t]*>[ \t]*)\[!(\w+)\]", re.MULTILINE)
_TAG = re.compile(r"<(/?)([A-Za-z][\w.-]*)([^<>]*)>")
_SAMPLE = "# A\n\n- b *c* [d](e) <https://f.g> `h`\n\n| i |\n|---|\n| j |\n\n> k &amp;\n\n<p>l"
_HTML_TAGS = frozenset(defs.tags) | frozenset("details main mark picture summary video".split())


class MarkdownExtractor(Extractor):
    """Reads .md files by rendering them and reading the page, since they may hold HTML anyway."""

    def warm_up(self) -> None:
        read_html(_renderer().render(_SAMPLE), Limits(1, 1_000))

    def extract(self, path: Path, limits: Limits) -> ExtractedDocument:
        source = decode(path.read_bytes()).replace("\r\n", "\n").replace("\r", "\n")
        title, dated_on, source = _without_front_matter(source)
        source = _HEADING_ANCHOR.sub(r"\1", source)
        source = _ALERT.sub(lambda found: f"{found[1]}{found[2].capitalize()}:", source)
        document = read_html(_renderer().render(source), limits, title=title)
        return replace(document, dated_on=dated_on)


def _without_front_matter(source: str) -> tuple[str, datetime.date | None, str]:
    """Return the title and the date that the front matter gives, and the rest."""
    found = _FRONT_MATTER.match(source)
    if found is None:
        return "", None, source
    title = _TITLE.search(found[2])
    dates = filter(None, map(iso_date, _DATE.findall(found[2])))
    words = title[1].strip("\"'") if title else ""
    return words, max(dates, default=None), source[found.end() :]


@cache
def _renderer() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": True, "maxNesting": 100})
    parser.enable(["table", "strikethrough"])
    parser.add_render_rule("html_inline", _raw_html)
    parser.add_render_rule("html_block", _raw_html)
    return parser


def _raw_html(
    renderer: RendererHTML,
    tokens: Sequence[Token],
    place: int,
    options: OptionsDict,
    env: MutableMapping[str, Any],
) -> str:
    return _TAG.sub(_placeholder_as_text, tokens[place].content)


def _placeholder_as_text(tag: re.Match[str]) -> str:
    """Keep `<REPO>` and `<your name>`, which people write for a value to fill in, as text."""
    if tag[2].lower() in _HTML_TAGS or "=" in tag[3] or tag[3].strip() == "/":
        return tag[0]
    return f"&lt;{tag[0][1:-1]}&gt;"
