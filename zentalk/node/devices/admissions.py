"""New devices by invitation: the open pairings of a node, and the tokens that come of them.

A device that was revoked admits nobody any more, not even by a pairing that it had opened before.
"""

from __future__ import annotations

from zentalk.net.runtime import Runtime
from zentalk.node.devices.pairings import Pairing, Pairings
from zentalk.node.devices.tokens import DeviceTokens
from zentalk.wire.devices import DeviceEntry, DeviceScope


class Admissions:
    """Opens pairings and redeems them for tokens."""

    def __init__(self, runtime: Runtime, tokens: DeviceTokens) -> None:
        self._runtime = runtime
        self._tokens = tokens
        self._pairings = Pairings(runtime.monotonic())

    def open(self, name: str, scope: DeviceScope, added_by: str) -> tuple[Pairing, float]:
        """Open a pairing; returns it and when it ends, as unix time.

        `added_by` is the id of the device that asks, empty for the owner. Raises ConfigError or
        ConflictError if no device of this name could be added.
        """
        self._tokens.check_new(name)
        now = self._runtime.monotonic()
        pairing = self._pairings.open(name, scope, added_by, now, self._runtime.entropy)
        return pairing, self._ends_at(pairing)

    def listing(self) -> list[tuple[Pairing, float]]:
        """Return the open pairings, and when each ends, as unix time."""
        listed = self._pairings.listing(self._runtime.monotonic())
        return [(pairing, self._ends_at(pairing)) for pairing in listed]

    def find(self, pairing_id: str) -> Pairing:
        """Return an open pairing; raises NotFoundError."""
        return self._pairings.find(pairing_id, self._runtime.monotonic())

    def cancel(self, pairing_id: str) -> None:
        """Withdraw a pairing; raises NotFoundError."""
        self._pairings.cancel(pairing_id, self._runtime.monotonic())

    async def redeem(self, code: str) -> tuple[DeviceEntry, str]:
        """Admit the device that has this code; returns it and its token.

        Raises NotFoundError for a code that is not open, RefusedError after too many tries, and
        ConflictError if the device cannot be admitted any more. The code is used up either way.
        """
        pairing = self._pairings.redeem(code, self._runtime.monotonic())
        return await self._tokens.add(pairing.name, pairing.scope, pairing.added_by)

    def _ends_at(self, pairing: Pairing) -> float:
        return self._runtime.wall() + pairing.ends_at - self._runtime.monotonic()
