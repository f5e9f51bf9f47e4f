"""Takes the bytes of a file into the node's own folder, before anything else is done with it."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from zentalk.errors import ConfigError, StorageFullError, TooLargeError
from zentalk.store.blocking import RunBlocking
from zentalk.store.file_folder import FileDraft, FileFolder
from zentalk.wire.chat import MAX_MEDIA_TYPE_BYTES, MAX_NAME_BYTES
from zentalk.wire.head import MAX_FILE_BYTES

PIECE_BYTES: Final = 1024 * 1024
"""Written at a time: each costs a hop to a thread."""
DEFAULT_TYPE: Final = "application/octet-stream"
_TYPE: Final = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f\u202a-\u202e\u2066-\u2069]")
"""Characters that would let a name look like another one, or end a line."""


def check_name(name: str) -> str:
    """Return the last part of a path as the name of a file.

    Raises ConfigError for control characters, TooLargeError for a long one.
    """
    last = name.replace("\\", "/").rpartition("/")[2].strip()
    if _CONTROL.search(last):
        raise ConfigError("the name of a file holds control characters: give it another one")
    try:
        size = len(last.encode("utf-8"))
    except UnicodeEncodeError:
        raise ConfigError("the name of a file is not valid Unicode: give it another one") from None
    if size > MAX_NAME_BYTES:
        raise TooLargeError(f"the name of a file may have {MAX_NAME_BYTES} bytes: shorten it")
    return last


def check_type(text: str) -> str:
    """Return a media type without its parameters; raises ConfigError if it is none."""
    found = text.partition(";")[0].strip().lower() or DEFAULT_TYPE
    if len(found) > MAX_MEDIA_TYPE_BYTES or not _TYPE.fullmatch(found):
        raise ConfigError("this is not a media type: write, for example, image/jpeg")
    return found


async def take_in(
    folder: FileFolder,
    file_id: bytes,
    pieces: AsyncGenerator[bytes, None],
    run_blocking: RunBlocking,
) -> int:
    """Write a file that comes in pieces; return its size once it is on the disk.

    What was written of a file that does not come whole is gone. Raises TooLargeError above 4 GiB,
    StorageFullError if the disk has no room for it, StorageError, and whatever `pieces` raises.
    """
    draft = await run_blocking(lambda: folder.draft(file_id))
    try:
        async with aclosing(pieces):
            await _write_all(folder, draft, pieces, run_blocking)
        await run_blocking(draft.finish)
    except BaseException:
        draft.discard()
        raise
    return draft.size


async def _write_all(
    folder: FileFolder,
    draft: FileDraft,
    pieces: AsyncGenerator[bytes, None],
    run_blocking: RunBlocking,
) -> None:
    waiting = bytearray()

    def write() -> None:
        if folder.room() < len(waiting):
            raise StorageFullError(
                "the disk of this node is nearly full: free space on it, and send the file again"
            )
        draft.write(bytes(waiting))

    async for piece in pieces:
        if draft.size + len(waiting) + len(piece) > MAX_FILE_BYTES:
            raise TooLargeError(f"a file may have at most {MAX_FILE_BYTES} bytes: split it")
        waiting += piece
        if len(waiting) >= PIECE_BYTES:
            await run_blocking(write)
            waiting.clear()
    if waiting:
        await run_blocking(write)
