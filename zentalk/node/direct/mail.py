"""What comes in over a direct link: sealed copies, which are saved as those of mailboxes are.

It must never say that a copy is saved before it is, nor take one under a send id that the contact
at the other end was not given: quotas and prices of strangers' mail are relays' to keep.
"""

from __future__ import annotations

from functools import partial
from itertools import count

import trio

from zentalk.errors import StorageError
from zentalk.ids import SendId, UserAddress
from zentalk.net.connection import Connection, NoHandlers
from zentalk.node.mailboxes.receiver import Receiver
from zentalk.node.messages.routes import Collected
from zentalk.store.history import mailboxes
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.sqlite import Transaction
from zentalk.wire import rpc_direct as rpc
from zentalk.wire.rpc import decode_call, encode_refusal


class _Waiting:
    """A copy that is being saved; `answer` is what its sender is told."""

    __slots__ = ("answer", "done")

    def __init__(self) -> None:
        self.done = trio.Event()
        self.answer: bytes | None = None


class DirectInbox(NoHandlers):
    """Answers one contact's link; made anew for each."""

    def __init__(self, contact: UserAddress, database: HistoryDatabase, receiver: Receiver) -> None:
        self._contact = contact
        self._database = database
        self._receiver = receiver
        self._waiting: dict[int, _Waiting] = {}
        self._numbers = count()
        self._connection: Connection | None = None

    async def request_received(self, connection: Connection, body: bytes, /) -> bytes:
        """Save a copy, and return that it is saved; a RemoteProtocolError closes the link."""
        method, fields = decode_call(body)
        if method != rpc.MAIL:
            return await super().request_received(connection, body)
        mail = rpc.decode_mail_request(fields)
        self._connection = connection
        try:
            is_theirs = await self._database.read(partial(self._is_theirs, send_id=mail.send_id))
        except StorageError:
            return encode_refusal(rpc.FULL)
        if not is_theirs:
            return encode_refusal(rpc.NOT_YOURS)
        number, waiting = next(self._numbers), _Waiting()
        self._waiting[number] = waiting
        self._receiver.push(self, number, Collected(mail.send_id, mail.envelope, 0))
        try:
            await waiting.done.wait()
        finally:
            self._waiting.pop(number, None)
        return waiting.answer or encode_refusal(rpc.FULL)

    def _is_theirs(self, tx: Transaction, *, send_id: SendId) -> bool:
        row = mailboxes.send_id(tx, send_id)
        return row is not None and row.contact == self._contact

    def acknowledge(self, seqs: list[int]) -> None:
        """Answer that these are saved."""
        self._answer(seqs, rpc.encode_mail_response())

    def defer(self, seqs: list[int]) -> None:
        """Answer that there is no room for these now."""
        self._answer(seqs, encode_refusal(rpc.FULL))

    def give_up(self) -> None:
        """End the link: what it carried was not saved, and comes over relays."""
        if self._connection is not None:
            self._connection.abort()
        self._answer(list(self._waiting), encode_refusal(rpc.FULL))

    def _answer(self, numbers: list[int], answer: bytes) -> None:
        for number in numbers:
            waiting = self._waiting.get(number)
            if waiting is not None:
                waiting.answer = answer
                waiting.done.set()
