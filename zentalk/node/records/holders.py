"""The relays that hold user records, and how an API node stores and reads there.

Spec: docs/spec/directory.md section 7. There is one short tunnel for
each request: the relay at its end learns a blinded key and nothing of who sent it. A record counts
only if it verifies and opens for the address that was looked for; silence of some holders, or lies,
cost one more request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, NamedTuple

import trio

from zentalk.crypto.blinding import blinded_key
from zentalk.directory.distance import HolderMap
from zentalk.directory.records import (
    MORE_WORK_BITS,
    MOST_WORK_BITS,
    PUBLISHED_WORK_BITS,
    Refusal,
    best,
    is_valid_on,
)
from zentalk.errors import NotPublishedError, RemoteProtocolError, UnavailableError
from zentalk.ids import Day, NodeId, UserAddress
from zentalk.net.runtime import Runtime
from zentalk.node.records.requests import Reading, RecordRequests
from zentalk.node.tunnels.tunnels import TunnelOpener
from zentalk.onion.draw import sample
from zentalk.wire.descriptor import Descriptor
from zentalk.wire.user_record import (
    OuterRecord,
    RecordContents,
    decode_record,
    find_record_work,
    open_record,
)

FIRST_POINTS: Final = 2
HOLDERS_PER_POINT: Final = 3
WAVE: Final = FIRST_POINTS * HOLDERS_PER_POINT
SETTLE_SECONDS: Final = 1.0
"""After the first valid response the others of its wave have this long to show a newer one."""
AT_ONCE: Final = 6
"""Holders that are offered a record, or asked whether they have it, at the same time."""
LEAST_FULL_SHARE: Final = 4
"""More work is only worth it if a fourth of the holders want it."""
_TRIES: Final = 1 << 14
"""Nonces tried at a time, between which the publishing can be cancelled."""


@dataclass(frozen=True, slots=True)
class Published:
    """How many holders have the record, refused it (by reason), or could not be reached."""

    stored: int
    refused: Mapping[str, int]
    failed: int


class Survey(NamedTuple):
    """Which holders lack a record, and the best one of its key that stands above it, if any."""

    lacking: tuple[NodeId, ...]
    above: OuterRecord | None


class RecordHolders:
    """Stores and finds records. `relays` returns the accepted snapshot of this moment."""

    def __init__(
        self,
        runtime: Runtime,
        open_tunnel: TunnelOpener,
        relays: Callable[[], Mapping[NodeId, Descriptor]],
    ) -> None:
        self._runtime = runtime
        self._requests = RecordRequests(open_tunnel)
        self._relays = relays

    def known_relays(self) -> int:
        """Return how many relays are known: with them holders move."""
        return len(self._relays())

    async def publish_record(self, raw: bytes, at: Sequence[NodeId] = ()) -> Published:
        """Store a sealed record at all its holders, or only `at` some; work is found here.

        Holders that are full are tried again with more work. Raises UnavailableError if not
        one of them took it or has a later one; the caller tries again.
        """
        record = decode_record(raw)
        left = list(at) or self._all_holders(record)
        outcomes: dict[NodeId, str | None] = {}
        for bits in range(PUBLISHED_WORK_BITS, MOST_WORK_BITS + 1, MORE_WORK_BITS):
            outcomes |= await self._put_at(left, await self._add_work(raw, bits))
            left = [one for one, outcome in outcomes.items() if outcome == Refusal.FULL.value]
            if len(left) * LEAST_FULL_SHARE < len(outcomes) or not left:
                break  # enough have it, and a few that only say `full` cost no work
        published = _count(list(outcomes.values()))
        if not published.stored and Refusal.STALE.value not in published.refused:
            raise UnavailableError("no relay took the user record")
        return published

    async def survey(self, raw: bytes) -> Survey:
        """Read at all holders of a sealed record whether they have it, on a day it is valid.

        This is what anybody does who looks for its owner. Raises UnavailableError if none answers.
        """
        record = decode_record(raw)
        holders = self._all_holders(record)
        readings: dict[NodeId, Reading] = {}
        limit = trio.CapacityLimiter(AT_ONCE)

        async def read(node_id: NodeId) -> None:
            async with limit:
                reading = await self._requests.get(node_id, record.blinded_key, record.day)
            if reading.is_answer:
                readings[node_id] = reading

        async with trio.open_nursery() as nursery:
            for node_id in holders:
                nursery.start_soon(read, node_id)
        if not readings:
            raise UnavailableError("no relay answers that could have the user record")
        found = {node_id: reading.record for node_id, reading in readings.items()}
        lacking = [
            node_id
            for node_id, held in found.items()
            if held is None or held.sequence < record.sequence
        ]
        above = [
            held
            for held in found.values()
            if held is not None
            and held.sequence >= record.sequence
            and held.statement != record.statement
        ]
        return Survey(tuple(lacking), best(above))

    async def _add_work(self, raw: bytes, bits: int) -> bytes:
        start, found = 0, None
        while found is None:
            search = partial(find_record_work, raw, bits, start, _TRIES)
            found = await self._runtime.run_blocking(search)
            start += _TRIES
        return found

    async def _put_at(self, holders: Sequence[NodeId], raw: bytes) -> dict[NodeId, str | None]:
        outcomes: dict[NodeId, str | None] = {}
        limit = trio.CapacityLimiter(AT_ONCE)

        async def put(node_id: NodeId) -> None:
            async with limit:
                outcomes[node_id] = await self._requests.put(node_id, raw)

        async with trio.open_nursery() as nursery:
            for node_id in holders:
                nursery.start_soon(put, node_id)
        return outcomes

    async def find_record(self, address: UserAddress, day: Day) -> RecordContents:
        """Return what a person published for a day: the highest valid sequence found.

        Tries 3 holders at each of 2 points, then the others. Raises NotPublishedError if some
        answer and none has a valid record, and UnavailableError if none answers or the day is
        not valid now.
        """
        if not is_valid_on(day, self._runtime.wall()):
            raise UnavailableError("a user record of that day is not valid now")
        key = blinded_key(address, day)
        order = self._request_order(self._holders(key, day))
        answered = False
        for start in range(0, len(order), WAVE):
            wave = await self._read_wave(order[start : start + WAVE], key, day)
            contents = _newest([one.record for one in wave if one.record], address)
            if contents is not None:
                return contents
            answered = answered or any(one.is_answer for one in wave)
        if not answered:
            raise UnavailableError("no relay answers that could have a record of this address")
        raise NotPublishedError("no relay has a record of this address")

    def _all_holders(self, record: OuterRecord) -> list[NodeId]:
        points = self._holders(record.blinded_key, record.day)
        return list(dict.fromkeys(node_id for point in points for node_id in point))

    def _holders(self, key: bytes, day: Day) -> tuple[tuple[NodeId, ...], ...]:
        relays = self._relays()
        if not relays:
            raise UnavailableError("no relay is known yet")
        return HolderMap(relays.values(), day).holders(key)

    def _request_order(self, points: Sequence[Sequence[NodeId]]) -> list[NodeId]:
        """Three drawn holders at each of two drawn points, then all others, drawn too."""
        entropy = self._runtime.entropy
        first = [
            node_id
            for point in sample(points, FIRST_POINTS, entropy)
            for node_id in sample(point, HOLDERS_PER_POINT, entropy)
        ]
        others = [node_id for point in points for node_id in point]
        return list(dict.fromkeys(first + sample(others, len(others), entropy)))

    async def _read_wave(self, wave: Sequence[NodeId], key: bytes, day: Day) -> list[Reading]:
        found: list[Reading] = []
        async with trio.open_nursery() as nursery:

            async def request(node_id: NodeId) -> None:
                reading = await self._requests.get(node_id, key, day)
                found.append(reading)
                if reading.record is not None:
                    settled = trio.current_time() + SETTLE_SECONDS
                    scope = nursery.cancel_scope
                    scope.deadline = min(scope.deadline, settled)

            for node_id in wave:
                nursery.start_soon(request, node_id)
        return found


def _newest(records: list[OuterRecord], address: UserAddress) -> RecordContents | None:
    """Open the newest record that opens: a bug at its owner must not hide the others.

    A higher term comes first: a node that was replaced may not know it yet, and publish.
    """
    left, found = list({record.statement: record for record in records}.values()), None
    while (record := best(left)) is not None:
        left.remove(record)
        try:
            contents = open_record(record, address)
        except RemoteProtocolError:
            continue
        if found is None or contents.term > found.term:
            found = contents
    return found


def _count(outcomes: Sequence[str | None]) -> Published:
    refused: dict[str, int] = {}
    for outcome in outcomes:
        if outcome:
            refused[outcome] = refused.get(outcome, 0) + 1
    return Published(outcomes.count(""), refused, outcomes.count(None))
