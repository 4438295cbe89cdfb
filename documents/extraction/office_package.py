"""Reads the XML parts of an Office file (a zip archive) without trusting what it says of itself."""

import posixpath
import zipfile
import zlib
from pathlib import Path
from types import TracebackType

from lxml import etree

from documents.extraction.errors import ExtractionError, damaged
from documents.extraction.signatures import OLE

_MOST_ENTRIES = 20_000
_MOST_BYTES = 64 * 1024 * 1024
_SUSPICIOUS_RATIO = 100
_SUSPICIOUS_FROM = 16 * 1024 * 1024
_UNREADABLE = (
    zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, ValueError, KeyError
)  # fmt: skip


class OfficePackage:
    """An Office Open XML file; parts are read when asked for, and only so many bytes in all.

    Args:
        path: the file.
        kind: what it is called in error messages, such as "DOCX".
    """

    def __init__(self, path: Path, kind: str) -> None:
        self._kind = kind
        self._bytes_left = _MOST_BYTES
        with path.open("rb") as file:
            if file.read(len(OLE)) == OLE:
                raise self._encrypted()
        try:
            self._archive = zipfile.ZipFile(path)
        except _UNREADABLE as error:
            raise damaged(kind) from error
        self._names = {info.filename.lower(): info for info in self._archive.infolist()}
        if len(self._names) > _MOST_ENTRIES:
            raise self._bomb()

    def __enter__(self) -> "OfficePackage":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._archive.close()

    def main_part(self) -> str:
        """Return the name of the part that holds the document."""
        relations = self.relations("")
        for kind, target in relations.values():
            if kind == "officeDocument":
                return target
        return "word/document.xml"

    def relations(self, part: str) -> dict[str, tuple[str, str]]:
        """Return the parts that a part refers to: id -> (kind, name of the part or address)."""
        folder, name = posixpath.split(part)
        root = self.xml(posixpath.join(folder, "_rels", f"{name}.rels"))
        found: dict[str, tuple[str, str]] = {}
        for relation in root if root is not None else ():
            target = relation.get("Target", "")
            if relation.get("TargetMode") != "External":
                target = posixpath.normpath(posixpath.join("/" + folder, target)).lstrip("/")
            found[relation.get("Id", "")] = (relation.get("Type", "").rpartition("/")[2], target)
        return found

    def xml(self, name: str) -> etree._Element | None:
        """Return the root of a part, or None where the archive has no such part.

        Raises:
            ExtractionError: not well-formed, encrypted, too large, or with a DTD.
        """
        data = self._read(name)
        if data is None:
            return None
        # SECURITY: no DTD is loaded, no entity resolved, nothing fetched; libxml2's limits stay on.
        parser = etree.XMLParser(
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            huge_tree=False,
            remove_comments=True,
            remove_pis=True,
        )
        try:
            root = etree.fromstring(data, parser)
        except (etree.XMLSyntaxError, ValueError) as error:
            raise damaged(self._kind) from error
        if root.getroottree().docinfo.doctype:
            raise ExtractionError(
                f"This {self._kind} file contains a document type declaration, which an office "
                "program never writes. It is not read for safety; save it anew and upload that.",
                code="unsafe",
            )
        return root

    def _read(self, name: str) -> bytes | None:
        info = self._names.get(name.lower())
        if info is None:
            return None
        if info.flag_bits & 0x1:
            raise self._encrypted()
        ratio = info.file_size / max(1, info.compress_size)
        suspicious = info.file_size > _SUSPICIOUS_FROM and ratio > _SUSPICIOUS_RATIO
        if suspicious or info.file_size > self._bytes_left:
            raise self._bomb()
        try:
            # A declared size that is a lie helps nobody: zipfile unpacks no more than that, and
            # then finds the checksum wrong.
            data = self._archive.read(info)
        except RuntimeError as error:  # what zipfile raises for a password
            raise self._encrypted() from error
        except _UNREADABLE as error:
            raise damaged(self._kind) from error
        self._bytes_left -= len(data)
        return data

    def _encrypted(self) -> ExtractionError:
        return ExtractionError(
            f"This {self._kind} file is protected with a password, or is of an older format. "
            f"Save it as {self._kind} without a password and upload it again.",
            code="encrypted",
        )

    def _bomb(self) -> ExtractionError:
        return ExtractionError(
            f"This {self._kind} file unpacks to far more than is read "
            f"({_MOST_BYTES // 1024**2} MiB). Split it and upload the parts.",
            code="unpacks_too_large",
        )
