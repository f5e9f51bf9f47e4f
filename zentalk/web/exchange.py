"""One request and its answer: what an ASGI application calls `receive` and `send`.

The body is read from the socket when the application asks for it, and so is the news that the peer
has left: an application that does not ask costs no task and no read. An answer that cannot be
sent any more goes nowhere, and `receive` then says `http.disconnect`.

Spec: ASGI 3.0, HTTP protocol 2.3 (an answer to a peer that has left is no error).
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

import trio
from starlette.types import Message, Scope

from zentalk.web.http1.errors import RequestError, bad_request
from zentalk.web.http1.reader import RequestReader
from zentalk.web.http1.request import Request
from zentalk.web.http1.writer import CONTINUE, AnswerWriter
from zentalk.web.peer import READ_BYTES, Peer
from zentalk.web.problems import unexpected
from zentalk.web.refusal import refusal_of, refuse
from zentalk.web.server_state import ServerState

BODY_SECONDS: Final = 30.0
"""The time from the first wait for the body until all of it is there, beside what its size allows;
then the answer is 408."""
BODY_BYTES_PER_SECOND: Final = 64 * 1024
"""A body that comes faster than this, on average, may be as long as its application takes it."""
MAX_UNREAD_BYTES: Final = 64 * 1024
"""A body that nobody read is passed over up to this size; for a larger one the connection ends."""
_ASGI: Final = {"version": "3.0", "spec_version": "2.3"}
_DISCONNECT: Final[Message] = {"type": "http.disconnect"}

Address = tuple[str, int]


class Exchange:
    """The parts of one request that an application meets; used once."""

    __slots__ = (
        "_body_given",
        "_body_until",
        "_method",
        "_must_continue",
        "_peer",
        "_reader",
        "_state",
        "answer",
        "fault",
    )

    def __init__(
        self, request: Request, reader: RequestReader, peer: Peer, state: ServerState
    ) -> None:
        self._reader = reader
        self._peer = peer
        self._state = state
        self._method = request.method
        self._body_given = False
        self._body_until: float | None = None
        self._must_continue = request.expects_continue
        self.answer = AnswerWriter(request.method, request.version)
        self.answer.closes = not request.keep_alive
        self.fault: RequestError | None = None
        """The error in the body; it is answered if the application has not answered."""

    async def receive(self) -> Message:
        """Return the next part of the body; after the body, wait until the peer has left."""
        if self.fault is None and not self._body_given and not self.answer.complete:
            try:
                return await self._next_part()
            except RequestError as error:
                self.fault = error
        elif self.fault is None:
            await self._until_it_leaves()
        return _DISCONNECT

    async def send(self, message: Message) -> None:
        """Take a part of the answer; raises AnswerError if it cannot be one."""
        if message["type"] == "http.response.start":
            self.answer.start(message["status"], message.get("headers", ()))
            return
        if message["type"] != "http.response.body":
            raise ValueError(f"unknown message {message['type']!r} of an application")
        more = message.get("more_body", False)
        if self.fault is not None and not self.answer.written:
            return  # `settle` says what was wrong instead.
        if self._state.draining or (not more and not self._is_body_passable()):
            self.answer.closes = True
        data = self.answer.body(message.get("body", b""), more, self._state.date.value())
        await self._peer.write(data)
        if more and not self._peer.gone:
            # A stream that is read as fast as it is written would never let others run.
            await trio.lowlevel.checkpoint()

    async def settle(self) -> bool:
        """Finish when the application has returned; True if the connection can go on."""
        answer = self.answer
        if self._peer.gone or (answer.written and not answer.complete):
            return False
        if not answer.complete:
            refusal = unexpected() if self.fault is None else refusal_of(self.fault)
            await refuse(self._peer, self._state, refusal, self._method)
            return False
        if not answer.closes and self._reader.body_left != 0:
            await self._pass_over_body()
        if answer.closes:
            await self._peer.linger()
        return not answer.closes

    async def _next_part(self) -> Message:
        part = self._reader.take_body()
        while not part and self._reader.body_left != 0:
            await self._read_body()
            part = self._reader.take_body()
        self._body_given = self._reader.body_left == 0
        return {"type": "http.request", "body": part, "more_body": not self._body_given}

    async def _read_body(self) -> None:
        """Read once for the body; raises RequestError if it does not come."""
        if self._must_continue and not self.answer.written:
            await self._peer.write(CONTINUE)
        self._must_continue = False
        if self._body_until is None:
            self._body_until = trio.current_time() + BODY_SECONDS
        data = b""
        with trio.move_on_at(self._body_until) as patience:
            data = await self._peer.read()
        if patience.cancelled_caught:
            raise RequestError(
                HTTPStatus.REQUEST_TIMEOUT, f"the body did not arrive within {BODY_SECONDS:g} s"
            )
        if not data:
            raise bad_request("the connection ended before the body was complete")
        self._body_until += len(data) / BODY_BYTES_PER_SECOND
        self._reader.feed(data)

    async def _until_it_leaves(self) -> None:
        """Wait for the peer to end its side; requests that it sends meanwhile are kept."""
        while not (self._peer.ended or self._peer.gone or self.answer.complete):
            if self._reader.buffered >= READ_BYTES:
                await trio.sleep_forever()  # The peer has asked too much ahead to be listened to.
            self._reader.feed(await self._peer.read())

    def _is_body_passable(self) -> bool:
        """Say whether what is left of the body can be read away after the answer."""
        if self._reader.body_left != 0 and self.fault is None:
            try:
                self._reader.take_body()
            except RequestError as error:
                self.fault = error
        left = self._reader.body_left
        if left == 0:
            return True
        passable = left is not None and left <= MAX_UNREAD_BYTES
        return passable and not self._must_continue and self.fault is None

    async def _pass_over_body(self) -> None:
        try:
            while self._reader.body_left != 0:
                await self._next_part()
        except RequestError:
            self.answer.closes = True


def scope_of(request: Request, client: Address, server: Address, *, is_secure: bool) -> Scope:
    """Return what an application is told about a request."""
    return {
        "type": "http",
        "asgi": _ASGI,
        "http_version": request.version,
        "method": request.method,
        "scheme": "https" if is_secure else "http",
        "path": request.path,
        "raw_path": request.raw_path,
        "query_string": request.query,
        "root_path": "",
        "headers": request.headers,
        "client": client,
        "server": server,
    }
