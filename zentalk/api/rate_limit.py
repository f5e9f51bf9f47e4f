"""How many requests each token may make: a bucket for the owner's and one for each device's.

It protects the node from a program that has run wild, and a device from the others: no number
of requests of one token takes anything from another's. Memory is bounded by the number of
devices. Streams cost one request.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from http import HTTPStatus

from starlette.responses import Response

from zentalk.directory.allowance import Allowances
from zentalk.web.problems import problem


class RateLimit:
    """So many requests at once and a second for each caller; `clock` gives monotonic seconds."""

    def __init__(self, burst: int, per_second: float, clock: Callable[[], float]) -> None:
        self._allowances = Allowances(burst, per_second)
        self._per_second = per_second
        self._clock = clock

    def refusal(self, caller: str) -> Response | None:
        """Count a request of a caller; return the answer if it is one too many."""
        if self._allowances.take(caller, self._clock()):
            return None
        wait = max(1, math.ceil(self._allowances.seconds_until(caller)))
        return problem(
            HTTPStatus.TOO_MANY_REQUESTS,
            f"this token makes more than {self._per_second:g} requests a second: try again in"
            f" {wait} s, and see `requests_per_second` in the settings",
            {"Retry-After": str(wait)},
        )
