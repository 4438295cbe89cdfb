"""RTF: headings, paragraphs, list items and rows, in the code pages of their fonts."""

import re
from dataclasses import dataclass, replace
from pathlib import Path

from documents.extraction.base import ExtractedDocument, Extractor, Limits
from documents.extraction.cleaning import squeeze
from documents.extraction.errors import damaged, too_deep
from documents.extraction.rows import as_row
from documents.extraction.rtf_tokens import Token, tokens
from documents.extraction.signatures import RTF
from documents.extraction.writer import DocumentWriter

_CHARSETS = {
    77: "mac_roman", 128: "cp932", 129: "cp949", 130: "johab", 134: "gb18030", 136: "cp950",
    161: "cp1253", 162: "cp1254", 163: "cp1258", 177: "cp1255", 178: "cp1256", 186: "cp1257",
    204: "cp1251", 222: "cp874", 238: "cp1250",
}  # fmt: skip
_SKIPPED = frozenset(
    "colortbl pict object objdata header headerl headerr headerf footer footerl footerr footerf "
    "fldinst nonshppict shprslt sp xe tc bkmkstart bkmkend pgptbl filetbl listtable "
    "listoverridetable revtbl rsidtbl generator themedata colorschememapping datastore "
    "latentstyles annotation atnid atnauthor pnseclvl template ftnsep ftnsepc ftncn aftnsep "
    "aftnsepc aftncn private mmathPr xmlnstbl userprops wgrffmtfilter panose falt author operator "
    "keywords comment doccomm subject category manager company hlinkbase creatim revtim printim "
    "buptim".split()
)
_KEPT_THOUGH_OPTIONAL = frozenset("shpinst shptxt listtext pntext footnote".split())
_CHARACTERS = {
    "emdash": "—", "endash": "–", "lquote": "‘", "rquote": "’", "ldblquote": "“",
    "rdblquote": "”", "bullet": "•", "tab": "\t", "line": "\n", "lbr": "\n", "emspace": " ",
    "enspace": " ", "qmspace": " ", "zwj": "\u200d", "zwnj": "\u200c",
}  # fmt: skip
_SYMBOLS = {b"~": "\u00a0", b"_": "-", b"\n": "\n", b"\r": "\n", b"\\": "\\", b"{": "{", b"}": "}"}
_HEADING = re.compile(r"heading (\d)", re.IGNORECASE)
_DEEPEST = 5_000
_LONGEST_MARKER = 12


@dataclass(frozen=True)
class _State:
    """What a group inherits and ends with."""

    destination: str = ""  # "", "skip", "fonts", "styles", "title", "marker"
    codec: str = ""
    fallback: int = 1  # characters that stand for each Unicode one in old programs
    hidden: bool = False
    optional: bool = False  # the next word names a destination that may be left out


class RtfExtractor(Extractor):
    """Reads .rtf files."""

    def extract(self, path: Path, limits: Limits) -> ExtractedDocument:
        data = path.read_bytes()
        writer = DocumentWriter(limits)
        title = write_rtf(writer, data)
        return writer.document(title)


def write_rtf(writer: DocumentWriter, data: bytes) -> str:
    """Write what an RTF file shows, and return its title.

    Raises:
        ExtractionError: no RTF, or nested beyond reason.
    """
    data = data.lstrip()
    if not data.startswith(RTF):
        raise damaged("RTF")
    reader = _Reader(writer)
    for token in tokens(data):
        reader.take(token)
    reader.end_paragraph()
    reader.end_table()
    return squeeze(reader.title) or reader.first_heading


