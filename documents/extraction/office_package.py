"""Finds its way in an Office Open XML file: the main part, and what each part refers to."""

import datetime
import posixpath

from documents.extraction.archive import BoundedArchive
from documents.extraction.cleaning import iso_date

_TEMPLATE_TIME = "2013-12-23T23:15:00Z"


class OfficePackage(BoundedArchive):
    """An Office Open XML file (DOCX, PPTX, XLSX)."""

    def main_part(self, default: str = "word/document.xml") -> str:
        """Return the name of the part that holds the document."""
        for kind, target in self.relations("").values():
            if kind == "officeDocument":
                return target
        return default

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

    def related(self, part: str, kind: str) -> list[str]:
        """Return the names of the parts of a kind that a part refers to."""
        return [target for found, target in self.relations(part).values() if found == kind]

    def title(self) -> str:
        """Return the title in the file's properties, "" without one."""
        core = self.xml("docProps/core.xml")
        return "" if core is None else (core.findtext("{*}title") or "").strip()

    def dated_on(self) -> datetime.date | None:
        """Return when the file's properties say that it was changed last."""
        core = self.xml("docProps/core.xml")
        said = "" if core is None else core.findtext("{*}modified") or core.findtext("{*}created")
        # A template of a library that writes such files, which keep its date.
        return None if said == _TEMPLATE_TIME else iso_date(said or "")
