"""Reads the parts of a zip archive (Office, OpenDocument, EPUB) and trusts nothing it declares."""

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from lxml import etree

from documents.extraction.errors import ExtractionError, damaged
from documents.extraction.signatures import OLE

_MOST_ENTRIES = 20_000
_MOST_BYTES = 64 * 1024 * 1024
_MOST_STREAMED_BYTES = 512 * 1024 * 1024
"""Of a part that is read piece by piece and so never stands in memory as a whole."""
_SUSPICIOUS_RATIO = 100
_SUSPICIOUS_FROM = 16 * 1024 * 1024
_UNREADABLE = (
    zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, ValueError, KeyError
)  # fmt: skip


class BoundedArchive:
    """A zip archive whose parts are read when asked for, and only so many bytes in all.

    Archives inside it are bytes like others: nothing is unpacked twice.

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
            raise self._bomb(_MOST_BYTES)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._archive.close()

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._names

    def xml(self, name: str) -> etree._Element | None:
        """Return the root of a part, or None where the archive has no such part.

        Raises:
            ExtractionError: not well-formed, encrypted, too large, or with a DTD.
        """
        data = self.read(name)
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
            raise self._with_doctype()
        return root

    def elements(self, name: str, tags: tuple[str, ...]) -> Iterator[etree._Element]:
        """Yield the elements of a large part as they end; each is emptied when the next is asked.

        Args:
            name: of the part; one that is missing yields nothing.
            tags: names without namespace; an element inside another of these is yielded first.

        Raises:
            ExtractionError: as `xml` does.
        """
        if name not in self:
            return
        with self._stream(name) as stream:
            # SECURITY: as in `xml`.
            events = etree.iterparse(
                stream,
                events=("end",),
                tag=[f"{{*}}{tag}" for tag in tags],
                resolve_entities=False,
                no_network=True,
                load_dtd=False,
                huge_tree=False,
                remove_comments=True,
                remove_pis=True,
            )
            try:
                checked = False
                for _, element in events:
                    if not checked and element.getroottree().docinfo.doctype:
                        raise self._with_doctype()
                    checked = True
                    yield element
                    element.clear(keep_tail=True)
                    while element.getprevious() is not None:  # what is done needs no memory
                        del element.getparent()[0]  # type: ignore[union-attr]
            except (etree.XMLSyntaxError, *_UNREADABLE) as error:
                raise damaged(self._kind) from error

    def read(self, name: str) -> bytes | None:
        """Return the bytes of a part, or None where the archive has no such part.

        Raises:
            ExtractionError: encrypted, broken or too large.
        """
        info = self._names.get(name.lower())
        if info is None:
            return None
        self._check(info, most=self._bytes_left)
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

    @contextmanager
    def _stream(self, name: str) -> Iterator[IO[bytes]]:
        info = self._names[name.lower()]
        self._check(info, most=_MOST_STREAMED_BYTES)
        try:
            stream = self._archive.open(info)
        except RuntimeError as error:
            raise self._encrypted() from error
        except _UNREADABLE as error:
            raise damaged(self._kind) from error
        with stream:
            yield stream

    def _check(self, info: zipfile.ZipInfo, *, most: int) -> None:
        if info.flag_bits & 0x1:
            raise self._encrypted()
        ratio = info.file_size / max(1, info.compress_size)
        suspicious = info.file_size > _SUSPICIOUS_FROM and ratio > _SUSPICIOUS_RATIO
        if suspicious or info.file_size > most:
            raise self._bomb(max(most, _MOST_BYTES))

    def _with_doctype(self) -> ExtractionError:
        return ExtractionError(
            f"This {self._kind} file contains a document type declaration, which an office "
            "program never writes. It is not read for safety; save it anew and upload that.",
            code="unsafe",
        )

    def _encrypted(self) -> ExtractionError:
        return ExtractionError(
            f"This {self._kind} file is protected with a password, or is of an older format. "
            f"Save it as {self._kind} without a password and upload it again.",
            code="encrypted",
        )

    def _bomb(self, most: int) -> ExtractionError:
        return ExtractionError(
            f"This {self._kind} file unpacks to far more than is read "
            f"({most // 1024**2} MiB). Split it and upload the parts.",
            code="unpacks_too_large",
        )
