"""How many one-time prekeys one link is given: whoever begins a conversation needs one.

Spec: docs/spec/mailbox.md section 10. Whoever wants more must build more tunnels, and the
rate of each mailbox, which the core keeps, holds all of them together.
"""

from __future__ import annotations

from typing import Final

TAKES_PER_LINK: Final = 4


class PrekeyLimit:
    """The queries of every link that asked; a repeated query is no further one."""

    __slots__ = ("_asked",)

    def __init__(self) -> None:
        self._asked: dict[object, set[bytes]] = {}

    def __len__(self) -> int:
        return len(self._asked)

    def allows(self, link: object, query_id: bytes) -> bool:
        """Count a query of a link; False if it has had its share."""
        asked = self._asked.setdefault(link, set())
        if query_id not in asked and len(asked) >= TAKES_PER_LINK:
            return False
        asked.add(query_id)
        return True

    def forget(self, link: object) -> None:
        """The link ended."""
        self._asked.pop(link, None)
