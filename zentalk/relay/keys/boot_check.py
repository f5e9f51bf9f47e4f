"""Asks the network, before anything is signed, which boots of this relay it has seen.

Spec: docs/spec/directory.md section 2. A folder restored from an old copy, or one whose
database was lost, would sign a second descriptor for a boot it had before: proof of
cheating, for which a relay is excluded for good. So a starting relay asks anonymously,
shows nothing of itself, and boots above what it hears.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import trio

from zentalk.directory.set_reading import KnownSets, SetReading
from zentalk.errors import REQUEST_FAULTS
from zentalk.net.connection import NoHandlers
from zentalk.net.runtime import Runtime
from zentalk.net.serve import connect
from zentalk.net.transport import Dials
from zentalk.wire.descriptor import decode_descriptor, node_id_of
from zentalk.wire.text import RelayUri

ASKED: Final = 3
ASK_SECONDS: Final = 3.0


class BootCheck:
    """Sends one request to a few relays at once; the highest boot that they know counts."""

    def __init__(self, runtime: Runtime, network: Dials, network_id: str) -> None:
        self._runtime = runtime
        self._network = network
        self._network_id = network_id
        self._highest = 0

    async def highest(self, identity: bytes, relays: Sequence[RelayUri]) -> int:
        """Return the highest boot known of `identity`, 0 if nobody knows one or answers."""
        others = dict.fromkeys(uri.identity for uri in relays if uri.identity != identity)
        asked = list(others)[:ASKED]
        async with trio.open_nursery() as nursery:
            for uri in dict.fromkeys(relays):  # all addresses at once: one of them may be silent
                if uri.identity in asked:
                    nursery.start_soon(self._ask, identity, uri)
        return self._highest

    async def _ask(self, identity: bytes, uri: RelayUri) -> None:
        try:
            with trio.move_on_after(ASK_SECONDS):
                await self._read(identity, uri)
        except* REQUEST_FAULTS:
            pass  # one that does not answer cannot warn us

    async def _read(self, identity: bytes, uri: RelayUri) -> None:
        """Read the part of a relay's set in which our own descriptor would be."""
        reading = SetReading(KnownSets({}, _nothing), node_id_of(identity))
        async with trio.open_nursery() as nursery:
            try:
                connection = await connect(
                    await self._network.dial(uri.host, uri.port),
                    network=self._network_id,
                    relay_identity=uri.identity,
                    handlers=NoHandlers(),
                    runtime=self._runtime,
                    nursery=nursery,
                )
                while (call := reading.next_call()) is not None:
                    for raw in reading.take(await connection.request(call)):
                        self._note(identity, raw)
            finally:
                nursery.cancel_scope.cancel()

    def _note(self, identity: bytes, raw: bytes) -> None:
        if identity not in raw:
            return  # spares verifying everybody's signature
        descriptor = decode_descriptor(raw)
        if descriptor.identity == identity:
            self._highest = max(self._highest, descriptor.boot)


def _nothing(_digest: bytes) -> bool:
    """Say that a descriptor is not known: a relay that starts knows none."""
    return False
