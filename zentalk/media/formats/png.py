"""PNG: the chunks that are needed to show it stay, and no others.

Format: Portable Network Graphics, third edition (W3C 2025), sections 5 and 11, with its moving
pictures (APNG). Texts and times are chunks of their own, and so is Exif.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from math import gcd
from typing import Final, NamedTuple

from zentalk.media.formats import exif
from zentalk.media.formats.parts import MalformedPictureError, PictureCursor, PictureShape

MAGIC: Final = b"\x89PNG\r\n\x1a\n"
_FIRST: Final = b"IHDR"
_DATA: Final = b"IDAT"
_END: Final = b"IEND"
_EXIF: Final = b"eXIf"
_PROFILE: Final = b"iCCP"
_DENSITY: Final = b"pHYs"
_NEEDED: Final = frozenset((_FIRST, b"PLTE", _DATA, _END))
_KEPT: Final = _NEEDED | {
    *(b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"sBIT", b"cICP", b"mDCV", b"cLLI", b"bKGD"),
    *(b"acTL", b"fcTL", b"fdAT"),
}
_CRITICAL: Final = range(ord("A"), ord("Z") + 1)
"""First letters of chunks without which a picture cannot be shown."""
_FIRST_BYTES: Final = 13
_LONGEST_NAME: Final = 79


class PngChunk(NamedTuple):
    """One chunk, and the checksum that it came with."""

    kind: bytes
    payload: bytes
    checksum: bytes

    @classmethod
    def made(cls, kind: bytes, payload: bytes) -> PngChunk:
        """Make a chunk with its checksum."""
        return cls(kind, payload, zlib.crc32(kind + payload).to_bytes(4, "big"))

    def encode(self) -> bytes:
        """Return the chunk as it stands in a file."""
        return len(self.payload).to_bytes(4, "big") + self.kind + self.payload + self.checksum


def chunks(picture: bytes) -> Iterator[PngChunk]:
    """Go through a PNG up to its end; raises MalformedPictureError where that is not reached."""
    cursor = PictureCursor(picture, "PNG", len(MAGIC))
    kind = b""
    while kind != _END:
        cursor.count_part()
        size = cursor.number(4, "big")
        is_first, kind = kind == b"", cursor.take(4)
        if is_first and (kind, size) != (_FIRST, _FIRST_BYTES):
            raise cursor.damaged("its header is missing")
        yield PngChunk(kind, cursor.take(size), cursor.take(4))


def clean(picture: bytes) -> bytes:
    """Return a PNG without metadata, and without anything after its end.

    Raises MalformedPictureError.
    """
    kept: list[PngChunk] = []
    orientation = None
    for chunk in chunks(picture):
        if chunk.kind == _EXIF:
            orientation = orientation or exif.orientation_in(chunk.payload)
        elif (plain := _plain(picture, chunk)) is not None:
            kept.append(plain)
    if not any(chunk.kind == _DATA for chunk in kept):
        raise PictureCursor(picture, "PNG").damaged("no picture is in it")
    if orientation is not None and orientation != exif.UPRIGHT:
        kept.insert(1, PngChunk.made(_EXIF, exif.only_orientation(orientation)))
    return b"".join((MAGIC, *(chunk.encode() for chunk in kept)))


def _plain(picture: bytes, chunk: PngChunk) -> PngChunk | None:
    """Return what is kept of a chunk, None for nothing."""
    if chunk.kind == _PROFILE:
        return _plain_profile(picture, chunk)
    if chunk.kind == _DENSITY:
        return _plain_density(chunk)
    if chunk.kind in _KEPT:
        if chunk != PngChunk.made(chunk.kind, chunk.payload):
            raise PictureCursor(picture, "PNG").damaged("a checksum is wrong")
        return chunk
    if chunk.kind[0] in _CRITICAL:
        raise PictureCursor(picture, "PNG").damaged("a part that is needed has no known meaning")
    return None


def _plain_profile(picture: bytes, chunk: PngChunk) -> PngChunk:
    """Return a colour profile under another name: the one it has may be any text."""
    name, separator, rest = chunk.payload.partition(b"\0")
    if not separator or len(name) > _LONGEST_NAME:
        raise PictureCursor(picture, "PNG").damaged("its colour profile cannot be read")
    return PngChunk.made(_PROFILE, b"icc\0" + rest)


def _plain_density(chunk: PngChunk) -> PngChunk | None:
    """Return how long pixels are to how wide, None if they are square."""
    across, down = (int.from_bytes(chunk.payload[at : at + 4], "big") for at in (0, 4))
    if across == down or not across or not down:
        return None
    factor = gcd(across, down)
    sides = ((side // factor).to_bytes(4, "big") for side in (across, down))
    return PngChunk.made(_DENSITY, b"".join((*sides, b"\0")))


def shape(picture: bytes) -> PictureShape:
    """Return the shape of a PNG, upright if its end is not there.

    Raises MalformedPictureError if its header is not there.
    """
    found = None
    try:
        for chunk in chunks(picture):
            if chunk.kind == _FIRST:
                width, height = (int.from_bytes(chunk.payload[at : at + 4], "big") for at in (0, 4))
                found = PictureShape(width, height)
            elif chunk.kind == _EXIF and found is not None:
                return found._replace(orientation=exif.orientation_in(chunk.payload))
    except MalformedPictureError:
        if found is None:
            raise
    return found or PictureShape(0, 0)
