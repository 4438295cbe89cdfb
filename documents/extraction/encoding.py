"""Which encoding the bytes of a text file are in; wrong guesses show as broken letters."""

import codecs
import re
import unicodedata
from collections import Counter

from charset_normalizer import from_bytes

from documents.extraction.letters import likeliest

# The longer mark first: UTF-32 LE begins with the mark of UTF-16 LE.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# What browsers read under these names (WHATWG Encoding Standard, section 4.2).
_AS_BROWSERS_DO = {
    "iso-8859-1": "cp1252", "iso8859-1": "cp1252", "latin-1": "cp1252", "latin1": "cp1252",
    "ascii": "cp1252", "us-ascii": "cp1252", "windows-1252": "cp1252",
    "gb2312": "gb18030", "gbk": "gb18030", "x-gbk": "gb18030",
    "shift_jis": "cp932", "shift-jis": "cp932", "x-sjis": "cp932", "sjis": "cp932",
    "euc-kr": "cp949", "ks_c_5601-1987": "cp949", "iso-8859-9": "cp1254", "big5": "big5hkscs",
    "tis-620": "cp874", "iso-8859-11": "cp874", "x-user-defined": "cp1252",
}  # fmt: skip
_SCRAMBLED = re.compile(
    "[\u00c2-\u00f4][\u0080-\u009f][\u0080-\u00bf]{0,2}|Ã[\u00a0-\u00bf]"
    "|â€[\u0080-\u00bf™œž˜šŸ“”¢¦]|â‚¬"
)
_SAMPLE_BYTES = 64 * 1024
_HIGH = re.compile(rb"[\x80-\xff]")
_JAPANESE_SHIFT = re.compile(rb"\x1b\$[@B].+?\x1b\([BJ]", re.DOTALL)


def decode(data: bytes, declared: str | None = None) -> str:
    """Return the text of a file.

    Args:
        data: the whole file.
        declared: the encoding that the file itself names, which may be wrong.
    """
    return _unscrambled(_decoded(data, declared))


def _decoded(data: bytes, declared: str | None) -> str:
    for mark, name in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(name, errors="replace")
    wide = wide_encoding(data)
    if wide:
        return data.decode(wide, errors="replace")
    if _JAPANESE_SHIFT.search(data[:_SAMPLE_BYTES]):
        return data.decode("iso2022_jp", errors="replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    # Valid UTF-8 is never anything else by accident, so a file's own word comes only after it.
    text = _as_declared(data, declared)
    if text is None:
        text = _as_broken_utf8(data)
    return text if text is not None else _guess(data)


def _unscrambled(text: str) -> str:
    """Mend UTF-8 that was once read as Latin-1 or cp1252 and saved so: "cafÃ©" for "café".

    The sequences that it looks for do not occur in writing.
    """
    if not _SCRAMBLED.search(text):
        return text
    return _SCRAMBLED.sub(_as_was_meant, text)


def _as_was_meant(found: re.Match[str]) -> str:
    scrambled = found[0]
    data = bytearray()
    for character in scrambled:
        try:
            data += character.encode("latin-1" if character <= "\xff" else "cp1252")
        except UnicodeEncodeError:
            return scrambled
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return scrambled


def wide_encoding(data: bytes) -> str | None:
    """Return the UTF-16 or UTF-32 variant of text without a byte order mark.

    One alphabet's characters share their high byte (0 for Latin, 4 for Cyrillic), so that one
    stands at every second place, or three of them in four.
    """
    sample = data[: 4096 - 4096 % 4]
    if len(sample) < 4 or len(data) % 2:
        return None
    places = [Counter(sample[i::4]).most_common(1)[0] for i in range(4)]
    quarter = len(sample) // 4
    fixed = [count > 0.55 * quarter and byte < 0x20 for byte, count in places]
    zero = [byte == 0 and count > 0.9 * quarter for byte, count in places]
    candidates = {
        "utf-32-le": zero[2] and zero[3] and not zero[0],
        "utf-32-be": zero[0] and zero[1] and not zero[3],
        "utf-16-le": fixed[1] and fixed[3] and not (fixed[0] or fixed[2]),
        "utf-16-be": fixed[0] and fixed[2] and not (fixed[1] or fixed[3]),
    }
    for name, likely in candidates.items():
        if likely and _is_text(sample.decode(name, errors="replace")[:-1]):
            return name
    return None


def _is_text(text: str) -> bool:
    """Tell whether these are characters that exist and are written, but for a few."""
    odd = sum(
        1
        for character in text
        if character == "\ufffd"
        or (unicodedata.category(character) in ("Cn", "Co", "Cc") and character not in "\t\r\n\f")
    )
    return odd <= len(text) * 0.02


def _as_declared(data: bytes, declared: str | None) -> str | None:
    name = (declared or "").strip().strip("\"'").lower()
    if not name or name.startswith(("utf-16", "utf-32", "utf-8", "utf8")):
        return None  # it is none of these, or it would have been read above
    try:
        return data.decode(_AS_BROWSERS_DO.get(name, name))
    except (LookupError, UnicodeDecodeError, ValueError):
        return None


def _as_broken_utf8(data: bytes) -> str | None:
    """Return UTF-8 with surrogates in it, or with a few broken bytes among many good ones."""
    try:
        text = data.decode("utf-8", errors="surrogatepass")
        return text.encode("utf-16", errors="surrogatepass").decode("utf-16", errors="replace")
    except UnicodeDecodeError:
        pass
    text = data.decode("utf-8", errors="replace")
    broken = text.count("\ufffd")
    beyond_ascii = sum(1 for character in text if character > "\x7f") - broken
    return text if beyond_ascii >= 5 * broken else None


def _guess(data: bytes) -> str:
    """Return the reading with the most letters that are frequent where its encoding is used."""
    sample = _sample(data)
    name = likeliest(sample)
    if name is None:
        best = from_bytes(sample).best()
        name = best.encoding if best is not None else "cp1252"
    for encoding in (name, "cp1252"):
        try:
            return data.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
    return data.decode(name, errors="replace")


def _sample(data: bytes) -> bytes:
    """Return a stretch that begins at the line of the first byte beyond ASCII."""
    found = _HIGH.search(data)
    first = found.start() if found else 0
    begin = max(data.rfind(b"\n", 0, first) + 1, first - 1024)
    return data[begin : begin + _SAMPLE_BYTES]
