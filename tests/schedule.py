"""Which of the many orders of one virtual run a test gets: the same in every run of the suite.

trio shuffles the tasks that are ready together, and the many programs of a network are often
ready together. Left to chance, a failure that one order shows cannot be seen again. `SCHEDULE`,
from ``ZENTALK_SCHEDULE`` (a number, 0 if it is not set), gives the order and the entropy of the
networks in `tests/e2e`; `make schedules` looks at several.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager

import trio

SCHEDULE = int(os.environ.get("ZENTALK_SCHEDULE", "0"))


def shuffler() -> random.Random:
    """Return what trio shuffles with."""
    found: object = trio._core._run._r
    assert isinstance(found, random.Random)
    return found


@contextmanager
def one_order(seed: int = SCHEDULE) -> Iterator[None]:
    """Let trio take the same order in each run of what is inside."""
    before = trio._core._run._ALLOW_DETERMINISTIC_SCHEDULING
    state = shuffler().getstate()
    trio._core._run._ALLOW_DETERMINISTIC_SCHEDULING = True  # type: ignore[misc]  # trio declares its own switch as final
    shuffler().seed(seed)
    try:
        yield
    finally:
        shuffler().setstate(state)
        trio._core._run._ALLOW_DETERMINISTIC_SCHEDULING = before  # type: ignore[misc]  # trio declares its own switch as final
