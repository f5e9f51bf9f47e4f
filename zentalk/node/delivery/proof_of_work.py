"""What the mailboxes of others ask of a deposit, and the work that is done for it.

Spec: docs/spec/mailbox.md section 13. A relay is asked only when an ack stays away, seldom,
and through a tunnel of its own. Work is bounded, one search at a time, in slices that leave
the node responsive, and takes a part of the time only. Nothing here sends a deposit.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, NamedTuple

import trio

from zentalk.errors import RELAY_FAULTS
from zentalk.ids import NodeId, SendId
from zentalk.mailbox.work import MARGIN_BITS, challenge
from zentalk.net.connection import Connection
from zentalk.net.runtime import Runtime
from zentalk.net.signal import Signal
from zentalk.node.delivery.events import MailboxAnswered, WorkDone
from zentalk.node.messages.routes import DepositTarget
from zentalk.node.work_search import find_stamp
from zentalk.wire.deposit import ENVELOPE_SMALL_BYTES, Deposit
from zentalk.wire.rpc_send_ids import SendIdState, decode_state_response, encode_state_request

MOST_BITS: Final = 28
"""The most work done for one deposit: some 270 million hashes, several minutes of one core."""
FIRST_ASK_SECONDS: Final = 30.0
LONGEST_ASK_SECONDS: Final = 600.0
"""A relay that keeps saying that it accepts, without an ack, is asked less and less."""
CLOSED_SECONDS: Final = 3.0
"""Of one that takes nothing this is the first: whoever is online may have collected by then."""
KNOWN_SECONDS: Final = 600.0
"""How long the answer `work` is acted upon; a flood may be over by then."""
CLOSED_KNOWN_SECONDS: Final = 1_800.0
"""The same of `full`: by then it was asked three times more, and no answer came."""
STAMP_SECONDS: Final = 1800.0
"""Work counts for 90 minutes, and an hour of them may be spent on it: later it may be too late."""
WORK_SHARE: Final = 0.25
LOOK_SECONDS: Final = 60.0
_LEAST_LOOK_SECONDS: Final = 1.0
_NOTHING_TAKEN: Final = MOST_BITS + 1
MAX_KNOWN: Final = 1_024
MAX_JOBS: Final = 256
MAX_QUESTIONS: Final = 2


class _Place(NamedTuple):
    relay: NodeId
    send_id: SendId


class _Job(NamedTuple):
    item: int
    place: _Place


@dataclass(slots=True)
class _Known:
    """What a relay has said of a send id: the bits it wants for each class, 0 for none.

    More than MOST_BITS of them: it takes nothing.
    """

    small: int = 0
    large: int = 0
    asking: bool = False
    until: float = 0.0
    ask_after: float = 0.0
    wait: float = FIRST_ASK_SECONDS


class ProofOfWork:
    """The price of deposits at every mailbox we write to. `run` must be running."""

    def __init__(
        self,
        runtime: Runtime,
        tunnel: Callable[[NodeId], AbstractAsyncContextManager[Connection]],
    ) -> None:
        self._runtime = runtime
        self._tunnel = tunnel
        self._news: list[MailboxAnswered | WorkDone] = []
        self._told = Signal()
        self._known: OrderedDict[_Place, _Known] = OrderedDict()
        self._jobs: OrderedDict[_Job, tuple[Deposit, int]] = OrderedDict()
        self._done: OrderedDict[_Job, tuple[Deposit, float, int]] = OrderedDict()
        self._questions: list[_Place] = []
        self._asked = Signal()
        self._wanted = Signal()

    def silent(self, target: DepositTarget) -> None:
        """An ack of this mailbox is overdue: ask what the matter is, if that is due.

        Of a contact's send id a relay says nothing, and we would not believe it.
        """
        if target.public:
            self._ask(_Place(target.relay, target.send_id))

    def closed(self, target: DepositTarget, deposit: Deposit) -> bool:
        """Tell whether a mailbox takes nothing of this class of us now."""
        known = self._known.get(_Place(target.relay, target.send_id))
        return known is not None and self._bits(known, deposit) > MOST_BITS

    def stamped(self, item: int, target: DepositTarget, deposit: Deposit) -> Deposit | None:
        """Return a deposit with the work that is asked for, None if none is to leave now.

        It is `deposit` where nothing is asked for, else the one for which the work was done.
        `news` tells when there is reason to try again.
        """
        place = _Place(target.relay, target.send_id)
        job = _Job(item, place)
        known = self._known.get(place)
        now = self._runtime.monotonic()
        wanted = 0 if known is None else self._bits(known, deposit)
        if not wanted or not target.public:
            # Contacts' send ids never ask: a relay that says so wants our time.
            self._forget(job)
            return deposit
        if wanted > MOST_BITS:
            self._ask(place)
            return None
        made, at, bits = self._done.get(job, (None, 0.0, 0))
        if made is not None and at + STAMP_SECONDS > now and bits >= wanted:
            return made
        if job not in self._jobs and len(self._jobs) < MAX_JOBS:
            self._jobs[job] = (deposit, min(wanted + MARGIN_BITS, MOST_BITS))
            self._wanted.set()
        return None

    def next_look(self, target: DepositTarget, deposit: Deposit) -> float:
        """Return when an item that `stamped` held back should be looked at again, if not told."""
        now = self._runtime.monotonic()
        known = self._known.get(_Place(target.relay, target.send_id))
        if known is None or not self.closed(target, deposit):
            return now + LOOK_SECONDS
        return min(max(known.ask_after, now + _LEAST_LOOK_SECONDS), now + LOOK_SECONDS)

    def used(self, item: int, target: DepositTarget) -> None:
        """The work that `stamped` gave has left: a relay takes the same only once."""
        self._forget(_Job(item, _Place(target.relay, target.send_id)))

    def drop(self, item: int) -> None:
        """Forget all work for an item: there is another ciphertext now."""
        for job in [job for job in (*self._jobs, *self._done) if job.item == item]:
            self._forget(job)

    async def news(self) -> list[MailboxAnswered | WorkDone]:
        """Return what has changed since the last time, as soon as something has."""
        await self._told.wait()
        news, self._news = self._news, []
        return news

    def _tell(self, event: MailboxAnswered | WorkDone) -> None:
        self._news.append(event)
        self._told.set()

    def _forget(self, job: _Job) -> None:
        self._jobs.pop(job, None)
        self._done.pop(job, None)

    def _bits(self, known: _Known, deposit: Deposit) -> int:
        """Return the bits asked for; what was said long ago counts for nothing any more.

        Whoever cannot be asked any more may have room again: a deposit finds out.
        """
        if known.until <= self._runtime.monotonic():
            return 0
        is_small = len(deposit.envelope) <= ENVELOPE_SMALL_BYTES
        return known.small if is_small else known.large

    def _ask(self, place: _Place) -> None:
        known = self._known.get(place)
        if known is None:
            known = self._known[place] = _Known()
            if len(self._known) > MAX_KNOWN:
                self._known.popitem(last=False)
        if not known.asking and known.ask_after <= self._runtime.monotonic():
            known.asking = True
            self._questions.append(place)
            self._asked.set()

    async def run(self) -> None:
        """Ask and work, until cancelled."""
        limit = trio.CapacityLimiter(MAX_QUESTIONS)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._work)
            while True:
                await self._asked.wait()
                for place in self._questions:
                    nursery.start_soon(self._question, place, limit)
                self._questions.clear()

    async def _question(self, place: _Place, limit: trio.CapacityLimiter) -> None:
        known = self._known.get(place) or _Known()
        try:
            async with limit, self._tunnel(place.relay) as connection:
                body = await connection.request(encode_state_request(place.send_id))
            answer = decode_state_response(body)
        except RELAY_FAULTS:
            answer = None
        known.asking = False
        now = self._runtime.monotonic()
        known.ask_after = now + known.wait
        known.wait = min(2 * known.wait, LONGEST_ASK_SECONDS)
        if answer is None:
            return
        before = (known.small, known.large)
        known.small, known.large = answer.difficulty, answer.large_difficulty
        if answer.state is SendIdState.FULL:
            known.small = known.large = _NOTHING_TAKEN
        is_closed = known.small > MOST_BITS
        known.until = now + (CLOSED_KNOWN_SECONDS if is_closed else KNOWN_SECONDS)
        if is_closed != (before[0] > MOST_BITS):
            known.wait = CLOSED_SECONDS if is_closed else FIRST_ASK_SECONDS
            known.ask_after = now + known.wait
        if (known.small, known.large) != before:
            self._tell(MailboxAnswered(*place))

    async def _work(self) -> None:
        while True:
            while not self._jobs:
                await self._wanted.wait()
            job, (deposit, bits) = next(iter(self._jobs.items()))
            started = self._runtime.monotonic()
            made = await self._search(job, deposit, bits)
            took = self._runtime.monotonic() - started
            if self._jobs.pop(job, None) is not None and made is not None:
                self._done[job] = (made, self._runtime.monotonic(), bits)
                if len(self._done) > MAX_JOBS:
                    self._done.popitem(last=False)
                self._tell(WorkDone(job.item, job.place.relay))
            # A relay that asks for much and takes nothing costs this share of a core, no more.
            await trio.sleep(took * (1 / WORK_SHARE - 1))

    async def _search(self, job: _Job, deposit: Deposit, bits: int) -> Deposit | None:
        """Search; None if the item was given up meanwhile, or it took too long."""
        task = partial(challenge, job.place.relay, deposit)
        stamp = await find_stamp(self._runtime, task, bits, lambda: job in self._jobs)
        return None if stamp is None else replace(deposit, stamp=stamp)
