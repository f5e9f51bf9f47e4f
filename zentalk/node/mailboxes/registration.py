"""Becoming the collector of one mailbox over one tunnel, and working for it if it is new.

Spec: docs/spec/mailbox.md sections 3 and 15. The proof is a signature over the handshake hash of
the innermost link, so it is worth nothing on another link.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from zentalk.crypto.ed25519 import SigningKey
from zentalk.errors import RefusedError, UnavailableError
from zentalk.mailbox.proof import sign_collect
from zentalk.net.connection import Connection
from zentalk.net.runtime import Runtime
from zentalk.node.mailboxes.prices import Prices
from zentalk.node.mailboxes.registration_work import RegistrationWork
from zentalk.node.relays.access import ACCESS
from zentalk.store.history import mailboxes
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.history.models import OwnMailbox
from zentalk.wire.deposit import NO_STAMP
from zentalk.wire.rpc_mailbox import (
    OpenRequest,
    decode_open_response,
    decode_price_response,
    encode_open_request,
    encode_price_request,
)

WORK: Final = "work"
"""How a relay refuses a mailbox that is new to it, for want of work."""
ANSWER_SECONDS: Final = 10.0
MOST_TRIES: Final = 16
"""Tries over one connection: a relay that takes no work at all must not keep us asking."""
TURN_SECONDS: Final = 150.0
"""How long an answer may take where work was shown: it comes with the next turn, every 120 s."""


class Registration:
    """One mailbox at its relay; `work` and `prices` are those of the whole node."""

    def __init__(
        self,
        runtime: Runtime,
        database: HistoryDatabase,
        mailbox: OwnMailbox,
        work: RegistrationWork,
        prices: Prices,
    ) -> None:
        self._runtime = runtime
        self._database = database
        self._mailbox = mailbox
        self._key = SigningKey(mailbox.collect_seed)
        self._work = work
        self._prices = prices
        self.asked_for_work = False
        """The relay is there, and asks for work."""
        self.is_dear = False
        """Another relay asks for less, and nobody knows of a mailbox here yet."""
        self.is_closed = False
        """The relay makes no mailbox for us."""

    @property
    def is_wrong_here(self) -> bool:
        """Whether a new mailbox is better made at another relay, at once."""
        return self.is_dear or self.is_closed

    async def open(self, connection: Connection, window: int) -> None:
        """Prove who we are and register, with as much work as the relay asks for.

        Raises RefusedError, TransportError, StorageError, UnavailableError if the work takes too
        long or is less elsewhere, and NotFoundError if the mailbox was given up.
        """
        for _ in range(MOST_TRIES):
            if await self._is_taken(connection, window):
                self._work.forget(self._mailbox.mailbox)
                return
            self.asked_for_work = True
            bits = decode_price_response(await connection.request(encode_price_request()))
            if await self._is_less_elsewhere(bits):
                self.is_dear = True
                raise UnavailableError("another relay asks for less work for a new mailbox")
            await self._work.reach(self._mailbox, bits)
        raise UnavailableError("a relay refused the work that it had asked for too often")

    async def _is_taken(self, connection: Connection, window: int) -> bool:
        """Ask for the mailbox; False if it is new to the relay and takes more work."""
        now = self._runtime.wall()
        generation = await self._database.write(
            lambda tx: mailboxes.next_generation(tx, self._mailbox.mailbox, now)
        )
        stamp = self._work.stamp(self._mailbox.mailbox)
        call = OpenRequest(
            mailbox=self._mailbox.mailbox,
            generation=generation,
            signature=sign_collect(
                self._key, connection.handshake_hash, self._mailbox.relay, generation
            ),
            window=window,
            stamp=stamp,
        )
        seconds = ANSWER_SECONDS if stamp == NO_STAMP else TURN_SECONDS
        try:
            decode_open_response(await connection.request(encode_open_request(call), seconds))
        except RefusedError as refusal:
            self.is_closed = refusal.reason == ACCESS
            # One that was replaced is looked into only: if it is gone, so is what waited there.
            if refusal.reason != WORK or self._mailbox.poll_until is not None:
                raise
            return False
        return True

    async def _is_less_elsewhere(self, bits: int) -> bool:
        """Tell whether to go to another relay, while there is nothing to lose at this one."""
        if self._work.has_begun(self._mailbox.mailbox):
            return False
        query = partial(mailboxes.was_announced, mailbox=self._mailbox.mailbox)
        if await self._database.read(query):
            return False
        return await self._prices.is_cheaper_elsewhere(self._mailbox.relay, bits)
