"""What a link holds in memory for its peer, counted byte by byte while it holds it.

Spec: docs/spec/link.md section 11. A link asks before it takes what it may refuse, counts
what it must take, and gives everything back; who decides how much there is stands outside.
"""

from __future__ import annotations

from typing import Final, Protocol


class Account(Protocol):
    """The memory that is counted for one link."""

    def has_room(self, size_bytes: int) -> bool:
        """Tell whether that much more may be held."""
        ...

    def add(self, size_bytes: int) -> None:
        """Count what is held from now on, whether there is room or not."""
        ...

    def release(self, size_bytes: int) -> None:
        """Count what is no longer held."""
        ...


class _Unlimited:
    def has_room(self, _size_bytes: int) -> bool:
        return True

    def add(self, _size_bytes: int) -> None:
        pass

    def release(self, _size_bytes: int) -> None:
        pass


UNLIMITED: Final[Account] = _Unlimited()
"""For links of programs that have few, such as API nodes."""
