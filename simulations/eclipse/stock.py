"""The same eclipse against the package `kademlia` as it is: its own UDP server on loopback.

That package brings asyncio, which nothing else here uses but `benchmarks/directory.py`, for the
same comparison. Nothing imports this file but `run.py`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from kademlia.network import Server
from kademlia.protocol import KademliaProtocol
from kademlia.utils import digest

KSIZE = 20
LOOPBACK = "127.0.0.1"
BEFORE = 3
"""Each node bootstraps from so many that were there before."""


class HostileProtocol(KademliaProtocol):  # type: ignore[misc]  # kademlia is untyped
    """Says yes to every record, keeps none, and names only its accomplices."""

    accomplices: Sequence[tuple[bytes, str, int]] = ()

    def rpc_store(self, sender: Any, nodeid: bytes, key: bytes, value: Any) -> bool:
        self.rpc_ping(sender, nodeid)
        return True

    def rpc_find_node(self, sender: Any, nodeid: bytes, key: bytes) -> list[Any]:
        self.rpc_ping(sender, nodeid)
        return list(self.accomplices)

    def rpc_find_value(self, sender: Any, nodeid: bytes, key: bytes) -> list[Any]:
        return self.rpc_find_node(sender, nodeid, key)


class HostileServer(Server):  # type: ignore[misc]  # kademlia is untyped
    """A node with an id of its owner's choice."""

    protocol_class = HostileProtocol


def address(server: Any) -> tuple[str, int]:
    host, port = server.transport.get_extra_info("sockname")
    return host, port


async def join(server: Any, others: Sequence[Any]) -> None:
    await server.listen(0, interface=LOOPBACK)
    if others:
        await server.bootstrap([address(other) for other in others])


async def hide(honest: int, hostile: int, key: str) -> int:
    """Attack one record; return how many of the honest nodes still read it."""
    good = [Server(ksize=KSIZE) for _ in range(honest)]
    wanted = digest(key)
    # Nobody has to draw keys: an id is whatever a node says it is.
    bad = [
        HostileServer(ksize=KSIZE, node_id=wanted[:16] + number.to_bytes(4, "big"))
        for number in range(hostile)
    ]
    try:
        for place, server in enumerate(good):
            await join(server, good[max(0, place - BEFORE) : place])
        for server in bad:
            await join(server, good[:BEFORE])
        accomplices = [(server.node.id, *address(server)) for server in bad]
        for server in bad:
            server.protocol.accomplices = accomplices
        await good[0].set(key, "where my mailboxes are")
        found = await asyncio.gather(*(server.get(key) for server in good))
        return sum(value is not None for value in found)
    finally:
        for server in [*good, *bad]:
            server.stop()
        await asyncio.sleep(0)


def measure(honest: int, hostile: int, victims: int) -> tuple[int, int]:
    """Return how many reads found a record, of how many, over some attacked records."""
    logging.disable(logging.CRITICAL)
    found = [asyncio.run(hide(honest, hostile, f"record {number}")) for number in range(victims)]
    return sum(found), honest * victims
