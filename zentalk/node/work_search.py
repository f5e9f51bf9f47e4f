"""Searches proof of work for a relay: in slices that leave the node responsive, and not for ever.

Spec: docs/spec/mailbox.md sections 10 and 13. It decides nothing: whoever calls knows what a
relay may ask for, and what the work is for.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from zentalk.mailbox.work import EPOCH_SECONDS, epoch_at, search
from zentalk.net.runtime import Runtime
from zentalk.wire.deposit import Stamp

LONGEST_SEARCH_SECONDS: Final = 3600.0
SLICE: Final = 16_384
"""Hashes tried at once: some hundredths of a second."""


async def find_stamp(
    runtime: Runtime,
    challenge: Callable[[int], bytes],
    bits: int,
    is_wanted: Callable[[], bool] = lambda: True,
) -> Stamp | None:
    """Return a stamp worth `bits`, None if it is not wanted any more or takes over an hour.

    `challenge` returns that of an hour. The hour is the next one from its middle on, so that
    the stamp counts for 90 minutes at least from the start of the search.
    """
    epoch = epoch_at(runtime.wall() + EPOCH_SECONDS / 2)
    task = challenge(epoch)
    until = runtime.monotonic() + LONGEST_SEARCH_SECONDS
    start = int.from_bytes(runtime.entropy(7), "big")
    while is_wanted() and runtime.monotonic() < until:
        stamp = await runtime.run_blocking(partial(search, task, epoch, bits, start, SLICE))
        if stamp is not None:
            return stamp
        start += SLICE
    return None
