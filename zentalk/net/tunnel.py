"""Tunnels: a link inside a stream of another link, once per hop.

Spec: docs/spec/link.md section 10. The same link core and the same Connection run over
a stream instead of a socket; only the cells shrink with the depth. Nothing here chooses
hops.
"""

from __future__ import annotations

from collections.abc import Sequence

import trio

from zentalk.errors import LocalProtocolError
from zentalk.link.geometry import cell_bytes
from zentalk.link.hello import ClientCredentials
from zentalk.net.connection import Connection, Handlers, NoHandlers
from zentalk.net.pump import FLUSH_SECONDS
from zentalk.net.runtime import Runtime
from zentalk.net.serve import connect
from zentalk.wire.descriptor import node_id_of
from zentalk.wire.text import RelayUri


async def open_tunnel(
    connection: Connection,
    hops: Sequence[RelayUri],
    *,
    network: str,
    handlers: Handlers,
    runtime: Runtime,
    nursery: trio.Nursery,
    hello: ClientCredentials | None = None,
) -> Connection:
    """Return a connection, as an anonymous client, to the last of `hops`.

    `connection` leads to the relay before the first hop and stays open when the tunnel
    closes; the links in between close with it. Only the last link has `handlers`, and only its
    relay is shown that a token of it is held. Raises RefusedError, HandshakeError, DeadlineError
    or LinkClosedError.
    """
    if not hops:
        raise LocalProtocolError("a tunnel needs at least one hop")
    outer, between = connection, list[Connection]()
    try:
        for hop in hops:
            last = hop is hops[-1]
            outer = await _extend(
                outer,
                hop,
                network,
                handlers if last else NoHandlers(),
                runtime,
                nursery,
                hello if last else None,
            )
            between.append(outer)
    except BaseException:
        for link in between:
            link.close()
        raise
    if len(between) > 1:
        nursery.start_soon(_close_with, between[-1], between[:-1])
    return outer


async def _extend(
    outer: Connection,
    hop: RelayUri,
    network: str,
    handlers: Handlers,
    runtime: Runtime,
    nursery: trio.Nursery,
    hello: ClientCredentials | None,
) -> Connection:
    depth = outer.depth + 1
    stream = await outer.open_stream(node_id_of(hop.identity), cell_bytes(depth))
    return await connect(
        stream,
        network=network,
        relay_identity=hop.identity,
        hello=hello,
        handlers=handlers,
        runtime=runtime,
        nursery=nursery,
        depth=depth,
    )


async def _close_with(end: Connection, between: list[Connection]) -> None:
    await end.closed.wait()
    # The relays in between drop what they have not passed on when their link ends.
    await trio.sleep(FLUSH_SECONDS)
    for link in reversed(between):
        link.close()
