"""How much of one contact's mail may be on its way at a time: the oldest, and the rest waits.

A reader keeps keys for at most 1,000 envelopes that were overtaken (docs/spec/end-to-end.md,
section 3). So nothing may be sent that is further ahead than that of something still on its
way, or what is overtaken could never be read. Plain code; it counts numbers, nothing else.
"""

from __future__ import annotations

from typing import Final

from zentalk.ids import UserAddress

IN_FLIGHT: Final = 96
"""Items of one contact. A mailbox keeps 100 for one send id, so none is refused while its owner
is away for a moment. Confirmations take numbers of the same chains: this is far below 1,000."""


class Window:
    """Items that may go, and those that wait, in the order in which they asked."""

    __slots__ = ("_going", "_waiting")

    def __init__(self) -> None:
        self._going: dict[UserAddress, set[int]] = {}
        self._waiting: dict[UserAddress, dict[int, None]] = {}

    def admits(self, contact: UserAddress, number: int) -> bool:
        """Tell whether an item may go now; one that may not waits until `left` names it."""
        going = self._going.setdefault(contact, set())
        if number in going:
            return True
        if len(going) < IN_FLIGHT:
            going.add(number)
            return True
        self._waiting.setdefault(contact, {})[number] = None
        return False

    def left(self, contact: UserAddress, number: int) -> int | None:
        """Forget an item that is done; return the one that may go in its place, if any waits."""
        waiting = self._waiting.get(contact, {})
        waiting.pop(number, None)
        going = self._going.get(contact, set())
        going.discard(number)
        following = None
        if waiting and len(going) < IN_FLIGHT:
            following = next(iter(waiting))
            del waiting[following]
            going.add(following)
        if not waiting:
            self._waiting.pop(contact, None)
        if not going:
            self._going.pop(contact, None)
        return following
