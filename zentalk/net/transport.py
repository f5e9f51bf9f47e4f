"""The transports: each dials and listens for byte streams.

TCP and the in-memory network satisfy these protocols; tunnels are byte streams too.
Nothing here, and nothing above, may depend on which one it is.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Final, Protocol, TypeAlias, runtime_checkable

import trio

from zentalk.errors import LINK_FAULTS, ConnectFailedError

CONNECT_SECONDS: Final = 10.0
CLOSE_SECONDS: Final = 1.0
READ_BYTES: Final = 65_536

PEER_FAULTS: Final = (
    OSError,
    trio.BrokenResourceError,
    trio.ClosedResourceError,
    *LINK_FAULTS,
)
"""A connection may end with one of these without anybody else noticing: `LINK_FAULTS`, and what
streams of bytes raise."""


class ByteStream(Protocol):
    """A reliable, ordered stream of bytes in both directions."""

    async def send_all(self, data: bytes, /) -> None:
        """Send everything; raises trio.BrokenResourceError or ClosedResourceError."""
        ...

    async def receive_some(self, max_bytes: int, /) -> bytes:
        """Return some bytes, or b"" at the end; raises as `send_all`."""
        ...

    async def aclose(self) -> None:
        """Close at once; never raises for a stream that is broken already."""
        ...


@runtime_checkable
class EagerStream(ByteStream, Protocol):
    """A stream that can also send without waiting."""

    def send_now(self, data: bytes, /) -> int:
        """Send what can go at once, and return how many bytes that was; raises as `send_all`."""
        ...


Handler: TypeAlias = Callable[[ByteStream, str], Awaitable[None]]
"""Takes a new stream and the host it comes from; owns the stream."""


class Listener(Protocol):
    """A bound port."""

    @property
    def port(self) -> int:
        """The port, also when 0 was asked for."""
        ...

    async def serve(self, handler: Handler) -> None:
        """Run `handler` in a task of its own for each stream, until closed or cancelled.

        What ends one connection never ends the listener.
        """
        ...

    async def aclose(self) -> None:
        """Stop listening."""
        ...


class Dials(Protocol):
    """Makes streams to other hosts."""

    async def dial(self, host: str, port: int) -> ByteStream:
        """Connect within CONNECT_SECONDS; raises ConnectFailedError."""
        ...


class Network(Dials, Protocol):
    """Makes streams to other hosts, and takes theirs."""

    async def resolve(self, host: str) -> Sequence[str]:
        """Return the addresses of a host, itself if it is one; raises OSError or UnicodeError."""
        ...

    async def listen(self, host: str, port: int) -> Listener:
        """Bind a port, 0 for any; raises OSError if it is taken."""
        ...


class Fault:
    """The error that `only_faults_of` caught, None if there was none."""

    __slots__ = ("found",)

    def __init__(self) -> None:
        self.found: BaseException | None = None

    def first(self) -> BaseException | None:
        """Return the error itself, the first one of a group."""
        error = self.found
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        return error


@contextmanager
def only_faults_of(kinds: tuple[type[Exception], ...]) -> Iterator[Fault]:
    """Catch these kinds of errors, also in groups that hold nothing else; let others pass.

    Of a group, `found` is the group itself.
    """
    fault = Fault()
    try:
        yield fault
    except kinds as error:
        fault.found = error
    except BaseExceptionGroup as group:
        _, rest = group.split(kinds)
        if rest is not None:
            raise rest from None
        fault.found = group


async def run_guarded(handler: Handler, stream: ByteStream, peer_host: str) -> None:
    """Run a handler; the peer's faults end it quietly, and the stream is closed in any case."""
    try:
        with only_faults_of(PEER_FAULTS):
            await handler(stream, peer_host)
    finally:
        await close_soon(stream)


async def close_soon(stream: ByteStream) -> None:
    """Close a stream, also where the caller was cancelled; given up after CLOSE_SECONDS."""
    with trio.CancelScope(shield=True), trio.move_on_after(CLOSE_SECONDS):
        await stream.aclose()


@asynccontextmanager
async def kept_if_made(stream: ByteStream, target: str, who: str = "") -> AsyncIterator[None]:
    """Close a stream of which the block fails to make a connection to `target`, in its time.

    What the stream raises, or a block that takes longer than CONNECT_SECONDS, becomes
    ConnectFailedError; `who` stands in front of its reason.
    """
    try:
        with trio.fail_after(CONNECT_SECONDS):
            yield
    except BaseException as error:  # cancelled, too: nobody else has the stream yet
        await close_soon(stream)
        match error:
            case trio.TooSlowError():
                raise ConnectFailedError(target, f"{who}no answer") from None
            case trio.BrokenResourceError() | trio.ClosedResourceError():
                raise ConnectFailedError(target, f"{who}the connection broke") from None
        raise
