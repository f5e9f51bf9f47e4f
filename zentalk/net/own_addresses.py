"""The addresses of this machine from which it would send to others.

Not all that its interfaces have: others would be shown those of virtual machines and of private
networks, from which no way leads to them.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable

import trio

from zentalk.net.datagrams import Address


async def own_addresses(targets: Iterable[Address]) -> tuple[str, ...]:
    """Return our addresses on the ways to IP addresses, without their scopes; nothing is sent."""
    found: dict[str, None] = {}
    for target in targets:
        family = socket.AF_INET6 if ":" in target[0] else socket.AF_INET
        with trio.socket.socket(family, socket.SOCK_DGRAM) as probe:
            try:
                await probe.connect(target)
            except OSError:
                continue  # no way leads there
            found[str(probe.getsockname()[0]).partition("%")[0]] = None
    return tuple(found)
