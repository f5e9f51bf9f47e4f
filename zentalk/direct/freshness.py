"""Numbers of probes: ours rise, and of the other's none counts twice.

What somebody recorded and sends again, from wherever, is then nothing at all.
"""

from __future__ import annotations

from typing import Final

from zentalk.crypto.types import Entropy
from zentalk.wire.direct import TRANSACTION_BYTES
from zentalk.wire.ip_address import Place

WINDOW: Final = 256
"""Probes that may overtake each other: more than are ever under way."""
_NUMBER_BYTES: Final = 4


class Transactions:
    """The transactions of our probes: a number that rises, and randomness nobody can guess."""

    __slots__ = ("_entropy", "_last")

    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy
        self._last = 0

    def draw(self) -> bytes:
        """Return the next one."""
        self._last += 1
        number = self._last.to_bytes(_NUMBER_BYTES, "big")
        return number + self._entropy(TRANSACTION_BYTES - _NUMBER_BYTES)


class FreshNumbers:
    """The numbers of the other's probes that were seen, of those that still count."""

    __slots__ = ("_highest", "_seen")

    def __init__(self) -> None:
        self._highest = 0
        self._seen: dict[int, set[Place]] = {}

    def __len__(self) -> int:
        """Return how many numbers are remembered."""
        return len(self._seen)

    def take(self, transaction: bytes, source: Place, *, is_known: bool) -> bool:
        """Note a transaction; False if it was seen, or is too old to tell.

        From a place that is known anyway it counts once, even if it has come from elsewhere before:
        who is faster with a copy does not silence the other side.
        """
        number = int.from_bytes(transaction[:_NUMBER_BYTES], "big")
        if number <= self._highest - WINDOW:
            return False
        sources = self._seen.setdefault(number, set())
        if source in sources or (sources and not is_known):
            return False
        sources.add(source)
        if number > self._highest:
            self._highest = number
            least = number - WINDOW
            self._seen = {one: places for one, places in self._seen.items() if one > least}
        return True
