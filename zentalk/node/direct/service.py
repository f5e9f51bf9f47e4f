"""When to look for a direct path to whom, and the lines that stand.

A contact is called when it was just heard, as it is there then, and at times. Who is not reached is
called ever less often; who was heard after that is called again, at most once a minute. `run` must
be running.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Final

import trio

from zentalk.errors import DecodeError, UnavailableError
from zentalk.ids import UserAddress
from zentalk.logs import quiet_logger
from zentalk.net.crash_isolation import contained
from zentalk.net.runtime import Runtime
from zentalk.node.conversations.direct_board import DirectBoard
from zentalk.node.direct.links import DirectLinks
from zentalk.node.direct.meetings import Meeting, Meetings
from zentalk.node.direct.offering import OfferSender
from zentalk.node.direct.ways import DirectSession, Ways
from zentalk.store.retry import until_stored
from zentalk.wire.direct import DirectOffer, decode_offer

LOOK_SECONDS: Final = 30.0
ANSWER_SECONDS: Final = 30.0
"""How long a call waits for the other side's offer."""
NO_OFFER: Final = "they did not answer: their node may be offline"
_LOG: Final = quiet_logger("zentalk.node")


class DirectService:
    """Direct connections of one node."""

    def __init__(
        self,
        runtime: Runtime,
        board: DirectBoard,
        sender: OfferSender,
        links: DirectLinks,
        ways: Ways,
        is_caller: Callable[[UserAddress], bool],
    ) -> None:
        self._runtime = runtime
        self._board = board
        self._sender = sender
        self._links = links
        self._ways = ways
        self._meetings = Meetings(runtime.entropy, is_caller)
        self._agreed: frozenset[UserAddress] = frozenset()
        self._read_at = -LOOK_SECONDS
        """When it was last read who has agreed: messages come more often than that changes."""
        self._nursery: trio.Nursery | None = None

    def why_not(self, contact: UserAddress) -> str:
        """Return why the last call of a contact found no path; empty if it did."""
        return "" if contact in self._links else self._meetings.why_not(contact)

    def is_direct(self, contact: UserAddress) -> bool:
        """Return whether there is a line to a contact."""
        return contact in self._links

    async def run(self) -> None:
        """Call contacts and answer them, until cancelled."""
        async with trio.open_nursery() as self._nursery:
            self._nursery.start_soon(self._ways.run)
            self._nursery.start_soon(self._watch_consents)
            while True:
                await self._look()
                await self._board.changed.wait(self._pause())

    async def _watch_consents(self) -> None:
        while True:
            await self._sender.consents.wait()
            self._read_at = -LOOK_SECONDS
            self._board.changed.set()

    def _pause(self) -> float:
        """Return how long there is nothing to do: for ever, for who has agreed with nobody."""
        if not self._agreed:
            return math.inf
        now = self._runtime.monotonic()
        return min(LOOK_SECONDS, self._meetings.next_at(self._agreed - self._links.people()) - now)

    async def _look(self) -> None:
        if self._runtime.monotonic() - self._read_at >= LOOK_SECONDS:
            self._read_at = self._runtime.monotonic()
            self._agreed = await until_stored(self._sender.agreed)
        agreed, now = self._agreed, self._runtime.monotonic()
        for contact in self._links.people() - agreed:
            self._links.end(contact)
        self._meetings.forget_others(agreed)
        for contact, one in self._board.take_offers().items():
            if contact in agreed and not self._meetings.is_overtaken(contact, one.number, now):
                self._offered(contact, one.offer, now)
        for contact in self._board.take_heard() & agreed:
            self._meetings.heard(contact, now)
        for contact in sorted(agreed - self._links.people()):
            if self._meetings.is_due(contact, now):
                self._begin(contact, None)

    def _offered(self, contact: UserAddress, encoded: bytes, now: float) -> None:
        try:
            theirs = decode_offer(encoded)
        except DecodeError:
            return
        if self._meetings.take_answer(contact, theirs):
            return
        if self._meetings.may_answer(contact, theirs, now):
            self._begin(contact, theirs)

    def _begin(self, contact: UserAddress, theirs: DirectOffer | None) -> None:
        assert self._nursery is not None
        meeting = self._meetings.begin(contact, theirs, self._runtime.monotonic())
        self._nursery.start_soon(self._meet, contact, meeting)

    async def _meet(self, contact: UserAddress, meeting: Meeting) -> None:
        """Look for a path, use it to its end, and plan the next call."""
        was_used = False
        why = ""
        with meeting.scope, contained(_LOG, "direct_connection_ended_by_a_bug"):
            try:
                session = await self._exchange(contact, meeting)
                use = partial(self._links.run, contact, session)
                was_used = await self._ways.meet(session.own, session.theirs, use)
            except UnavailableError as error:
                why = str(error)
        self._sender.withdraw(contact, meeting.session)
        self._meetings.ended(contact, meeting, self._runtime.monotonic(), used=was_used, why=why)
        self._board.changed.set()

    async def _exchange(self, contact: UserAddress, meeting: Meeting) -> DirectSession:
        """Return both offers; raises UnavailableError."""
        answers = meeting.theirs is not None
        own = await self._ways.offer(meeting.session)
        if not await self._sender.send(contact, own.offer, answers=answers):
            raise UnavailableError("an offer cannot be sent to this contact now")
        with trio.move_on_after(ANSWER_SECONDS):
            await meeting.answered.wait()
        if meeting.theirs is None:
            raise UnavailableError(NO_OFFER)
        return self._sender.session(contact, own, meeting.theirs)
