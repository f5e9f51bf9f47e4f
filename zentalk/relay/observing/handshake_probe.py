"""One probe: shake hands anonymously where a relay is said to be, and hang up.

Nothing of this relay is shown, nothing is asked, and nothing but yes or no comes out.
"""

from __future__ import annotations

from typing import Final

import trio

from zentalk.errors import REQUEST_FAULTS
from zentalk.net.dialling import RelayDialler
from zentalk.net.runtime import Runtime
from zentalk.net.serve import prove_identity
from zentalk.wire.text import RelayUri

PROBE_SECONDS: Final = 6.0
"""The time for connecting and shaking hands; who is slower is tried again later."""


class HandshakeProbe:
    """Probes relays of the network `network_id`."""

    def __init__(self, runtime: Runtime, dialler: RelayDialler, network_id: str) -> None:
        self._runtime = runtime
        self._dialler = dialler
        self._network_id = network_id

    async def resolve(self, uri: RelayUri) -> str:
        """Return the address that `reaches` is to dial; raises ConnectFailedError."""
        return await self._dialler.resolve(uri.host, uri.port)

    async def reaches(self, uri: RelayUri, address: str) -> bool:
        """Say whether the holder of the relay's key answers at an address."""
        with trio.move_on_after(PROBE_SECONDS):
            try:
                await prove_identity(
                    await self._dialler.dial(address, uri.port),
                    network=self._network_id,
                    relay_identity=uri.identity,
                    runtime=self._runtime,
                )
            except REQUEST_FAULTS:
                return False
            return True
        return False
