"""What is uploaded, as the body of a request: read as it is sent, and never whole in memory."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Generator, Iterable
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeAlias

from anyio import to_thread

from zentalk.web.file_pieces import DEFAULT_TYPE, SentFile, media_type_of

Content: TypeAlias = Path | bytes | Iterable[bytes]
"""A file to read, its bytes, or what yields them."""
AsyncContent: TypeAlias = Content | AsyncIterable[bytes]
Pieces: TypeAlias = bytes | Iterable[bytes] | AsyncIterable[bytes]
"""What a request has as its body."""


class FileBody(NamedTuple):
    """What is sent of a file, and what is said of it."""

    name: str
    headers: dict[str, str]
    pieces: Pieces


@contextmanager
def body_of(
    content: AsyncContent, name: str, media_type: str, *, is_async: bool
) -> Generator[FileBody, None, None]:
    """Give the body, with name and type made of the path where none is given.

    Raises ConfigError if the file of the path cannot be read.
    """
    name = name or (content.name if isinstance(content, Path) else "")
    kind = media_type or (media_type_of(name) if name else DEFAULT_TYPE)
    if not isinstance(content, Path):
        if is_async and not isinstance(content, bytes | AsyncIterable):
            content = _awaited_each(content)
        yield FileBody(name, {"Content-Type": kind}, content)
        return
    file = SentFile(content)
    try:
        yield FileBody(name, file.headers(kind), _awaited(file) if is_async else file.pieces())
    finally:
        file.close()


async def _awaited(file: SentFile) -> AsyncIterator[bytes]:
    """Yield what `SentFile.pieces` does, read in a thread."""
    sent = 0
    while piece := await to_thread.run_sync(partial(file.piece, sent)):
        sent += len(piece)
        yield piece


async def _awaited_each(pieces: Iterable[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
