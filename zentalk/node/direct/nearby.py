"""Looks for contacts in the local network, as long as there is one with whom both sides agreed.

Rules and formats are in `zentalk.direct.neighbours`; here are the ports and the times. Before the
first such contact nothing is bound or sent, and after the last one nothing is left.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace
from typing import Final

import trio

from zentalk.direct.beacons import BeaconTimes
from zentalk.direct.neighbours import Neighbours
from zentalk.directory.allowance import Allowance, Allowances
from zentalk.errors import UnavailableError
from zentalk.ids import UserAddress
from zentalk.logs import quiet_logger
from zentalk.net.crash_isolation import contained
from zentalk.net.datagrams import Datagrams
from zentalk.net.multicast import LocalGroup
from zentalk.net.runtime import Runtime
from zentalk.net.signal import Signal
from zentalk.node.conversations.direct_board import DirectBoard
from zentalk.node.direct.ways import DirectSession, OwnOffer, Ways
from zentalk.node.direct_lines import DirectLines
from zentalk.node.messages.effects import UNNUMBERED, ReceivedOffer
from zentalk.wire.direct import MAX_CANDIDATES, CandidateKind, DirectCandidate, DirectOffer

AGAIN_SECONDS: Final = 60.0
"""After a fault, such as a port that another program has."""
BURST: Final = 8
PER_SECOND: Final = 1.0
"""Datagrams of one source that are looked at: contacts send one in eleven seconds."""
ALL_BURST: Final = 64
ALL_PER_SECOND: Final = 16.0
"""Datagrams of all: each costs a hash for each contact."""
_LOG: Final = quiet_logger("zentalk.node")


class _Shares:
    """The datagrams that are looked at, of each source and of all."""

    def __init__(self, now: float) -> None:
        self._sources = Allowances(BURST, PER_SECOND)
        self._all = Allowance(ALL_BURST, ALL_PER_SECOND, now)

    def take(self, address: str, now: float) -> bool:
        """Count a datagram; a source beyond its share takes nothing from what is there for all."""
        return self._sources.take(address, now) and self._all.take(now)


class Nearby:
    """The contacts in the local network; `run` must be running, and fills the board.

    `lines` tells whom to look for: those to whom there is none.
    """

    def __init__(
        self,
        runtime: Runtime,
        board: DirectBoard,
        lines: DirectLines,
        ways: Ways,
        neighbours: Neighbours,
    ) -> None:
        self._runtime = runtime
        self._board = board
        self._lines = lines
        self._ways = ways
        self._core = neighbours
        self._agreed: frozenset[UserAddress] = frozenset()
        self._changed = Signal()
        self._port: Datagrams | None = None
        self._shares = _Shares(runtime.monotonic())

    def allow(self, agreed: Collection[UserAddress]) -> None:
        """Look for these people from now on, and for nobody else."""
        if agreed != self._agreed:
            self._agreed = frozenset(agreed)
            self._core.allow(self._agreed)
            self._changed.set()

    async def send(self, contact: UserAddress, offer: bytes) -> bool:
        """Send an offer to a contact that is near, or is soon; False if it is not looked for."""
        if self._port is None or contact not in self._core:
            return False
        for datagram, place in self._core.offer(contact, offer, self._runtime.monotonic()):
            await self._port.send(datagram, place)
        return True

    def session(self, contact: UserAddress, own: OwnOffer, theirs: DirectOffer) -> DirectSession:
        """Return a session whose search also goes to where a contact was heard of."""
        places = self._core.places(contact, self._runtime.monotonic())
        if not places:
            return DirectSession(own, theirs)
        near = [DirectCandidate(CandidateKind.LOCAL, place) for place in places]
        others = [one for one in theirs.candidates if one.place not in places]
        candidates = (*near, *others)[:MAX_CANDIDATES]
        subnets = tuple(dict.fromkeys((*own.subnets, *self._core.subnets)))
        return DirectSession(own._replace(subnets=subnets), replace(theirs, candidates=candidates))

    async def run(self) -> None:
        """Look for contacts whenever there are some to look for, until cancelled."""
        while True:
            if not self._agreed:
                await self._changed.wait()
                continue
            fault = "the port for direct connections is closed"
            with contained(_LOG, "lan_discovery_ended_by_a_bug"):
                try:
                    await self._search()
                except UnavailableError as error:
                    fault = str(error)
                except OSError as error:
                    fault = (error.strerror or "unknown error").lower()
            if self._agreed:
                _LOG.warning("lan_discovery_stopped", reason=fault, again_in_seconds=AGAIN_SECONDS)
                await self._changed.wait(AGAIN_SECONDS)

    async def _search(self) -> None:
        """Send and hear, until nobody is left or the port is closed."""
        port = await self._ways.beside()
        groups = await self._ways.join_lan()
        self._port = port
        try:
            async with trio.open_nursery() as nursery:
                for group in groups:
                    nursery.start_soon(self._hear, group)
                nursery.start_soon(self._beacon, groups, port.local_port)
                nursery.start_soon(self._until_nobody, nursery.cancel_scope)
                await self._take_offers(port)
                nursery.cancel_scope.cancel()
        finally:
            self._port = None
            with trio.CancelScope(shield=True):
                for group in groups:
                    await group.aclose()

    async def _until_nobody(self, scope: trio.CancelScope) -> None:
        while self._agreed:
            await self._changed.wait()
        scope.cancel()

    async def _beacon(self, groups: Collection[LocalGroup], port: int) -> None:
        """Send beacons when they are due, to those to whom there is no line."""
        runtime = self._runtime
        times = BeaconTimes(runtime.entropy, runtime.monotonic())
        while True:
            await trio.sleep(max(0.0, times.next_at - runtime.monotonic()))
            now = runtime.monotonic()
            times.take(now)
            from_where = {one: group for group in groups for one in group.own_addresses()}
            own = [(address, port) for address in from_where]
            wanted = [one for one in self._agreed if one not in self._lines]
            for beacon, (address, _) in self._core.beacons(wanted, own, now, runtime.wall()):
                await from_where[address].send(beacon, address)

    async def _hear(self, group: LocalGroup) -> None:
        """Take in beacons, and send to whose they are what waits for it."""
        with suppress(trio.ClosedResourceError):
            while True:
                data, (address, _) = await group.receive()
                now = self._runtime.monotonic()
                if not self._shares.take(address, now):
                    continue
                with contained(_LOG, "beacon_dropped_by_a_bug"):
                    contact = self._core.hear(data, address, now, self._runtime.wall())
                    if contact is not None and contact not in self._lines:
                        self._board.took_in([contact], [])
                    await self._send_due(now)

    async def _send_due(self, now: float) -> None:
        """Send what waits; because of beacons only: offers that let offers go would never end."""
        if self._port is not None:
            for datagram, place in self._core.due(now):
                await self._port.send(datagram, place)

    async def _take_offers(self, port: Datagrams) -> None:
        """Take in offers that come without a relay."""
        with suppress(trio.ClosedResourceError):
            while True:
                data, source = await port.receive()
                now = self._runtime.monotonic()
                if not self._shares.take(source[0], now):
                    continue
                with contained(_LOG, "near_offer_dropped_by_a_bug"):
                    found = self._core.open(data, source, now)
                    if found is not None:
                        self._board.took_in([], [ReceivedOffer(*found, UNNUMBERED)])
