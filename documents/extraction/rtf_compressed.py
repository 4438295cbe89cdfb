"""Unpacks the RTF in Outlook messages ([MS-OXRTFCP])."""

import struct

_HEADER = struct.Struct("<IIII")  # packed size, unpacked size, kind, checksum
_PACKED, _PLAIN = 0x75465A4C, 0x414C454D
_WINDOW = 4096
_MOST_BYTES = 64 * 1024 * 1024
_BEGINNING = (
    rb"{\rtf1\ansi\mac\deff0\deftab720{\fonttbl;}{\f0\fnil \froman \fswiss \fmodern \fscript "
    rb"\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\colortbl\red0\green0\blue0"
    b"\r\n"
    rb"\par \pard\plain\f0\fs20\b\i\u\tab\tx"
)


def unpacked(data: bytes) -> bytes:
    """Return the RTF; of broken data, as much as can be had."""
    if len(data) < _HEADER.size:
        return b""
    _, size, kind, _ = _HEADER.unpack_from(data)
    if kind == _PLAIN:
        return data[_HEADER.size : _HEADER.size + size]
    if kind != _PACKED:
        return b""
    window = bytearray(_BEGINNING.ljust(_WINDOW, b" "))
    place = len(_BEGINNING)
    out = bytearray()
    read = _HEADER.size
    while read < len(data) and len(out) < min(size, _MOST_BYTES):
        control = data[read]
        read += 1
        for bit in range(8):
            if not control >> bit & 1:
                piece = data[read : read + 1]
                read += 1
            elif read + 1 < len(data):
                reference = data[read] << 8 | data[read + 1]
                read += 2
                start = reference >> 4
                if start == place % _WINDOW:
                    return bytes(out)
                piece = _copied(window, start, place, (reference & 0xF) + 2)
            else:
                return bytes(out)
            for byte in piece:
                window[place % _WINDOW] = byte
                place += 1
            out += piece
    return bytes(out)


def _copied(window: bytearray, start: int, place: int, length: int) -> bytes:
    """Return bytes of the window; those that are only being written repeat."""
    distance = (place - start) % _WINDOW
    return bytes(window[(start + step % distance) % _WINDOW] for step in range(length))
