"""Reads a file from the mesh: some segments ahead of whoever takes its bytes.

Nothing is given out before it was opened, so that every byte is the author's. At most two windows
of segments are in memory.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from functools import partial
from typing import Final

import trio

from zentalk.errors import ZentalkError
from zentalk.mesh.secrets import FileSecrets
from zentalk.mesh.segments import joined, open_segment
from zentalk.net.runtime import Runtime
from zentalk.node.files.download.fetching import Fetcher, Pieces
from zentalk.node.files.maps import FileMap
from zentalk.wire.head import segment_bytes_of

SEGMENTS_AT_ONCE: Final = 4
AHEAD: Final = 1
"""Windows that are fetched before they are asked for."""


class FileReading:
    """One reading of one file; its task runs in `nursery` as long as somebody wants bytes."""

    def __init__(
        self, runtime: Runtime, file_map: FileMap, fetcher: Fetcher, nursery: trio.Nursery
    ) -> None:
        self._runtime = runtime
        self._map = file_map
        self._fetcher = fetcher
        self._nursery = nursery

    async def segments(self, first: int, end: int) -> AsyncGenerator[bytes, None]:
        """Yield the data of the segments from `first` on, before `end`.

        Raises TooFewShardsError, or AuthenticationError if the file was made wrong.
        """
        windows = [
            range(at, min(at + SEGMENTS_AT_ONCE, end)) for at in range(first, end, SEGMENTS_AT_ONCE)
        ]
        sending, receiving = trio.open_memory_channel[list[bytes]](AHEAD)
        fault: list[ZentalkError] = []
        scope = trio.CancelScope()

        async def fetch_all() -> None:
            with scope, sending:
                try:
                    for window in windows:
                        await sending.send(await self._window(window))
                except ZentalkError as error:
                    fault.append(error)

        self._nursery.start_soon(fetch_all)
        try:
            async for window in receiving:
                for data in window:
                    yield data
        finally:
            scope.cancel()
        if fault:
            raise fault[0]

    async def _window(self, numbers: Sequence[int]) -> list[bytes]:
        places = [self._map.segments[number] for number in numbers]
        found = await self._fetcher.fetch(places)
        return [
            await self._runtime.run_blocking(partial(self._opened, number, pieces))
            for number, pieces in zip(numbers, found, strict=True)
        ]

    def _opened(self, number: int, pieces: Pieces) -> bytes:
        size = segment_bytes_of(self._map.size)
        length = min(size, self._map.size - number * size)
        last = number == len(self._map.segments) - 1
        key = FileSecrets(self._map.content_secret).segment_key
        return open_segment(key, number, joined(pieces, length), length, last=last)
