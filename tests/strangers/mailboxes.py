"""K44, K45: whoever makes mailboxes at every relay, and fills each with send ids.

Its siege lasts for hours: it runs in virtual time only (`MockClock`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import trio

from tests.strangers.ground import Ground
from zentalk.crypto.ed25519 import SigningKey
from zentalk.errors import LINK_FAULTS, DecodeError, RefusedError
from zentalk.ids import MailboxId, NodeId, SendId, day_at
from zentalk.mailbox.proof import sign_collect
from zentalk.mailbox.work import mailbox_challenge, search_mailbox
from zentalk.net.connection import Connection
from zentalk.wire import rpc_mailbox as mail
from zentalk.wire import rpc_send_ids as ids
from zentalk.wire.deposit import NO_STAMP, Stamp
from zentalk.wire.descriptor import node_id_of

TURN_SECONDS = 120.0
AGAIN_SECONDS = 10.0
BIDDERS = 2
"""At each relay: while one waits with its bid the other works for the next turn."""
AT_ONCE = 64
"""Send ids of one request."""


@dataclass(frozen=True)
class Means:
    """What a maker of mailboxes spends at each relay."""

    hashes_a_second: int
    """Real ones. With 0 he shows no work and bids at once: a test may grant it to him
    (`MailboxMaker.mailboxes`)."""
    top_bits: int
    """What relays ask for when their turns are gone: then he works until the next one."""
    send_ids: int
    """Asked for at each mailbox."""


class MailboxMaker:
    """Besieges every relay: takes what is free, then bids for each turn."""

    def __init__(self, net: Ground, hosts: Sequence[str], means: Means) -> None:
        self._net = net
        self._hosts = hosts
        self._means = means
        self._entropy = net.runtime.for_part("mailbox maker").entropy
        self._links = 0
        self.mailboxes: set[MailboxId] = set()
        """All that he has asked for."""
        self.made = 0
        self.send_ids = 0
        """The stranger's mailboxes that relays have registered."""
        self.refused = 0

    async def run(self) -> None:
        """Go on for good."""
        async with trio.open_nursery() as nursery:
            for relay in sorted(self._net.relays) * BIDDERS:
                nursery.start_soon(self._besiege, relay)

    async def _besiege(self, relay: str) -> None:
        while True:
            self._links += 1
            host = self._hosts[self._links % len(self._hosts)]
            try:
                link = await self._net.client(host, relay)
                await self._make(link, node_id_of(self._net.relays[relay].identity))
                link.close()
            except (*LINK_FAULTS, RefusedError):
                self.refused += 1
                await trio.sleep(AGAIN_SECONDS)

    async def _make(self, link: Connection, relay: NodeId) -> None:
        key = SigningKey.generate(self._entropy)
        mailbox = MailboxId(key.public)
        self.mailboxes.add(mailbox)
        price = mail.decode_price_response(await link.request(mail.encode_price_request()))
        stamp = await self._work(relay, mailbox, price)
        signature = sign_collect(key, link.handshake_hash, relay, 1)
        call = mail.encode_open_request(mail.OpenRequest(mailbox, 1, signature, 8, stamp))
        mail.decode_open_response(await link.request(call, 2 * TURN_SECONDS))
        self.made += 1
        await self._register(link)

    async def _work(self, relay: NodeId, mailbox: MailboxId, price: int) -> Stamp:
        """Return work of that price, or the best of a turn when turns are gone."""
        rate = self._means.hashes_a_second / BIDDERS
        day = day_at(self._net.runtime.wall())
        task = mailbox_challenge(relay, mailbox, day)
        best, bits, tried, most = NO_STAMP, 0, 0, int(rate * TURN_SECONDS)
        while tried < most and (bits < price or price >= self._means.top_bits) and price:
            found = search_mailbox(task, day, bits + 1, tried, most - tried)
            if found is None:
                tried = most
                break
            best, bits = found
            tried = int.from_bytes(best.nonce, "big") + 1
        if tried:
            await trio.sleep(tried / rate)  # what so many take him
        return best

    async def _register(self, link: Connection) -> None:
        today = day_at(self._net.runtime.wall())
        for _ in range(0, self._means.send_ids, AT_ONCE):
            entries = tuple(
                ids.SendIdEntry(SendId(self._entropy(16)), ids.SendIdKind.CONTACT, today, today)
                for _ in range(AT_ONCE)
            )
            body = ids.encode_send_ids_request(ids.SendIdsRequest(entries, ()))
            try:
                ids.decode_send_ids_response(await link.request(body))
            except (RefusedError, DecodeError):
                return
            self.send_ids += AT_ONCE
