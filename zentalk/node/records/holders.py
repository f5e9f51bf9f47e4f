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
from zentalk.errors import (
    RELAY_FAULTS,
    DecodeError,
    NotPublishedError,
    RefusedError,
    RemoteProtocolError,
    UnavailableError,
)
from zentalk.ids import Day, NodeId, UserAddress
from zentalk.net.runtime import Runtime
from zentalk.node.tunnels.tunnels import TunnelOpener
from zentalk.onion.draw import sample
from zentalk.wire.descriptor import Descriptor
from zentalk.wire.rpc_directory import (
    decode_record_get_response,
    decode_record_put_response,
    encode_record_get_request,
    encode_record_put_request,
)
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
REQUEST_SECONDS: Final = 60.0
"""A backstop for one request; tunnels and responses have shorter limits of their own."""
PUBLISH_AT_ONCE: Final = 6
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


class _Reading(NamedTuple):
    """What one holder said: its record, or that it has none (`is_answer`), or nothing of use."""

    record: OuterRecord | None
    is_answer: bool


class RecordHolders:
    """Stores and finds records. `relays` returns the accepted snapshot of this moment."""

    def __init__(
        self,
        runtime: Runtime,
        open_tunnel: TunnelOpener,
        relays: Callable[[], Mapping[NodeId, Descriptor]],
    ) -> None:
        self._runtime = runtime
        self._open_tunnel = open_tunnel
        self._relays = relays

    def known_relays(self) -> int:
        """Return how many relays are known: with them holders move."""
        return len(self._relays())

    async def publish_record(self, raw: bytes) -> Published:
        """Store a sealed record at all its holders; work for it is found here.

        Holders that are full are tried again with more work. Raises UnavailableError if not
        one of them took it; the caller tries again.
        """
        record = decode_record(raw)
        points = self._holders(record.blinded_key, record.day)
        left = list(dict.fromkeys(node_id for point in points for node_id in point))
        outcomes: dict[NodeId, str | None] = {}
        for bits in range(PUBLISHED_WORK_BITS, MOST_WORK_BITS + 1, MORE_WORK_BITS):
            outcomes |= await self._put_at(left, await self._add_work(raw, bits))
            left = [one for one, outcome in outcomes.items() if outcome == Refusal.FULL.value]
            if len(left) * LEAST_FULL_SHARE < len(outcomes) or not left:
                break  # enough have it, and a few that only say `full` cost no work
        published = _count(list(outcomes.values()))
        if not published.stored:
            raise UnavailableError("no relay took the user record")
        return published

    async def _add_work(self, raw: bytes, bits: int) -> bytes:
        start, found = 0, None
        while found is None:
            search = partial(find_record_work, raw, bits, start, _TRIES)
            found = await self._runtime.run_blocking(search)
            start += _TRIES
        return found

    async def _put_at(self, holders: Sequence[NodeId], raw: bytes) -> dict[NodeId, str | None]:
        outcomes: dict[NodeId, str | None] = {}
        limit = trio.CapacityLimiter(PUBLISH_AT_ONCE)
        async with trio.open_nursery() as nursery:
            for node_id in holders:
                nursery.start_soon(self._put, node_id, raw, limit, outcomes)
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

    async def _read_wave(self, wave: Sequence[NodeId], key: bytes, day: Day) -> list[_Reading]:
        found: list[_Reading] = []
        async with trio.open_nursery() as nursery:

            async def request(node_id: NodeId) -> None:
                reading = await self._get(node_id, key, day)
                found.append(reading)
                if reading.record is not None:
                    settled = trio.current_time() + SETTLE_SECONDS
                    scope = nursery.cancel_scope
                    scope.deadline = min(scope.deadline, settled)

            for node_id in wave:
                nursery.start_soon(request, node_id)
        return found

    async def _get(self, node_id: NodeId, key: bytes, day: Day) -> _Reading:
        """Request a record of one holder; anything but the right valid record counts as nothing."""
        body = await self._request(node_id, encode_record_get_request(key, day))
        if body is None:
            return _Reading(None, is_answer=False)
        try:
            raw = decode_record_get_response(body)
            record = decode_record(raw) if raw else None
        except (RemoteProtocolError, RefusedError):
            return _Reading(None, is_answer=False)
        is_right = record is not None and (record.blinded_key, record.day) == (key, day)
        return _Reading(record if is_right else None, is_answer=record is None or is_right)

    async def _put(
        self,
        node_id: NodeId,
        raw: bytes,
        limit: trio.CapacityLimiter,
        outcomes: dict[NodeId, str | None],
    ) -> None:
        """Note "" for stored, a word for refused, None for not reached."""
        async with limit:
            body = await self._request(node_id, encode_record_put_request(raw))
        outcome: str | None = None
        try:
            if body is not None:
                decode_record_put_response(body)
                outcome = ""
        except RefusedError as refusal:
            outcome = refusal.reason
        except DecodeError:
            outcome = None
        outcomes[node_id] = outcome

    async def _request(self, node_id: NodeId, body: bytes) -> bytes | None:
        response: bytes | None = None
        with trio.move_on_after(REQUEST_SECONDS):
            try:
                async with self._open_tunnel(node_id) as link:
                    response = await link.request(body)
            except RELAY_FAULTS:
                response = None
        return response


def _newest(records: list[OuterRecord], address: UserAddress) -> RecordContents | None:
    """Open the newest record that opens: a bug at its owner must not hide the others."""
    left = list(records)
    while (record := best(left)) is not None:
        try:
            return open_record(record, address)
        except RemoteProtocolError:
            left.remove(record)
    return None


def _count(outcomes: Sequence[str | None]) -> Published:
    refused: dict[str, int] = {}
    for outcome in outcomes:
        if outcome:
            refused[outcome] = refused.get(outcome, 0) + 1
    return Published(outcomes.count(""), refused, outcomes.count(None))
