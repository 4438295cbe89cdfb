"""LaTeX: headings, paragraphs, items and rows of a source; formulas stay as they are written."""

import re
from pathlib import Path

from documents.extraction.base import ExtractedDocument, Extractor, Limits
from documents.extraction.cleaning import squeeze
from documents.extraction.encoding import decode
from documents.extraction.rows import as_row
from documents.extraction.text import write_text
from documents.extraction.writer import DocumentWriter

_COMMENT = re.compile(r"(?<!\\)%.*?(?:\n[ \t]*|\Z)")
_BODY = re.compile(r"\\begin\{document\}(.*?)(?:\\end\{document\}|\Z)", re.DOTALL)
_TITLE = re.compile(r"\\title\{([^{}]{1,300})\}")
_SECTIONS = {
    "part": 1, "chapter": 1, "section": 2, "subsection": 3, "subsubsection": 4, "paragraph": 5,
}  # fmt: skip
_SECTION = re.compile(
    r"\\(part|chapter|section|subsection|subsubsection|paragraph)\*?\s*\{([^{}]*)\}"
)
_TABLE = re.compile(
    r"\\begin\{tabular[x*]?\}((?:(?!\\begin\{tabular).)*?)\\end\{tabular[x*]?\}", re.DOTALL
)
_RULES = re.compile(
    r"\\(?:hline|toprule|midrule|bottomrule|c(?:mid)?(?:line|rule)(?:\([^)]{0,20}\))?\{[^}]*\})"
)
_COLUMNS = re.compile(r"\A(?:\{[^{}]*\}|\[[^\]]*\])*(?:\{(?:[^{}]|\{[^{}]*\})*\})?")
_DROPPED = re.compile(
    r"\\(?:label|cite[tp]?|ref|eqref|includegraphics|vspace|hspace|input|include|bibliography"
    r"|bibliographystyle|usepackage|footnotemark|color|begin|end|newcommand|setlength|subfile)\*?"
    r"(?:\[[^\]]{0,300}\])?(?:\{[^{}]*\})?"
)
_NAMED = re.compile(r"\\([a-zA-Z]+)\*?[ \t]{0,9}(?:\[[^\]]{0,300}\])?")
_ESCAPED = re.compile(r"\\([%&#_$ {}])")
_SIGNS = {"ldots": "…", "dots": "…", "LaTeX": "LaTeX", "TeX": "TeX", "S": "§", "ss": "ß", "L": "Ł"}
_FORMULA = re.compile(r"\$\$.+?\$\$|\$[^$\n]+\$", re.DOTALL)


class LatexExtractor(Extractor):
    """Reads .tex files; nothing is compiled, and no other file is read."""

    def extract(self, path: Path, limits: Limits) -> ExtractedDocument:
        text = decode(path.read_bytes()).replace("\0", "").replace("\r\n", "\n")
        source = _COMMENT.sub("\n", text)
        found = _TITLE.search(source)
        title = _plain(found[1]) if found else ""
        body = _BODY.search(source)
        writer = DocumentWriter(limits)
        writer.heading(title, 1)
        text = body[1] if body else source
        place = 0
        for section in _SECTION.finditer(text):
            _write(writer, text[place : section.start()])
            writer.heading(_plain(section[2]), _SECTIONS[section[1]])
            place = section.end()
        _write(writer, text[place:])
        return writer.document(title)


def _write(writer: DocumentWriter, text: str) -> None:
    place = 0
    for table in _TABLE.finditer(text):
        write_text(writer, _plain(text[place : table.start()]))
        rows = _RULES.sub("", _COLUMNS.sub("", table[1], count=1)).split(r"\\")
        writer.rows(as_row([squeeze(_plain(cell)) for cell in row.split("&")]) for row in rows)
        place = table.end()
    write_text(writer, _plain(text[place:]))


def _plain(text: str) -> str:
    """Return text without commands; what stands in their braces stays, and formulas as well."""
    formulas: list[str] = []

    def keep(found: re.Match[str]) -> str:
        formulas.append(found[0])
        return f"\0{len(formulas) - 1}\0"

    text = _FORMULA.sub(keep, text)
    text = _DROPPED.sub("", text).replace(r"\item", "\n- ").replace(r"\\", "\n").replace("~", " ")
    text = _ESCAPED.sub(r"\1", text)
    text = _NAMED.sub(lambda found: _SIGNS.get(found[1], ""), text)
    text = text.replace("``", "“").replace("''", "”").replace("---", "—").replace("--", "–")
    text = re.sub(r"[{}]", "", text)
    return re.sub(r"\0(\d+)\0", lambda found: formulas[int(found[1])], text)
