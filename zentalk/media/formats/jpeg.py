"""JPEG: what is needed to decode it stays, and of what is beside that, profile and orientation.

Format: ITU-T T.81 annex B (markers), T.871 (JFIF), Exif 2.32 section 4.5, ICC.1:2022 annex B.4. The
segments of applications, APP0 to APP15, hold nearly all that cameras and programs add.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import gcd
from typing import Final, NamedTuple

from zentalk.media.formats import exif
from zentalk.media.formats.parts import PictureCursor, PictureShape

MAGIC: Final = b"\xff\xd8\xff"
_START: Final = b"\xff\xd8"
_EOI: Final = 0xD9
_SOS: Final = 0xDA
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""SOF0 to SOF15: the headers that hold the sides."""
_TABLES: Final = frozenset((0xC4, 0xCC, 0xDB, 0xDC, 0xDD, 0xDE, 0xDF))
"""DHT, DAC, DQT, DNL, DRI, DHP and EXP."""
_APP0, _APP1, _APP2, _APP14, _APP15, _COM = 0xE0, 0xE1, 0xE2, 0xEE, 0xEF, 0xFE
_END_OF_SCAN: Final = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)
"""A marker after compressed data: zeros follow bytes of data, and D0 to D7 are restarts in it."""
_JFIF: Final = b"JFIF\0"
_ICC: Final = b"ICC_PROFILE\0"
_ADOBE: Final = b"Adobe"
_JFIF_BYTES: Final = 14
_ADOBE_BYTES: Final = 12


class JpegSegment(NamedTuple):
    """One segment; a header of a scan comes with its compressed data."""

    marker: int
    payload: bytes
    data: bytes = b""

    def encode(self) -> bytes:
        """Return the segment as it stands in a file."""
        size = (len(self.payload) + 2).to_bytes(2, "big")
        return bytes((0xFF, self.marker)) + size + self.payload + self.data


def segments(picture: bytes) -> Iterator[JpegSegment]:
    """Go through a JPEG up to its end; raises MalformedPictureError where that is not reached."""
    cursor = PictureCursor(picture, "JPEG", len(_START))
    while True:
        cursor.count_part()
        if cursor.take(1) != b"\xff":
            raise cursor.damaged("a marker is missing")
        marker = 0xFF
        while marker == 0xFF:  # any number of them may stand before a marker
            cursor.count_part()
            marker = cursor.number(1, "big")
        if marker == _EOI:
            return
        if marker not in _FRAMES | _TABLES | {_SOS, _COM} and not _APP0 <= marker <= _APP15:
            raise cursor.damaged(f"marker {marker:02x} has no meaning here")
        size = cursor.number(2, "big")
        if size < 2:
            raise cursor.damaged("a segment has no size")
        payload = cursor.take(size - 2)
        yield JpegSegment(marker, payload, _scan(picture, cursor) if marker == _SOS else b"")


def _scan(picture: bytes, cursor: PictureCursor) -> bytes:
    end = _END_OF_SCAN.search(picture, cursor.at)
    if end is None:
        raise cursor.damaged("it ends too early")
    data = cursor.take(end.start() - cursor.at)
    return data.rstrip(b"\xff")


def clean(picture: bytes) -> bytes:
    """Return a JPEG without metadata, and without anything after its end.

    Raises MalformedPictureError.
    """
    kept: list[JpegSegment] = []
    jfif = orientation = None
    for segment in segments(picture):
        marker, payload = segment.marker, segment.payload
        if marker in _FRAMES | _TABLES | {_SOS} or _is_profile(segment):
            kept.append(segment)
        elif marker == _APP0 and payload.startswith(_JFIF):
            jfif = jfif or _plain_jfif(payload)
        elif marker == _APP1 and exif.is_exif_of_jpeg(payload):
            orientation = orientation or exif.orientation_in(payload)
        elif marker == _APP14 and payload.startswith(_ADOBE):
            kept.append(JpegSegment(marker, payload[:_ADOBE_BYTES]))
    found = {segment.marker for segment in kept}
    if _SOS not in found or not found & _FRAMES:
        raise PictureCursor(picture, "JPEG").damaged("no picture is in it")
    front = [] if jfif is None else [JpegSegment(_APP0, jfif)]
    if orientation is not None and orientation != exif.UPRIGHT:
        front.append(JpegSegment(_APP1, exif.in_jpeg(orientation)))
    pieces = [segment.encode() for segment in (*front, *kept)]
    return b"".join((_START, *pieces, bytes((0xFF, _EOI))))


def _is_profile(segment: JpegSegment) -> bool:
    return segment.marker == _APP2 and segment.payload.startswith(_ICC)


def _plain_jfif(payload: bytes) -> bytes | None:
    """Return a JFIF header without small picture; of its density only whether pixels are square."""
    if len(payload) < _JFIF_BYTES:
        return None
    across, down = (int.from_bytes(payload[at : at + 2], "big") for at in (8, 10))
    factor = gcd(across, down)
    if not across or not down:
        across = down = factor = 1
    sides = ((side // factor).to_bytes(2, "big") for side in (across, down))
    return b"".join((payload[:7], b"\0", *sides, b"\0\0"))


def shape(picture: bytes) -> PictureShape:
    """Return the shape of a JPEG; raises MalformedPictureError if its header is not reached."""
    orientation = None
    for segment in segments(picture):
        if segment.marker == _APP1 and exif.is_exif_of_jpeg(segment.payload):
            orientation = orientation or exif.orientation_in(segment.payload)
        elif segment.marker in _FRAMES:
            height, width = (int.from_bytes(segment.payload[at : at + 2], "big") for at in (1, 3))
            return PictureShape(width, height, orientation or exif.UPRIGHT)
    raise PictureCursor(picture, "JPEG").damaged("no picture is in it")
