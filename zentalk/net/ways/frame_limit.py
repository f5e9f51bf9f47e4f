"""Bounds how many frames of a WebSocket the other side may make us read for how few bytes.

A frame of six bytes costs as much to read as one of some hundred, and a line carries hundreds of
thousands of them a second. Whoever sends what links and people send never comes near the bound.

Spec: docs/spec/link.md section 13.
"""

from __future__ import annotations

from typing import Final

from zentalk.directory.allowance import Allowance

BYTES_A_FRAME: Final = 256
"""A frame with so many bytes counts for nothing."""
FRAMES_AT_ONCE: Final = 128
FRAMES_A_SECOND: Final = 4.0
SLICE_BYTES: Final = 4096
"""Read no more at a time before it is counted: some six hundred of the smallest frames."""


class FrameLimit:
    """Counts the frames of one WebSocket; `now` is monotonic seconds."""

    __slots__ = ("_allowance", "_begun_bytes")

    def __init__(self, now: float) -> None:
        self._allowance = Allowance(FRAMES_AT_ONCE, FRAMES_A_SECOND, now)
        self._begun_bytes = 0
        """The bytes of the frame that has not ended yet, up to `BYTES_A_FRAME`."""

    def takes(self, frames: int, size_bytes: int, now: float) -> bool:
        """Count frames that ended in the next so many bytes; False if that is too many.

        A large frame may end in a piece of a few bytes: what came of it before counts for it, and
        for no other.
        """
        size_bytes += self._begun_bytes
        left_bytes = size_bytes - frames * BYTES_A_FRAME
        self._begun_bytes = min(BYTES_A_FRAME, max(0, left_bytes))
        return left_bytes >= 0 or self._allowance.take(now, -left_bytes / BYTES_A_FRAME)
