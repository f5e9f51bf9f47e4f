"""Takes out of a picture what it says beside its pixels.

Pixels, colour profile and orientation stay. What goes is Exif with places, times and cameras, small
copies, XMP, IPTC, comments, texts, further pictures, and anything behind the end. Nothing of Exif
is copied: where a picture is not upright, a new block is written that says only that. An
orientation in XMP alone goes too: browsers do not look there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from zentalk.errors import TooLargeError
from zentalk.media.formats import gif, jpeg, kinds, png, webp

MAX_PICTURE_BYTES: Final = 128 * 1024**2
"""A picture is in memory twice while it is cleaned."""

_CLEAN: Final[dict[str, Callable[[bytes], bytes]]] = {
    kinds.JPEG: jpeg.clean,
    kinds.PNG: png.clean,
    kinds.WEBP: webp.clean,
    kinds.GIF: gif.clean,
}


def without_metadata(data: bytes) -> bytes | None:
    """Return a picture without metadata, with the same pixels; None for another format.

    What has none comes back as it is. It takes time in proportion to the size, some seconds for
    128 MiB: call it in a thread.

    Raises MalformedPictureError for what begins like a picture and is damaged, TooLargeError above
    128 MiB.
    """
    clean = _CLEAN.get(kinds.media_type_of(data))
    if clean is None:
        return None
    if len(data) > MAX_PICTURE_BYTES:
        raise TooLargeError(
            f"metadata is taken out of pictures of at most {MAX_PICTURE_BYTES // 1024**2} MiB:"
            " save this one in a smaller size"
        )
    return clean(data)
