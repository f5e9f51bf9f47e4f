"""Types that cross the crypto door: the entropy source and secret bytes.

`Secret` exists so that a key never shows itself in a repr, a log or a traceback.
"""

from __future__ import annotations

from collections.abc import Callable

Entropy = Callable[[int], bytes]
"""Returns that many random bytes; `os.urandom` at the edge, seeded in tests."""


class Secret(bytes):
    """Bytes that must not be shown; equal to and usable as plain bytes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<secret, {len(self)} bytes>"

    __str__ = __repr__

    def __format__(self, format_spec: str) -> str:
        return repr(self)
