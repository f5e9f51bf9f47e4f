"""One line: a link over a stream to a contact's node, from its handshake to its end.

The stream is nobody's until the handshake has shown that the other end knows what both offers say:
its keys and secrets went between the two in sealed contents, and nowhere else.
"""

from __future__ import annotations

from typing import Final

import trio

from zentalk.errors import LINK_FAULTS, RefusedError
from zentalk.ids import UserAddress
from zentalk.net.connection import Connection
from zentalk.net.runtime import Runtime
from zentalk.net.serve import connect, serve
from zentalk.net.transport import ByteStream
from zentalk.node.delivery.outbox import Outbox
from zentalk.node.direct.mail import DirectInbox
from zentalk.node.direct.paths import PathLog
from zentalk.node.direct.ways import DirectSession
from zentalk.node.direct_lines import DirectCopy, DirectLine, DirectLines
from zentalk.node.mailboxes.receiver import Receiver
from zentalk.store.history.database import HistoryDatabase
from zentalk.wire.rpc_direct import DirectMail, decode_mail_response, encode_mail_request

ANSWER_SECONDS: Final = 3.0
"""Whoever takes longer to save a copy may be gone: the line ends, and relays carry on."""
MAX_UNANSWERED: Final = 32
"""Copies on their way over one line; the other side works on twice as many."""


class DirectLinks:
    """Runs lines, and notes in `paths` when one begins and ends."""

    def __init__(
        self,
        runtime: Runtime,
        database: HistoryDatabase,
        receiver: Receiver,
        outbox: Outbox,
        lines: DirectLines,
        paths: PathLog,
    ) -> None:
        self._runtime = runtime
        self._database = database
        self._receiver = receiver
        self._outbox = outbox
        self._lines = lines
        self._connections: dict[UserAddress, Connection] = {}
        self._paths = paths

    def __contains__(self, contact: object) -> bool:
        return contact in self._lines

    def people(self) -> frozenset[UserAddress]:
        """Return the contacts to whom there is a line."""
        return frozenset(self._connections)

    def end(self, contact: UserAddress) -> None:
        """End the line to a contact, if there is one."""
        connection = self._connections.get(contact)
        if connection is not None:
            connection.abort()

    async def run(self, contact: UserAddress, session: DirectSession, stream: ByteStream) -> bool:
        """Make a stream a line, and return when it has ended; False if it never was one."""
        inbox = DirectInbox(contact, self._database, self._receiver)
        runtime = self._runtime.for_part("direct-link")
        used = False

        async def use(connection: Connection) -> None:
            nonlocal used
            used = True
            await self._use(contact, connection)

        async with trio.open_nursery() as nursery:
            if session.is_client:
                try:
                    connection = await connect(
                        stream,
                        network=session.network,
                        relay_identity=session.theirs.direct_key,
                        handlers=inbox,
                        runtime=runtime,
                        nursery=nursery,
                    )
                except LINK_FAULTS:
                    return False
                await use(connection)
            else:
                await serve(
                    stream,
                    network=session.network,
                    identity=session.own.key,
                    handlers=inbox,
                    runtime=runtime,
                    on_open=lambda connection: nursery.start_soon(use, connection),
                )
        return used

    async def _use(self, contact: UserAddress, connection: Connection) -> None:
        """Send what is to go to a contact over its link, until that ends."""
        self.end(contact)  # of two, the other side knows only the newer one
        line = self._lines.open(contact)
        self._connections[contact] = connection
        self._paths.note(self._connections)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._send, line, connection)
                await connection.closed.wait()
                nursery.cancel_scope.cancel()
        finally:
            self._lines.close(contact, line)
            if self._connections.get(contact) is connection:
                del self._connections[contact]
            # Also where a newer line stands: what this one did not answer for goes over that.
            self._outbox.reroute(contact)
            self._paths.note(self._connections)

    async def _send(self, line: DirectLine, connection: Connection) -> None:
        room = trio.Semaphore(MAX_UNANSWERED)
        async with trio.open_nursery() as nursery:
            while True:
                await line.wake.wait()
                while (copy := line.take()) is not None:
                    await room.acquire()
                    nursery.start_soon(self._send_one, line, copy, connection, room)

    async def _send_one(
        self, line: DirectLine, copy: DirectCopy, connection: Connection, room: trio.Semaphore
    ) -> None:
        body = encode_mail_request(DirectMail(copy.send_id, copy.envelope))
        try:
            decode_mail_response(await connection.request(body, ANSWER_SECONDS))
        except RefusedError:
            line.refuse(copy.send_id)  # it goes to a mailbox when it is due again
            return
        except LINK_FAULTS:
            connection.abort()
            return
        finally:
            room.release()
        if copy.token is not None:
            self._outbox.token_received(copy.token)
