"""Hands user records over to relays that have become responsible for them.

Spec: docs/spec/directory.md section 7. It offers what it holds, sends what is wanted, slowly,
and never deletes: records go when their days are over. The receiver checks each one as if
its owner had sent it, so there is nothing to gain by offering.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import trio

from zentalk.directory.handover import Handover
from zentalk.errors import RefusedError, StorageError, ZentalkError
from zentalk.ids import Day, NodeId
from zentalk.net.backoff import spread
from zentalk.net.runtime import Runtime
from zentalk.relay.directory.peers import Neighbour, PeerLinks
from zentalk.relay.directory.record_store import RecordStore
from zentalk.relay.directory.state import DirectoryState
from zentalk.wire.rpc_directory import (
    MAX_OFFERED,
    Offered,
    decode_record_offer_response,
    decode_record_put_response,
    encode_record_offer_request,
    encode_record_put_request,
)

LOOK_SECONDS: Final = 60.0
"""The set of relays is looked at so often; whoever has just joined has heard of it by then."""
AGAIN_SECONDS: Final = 600.0
"""Relays that could not be reached are tried again after so long."""
BYTES_PER_SECOND: Final = 128 * 1024
"""The most that one relay sends: a full holder is handed over in some minutes."""
PAUSE_SECONDS: Final = 0.05
"""The pause after each batch: working out who is responsible must not hold up packets."""
_NOTHING: Final = (b"", Day(0))


class HandoverTask:
    """One relay's hand-over of records to the relays of this moment."""

    def __init__(
        self,
        runtime: Runtime,
        links: PeerLinks,
        records: RecordStore,
        state: DirectoryState,
    ) -> None:
        self._runtime = runtime
        self._links = links
        self._records = records
        self._known = state.known
        self._core = Handover(state.own_id)
        self._waiting: dict[NodeId, list[Offered]] = {}
        self.handed_over = 0
        """Records that others took so far."""

    async def run(self) -> None:
        """Look for changes and hand over, until cancelled."""
        rounds_at = self._runtime.monotonic()
        while True:
            await trio.sleep(spread(LOOK_SECONDS, self._runtime.entropy))
            waited = self._runtime.monotonic() - rounds_at
            again = self._core.has_unserved and waited >= AGAIN_SECONDS
            if again or self._core.is_due(self._known.live()):
                await self._round()
                rounds_at = self._runtime.monotonic()

    async def _round(self) -> None:
        self._core.begin(self._known.live())
        self._waiting.clear()
        place = _NOTHING
        try:
            while batch := await self._records.held_after(*place):
                for offer in batch:
                    await self._offer(offer)
                place = (batch[-1].blinded_key, batch[-1].day)
                await trio.sleep(PAUSE_SECONDS)
            for node_id in sorted(self._waiting):
                await self._hand_over(node_id, self._waiting[node_id])
        except StorageError:
            return  # a failing disk has nothing to hand over; its own relay reports it

    async def _offer(self, offer: Offered) -> None:
        for node_id in self._core.recipients(offer.blinded_key, offer.day):
            waiting = self._waiting.setdefault(node_id, [])
            waiting.append(offer)
            if len(waiting) == MAX_OFFERED:
                self._waiting[node_id] = []
                await self._hand_over(node_id, waiting)

    async def _hand_over(self, node_id: NodeId, offers: Sequence[Offered]) -> None:
        if not offers:
            return
        try:
            neighbour = await self._links.get(node_id)
            request = encode_record_offer_request(offers)
            body = await neighbour.request(request)
            wanted = decode_record_offer_response(body, len(offers))
            await self._pace(len(request))
            for number in wanted:
                await self._send(neighbour, offers[number])
        except StorageError:
            raise
        except ZentalkError:
            self._core.failed(node_id)

    async def _send(self, neighbour: Neighbour, offer: Offered) -> None:
        raw = await self._records.held(offer.blinded_key, offer.day)
        if not raw:
            return  # its days are over, or it was pushed out meanwhile
        try:
            decode_record_put_response(await neighbour.request(encode_record_put_request(raw)))
            self.handed_over += 1
        except RefusedError:
            pass  # somebody was faster, or the other one is full
        await self._pace(len(raw))

    async def _pace(self, sent_bytes: int) -> None:
        await trio.sleep(sent_bytes / BYTES_PER_SECOND)
