"""Small files of each format, made by the tests that read them."""

import io
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from documents.extraction.base import Limits

REAL_FILES = Path(__file__).resolve().parents[3] / "shared" / "data"
LIMITS = Limits(pages=50, characters=1_000_000)

Printed = tuple[float, float, float, str]  # left, baseline, size, text; bold after "*"


def pdf(
    pages: Sequence[Sequence[Printed]], *, title: str = "", encrypted: bool = False, extra: str = ""
) -> bytes:
    """Return a PDF file with these lines printed on its pages."""
    objects = ["", "", "<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
               "<</Type/Font/Subtype/Type1/BaseFont/Helvetica-Bold/Encoding/WinAnsiEncoding>>",
               f"<</Title({title})>>"]  # fmt: skip
    kids = []
    for page in pages:
        content = "".join(_printed(*line) for line in page)
        objects.append(f"<</Length {len(content.encode('cp1252'))}>>\nstream\n{content}\nendstream")
        objects.append(
            "<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]"
            f"/Contents {len(objects)} 0 R/Resources<</Font<</F1 3 0 R/F2 4 0 R>>>>>>"
        )
        kids.append(f"{len(objects)} 0 R")
    objects[0] = f"<</Type/Catalog/Pages 2 0 R{extra}>>"
    objects[1] = f"<</Type/Pages/Kids[{' '.join(kids)}]/Count {len(kids)}>>"
    trailer = f"/Size {len(objects) + 1}/Root 1 0 R/Info 5 0 R"
    if encrypted:  # with a password that is not the empty one
        owner, user = "11" * 32, "22" * 32
        trailer += f"/ID[<{owner}><{owner}>]/Encrypt<</Filter/Standard/V 1/R 2"
        trailer += f"/O<{owner}>/U<{user}>/P -4>>"
    return _assembled(objects, trailer)


def _printed(left: float, baseline: float, size: float, text: str) -> str:
    font = "F2" if text.startswith("*") else "F1"
    text = text.removeprefix("*").replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
    return f"BT /{font} {size} Tf 1 0 0 1 {left} {baseline} Tm ({text}) Tj ET\n"


def _assembled(objects: Sequence[str], trailer: str) -> bytes:
    out = io.BytesIO(b"%PDF-1.7\n")
    out.seek(0, io.SEEK_END)
    places = []
    for number, body in enumerate(objects, start=1):
        places.append(out.tell())
        out.write(f"{number} 0 obj\n{body}\nendobj\n".encode("cp1252"))
    start = out.tell()
    out.write(f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode())
    for place in places:
        out.write(f"{place:010d} 00000 n \n".encode())
    out.write(f"trailer\n<<{trailer}>>\nstartxref\n{start}\n%%EOF\n".encode())
    return out.getvalue()


def column(*lines: str, left: float = 72, top: float = 700, size: float = 11) -> list[Printed]:
    """Return lines printed below each other, as those of one paragraph are."""
    return [(left, top - 1.2 * size * place, size, line) for place, line in enumerate(lines)]


def picture(*lines: str, format: str = "PNG", pages: int = 1) -> bytes:
    """Return a picture of these lines, printed black on white, with one line in a TIFF's page."""
    sheets = [_sheet(lines)] if pages == 1 else [_sheet([line]) for line in lines]
    out = io.BytesIO()
    more = {} if pages == 1 else {"save_all": True, "append_images": sheets[1:]}
    sheets[0].save(out, format, **more)
    return out.getvalue()


def scanned_pdf(*lines: str) -> bytes:
    """Return a PDF with a page for each line, which is a picture of it."""
    sheets = [_sheet([line]) for line in lines]
    out = io.BytesIO()
    sheets[0].save(out, "PDF", save_all=True, append_images=sheets[1:], resolution=150)
    return out.getvalue()


def _sheet(lines: Sequence[str]) -> Image.Image:
    sheet = Image.new("L", (1200, 300 + 60 * len(lines)), "white")
    draw = ImageDraw.Draw(sheet)
    for place, line in enumerate(lines):
        draw.text((100, 100 + 60 * place), line, fill="black", font=ImageFont.load_default(36))
    return sheet


def docx(write: Callable[..., None]) -> bytes:
    """Return what `write` writes into a new Word document."""
    from docx import Document

    document = Document()
    write(document)
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def bare_docx(body: str, *, before: str = "", others: dict[str, bytes] | None = None) -> bytes:
    """Return a Word document with this XML as its body."""
    space = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    document = f'{before}<w:document xmlns:w="{space}"><w:body>{body}</w:body></w:document>'
    return archive({"word/document.xml": document.encode(), **(others or {})})


def archive(parts: dict[str, bytes]) -> bytes:
    """Return a zip archive."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in parts.items():
            made.writestr(name, data)
    return out.getvalue()


def odf(kind: str, body: str, *, styles: str = "", manifest: str = "") -> bytes:
    """Return an OpenDocument file with this XML as its body, of a kind such as "text"."""
    names = ["office", "style", "text", "table", "draw", "presentation", "fo", "xlink", "dc"]
    spaces = "".join(f' xmlns:{name}="urn:{name}"' for name in names)
    content = (
        f"<office:document-content{spaces}><office:automatic-styles>{styles}"
        f"</office:automatic-styles><office:body><office:{kind}>{body}</office:{kind}>"
        "</office:body></office:document-content>"
    )
    return archive({"content.xml": content.encode(), "META-INF/manifest.xml": manifest.encode()})
