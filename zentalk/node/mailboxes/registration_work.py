"""Work for mailboxes that do not exist yet: found here, kept, and made better when it is refused.

Spec: docs/spec/mailbox.md section 15. Work is bound to a relay, a mailbox and a day, so nothing of
it is lost when a relay refuses it. One search at a time, in slices that leave the node responsive.
Nothing here talks to a relay.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Final

import trio

from zentalk.errors import UnavailableError
from zentalk.ids import MailboxId, day_at
from zentalk.mailbox.work import mailbox_challenge, search_mailbox
from zentalk.net.runtime import Runtime
from zentalk.store.history.models import OwnMailbox
from zentalk.wire.deposit import NO_STAMP, Stamp

BITS_AT_ONCE: Final = 22
"""Up to here the work is done without a pause: some four million hashes."""
WORK_SHARE: Final = 0.25
"""Share of one core for longer work: who has less gets a turn later, and the node stays usable."""
ATTEMPT_SECONDS: Final = 600.0
"""After so long the caller is told, who may have another relay by then."""
_SLICE: Final = 16_384
_VALID_DAYS: Final = 1
"""A relay also takes the work of the day before."""


@dataclass(slots=True)
class _Search:
    """The best that was found for one mailbox so far, and where to go on."""

    day: int
    begun_at: float
    start: int
    bits: int = 0
    stamp: Stamp = NO_STAMP


class RegistrationWork:
    """The work for all mailboxes of one node that are new."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._searches: dict[MailboxId, _Search] = {}
        self._one_at_a_time = trio.Lock()

    def stamp(self, mailbox: MailboxId) -> Stamp:
        """Return the best work that still counts, NO_STAMP if there is none."""
        search = self._current(mailbox)
        return NO_STAMP if search is None else search.stamp

    def is_asked_for(self) -> bool:
        """Tell whether a mailbox of this node is new to a relay that asks for work."""
        return bool(self._searches)

    def has_begun(self, mailbox: MailboxId) -> bool:
        """Tell whether there is work that would be lost at another relay."""
        return self._current(mailbox) is not None

    def begun_seconds_ago(self, mailbox: MailboxId) -> float:
        """Return for how long a mailbox has been worked for, 0 if it is not."""
        search = self._searches.get(mailbox)
        return 0.0 if search is None else self._runtime.monotonic() - search.begun_at

    def forget(self, mailbox: MailboxId) -> None:
        """Let go what was done for a mailbox: it exists now, or is given up."""
        self._searches.pop(mailbox, None)

    async def reach(self, mailbox: OwnMailbox, bits: int) -> None:
        """Work until `stamp` is worth so much.

        Raises UnavailableError if that takes too long for now; it may go on later.
        """
        began = self._runtime.monotonic()
        search = self._current(mailbox.mailbox) or self._begin(mailbox.mailbox)
        task = mailbox_challenge(mailbox.relay, mailbox.mailbox, search.day)
        while search.bits < bits:
            started = self._runtime.monotonic()
            if started - began > ATTEMPT_SECONDS:
                raise UnavailableError("a relay asks for more work than could be done by now")
            async with self._one_at_a_time:
                await self._try_some(search, task)
            if bits > BITS_AT_ONCE:
                took = self._runtime.monotonic() - started
                await trio.sleep(took * (1 / WORK_SHARE - 1))

    async def _try_some(self, search: _Search, task: bytes) -> None:
        """Look for anything better than what there is."""
        bits = search.bits + 1
        look = partial(search_mailbox, task, search.day, bits, search.start, _SLICE)
        found = await self._runtime.run_blocking(look)
        search.start += _SLICE
        if found is not None:
            search.bits, search.stamp = found.bits, found.stamp
            search.start = int.from_bytes(found.stamp.nonce, "big") + 1

    def _current(self, mailbox: MailboxId) -> _Search | None:
        search = self._searches.get(mailbox)
        today = day_at(self._runtime.wall())
        if search is None or not search.day <= today <= search.day + _VALID_DAYS:
            return None
        return search

    def _begin(self, mailbox: MailboxId) -> _Search:
        known = self._searches.get(mailbox)
        now = self._runtime.monotonic()
        begun_at = now if known is None else known.begun_at
        start = int.from_bytes(self._runtime.entropy(7), "big")
        search = _Search(day_at(self._runtime.wall()), begun_at, start)
        self._searches[mailbox] = search
        return search
