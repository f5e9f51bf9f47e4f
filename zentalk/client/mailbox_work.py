"""Work for a new mailbox at a relay that many ask for one: found here, and kept until it counts.

Spec: docs/spec/mailbox.md section 15. Work is bound to a relay, a mailbox and a day, so what a
relay refused is made better, not done again. Nothing here talks to a relay.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from anyio import lowlevel

from zentalk.ids import Day, MailboxId, NodeId, day_at
from zentalk.mailbox.work import Found, mailbox_challenge, search_mailbox

_SLICE: Final = 4_096
"""Hashes tried at once: some milliseconds, in which the program does nothing else."""


class ShownWork(NamedTuple):
    """A nonce, and the day (UTC) for which it was found."""

    day: Day
    nonce: bytes


class MailboxWork:
    """The best work so far for one mailbox at one relay; `wall` is the clock (unix seconds)."""

    def __init__(self, relay: NodeId, mailbox: MailboxId, wall: Callable[[], float]) -> None:
        self._relay = relay
        self._mailbox = mailbox
        self._wall = wall
        self._day = day_at(wall())
        self._found: Found | None = None

    def shown(self) -> ShownWork | None:
        """Return the best that was found today or yesterday, None if there is none."""
        today = day_at(self._wall())
        if self._found is None or not self._day <= today <= self._day + 1:
            return None
        return ShownWork(self._day, self._found.stamp.nonce)

    async def reach(self, bits: int) -> None:
        """Work until what is shown is worth so much: 2^bits hashes, one or two millions a second.

        Other tasks have their turn every few milliseconds.
        """
        if self.shown() is None:
            self._day, self._found = day_at(self._wall()), None
        task = mailbox_challenge(self._relay, self._mailbox, self._day)
        start = 0 if self._found is None else _next(self._found)
        while (best := 0 if self._found is None else self._found.bits) < bits:
            await lowlevel.checkpoint()
            found = search_mailbox(task, self._day, best + 1, start, _SLICE)
            start += _SLICE
            if found is not None:
                self._found, start = found, _next(found)


def _next(found: Found) -> int:
    return int.from_bytes(found.stamp.nonce, "big") + 1
