"""Turns the Markdown of an answer into HTML that is safe to show: the only place that does so.

Everything in an answer may have been written by the author of a document, so nothing of it is
trusted: raw HTML is shown as text, pictures are left out, and a link leads only to this server.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import nh3
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.token import Token

_TAGS = frozenset(
    {"a", "blockquote", "br", "code", "em", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre"}
    | {"s", "span", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul"}
)
# SECURITY: a path of this server. Two slashes, or a slash and a backslash, name another server.
_OWN_PATH = re.compile(r"/(?![/\\])[\w\-.~%/?#\[\]@!$&'()*+,;=:]*", re.ASCII)
_CITATION = re.compile(r"\[(\d{1,4})\]")
# Stand in for the brackets of a citation while Markdown is parsed, so that `[1](address)` and
# `[1]: address` stay citations and don't become links. Like the brackets they are punctuation,
# which decides whether `**` beside them opens or closes.
_OPEN, _CLOSE = "\u2e28", "\u2e29"
# The number, and the sentence whose citation it is.
_HIDDEN = re.compile(rf"{_OPEN}(\d+)(?:\.(\d+))?{_CLOSE}")
# Stand around a sentence that is marked, and where it is said in words why.
_STYLES = {"unsupported": ("\u2e24", "\u2e25"), "weak": ("\u2e22", "\u2e23")}
_BEGINS = {begin: style for style, (begin, _) in _STYLES.items()}
_ENDS = frozenset(end for _, end in _STYLES.values())
_LABEL = "\u2e21"
_SIGNS = "".join((*_BEGINS, *sorted(_ENDS), _LABEL))
_STAND_INS = re.compile(f"[{_OPEN}{_CLOSE}{_SIGNS}]")
_PARTS = re.compile(rf"({_OPEN}\d+(?:\.\d+)?{_CLOSE}|[{_SIGNS}])")
# A cell of a table's row that says something; those of the line below the head do not.
_CELL = re.compile(r"(?<=\|)([^|\n]*[^|\s:-][^|\n]*)(?=\|)")
_LINE_START = re.compile(r"(?:[ \t]*(?:[-*+>]|#{1,6}|\d{1,9}[.)])[ \t]+)*")
_HEADING_SHIFT = 2  # the page has the first two levels

_markdown = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
# With pictures switched off, `![x](y)` would be read as an exclamation mark and a link: fine, but
# only because links are filtered as well.
_markdown.disable(["image", "html_block", "html_inline", "autolink"])


@dataclass(frozen=True)
class Citation:
    """Where the number n of an answer leads.

    Attributes:
        url: a path of this server; empty when the source can no longer be read.
        title: file name and page.
    """

    url: str
    title: str


@dataclass(frozen=True)
class Mark:
    """A sentence of the answer.

    Attributes:
        start, end: characters into the text.
        style: "unsupported", "weak", or "" for one that is shown as it is.
        citations: where its own numbers lead, as far as that is more exact than for the answer.
    """

    start: int
    end: int
    style: str = ""
    citations: Mapping[int, Citation] = field(default_factory=dict)


def render_answer(
    text: str, citations: Mapping[int, Citation], *, marks: Sequence[Mark] = ()
) -> SafeString:
    """Return the answer as sanitized HTML.

    Args:
        text: Markdown, as the model wrote it, whole or as far as it has come.
        citations: what each `[n]` leads to; a number that is not among them is left out.
        marks: sentences of the text, which do not overlap.
    """
    text = _STAND_INS.sub(" ", text)
    targets: dict[tuple[int, str], Citation] = {(n, ""): to for n, to in citations.items()}
    # From the last to the first, so that no mark moves a span that is still to come.
    for mark in sorted(marks, key=lambda mark: mark.start, reverse=True):
        key = str(mark.start)
        targets |= {(n, key): mark.citations.get(n, to) for n, to in citations.items()}
        text = _marked(text, mark, key)
    tokens = _markdown.parse(_CITATION.sub(rf"{_OPEN}\1{_CLOSE}", text))
    for token in tokens:
        _rewrite(token, targets)
    html = _markdown.renderer.render(tokens, _markdown.options, {})
    # SECURITY: the sanitizer has the last word, whatever the steps above let through.
    return mark_safe(_sanitize(html))  # noqa: S308  # nosec B308, B703


_Targets = Mapping[tuple[int, str], Citation]


def _marked(text: str, mark: Mark, key: str) -> str:
    """Put a sentence between signs, and leave what makes its line a list, heading or table."""
    start, end = mark.start, mark.end
    if start == 0 or text[start - 1] == "\n":
        prefix = _LINE_START.match(text, start, end)
        start += len(prefix[0]) if prefix else 0
    sentence = _CITATION.sub(rf"{_OPEN}\1.{key}{_CLOSE}", text[start:end])
    if mark.style in _STYLES:
        begin, stop = _STYLES[mark.style]
        label = _LABEL if mark.style == "unsupported" else ""
        if sentence.lstrip().startswith("|"):
            sentence = _CELL.sub(rf"{begin}\1{stop}", sentence)
            before, _, after = sentence.rpartition(stop)
            sentence = f"{before}{stop}{label}{after}" if before else sentence
        else:
            sentence = f"{begin}{sentence}{stop}{label}"
    return text[:start] + sentence + text[end:]


def _rewrite(token: Token, citations: _Targets) -> None:
    """Shift headings, put citations in and take foreign links out of one block."""
    if token.type in ("heading_open", "heading_close"):
        token.tag = f"h{min(int(token.tag[1]) + _HEADING_SHIFT, 6)}"
    elif token.type in ("fence", "code_block"):
        token.content, token.info = _as_written(token.content), ""
    elif token.type == "inline" and token.children:
        children = _without_foreign_links(token.children)
        token.children = [new for child in children for new in _with_citations(child, citations)]


def _without_foreign_links(tokens: Sequence[Token]) -> Iterator[Token]:
    """Yield the tokens with a link to elsewhere replaced by its words and its address in brackets.

    The address stays readable, as it may be the answer ("the form is at …"), but is not clickable.
    """
    foreign = ""
    for token in tokens:
        if token.type == "link_open":
            href = str(token.attrGet("href") or "")
            # No title: it is text that nobody reads before the click.
            token.attrs = {"href": href}
            foreign = "" if _OWN_PATH.fullmatch(href) else f" ({href})"
        if token.type not in ("link_open", "link_close") or not foreign:
            yield token
        elif token.type == "link_close":
            yield _text(foreign)
            foreign = ""


def _with_citations(token: Token, citations: _Targets) -> Iterator[Token]:
    """Yield the token with its stand-ins replaced by links and marks."""
    if token.type != "text":
        token.content = _as_written(token.content)
        yield token
        return
    parts = _PARTS.split(token.content)
    for i, part in enumerate(parts):
        if part in _BEGINS:
            yield from _opened(_BEGINS[part])
        elif part in _ENDS:
            yield Token("mark_close", "span", -1)
        elif part == _LABEL:
            yield from (*_opened("unsupported-label"), _text("unsupported"))
            yield Token("mark_close", "span", -1)
        elif match := _HIDDEN.fullmatch(part):
            if citation := citations.get(_target(match)):
                yield from _citation(match[1], citation)
        else:
            follows = _HIDDEN.fullmatch(parts[i + 1]) if i + 1 < len(parts) else None
            is_left_out = follows is not None and _target(follows) not in citations
            yield _text(part.rstrip() if is_left_out else part)


def _target(match: re.Match[str]) -> tuple[int, str]:
    return int(match[1]), match[2] or ""


def _opened(style: str) -> Iterator[Token]:
    yield Token("mark_open", "span", 1, attrs={"class": style})


def _citation(number: str, citation: Citation) -> Iterator[Token]:
    attributes: dict[str, str | int | float] = {"class": "citation", "title": citation.title}
    if citation.url:
        attributes["href"] = citation.url
    yield Token("link_open", "a", 1, attrs=attributes)
    yield _text(number)
    yield Token("link_close", "a", -1)


def _text(content: str) -> Token:
    return Token("text", "", 0, content=content)


def _as_written(content: str) -> str:
    return _STAND_INS.sub("", _HIDDEN.sub(r"[\1]", content))


def _sanitize(html: str) -> str:
    return nh3.clean(
        html,
        tags=set(_TAGS),
        attributes={"a": {"href", "title"}, "ol": {"start"}},
        allowed_classes={"a": {"citation"}, "span": {"unsupported", "weak", "unsupported-label"}},
        attribute_filter=_keep,
        url_schemes=set(),
        link_rel=None,
    )


def _keep(tag: str, name: str, value: str) -> str | None:
    if name == "href" and not _OWN_PATH.fullmatch(value):
        return None
    return value
