"""The addresses of this machine from which it would send to others, and when one is gone.

Not all that its interfaces have: others would be shown those of virtual machines and of private
networks, from which no way leads to them.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from typing import Final, Protocol, runtime_checkable

import trio

from zentalk.net.datagrams import Address

LOOK_SECONDS: Final = 5.0
"""The time after which a change of address is noticed: relays give a link up after a minute."""


@runtime_checkable
class FromAddress(Protocol):
    """A connection from an address of this machine, which it may lose."""

    def has_own_address(self) -> bool:
        """Tell whether it still has that address."""
        ...


async def until_moved(connection: FromAddress) -> None:
    """Wait until the address of a connection is gone; asked for, as not all systems tell it."""
    while connection.has_own_address():  # noqa: ASYNC110 - the system's own
        await trio.sleep(LOOK_SECONDS)


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
