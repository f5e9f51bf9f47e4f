"""The largest sizes of the parts of a request. A larger part ends the connection."""

from __future__ import annotations

from typing import Final

MAX_HEAD_BYTES: Final = 32 * 1024
"""The request line and all headers; beyond it the answer is 431."""
MAX_HEADERS: Final = 100
"""Beyond it the answer is 431."""
MAX_TARGET_BYTES: Final = 8 * 1024
"""Beyond it the answer is 414."""
MAX_CHUNK_LINE_BYTES: Final = 1024
"""A chunk's size with its extensions; beyond it the answer is 400."""
MAX_TRAILER_BYTES: Final = 8 * 1024
"""Bytes that may follow the last chunk, none of which is kept; beyond it the answer is 431."""
