"""Has LibreOffice, where it is installed, turn older Office files into newer, slides into PDF."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from django.conf import settings

from documents.extraction.children import Bounds, TooMuchSaid, ask, crashed
from documents.extraction.errors import ExtractionError, damaged
from documents.extraction.programs import find_program
from documents.extraction.registry import conversion_target

_PROGRAMS = ("soffice", "libreoffice")
_SLIDES = frozenset({"pptx", "ppt", "odp"})
# A hidden slide is a page like any other, or the pages that follow it would be others than those
# that the text was read from.
_PDF_OF_SLIDES = "pdf:impress_pdf_Export:" + json.dumps(
    {
        "ExportHiddenSlides": {"type": "boolean", "value": "true"},
        "ReduceImageResolution": {"type": "boolean", "value": "true"},
        "MaxImageResolution": {"type": "long", "value": "150"},
        "Quality": {"type": "long", "value": "85"},
    }
)
_MEMORY_BYTES = 4 * 1024**3
"""LibreOffice maps far more than it uses."""
_SAID_BYTES = 64 * 1024
_PROFILE = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry">
<item oor:path="/org.openoffice.Office.Common/Security/Scripting">
<prop oor:name="MacroSecurityLevel" oor:op="fuse"><value>3</value></prop>
<prop oor:name="DisableMacrosExecution" oor:op="fuse"><value>true</value></prop>
<prop oor:name="DisableActiveContent" oor:op="fuse"><value>true</value></prop>
<prop oor:name="BlockUntrustedRefererLinks" oor:op="fuse"><value>true</value></prop></item>
<item oor:path="/org.openoffice.Office.Writer/Content/Update">
<prop oor:name="Link" oor:op="fuse"><value>0</value></prop></item>
<item oor:path="/org.openoffice.Office.Calc/Content/Update">
<prop oor:name="Link" oor:op="fuse"><value>1</value></prop></item>
</oor:items>
"""


@contextmanager
def converted(path: Path, extension: str) -> Iterator[tuple[Path, str]]:
    """Give the file to read, and the extension to read it as; its copy goes away afterwards.

    Raises:
        ExtractionError: an older format, and LibreOffice is not here or can't open it.
    """
    target = conversion_target(extension)
    if not target:
        yield path, extension
        return
    program = find_program(*_PROGRAMS)
    if not program:
        raise ExtractionError(
            f"This file is of an older Office format (.{extension}), which is not read here. Open "
            f"it, save it as .{target} and upload that; or ask your administrator to install "
            "LibreOffice.",
            code="needs_converter",
        )
    with path.open("rb") as file, _run(program, file, extension, _Conversion(target)) as made:
        yield made, target


def draws_slides(extension: str) -> bool:
    """Tell whether files of this extension are slides, and LibreOffice is here to draw them."""
    return extension in _SLIDES and bool(find_program(*_PROGRAMS))


@contextmanager
def slides_as_pdf(file: BinaryIO, extension: str) -> Iterator[Path]:
    """Give a PDF with a page for each slide, hidden ones too; it goes away afterwards.

    Raises:
        ExtractionError: LibreOffice is not here, can't open the file, or takes too long.
    """
    program = find_program(*_PROGRAMS)
    if not program:
        raise ExtractionError("LibreOffice is not installed.", code="needs_converter")
    conversion = _Conversion("pdf", _PDF_OF_SLIDES, settings.SLIDES_TIMEOUT_S)
    with _run(program, file, extension, conversion) as made:
        yield made


@dataclass(frozen=True)
class _Conversion:
    """What a file is turned into.

    Attributes:
        target: the extension of what is made.
        filter: as LibreOffice calls it, with its options; "" for the usual one.
        timeout_s: seconds; 0 for as long as reading a file may take.
    """

    target: str
    filter: str = ""
    timeout_s: int = 0


@contextmanager
def _run(program: str, file: BinaryIO, extension: str, conversion: _Conversion) -> Iterator[Path]:
    with TemporaryDirectory(prefix="convert-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        source = folder / f"in.{extension}"
        with source.open("wb") as copy:
            shutil.copyfileobj(file, copy)
        _convert(program, source, folder, conversion)
        made = folder / "out" / f"in.{conversion.target}"
        if made.is_symlink() or not made.is_file() or made.stat().st_size == 0:
            raise damaged(extension.upper())
        yield made


def _convert(program: str, source: Path, folder: Path, conversion: _Conversion) -> None:
    profile = folder / "profile" / "user"
    profile.mkdir(parents=True)
    (profile / "registrymodifications.xcu").write_text(_PROFILE)
    # SECURITY: a profile of its own, in which macros and links are off; no network, as all
    # children; and no name that the user has chosen.
    arguments = [
        program, f"-env:UserInstallation={(folder / 'profile').as_uri()}", "--headless",
        "--norestore", "--nolockcheck", "--nodefault", "--nologo",
        "--convert-to", conversion.filter or conversion.target,
        "--outdir", str(folder / "out"), str(source),
    ]  # fmt: skip
    request = {
        "do": "run",
        "arguments": arguments,
        "folder": str(folder),
        "written_bytes": 4 * settings.MAX_UPLOAD_BYTES,
        "processes": True,
    }
    bounds = Bounds(
        timeout_s=conversion.timeout_s or settings.EXTRACTION_TIMEOUT_S,
        memory_bytes=max(_MEMORY_BYTES, settings.EXTRACTION_MEMORY_BYTES),
        answer_bytes=_SAID_BYTES,
    )
    try:
        with source.open("rb") as file:
            ask(file.fileno(), request, bounds)
    except TooMuchSaid:
        raise crashed() from None
