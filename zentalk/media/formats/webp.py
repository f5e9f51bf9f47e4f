"""WebP: the chunks of pixels, movement and colours stay, and no others.

Format: RFC 9649 section 2. A simple file is one chunk of pixels; an extended one begins with a
chunk that says by flags what else is there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from zentalk.media.formats import exif
from zentalk.media.formats.parts import MalformedPictureError, PictureCursor, PictureShape

_EXTENDED: Final = b"VP8X"
_LOSSY: Final = b"VP8 "
_LOSSLESS: Final = b"VP8L"
_FRAME: Final = b"ANMF"
_EXIF: Final = b"EXIF"
_PIXELS: Final = frozenset((_LOSSY, _LOSSLESS, b"ALPH"))
_KEPT: Final = _PIXELS | {b"ICCP", b"ANIM"}
_ONCE: Final = frozenset((b"ICCP", b"ANIM"))
_KEPT_FLAGS: Final = 0x32
"""Profile, alpha and movement; not Exif, XMP and what is reserved."""
_EXIF_FLAG: Final = 0x08
_EXTENDED_BYTES: Final = 10
_FRAME_BYTES: Final = 16
_LOSSY_SIGN: Final = b"\x9d\x01\x2a"
_LOSSLESS_SIGN: Final = b"\x2f"


class WebpChunk(NamedTuple):
    """One chunk; a byte of filling behind an odd number of bytes is not kept."""

    kind: bytes
    payload: bytes

    def encode(self) -> bytes:
        """Return the chunk as it stands in a file."""
        size = len(self.payload).to_bytes(4, "little")
        return self.kind + size + self.payload + bytes(len(self.payload) % 2)


def _opened(picture: bytes) -> PictureCursor:
    """Return a cursor at the first chunk that ends where the file says."""
    cursor = PictureCursor(picture, "WebP", 4)
    cursor.end_after(4)
    size = cursor.number(4, "little")
    cursor = PictureCursor(picture, "WebP", 8)
    cursor.end_after(size)
    cursor.take(4)
    return cursor


def _chunks(cursor: PictureCursor) -> Iterator[WebpChunk]:
    while not cursor.is_at_end:
        cursor.count_part()
        kind = cursor.take(4)
        size = cursor.number(4, "little")
        payload = cursor.take(size)
        if size % 2 and not cursor.is_at_end:
            cursor.take(1)
        yield WebpChunk(kind, payload)


def clean(picture: bytes) -> bytes:
    """Return a WebP without metadata, and without anything after its end.

    Raises MalformedPictureError.
    """
    cursor = _opened(picture)
    found = _chunks(cursor)
    first = next(found, WebpChunk(b"", b""))
    if first.kind in (_LOSSY, _LOSSLESS):
        return _file([first])  # nobody reads more of a simple file
    if first.kind != _EXTENDED or len(first.payload) < _EXTENDED_BYTES:
        raise cursor.damaged("its header is missing")
    kept: list[WebpChunk] = []
    orientation = None
    seen: set[bytes] = set()
    for chunk in found:
        if chunk.kind == _EXIF:
            orientation = orientation or exif.orientation_in(chunk.payload)
        elif chunk.kind == _FRAME:
            kept.append(_plain_frame(cursor.inside(chunk.payload)))
        elif chunk.kind in _KEPT and chunk.kind not in seen & _ONCE:
            kept.append(chunk)
        seen.add(chunk.kind)
    if not seen & {_LOSSY, _LOSSLESS, _FRAME}:
        raise cursor.damaged("no picture is in it")
    return _extended(first, kept, orientation or exif.UPRIGHT)


def _extended(first: WebpChunk, kept: list[WebpChunk], orientation: int) -> bytes:
    flags, canvas = first.payload[0] & _KEPT_FLAGS, first.payload[4:_EXTENDED_BYTES]
    if orientation != exif.UPRIGHT:
        flags |= _EXIF_FLAG
        kept.append(WebpChunk(_EXIF, exif.only_orientation(orientation)))
    return _file([WebpChunk(_EXTENDED, bytes((flags, 0, 0, 0)) + canvas), *kept])


def _plain_frame(cursor: PictureCursor) -> WebpChunk:
    """Return a picture of a moving one with nothing but its pixels."""
    head = cursor.take(_FRAME_BYTES)
    pixels = [chunk.encode() for chunk in _chunks(cursor) if chunk.kind in _PIXELS]
    return WebpChunk(_FRAME, b"".join((head, *pixels)))


def _file(chunks: list[WebpChunk]) -> bytes:
    body = b"".join((b"WEBP", *(chunk.encode() for chunk in chunks)))
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def shape(picture: bytes) -> PictureShape:
    """Return the shape of a WebP, upright if its end is not there.

    Raises MalformedPictureError if its header is not there.
    """
    cursor = PictureCursor(picture, "WebP", 12)
    kind, size = cursor.take(4), cursor.number(4, "little")
    if kind != _EXTENDED:
        return _simple_shape(cursor, kind)
    payload = cursor.take(_EXTENDED_BYTES)
    width, height = (int.from_bytes(payload[at : at + 3], "little") + 1 for at in (4, 7))
    if not payload[0] & _EXIF_FLAG:
        return PictureShape(width, height)
    try:
        cursor.take(max(size - _EXTENDED_BYTES, 0) + size % 2)
        block = next((chunk.payload for chunk in _chunks(cursor) if chunk.kind == _EXIF), b"")
    except MalformedPictureError:
        block = b""
    return PictureShape(width, height, exif.orientation_in(block))


def _simple_shape(cursor: PictureCursor, kind: bytes) -> PictureShape:
    """Return the shape of a file that begins with pixels (RFC 6386 section 9.1, RFC 9649 3.4)."""
    head = cursor.take(5)
    if kind == _LOSSLESS and head.startswith(_LOSSLESS_SIGN):
        bits = int.from_bytes(head[1:], "little")
        return PictureShape((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    if kind == _LOSSY and (head + cursor.take(1))[3:] == _LOSSY_SIGN:
        width, height = (cursor.number(2, "little") & 0x3FFF for _ in range(2))
        return PictureShape(width, height)
    raise cursor.damaged("its header is missing")
