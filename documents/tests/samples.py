"""A small file of each format, to damage: what `fuzz.py` begins with."""

import io
from collections.abc import Iterator

import openpyxl
from pptx import Presentation

from documents.tests.made_files import archive, column, docx, odf, pdf, picture, scanned_pdf

_TEXTS = {
    "txt": "Trains are booked a week ahead.\n\n- first\n- second\n",
    "md": "# Travel\n\n| a | b |\n|---|---|\n| c | d |\n\n- *e* [f](g) `h` <b>i</b>\n",
    "html": "<html><head><title>t</title></head><body><h1>a</h1><table><tr><td>b<td>c</table>"
    "<ul><li>d<ol><li>e</ol></ul><pre>f</pre></body></html>",
    "csv": 'Name;Age\nAna;30\n"Bo; ""B""";40\n',
    "json": '{"a": {"b": [1, 2.5, null, true]}, "users": [{"n": "Ana"}, {"n": "Bo"}]}',
    "yaml": "# note\na: &x {b: 1}\nc: [*x, two]\nd: |\n  text\n",
    "xml": '<?xml version="1.0"?><a b="1"><c>d</c><c>e<f>g</f>h</c></a>',
    "org": "#+TITLE: t\n* a\n** b\n| c | d |\n#+BEGIN_SRC\ne\n#+END_SRC\n[[f][g]] ~h~\n",
    "rst": "Title\n=====\n\n``a`` `b <c>`_::\n\n   d\n\n.. code:: sh\n\n   e\n",
    "adoc": "= a\n\n== b\n|===\n|c |d\n|===\n----\ne\n----\n",
    "tex": r"\title{a}\begin{document}\section{b}\begin{tabular}{l|l}c & d\\\end{tabular} $e$"
    r"\emph{f}\end{document}",
    "vtt": "WEBVTT\n\n00:01.000 --> 00:02.000\n<v Ana>Hello <b>there</b>\n",
    "rtf": r"{\rtf1\ansi{\fonttbl{\f0\fcharset204 A;}}{\stylesheet{\s1 heading 1;}}\pard\s1 a\par"
    r"\pard\f0 \'cf\u233?{\v b}\trowd\intbl c\cell d\cell\row\pard{\listtext\'b7}e\par}",
    "eml": "Subject: =?utf-8?q?a=C3=BC?=\nFrom: a@b.c\nMIME-Version: 1.0\n"
    'Content-Type: multipart/mixed; boundary="x"\n\n--x\nContent-Type: text/plain; charset=utf-8\n'
    "Content-Transfer-Encoding: base64\n\nSGVsbG8=\n--x\nContent-Type: text/html\n\n<p>b\n--x\n"
    'Content-Type: application/pdf; name="c.pdf"\nContent-Disposition: attachment\n\nd\n--x--\n',
}
_EPUB = {
    "mimetype": b"application/epub+zip",
    "META-INF/container.xml": b'<container><rootfiles><rootfile full-path="b.opf"/></rootfiles>'
    b"</container>",
    "b.opf": b'<package><metadata><title>t</title></metadata><manifest><item id="a" href="a.xhtml" '
    b'media-type="application/xhtml+xml"/></manifest><spine><itemref idref="a"/></spine></package>',
    "a.xhtml": b"<html><body><h1>a</h1><p>b</p></body></html>",
}
_TABLE = (
    '<table:table table:name="S"><table:table-row><table:table-cell><text:p>a</text:p>'
    '</table:table-cell><table:table-cell table:number-columns-repeated="3"/></table:table-row>'
    "</table:table>"
)


def of_every_format() -> Iterator[tuple[str, bytes]]:
    """Yield the extension and the bytes of each."""
    for extension, text in _TEXTS.items():
        yield extension, text.encode()
    yield "pdf", pdf([column("Trains are booked", "a week ahead."), column("Page two.")])
    yield "pdf", scanned_pdf("Trains")
    yield "docx", docx(_write_docx)
    yield "pptx", _pptx()
    yield "xlsx", _xlsx()
    yield "odt", odf("text", f"<text:h>a</text:h><text:p>b<text:s/></text:p>{_TABLE}")
    yield "ods", odf("spreadsheet", _TABLE)
    yield "odp", odf("presentation", f"<draw:page><draw:frame>{_TABLE}</draw:frame></draw:page>")
    yield "epub", archive(_EPUB)
    yield "png", picture("Trains")
    yield "jpg", picture("Trains", format="JPEG")
    yield "tif", picture("Trains", "two", format="TIFF", pages=2)


def _write_docx(document) -> None:  # type: ignore[no-untyped-def]  # python-docx has no types
    document.add_heading("Travel", 1)
    document.add_paragraph("Paris", style="List Bullet")
    document.add_table(rows=2, cols=2).cell(0, 0).text = "City"


def _pptx() -> bytes:
    presentation = Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[1])
    slide.shapes.title.text = "Travel"
    slide.placeholders[1].text = "Trains first"
    slide.notes_slide.notes_text_frame.text = "Say why."
    return _saved(presentation)


def _xlsx() -> bytes:
    workbook = openpyxl.Workbook()
    for row in (["Team", "Cups"], ["Blues", 1.5], ["Flyers", True]):
        workbook.active.append(row)
    workbook.active["B2"].number_format = "#,##0.00;[Red](0)"
    return _saved(workbook)


def _saved(made) -> bytes:  # type: ignore[no-untyped-def]
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()
