"""GIF: pictures, their times and the number of rounds stay; comments and texts of programs go.

Format: GIF89a (CompuServe 1990), and the extensions of applications for rounds (NETSCAPE2.0) and
for a colour profile (ICCRGBG1012). GIF has no orientation.
"""

from __future__ import annotations

from typing import Final

from zentalk.media.formats.parts import PictureCursor, PictureShape

MAGICS: Final = (b"GIF87a", b"GIF89a")
_HEAD_BYTES: Final = 13
_EXTENSION: Final = b"\x21"
_PICTURE: Final = b"\x2c"
_TRAILER: Final = b"\x3b"
_CONTROL: Final = b"\xf9"
_APPLICATION: Final = b"\xff"
_PLAIN_TEXT: Final = b"\x01"
_PROFILE: Final = b"\x0bICCRGBG1012"
_ROUNDS: Final = (b"\x0bNETSCAPE2.0", b"\x0bANIMEXTS1.0")
_ROUNDS_BYTES: Final = 12 + 4


def clean(picture: bytes) -> bytes:
    """Return a GIF without metadata, and without anything after its end.

    Raises MalformedPictureError.
    """
    cursor = PictureCursor(picture, "GIF")
    head = cursor.take(_HEAD_BYTES)
    kept = [head, cursor.take(_table_bytes(head[10]))]
    control, has_picture = b"", False
    while (kind := cursor.take(1)) != _TRAILER:
        if kind == _PICTURE:
            kept += [control, _PICTURE, *_picture(cursor)]
            control, has_picture = b"", True
        elif kind == _EXTENSION:
            label = cursor.take(1)
            blocks = _blocks(cursor)
            if label == _CONTROL:
                control = _plain_control(cursor, blocks)
            elif label == _PLAIN_TEXT:
                control = b""  # it was for this text
            elif label == _APPLICATION:
                kept.append(_plain_application(blocks))
        else:
            raise cursor.damaged("a block has no known kind")
    if not has_picture:
        raise cursor.damaged("no picture is in it")
    return b"".join((*kept, _TRAILER))


def _table_bytes(flags: int) -> int:
    """Return the size of a table of colours, 0 if there is none."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _picture(cursor: PictureCursor) -> list[bytes]:
    head = cursor.take(9)
    return [head, cursor.take(_table_bytes(head[8])), cursor.take(1), _blocks(cursor)]


def _blocks(cursor: PictureCursor) -> bytes:
    """Return blocks of at most 255 bytes up to the empty one, as they stand in the file."""
    pieces = []
    while True:
        cursor.count_part()
        size = cursor.take(1)
        pieces.append(size)
        if size == b"\0":
            return b"".join(pieces)
        pieces.append(cursor.take(size[0]))


def _plain_control(cursor: PictureCursor, blocks: bytes) -> bytes:
    if blocks[0] != 4 or len(blocks) != 6:
        raise cursor.damaged("the time of a picture cannot be read")
    return _EXTENSION + _CONTROL + blocks


def _plain_application(blocks: bytes) -> bytes:
    """Return what is kept of what a program has added: the rounds, or a colour profile."""
    name = blocks[:12]
    if name == _PROFILE:
        return _EXTENSION + _APPLICATION + blocks
    if name in _ROUNDS and blocks[12:14] == b"\x03\x01":
        return _EXTENSION + _APPLICATION + blocks[:_ROUNDS_BYTES] + b"\0"
    return b""


def shape(picture: bytes) -> PictureShape:
    """Return the shape of a GIF; raises MalformedPictureError if its header is not there."""
    head = PictureCursor(picture, "GIF").take(_HEAD_BYTES)
    width, height = (int.from_bytes(head[at : at + 2], "little") for at in (6, 8))
    return PictureShape(width, height)
