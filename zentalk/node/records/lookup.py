"""Reads the user records of others, and takes prekeys of those they name.

Every request goes through a tunnel that ends at the relay it is for, so that no relay
learns who looks for whom. It must never let a relay that is gone, or lies, keep a person
unreachable while another one answers.
"""

from __future__ import annotations

from dataclasses import replace

from zentalk.errors import RELAY_FAULTS, UnavailableError
from zentalk.ids import NodeId, UserAddress, day_at
from zentalk.net.runtime import Runtime
from zentalk.node.records.holders import RecordHolders
from zentalk.node.tunnels.tunnels import Tunnels
from zentalk.wire.prekeys import OneTimePrekey, PqPrekey, PrekeyBundle, SignedPrekey
from zentalk.wire.rpc_prekeys import (
    QUERY_ID_BYTES,
    PrekeysTakeRequest,
    decode_prekeys_take_response,
    encode_prekeys_take_request,
)
from zentalk.wire.user_record import RecordContents


class RecordLookup:
    """Finds what others publish, and makes of it what a first message needs."""

    def __init__(self, runtime: Runtime, holders: RecordHolders, tunnels: Tunnels) -> None:
        self._runtime = runtime
        self._holders = holders
        self._tunnels = tunnels

    def known_relays(self) -> int:
        """Return how many relays are known that could be asked."""
        return self._holders.known_relays()

    async def find(self, contact: UserAddress) -> RecordContents:
        """Return what a person publishes today.

        Raises NotPublishedError if no holder has it, UnavailableError if none can be reached.
        """
        return await self._holders.find_record(contact, day_at(self._runtime.wall()))

    async def bundle(self, contact: UserAddress, contents: RecordContents) -> PrekeyBundle:
        """Return a verified prekey bundle, with a one-time key if a pool still has one.

        Raises UnavailableError or TransportError if no mailbox relay answers properly, and
        DecodeError or AuthenticationError if a key of the record is not signed by the contact.
        """
        bundle = PrekeyBundle(
            identity=contact,
            signed_prekey=SignedPrekey.from_bytes(contents.signed_prekey),
            pq_prekey=PqPrekey.from_bytes(contents.pq_prekey),
            one_time=None,
        )
        bundle.verify()
        answered = False
        for entry in contents.mailboxes:
            # A number of its own for each relay: two that compare must not find one owner.
            query_id = self._runtime.entropy(QUERY_ID_BYTES)
            request = encode_prekeys_take_request(PrekeysTakeRequest(entry.send_id, query_id))
            try:
                one_time = await self._take_prekey(entry.relay, request, contact)
            except RELAY_FAULTS:
                continue  # one relay that is gone, or lies, must not keep a person unreachable
            if one_time is not None:
                return replace(bundle, one_time=one_time)
            answered = True
        if not answered:
            raise UnavailableError("no mailbox relay of this contact answers")
        return bundle

    async def _take_prekey(
        self, relay: NodeId, request: bytes, contact: UserAddress
    ) -> OneTimePrekey | None:
        """Return a one-time key that the contact has signed, None if the pool is drained."""
        async with self._tunnels.short(relay) as connection:
            blob = decode_prekeys_take_response(await connection.request(request))
        if not blob:
            return None
        one_time = OneTimePrekey.from_bytes(blob)
        one_time.verify(contact)
        return one_time
