"""How the first bytes of a file tell what it is."""

from documents.extraction.encoding import wide_encoding

PDF = b"%PDF-"
ZIP = b"PK\x03\x04"
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
RTF = b"{\\rtf"
PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
TIFF_LE, TIFF_BE = b"II*\0", b"MM\0*"
_BINARY = (
    (PDF, "a PDF file"), (ZIP, "a ZIP archive or an Office file"), (b"PK\x05\x06", "a ZIP archive"),
    (OLE, "an older or a protected Office file"), (PNG, "a PNG image"),
    (JPEG, "a JPEG image"), (b"GIF8", "a GIF image"), (TIFF_LE, "a TIFF image"),
    (TIFF_BE, "a TIFF image"), (b"MZ", "a Windows program"), (b"\x7fELF", "a program"),
    (b"\xcf\xfa\xed\xfe", "a program"), (b"\xca\xfe\xba\xbe", "a program"),
    (b"\x1f\x8b", "a gzip archive"), (b"BZh", "a bzip2 archive"), (b"\xfd7zXZ", "an xz archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"), (b"Rar!", "a RAR archive"),
    (b"SQLite format 3\0", "a database"), (b"OggS", "a sound file"), (b"ID3", "a sound file"),
    (b"RIFF", "a sound, video or image file"), (b"\0asm", "a program"),
)  # fmt: skip
_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff")
# Control characters of texts: white space, escape sequences of terminals and of ISO 2022, and the
# end-of-file mark of DOS.
_IN_TEXTS = frozenset(b"\t\n\v\f\r\b\x0e\x0f\x1a\x1b")
_MOST_CONTROLS = 0.01


def is_text(head: bytes) -> bool:
    """Tell whether these can be the first bytes of a text in any encoding."""
    if head.startswith(_MARKS) or wide_encoding(head[: len(head) - len(head) % 4]):
        return True
    if b"\0" in head:
        return False
    controls = sum(byte < 0x20 and byte not in _IN_TEXTS for byte in head)
    return controls <= _MOST_CONTROLS * len(head)


def known_binary(head: bytes) -> str:
    """Return what a binary file looks like, "" where it is nothing known."""
    return next((name for magic, name in _BINARY if head.startswith(magic)), "")
