"""The orientation of a picture in Exif, the only thing that is read there or written.

Format: TIFF 6.0 section 2, and Exif 2.32 section 4.6.4, tag 0x0112. Exif that cannot be read is no
error: nothing of it is kept, and the picture is taken for upright, as programs that show it do.
"""

from __future__ import annotations

from typing import Final, Literal

UPRIGHT: Final = 1
_TAG: Final = 0x0112
_SHORT: Final = 3
_ENTRY_BYTES: Final = 12
_PREFIX: Final = b"Exif\0\0"
"""In JPEG it stands before the TIFF header; some programs write it into other formats too."""


def orientation_in(exif: bytes) -> int:
    """Return the orientation, 1 to 8, that a block of Exif gives; 1 if it gives none."""
    tiff = exif.removeprefix(_PREFIX)
    order = _order_of(tiff)
    if order is None:
        return UPRIGHT
    start = int.from_bytes(tiff[4:8], order)
    count = int.from_bytes(tiff[start : start + 2], order)
    first = start + 2
    last = min(first + count * _ENTRY_BYTES, len(tiff) - _ENTRY_BYTES + 1)
    for at in range(first, last, _ENTRY_BYTES):
        if int.from_bytes(tiff[at : at + 2], order) != _TAG:
            continue
        kind = int.from_bytes(tiff[at + 2 : at + 4], order)
        found = int.from_bytes(tiff[at + 8 : at + 10], order)
        return found if kind == _SHORT and 1 <= found <= 8 else UPRIGHT
    return UPRIGHT


def _order_of(tiff: bytes) -> Literal["big", "little"] | None:
    if tiff[:4] == b"II*\0":
        return "little"
    return "big" if tiff[:4] == b"MM\0*" else None


def only_orientation(orientation: int) -> bytes:
    """Return a TIFF block of 26 bytes that says this orientation, and nothing else."""
    header = b"II*\0" + (8).to_bytes(4, "little")
    entry = b"".join(
        number.to_bytes(size, "little")
        for number, size in ((_TAG, 2), (_SHORT, 2), (1, 4), (orientation, 4))
    )
    return header + (1).to_bytes(2, "little") + entry + bytes(4)


def in_jpeg(orientation: int) -> bytes:
    """Return what stands in a JPEG's segment APP1 for this orientation."""
    return _PREFIX + only_orientation(orientation)


def is_exif_of_jpeg(payload: bytes) -> bool:
    """Tell whether a segment APP1 of a JPEG is Exif, and not, for example, XMP."""
    return payload.startswith(_PREFIX)