class _Reader:
    """Follows the state of the groups and collects paragraphs."""

    def __init__(self, writer: DocumentWriter) -> None:
        self.title = ""
        self.first_heading = ""
        self._writer = writer
        self._state = _State()
        self._stack: list[_State] = []
        self._default_codec = "cp1252"
        self._fonts: dict[int, str] = {}
        self._font = 0  # being defined
        self._styles: dict[int, int] = {}  # number -> level of a heading
        self._style = 0
        self._text: list[str] = []
        self._bytes = bytearray()
        self._codec = "cp1252"  # of the bytes
        self._skip = 0  # characters that repeat a Unicode one
        self._marker = ""
        self._level = 0
        self._in_table = False
        self._cells: list[str] = []
        self._rows: list[list[str]] = []

    def take(self, token: Token) -> None:
        """Go on by a token."""
        if token.kind == "bytes":
            self._take_bytes(token)
        elif token.kind == "brace":
            self._take_brace(opens=token.value == b"{")
        elif token.kind == "symbol":
            if token.value == b"*":
                self._state = replace(self._state, optional=True)
            elif (character := _SYMBOLS.get(token.value)) is not None:
                self._add(character)
        else:
            self._take_word(token.value.decode("ascii"), token.number)

    def end_paragraph(self) -> None:
        """Write the paragraph, or keep it as part of a cell."""
        text = self._collected()
        marker, self._marker = self._marker, ""
        if self._in_table:
            if text.strip():
                self._cells = self._cells or [""]
                self._cells[-1] += (" " if self._cells[-1] else "") + text
            return
        self.end_table()
        if not text.strip():
            return
        if self._level:
            self._writer.heading(f"{marker} {text}" if marker[:1].isalnum() else text, self._level)
            self.first_heading = self.first_heading or squeeze(text)
        elif marker:
            self._writer.line(f"{marker if marker[:1].isalnum() else '-'} {text.strip()}")
        else:
            self._writer.paragraph(text)

    def end_table(self) -> None:
        """Write the rows, if there are any."""
        if all(len(row) < 2 for row in self._rows):  # a frame around text
            for row in self._rows:
                self._writer.paragraph(" ".join(row))
        else:
            self._writer.rows(as_row(row) for row in self._rows)
        self._rows = []

    def _take_bytes(self, token: Token) -> None:
        data = token.value
        if self._skip:
            skipped = min(self._skip, len(data))
            self._skip -= skipped
            data = data[skipped:]
        codec = self._state.codec or self._default_codec
        if codec != self._codec:
            self._flush()
            self._codec = codec
        if self._state.destination != "skip" and not self._state.hidden:
            self._bytes += data

    def _take_brace(self, *, opens: bool) -> None:
        if opens:
            self._skip = 0
            if len(self._stack) >= _DEEPEST:
                raise too_deep("RTF file")
            self._stack.append(self._state)
            return
        self._skip = 0
        if self._state.destination == "styles":
            self._flush()  # the name ends with the definition
        ended = self._state
        self._state = self._stack.pop() if self._stack else _State()
        if ended.destination != self._state.destination:
            self._end_destination(ended.destination)

    def _end_destination(self, destination: str) -> None:
        if destination in ("marker", "title", "fonts", "styles"):
            text = squeeze(self._collected(destination))
            if destination == "marker":
                self._marker = text[:_LONGEST_MARKER]
            elif destination == "title":
                self.title = text

    def _take_word(self, word: str, number: int | None) -> None:
        if self._state.destination == "skip":
            return
        optional = self._state.optional
        self._state = replace(self._state, optional=False)
        if word in _SKIPPED or (optional and word not in _KEPT_THOUGH_OPTIONAL):
            self._enter("skip")
        elif word in ("fonttbl", "stylesheet", "title"):
            self._enter({"fonttbl": "fonts", "stylesheet": "styles"}.get(word, word))
        elif word in ("listtext", "pntext"):
            self._flush()
            self._enter("marker")
        elif word == "footnote":
            self._add(" [")
        elif word in _CHARACTERS:
            self._add(_CHARACTERS[word])
        elif word == "u":
            self._add_unicode(number or 0)
        elif not self._take_layout(word, number):
            self._take_format(word, number)

    def _enter(self, destination: str) -> None:
        self._flush()
        self._state = replace(self._state, destination=destination)

    def _take_layout(self, word: str, number: int | None) -> bool:
        """Follow a word that ends or begins something; return False of others."""
        if word in ("par", "sect"):
            self.end_paragraph()
        elif word in ("page", "pagebb", "softpage"):
            self.end_paragraph()
            self.end_table()
            self._writer.end_page()
        elif word == "pard":
            self._level, self._style, self._in_table = 0, 0, False
        elif word == "intbl":
            self._in_table = True
        elif word in ("cell", "nestcell"):
            self._in_table = True
            self.end_paragraph()
            self._cells = [*(self._cells or [""]), ""]
        elif word in ("row", "nestrow"):
            cells = [squeeze(cell) for cell in self._cells[:-1]]
            self._rows += [cells] if any(cells) else []
            self._cells = []
            self._in_table = False
        else:
            return False
        return True

    def _take_format(self, word: str, number: int | None) -> None:
        state = self._state
        if word in ("f", "fcharset") and number is not None:
            self._take_font(word, number)
        elif word == "ansicpg" and number:
            self._default_codec = "utf-8" if number == 65001 else f"cp{number}"
        elif word == "mac":
            self._default_codec = "mac_roman"
        elif word == "uc":
            self._state = replace(state, fallback=min(max(number or 0, 0), 10))
        elif word in ("v", "deleted", "htmlrtf"):
            self._flush()
            self._state = replace(state, hidden=number != 0)
        elif word == "plain":
            self._state = replace(state, hidden=False, codec="")
        elif word == "outlinelevel":
            self._level = min(number or 0, 8) + 1
            if state.destination == "styles":
                self._styles[self._style] = self._level
                self._level = 0
        elif word == "s" and number is not None:
            self._style = number
            if state.destination != "styles":
                self._level = self._styles.get(number, 0)

    def _take_font(self, word: str, number: int) -> None:
        if word == "fcharset":
            self._fonts[self._font] = _CHARSETS.get(number, "")
        elif self._state.destination == "fonts":
            self._font = number
        else:
            self._state = replace(self._state, codec=self._fonts.get(number, ""))

    def _add(self, text: str) -> None:
        if self._skip:
            self._skip -= 1
        elif self._state.destination != "skip" and not self._state.hidden:
            self._flush()
            self._text.append(text)

    def _add_unicode(self, number: int) -> None:
        self._skip = 0
        if not -0x8000 <= number <= 0xFFFF:
            return
        self._add(chr(number % 0x10000))
        self._skip = self._state.fallback

    def _flush(self) -> None:
        """Decode the bytes that wait; of a style's definition, take its name."""
        if not self._bytes:
            return
        try:
            text = self._bytes.decode(self._codec, errors="replace")
        except LookupError:
            text = self._bytes.decode("cp1252", errors="replace")
        self._bytes.clear()
        if self._state.destination == "styles":
            if found := _HEADING.match(text.strip()):
                self._styles[self._style] = int(found[1])
        elif self._state.destination != "fonts":
            self._text.append(text)

    def _collected(self, destination: str = "") -> str:
        """Return the text since the last call; two halves of a character are put together."""
        if destination in ("fonts", "styles"):
            self._bytes.clear()
            return ""
        self._flush()
        text = "".join(self._text)
        self._text.clear()
        return text.encode("utf-16", errors="surrogatepass").decode("utf-16", errors="replace")
