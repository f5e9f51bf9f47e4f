"""The pace of care: pauses drawn at random, and a bound on what is read in a day.

Plain synchronous code. Times are seconds.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from zentalk.crypto.types import Entropy
from zentalk.mesh.audit import SAMPLES
from zentalk.mesh.segments import sealed_bytes
from zentalk.net.backoff import fraction
from zentalk.node.files.holders.links import IDLE_SECONDS
from zentalk.wire.head import PIECES, segment_bytes_of, segment_count_of
from zentalk.wire.shard import Coding

FILE_PAUSE_SECONDS: Final = 90.0
"""The longest pause before a file. The shortest is longer than links stay open, so that no holder
sees two files asked for over one link."""
LEAST_PAUSE_SECONDS: Final = 1.5 * IDLE_SECONDS
SEGMENT_PAUSE_SECONDS: Final = 8.0
"""The longest pause before a segment is repaired, which takes 0.1 s of a core or less."""
LOOK_SECONDS: Final = 3600.0
"""The longest time until it is seen that a file is due."""
READ_BYTES_A_DAY: Final = 512 * 2**20
"""Shards that audits read in a day, 6 kB/s; with more files, fewer of each are read."""


def file_pause(entropy: Entropy) -> float:
    """Draw the pause before a file is looked after."""
    return LEAST_PAUSE_SECONDS + (FILE_PAUSE_SECONDS - LEAST_PAUSE_SECONDS) * fraction(entropy)


def segment_pause(entropy: Entropy) -> float:
    """Draw the pause before a segment is repaired."""
    return SEGMENT_PAUSE_SECONDS * fraction(entropy)


def look_pause(entropy: Entropy) -> float:
    """Draw the time until it is looked again for files that are due."""
    return LOOK_SECONDS * fraction(entropy)


def reading_chance(sizes: Iterable[int]) -> float:
    """Return the part of the samples that may be read of files of these sizes: 1 of few files."""
    wanted = sum(map(_sampled_bytes, sizes))
    return min(1.0, READ_BYTES_A_DAY / max(1, wanted))


def _sampled_bytes(size: int) -> int:
    count = segment_count_of(size)
    longest = size if count == 1 else segment_bytes_of(size)
    return PIECES * min(SAMPLES, count) * -(-sealed_bytes(longest) // Coding.PIECE.value[0])
