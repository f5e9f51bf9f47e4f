"""Asks a worker for the preview of a picture, and believes it nothing but its pixels.

The worker is a process of its own (`worker.py`): what a prepared picture does to a decoder, it does
there. It gets the picture on its stdin, so that nothing of it stands in a list of processes, and
nothing of this process's environment. It has a deadline and is killed at that; what it answers is
read up to a bound, and counts only if it is a small picture without metadata.
"""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

import trio

from zentalk.media.facts import facts_of
from zentalk.media.formats import kinds
from zentalk.media.formats.parts import MalformedPictureError
from zentalk.media.metadata import MAX_PICTURE_BYTES, without_metadata
from zentalk.wire.chat import MAX_PREVIEW_BYTES

SIDE_PIXELS: Final = 320
"""The longest side of a preview: as wide as a phone shows it in a conversation."""
DEADLINE_SECONDS: Final = 20.0
WORKER: Final = Path(__file__).with_name("worker.py")
_FORMATS: Final = (kinds.JPEG, kinds.WEBP)
_ENVIRONMENT: Final = ("LD_LIBRARY_PATH",)
"""Variables without which some systems do not find the libraries of Python."""

_turn: trio.lowlevel.RunVar[trio.Lock] = trio.lowlevel.RunVar("turn of the maker of previews")


class Preview(NamedTuple):
    """A small JPEG or WebP of at most 16 KiB, with its own sides in pixels."""

    data: bytes
    width: int
    height: int

    def __repr__(self) -> str:
        return "<preview>"


async def preview_of(picture: bytes | os.PathLike[str]) -> Preview | None:
    """Return the preview of a picture in memory or in a file; None if none can be made.

    That is so without Pillow, for other formats than JPEG, PNG, WebP and GIF, for damaged pictures,
    and for those above 64 million pixels or 128 MiB, or that need more memory than the worker may
    use; it is no error. One is made at a time in each run of trio, and a second one waits. It takes
    some tenths of a second, and 20 s at most.
    """
    async with _lock():
        with trio.move_on_after(DEADLINE_SECONDS):
            return _checked(await _answer(picture))
    return None


def _lock() -> trio.Lock:
    """Return the lock of this run: a module's own would be shared by runs in several threads."""
    try:
        return _turn.get()
    except LookupError:
        _turn.set(lock := trio.Lock())
        return lock


def _checked(answer: bytes) -> Preview | None:
    """Return a preview if it is what a worker may answer."""
    facts = facts_of(answer)
    if facts.media_type not in _FORMATS or not 0 < len(answer) <= MAX_PREVIEW_BYTES:
        return None
    if not 0 < max(facts.width, facts.height) <= SIDE_PIXELS:
        return None
    try:
        is_plain = without_metadata(answer) == answer
    except MalformedPictureError:
        return None
    return Preview(answer, facts.width, facts.height) if is_plain else None


async def _answer(picture: bytes | os.PathLike[str]) -> bytes:
    """Return what a worker answers, nothing if there is none."""
    try:
        if isinstance(picture, bytes):
            return await _work(picture) if len(picture) <= MAX_PICTURE_BYTES else b""
        path = trio.Path(picture)
        if not stat.S_ISREG((await path.stat()).st_mode):
            return b""  # a pipe, for example, could keep us waiting
        async with await path.open("rb") as file:
            return await _work(file.fileno())
    except OSError:
        return b""  # no such file, or no process for a worker


async def _work(picture: bytes | int) -> bytes:
    """Give a picture, or an open file, to a worker; raises OSError if none can be started."""
    worker = await trio.lowlevel.open_process(
        [sys.executable, "-I", str(WORKER), str(MAX_PREVIEW_BYTES), str(SIDE_PIXELS)],
        stdin=subprocess.PIPE if isinstance(picture, bytes) else picture,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
    )
    try:
        async with trio.open_nursery() as nursery:
            if isinstance(picture, bytes):
                nursery.start_soon(_feed, worker, picture)
            answer = await _read(worker)
            nursery.cancel_scope.cancel()  # it needs no more of the picture
        is_bounded = len(answer) <= MAX_PREVIEW_BYTES
        return answer if is_bounded and await worker.wait() == 0 else b""
    finally:
        await _end(worker)


async def _feed(worker: trio.Process, picture: bytes) -> None:
    assert worker.stdin is not None
    with suppress(trio.BrokenResourceError):  # it has seen enough
        await worker.stdin.send_all(picture)
    await worker.stdin.aclose()


async def _read(worker: trio.Process) -> bytes:
    """Return what a worker writes, at most a little more than a preview may have."""
    answer = bytearray()
    assert worker.stdout is not None
    async for piece in worker.stdout:
        answer += piece
        if len(answer) > MAX_PREVIEW_BYTES:
            break
    return bytes(answer)


async def _end(worker: trio.Process) -> None:
    """Kill a worker, if it still runs, and leave nothing of it."""
    worker.kill()
    with trio.CancelScope(shield=True):
        for pipe in (worker.stdin, worker.stdout):
            if pipe is not None:
                await pipe.aclose()
        await worker.wait()
