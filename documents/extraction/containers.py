"""Tells what a zip archive or an OLE file holds, by its parts, without unpacking them."""

import zipfile
import zlib
from typing import BinaryIO

import olefile

from documents.extraction.signatures import OLE, ZIP

ENCRYPTED = "encrypted"
"""An Office file in the wrapping of a password; its extractor says what to do."""
_MIMETYPES = {
    "application/vnd.oasis.opendocument.text": "odt",
    "application/vnd.oasis.opendocument.text-template": "odt",
    "application/vnd.oasis.opendocument.spreadsheet": "ods",
    "application/vnd.oasis.opendocument.spreadsheet-template": "ods",
    "application/vnd.oasis.opendocument.presentation": "odp",
    "application/vnd.oasis.opendocument.presentation-template": "odp",
    "application/epub+zip": "epub",
}
_FOLDERS = {"word/": "docx", "xl/": "xlsx", "ppt/": "pptx"}
_STREAMS = {
    "encryptedpackage": ENCRYPTED,
    "worddocument": "doc",
    "workbook": "xls",
    "book": "xls",
    "powerpoint document": "ppt",
    "__properties_version1.0": "msg",
}
_LONGEST_MIMETYPE = 200
_BROKEN = (zipfile.BadZipFile, zlib.error, OSError, ValueError, NotImplementedError, RuntimeError,
           KeyError, EOFError, IndexError, TypeError, AttributeError)  # fmt: skip


def identify(head: bytes, file: BinaryIO) -> str | None:
    """Return the extension of what is inside, "zip" or "ole" where it is nothing known.

    Args:
        head: the first bytes.
        file: the whole file, seekable; its position is kept.

    Returns:
        None if it is no container, or a broken one.
    """
    position = file.tell()
    try:
        if head.startswith(ZIP):
            file.seek(0)
            return _in_archive(file)
        if head.startswith(OLE):
            file.seek(0)
            return _in_ole(file)
    except _BROKEN:
        pass
    finally:
        file.seek(position)
    return None


def _in_archive(file: BinaryIO) -> str:
    with zipfile.ZipFile(file) as archive:
        names = {name.lower() for name in archive.namelist()}
        if "mimetype" in names:
            with archive.open("mimetype") as part:
                kind = part.read(_LONGEST_MIMETYPE).decode("ascii", errors="replace").strip()
            if kind in _MIMETYPES:
                return _MIMETYPES[kind]
        for folder, extension in _FOLDERS.items():
            if any(name.startswith(folder) for name in names):
                return extension
        return "epub" if "meta-inf/container.xml" in names else "zip"


def _in_ole(file: BinaryIO) -> str:
    with olefile.OleFileIO(file) as ole:
        names = {entry[0].lower() for entry in ole.listdir() if len(entry) == 1}
    return next((kind for stream, kind in _STREAMS.items() if stream in names), "ole")
