"""Dials relays at addresses that count: elsewhere than the Internet nobody is made to connect.

Spec: docs/spec/directory.md section 3. Descriptors name hosts, and whoever signs one chooses its
name. Where only public addresses count, a name is resolved once, what it stands for is checked, and
that address is dialled: a second look at the name could find another one.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import trio

from zentalk.errors import ConnectFailedError
from zentalk.net.transport import ByteStream, Network
from zentalk.wire.host import is_address
from zentalk.wire.public_addresses import is_public_port, public_address

RESOLVE_SECONDS: Final = 5.0
_REFUSED: Final = "it has no public address, and this network takes no others"
_REFUSED_PORT: Final = "this network takes ports 80, 443 and from 1024 on only"


class Reached(NamedTuple):
    """A stream, and the address that it leads to."""

    stream: ByteStream
    address: str


class RelayDialler:
    """Makes streams to relays over one `network`; with `public_only`, to public addresses.

    With `by_name` the network resolves names itself, elsewhere: what they stand for is not known
    here, and only addresses are checked.
    """

    def __init__(self, network: Network, *, public_only: bool, by_name: bool = False) -> None:
        self._network = network
        self._public_only = public_only
        self._by_name = by_name

    async def dial(self, host: str, port: int) -> ByteStream:
        """Connect; raises ConnectFailedError."""
        return (await self.reach(host, port)).stream

    async def reach(self, host: str, port: int) -> Reached:
        """Connect, and say where to; raises ConnectFailedError."""
        address = await self.resolve(host, port)
        return Reached(await self._network.dial(address, port), address.strip("[]"))

    async def resolve(self, host: str, port: int) -> str:
        """Return the address to dial for a host; raises ConnectFailedError if none may be."""
        if not self._public_only:
            return host
        target = f"{host}:{port}"
        if not is_public_port(port):
            raise ConnectFailedError(target, _REFUSED_PORT)
        if self._by_name and not is_address(host):
            return host
        found: list[str] = []
        with trio.move_on_after(RESOLVE_SECONDS):
            try:
                found = [*await self._network.resolve(host)]
            except (OSError, UnicodeError):
                raise ConnectFailedError(target, "its name does not resolve") from None
        if not found:
            raise ConnectFailedError(target, "its name did not resolve in time; try again later")
        for text in found:
            address = public_address(text)
            if address is not None:
                return address
        raise ConnectFailedError(target, _REFUSED)
