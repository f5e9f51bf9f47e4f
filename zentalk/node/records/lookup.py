"""Reads the user records of others, and takes prekeys of those they name.

Every request goes through a tunnel that ends at the relay it is for, so that no relay
learns who looks for whom. It must never let a relay that is gone, or lies, keep a person
unreachable while another one answers.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Final

from zentalk.errors import RELAY_FAULTS, UnavailableError
from zentalk.ids import UserAddress, day_at
from zentalk.mailbox.work import prekey_challenge
from zentalk.net.runtime import Runtime
from zentalk.node.records.holders import RecordHolders
from zentalk.node.tunnels.tunnels import Tunnels
from zentalk.node.work_search import find_stamp
from zentalk.wire.deposit import NO_STAMP
from zentalk.wire.prekeys import OneTimePrekey, PqPrekey, PrekeyBundle, SignedPrekey
from zentalk.wire.rpc_prekeys import (
    QUERY_ID_BYTES,
    PrekeysTakeRequest,
    decode_prekeys_take_response,
    encode_prekeys_take_request,
)
from zentalk.wire.user_record import RecordContents

MOST_BITS: Final = 22
"""The most work done for one one-time key; whoever wants more wants our time."""


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
        """Return a verified prekey bundle, with a one-time key if a pool gives one out.

        Work is done for one only if no pool gives one for nothing.

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
        offers: list[tuple[int, int]] = []
        answered = False
        for place in range(len(contents.mailboxes)):
            try:
                found = await self._ask(contents, place, contact)
            except RELAY_FAULTS:
                continue  # one relay that is gone, or lies, must not keep a person unreachable
            if isinstance(found, OneTimePrekey):
                return replace(bundle, one_time=found)
            answered = True
            if 0 < found <= MOST_BITS:
                offers.append((found, place))
        if not answered:
            raise UnavailableError("no mailbox relay of this contact answers")
        for bits, place in sorted(offers):
            with suppress(*RELAY_FAULTS):
                found = await self._ask(contents, place, contact, bits)
                if isinstance(found, OneTimePrekey):
                    return replace(bundle, one_time=found)
        return bundle

    async def _ask(
        self, contents: RecordContents, place: int, contact: UserAddress, bits: int = 0
    ) -> OneTimePrekey | int:
        """Ask for a one-time key that the contact has signed, with so much work done for it.

        Returns it, or the bits of work that the relay wants for one, 0 if it gives none out.
        """
        entry = contents.mailboxes[place]
        # A number of its own for each relay: two that compare must not find one owner.
        query_id = self._runtime.entropy(QUERY_ID_BYTES)
        stamp = NO_STAMP
        if bits:
            # One bit more, for whoever asks while we work.
            task = partial(prekey_challenge, entry.relay, entry.send_id, query_id)
            stamp = await find_stamp(self._runtime, task, bits + 1) or NO_STAMP
        request = encode_prekeys_take_request(PrekeysTakeRequest(entry.send_id, query_id, stamp))
        async with self._tunnels.short(entry.relay) as connection:
            answer = decode_prekeys_take_response(await connection.request(request))
        if not answer.blob:
            return answer.difficulty
        one_time = OneTimePrekey.from_bytes(answer.blob)
        one_time.verify(contact)
        return one_time
