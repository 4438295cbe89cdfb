"""Has LibreOffice, where it is installed, turn older Office files into those that are read here."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from django.conf import settings

from documents.extraction.children import Bounds, TooMuchSaid, ask, crashed
from documents.extraction.errors import ExtractionError, damaged
from documents.extraction.programs import find_program
from documents.extraction.registry import conversion_target

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
    program = find_program("soffice", "libreoffice")
    if not program:
        raise ExtractionError(
            f"This file is of an older Office format (.{extension}), which is not read here. Open "
            f"it, save it as .{target} and upload that; or ask your administrator to install "
            "LibreOffice.",
            code="needs_converter",
        )
    with TemporaryDirectory(prefix="convert-", ignore_cleanup_errors=True) as folder:
        yield _convert(program, path, Path(folder), extension, target), target


def _convert(program: str, path: Path, folder: Path, extension: str, target: str) -> Path:
    profile = folder / "profile" / "user"
    profile.mkdir(parents=True)
    (profile / "registrymodifications.xcu").write_text(_PROFILE)
    source = folder / f"in.{extension}"
    shutil.copyfile(path, source)
    # SECURITY: a profile of its own, in which macros and links are off; no network, as all
    # children; and no name that the user has chosen.
    arguments = [
        program, f"-env:UserInstallation={(folder / 'profile').as_uri()}", "--headless",
        "--norestore", "--nolockcheck", "--nodefault", "--nologo", "--convert-to", target,
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
        timeout_s=settings.EXTRACTION_TIMEOUT_S,
        memory_bytes=max(_MEMORY_BYTES, settings.EXTRACTION_MEMORY_BYTES),
        answer_bytes=_SAID_BYTES,
    )
    try:
        with path.open("rb") as file:
            ask(file.fileno(), request, bounds)
    except TooMuchSaid:
        raise crashed() from None
    made = folder / "out" / f"in.{target}"
    if made.is_symlink() or not made.is_file() or made.stat().st_size == 0:
        raise damaged(extension.upper())
    return made
