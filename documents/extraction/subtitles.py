"""VTT and SRT: what is said in a recording, by whom, as running text with the time now and then."""

import re
from pathlib import Path

from documents.extraction.base import ExtractedDocument, Extractor, Limits
from documents.extraction.cleaning import squeeze
from documents.extraction.encoding import decode
from documents.extraction.writer import DocumentWriter

_TIME = re.compile(r"\s*(?:(\d{1,4}):)?(\d\d):(\d\d)[.,]\d{3}\s+-->")
_SPEAKER = re.compile(r"<v(?:\.[^ >]*)?[ \t]+([^<>]{0,200})>")
_TAG = re.compile(r"</?[^>\n]{0,200}>|\{\\[^}\n]{0,50}\}")
_BETWEEN = re.compile(r"\n[ \t]*\n")
_LONGEST_PARAGRAPH = 600


class SubtitleExtractor(Extractor):
    """Reads .vtt and .srt files."""

    def extract(self, path: Path, limits: Limits) -> ExtractedDocument:
        text = decode(path.read_bytes()).replace("\r\n", "\n").replace("\r", "\n")
        writer = DocumentWriter(limits)
        speaker, began, said = "", "", ""
        for cue in _BETWEEN.split(text):
            lines = cue.strip("\n").split("\n")
            place = next((i for i, line in enumerate(lines[:3]) if _TIME.match(line)), None)
            if place is None:
                continue  # a note, a style, the head
            words = "\n".join(lines[place + 1 :])
            who = squeeze(found[1]) if (found := _SPEAKER.search(words)) else ""
            words = squeeze(_TAG.sub("", words))
            if who != speaker or len(said) + len(words) > _LONGEST_PARAGRAPH:
                _write(writer, began, speaker, said)
                speaker, began, said = who, _clock(lines[place]), ""
            began = began or _clock(lines[place])
            said = f"{said} {words}".strip()
        _write(writer, began, speaker, said)
        return writer.document()


def _write(writer: DocumentWriter, began: str, speaker: str, said: str) -> None:
    if said:
        writer.paragraph(f"[{began}] {speaker}: {said}" if speaker else f"[{began}] {said}")


def _clock(line: str) -> str:
    found = _TIME.match(line)
    return "" if found is None else f"{int(found[1] or 0)}:{found[2]}:{found[3]}"
