"""The length of sounds by the first and the last bytes of their file: WAV and Ogg Opus.

Formats: RIFF WAVE (Microsoft 1994), RFC 3533 section 6 (pages of Ogg), RFC 7845 section 4 (Opus in
Ogg: places in samples of 1/48,000 s, whatever the sound was recorded with).
"""

from __future__ import annotations

from typing import Final

UNKNOWN: Final = 0
_MAX_CHUNKS: Final = 64
_STREAMED: Final = (0, 2**32 - 1)
"""Sizes that a program writes before it knows one."""
_PAGE: Final = b"OggS"
_PAGE_HEAD_BYTES: Final = 27
_OPUS: Final = b"OpusHead"
_SAMPLES_PER_MILLISECOND: Final = 48
_NO_PLACE: Final = 2**64 - 1


def wav_milliseconds(head: bytes) -> int:
    """Return the length of a WAV by its first bytes, 0 if they do not say it."""
    at, rate = 12, 0
    for _ in range(_MAX_CHUNKS):
        kind, size = head[at : at + 4], int.from_bytes(head[at + 4 : at + 8], "little")
        if kind == b"fmt ":
            rate = int.from_bytes(head[at + 16 : at + 20], "little")
        elif kind == b"data":
            return size * 1000 // rate if rate and size not in _STREAMED else UNKNOWN
        at += 8 + size + size % 2
    return UNKNOWN


def opus_milliseconds(head: bytes, tail: bytes) -> int:
    """Return the length of an Ogg Opus by its first and last bytes, 0 if they do not say it.

    `tail` must hold the beginning of the last page; a page has at most 65,307 bytes.
    """
    body = _PAGE_HEAD_BYTES + (head[26] if len(head) >= _PAGE_HEAD_BYTES else 0)
    if head[body : body + 8] != _OPUS:
        return UNKNOWN
    skipped = int.from_bytes(head[body + 10 : body + 12], "little")
    serial = head[14:18]
    at = tail.rfind(_PAGE)
    if at < 0 or len(tail) < at + _PAGE_HEAD_BYTES or tail[at + 14 : at + 18] != serial:
        return UNKNOWN
    place = int.from_bytes(tail[at + 6 : at + 14], "little")
    if place == _NO_PLACE or place < skipped:
        return UNKNOWN
    return (place - skipped) // _SAMPLES_PER_MILLISECOND
