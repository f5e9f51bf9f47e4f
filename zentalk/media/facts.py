"""Facts about a file for the card that goes with it: media type, sides, length.

They are read from headers alone and are as true as those; nothing is decoded. What cannot be read
is unknown, and never an error: a card says 0 then.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from zentalk.media.formats import gif, jpeg, kinds, png, sounds, webp
from zentalk.media.formats.parts import MalformedPictureError, PictureShape
from zentalk.wire.chat import MAX_SIDE_PIXELS

HEAD_BYTES: Final = 64 * 1024
TAIL_BYTES: Final = 64 * 1024
_TURNED: Final = range(5, 9)
"""Orientations in which rows of pixels are shown as columns."""
_SHAPE: Final[dict[str, Callable[[bytes], PictureShape]]] = {
    kinds.JPEG: jpeg.shape,
    kinds.PNG: png.shape,
    kinds.WEBP: webp.shape,
    kinds.GIF: gif.shape,
}


class MediaFacts(NamedTuple):
    """The card's facts about a file: pixels as it is shown, and milliseconds; 0 is unknown."""

    media_type: str
    width: int = 0
    height: int = 0
    milliseconds: int = 0

    def __repr__(self) -> str:
        return "<facts>"


def facts_of(head: bytes, tail: bytes = b"") -> MediaFacts:
    """Return what the first and the last bytes of a file say of it.

    Of a picture, `head` should be all: its orientation may stand at the end. Of anything else
    `HEAD_BYTES` and `TAIL_BYTES` are enough.
    """
    media_type = kinds.media_type_of(head)
    if media_type in _SHAPE:
        return MediaFacts(media_type, *_sides(_SHAPE[media_type], head))
    return MediaFacts(media_type, milliseconds=_milliseconds(media_type, head, tail))


def _sides(shape: Callable[[bytes], PictureShape], data: bytes) -> tuple[int, int]:
    try:
        found = shape(data)
    except MalformedPictureError:
        return 0, 0
    sides = found.width, found.height
    if not 0 < min(sides) <= max(sides) <= MAX_SIDE_PIXELS:
        return 0, 0
    return sides[::-1] if found.orientation in _TURNED else sides


def _milliseconds(media_type: str, head: bytes, tail: bytes) -> int:
    if media_type == kinds.WAV:
        return sounds.wav_milliseconds(head)
    if media_type == kinds.OGG:
        return sounds.opus_milliseconds(head, tail or head)
    return sounds.UNKNOWN
