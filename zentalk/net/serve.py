"""Both ways to an open connection: dialling as the initiator, serving as the responder.

Spec: docs/spec/link.md sections 2 and 9. A handshake has a deadline, and one that fails
costs the other side as much as this one.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Final

import trio

from zentalk.crypto.ed25519 import SigningKey
from zentalk.errors import DeadlineError, LinkClosedError
from zentalk.link.events import Event, LinkOpened
from zentalk.link.handshake import LinkSettings
from zentalk.link.hello import Credentials
from zentalk.link.link import Link
from zentalk.net.connection import Connection, Handlers
from zentalk.net.resources import NO_LIMITS, LinkResources
from zentalk.net.runtime import Runtime
from zentalk.net.transport import PEER_FAULTS, READ_BYTES, ByteStream, close_soon

HANDSHAKE_SECONDS: Final = 5.0
INNER_HANDSHAKE_SECONDS: Final = 10.0
"""Inside a tunnel, where every byte crosses several links."""


def _nothing() -> None:
    pass


async def connect(
    stream: ByteStream,
    *,
    network: str,
    relay_identity: bytes,
    hello: Credentials | None = None,
    handlers: Handlers,
    runtime: Runtime,
    nursery: trio.Nursery,
    depth: int = 0,
    resources: LinkResources = NO_LIMITS,
    guard: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> Connection:
    """Open a link to the relay with that Ed25519 identity over a stream, which it owns.

    Without `hello` this side is an anonymous client; with `ClientCredentials`, one who holds a
    token. The connection's tasks run in `nursery`, inside `guard`, which may stop what they raise.
    Raises HandshakeError if the other end is not that relay, DeadlineError, or LinkClosedError;
    the stream is closed then.
    """
    try:
        settings = LinkSettings(network, depth)
        link = Link.initiate(settings, relay_identity, hello, runtime.entropy, resources.account)
    except BaseException:
        await close_soon(stream)
        raise
    try:
        opened, early = await _shake_hands(link, stream, depth)
        connection = Connection(link, opened, stream, handlers, runtime, resources)
        await nursery.start(_run_guarded, connection, early, guard)
    except BaseException:
        link.release()
        await close_soon(stream)
        raise
    return connection


async def prove_identity(
    stream: ByteStream, *, network: str, relay_identity: bytes, runtime: Runtime
) -> None:
    """Let the other end of a stream prove that it is a relay, and hang up: no link comes of it.

    This side is an anonymous client that does nothing more. Raises as `connect`.
    """
    link = Link.initiate(LinkSettings(network), relay_identity, None, runtime.entropy)
    try:
        await _shake_hands(link, stream, 0)
    finally:
        link.release()
        await close_soon(stream)


async def _run_guarded(
    connection: Connection,
    early: list[Event],
    guard: Callable[[], AbstractContextManager[None]],
    *,
    task_status: trio.TaskStatus[None],
) -> None:
    with guard():
        await connection.run(early, task_status=task_status)


async def serve(
    stream: ByteStream,
    *,
    network: str,
    identity: SigningKey,
    handlers: Handlers,
    runtime: Runtime,
    on_open: Callable[[Connection], None] | None = None,
    on_failure: Callable[[], None] = _nothing,
    depth: int = 0,
    resources: LinkResources = NO_LIMITS,
) -> None:
    """Answer one initiator on a stream, and run until the link ends.

    `on_open` gets the connection before anything of it is handled, `on_failure` is called if the
    handshake fails. Never raises for a fault of the peer's.
    """
    settings = LinkSettings(network, depth)
    link = Link.respond(settings, identity, runtime.entropy, resources.account)
    try:
        opened, early = await _shake_hands(link, stream, depth)
    except PEER_FAULTS:
        on_failure()
        link.release()
        await close_soon(stream)
        return
    except BaseException:
        link.release()
        await close_soon(stream)
        raise
    connection = Connection(link, opened, stream, handlers, runtime, resources)
    if on_open is not None:
        on_open(connection)
    await connection.run(early)


async def _shake_hands(
    link: Link, stream: ByteStream, depth: int
) -> tuple[LinkOpened, list[Event]]:
    """Return LinkOpened and the events that came right behind it."""
    try:
        with trio.fail_after(INNER_HANDSHAKE_SECONDS if depth else HANDSHAKE_SECONDS):
            while True:
                if data := link.data_to_send():
                    await stream.send_all(data)
                data = await stream.receive_some(READ_BYTES)
                if not data:
                    raise LinkClosedError("the peer hung up during the handshake")
                events = link.receive(data)
                if events and isinstance(events[0], LinkOpened):
                    if data := link.data_to_send():
                        await stream.send_all(data)
                    return events[0], events[1:]
    except trio.TooSlowError:
        raise DeadlineError("the handshake was not finished in time") from None
    except (OSError, trio.BrokenResourceError, trio.ClosedResourceError):
        raise LinkClosedError("the connection broke during the handshake") from None
