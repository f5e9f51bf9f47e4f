"""How often one address may ask: a bucket for each, a bounded number of them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final

from zentalk.directory.allowance import Allowance

BURST: Final = 100.0
PER_SECOND: Final = 20.0
MAX_SOURCES: Final = 4_096
"""Beyond it the one that was quiet for longest is forgotten, and begins anew."""


class Sources:
    """Allowances by source; times are monotonic seconds."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: OrderedDict[Hashable, Allowance] = OrderedDict()

    def admits(self, source: Hashable, now: float, units: float = 1.0) -> bool:
        """Take what a request costs from its source; False if it asks too often."""
        allowance = self._known.get(source)
        if allowance is None:
            allowance = self._known[source] = Allowance(BURST, PER_SECOND, now)
            if len(self._known) > MAX_SOURCES:
                self._known.popitem(last=False)
        self._known.move_to_end(source)
        return allowance.take(now, units)
