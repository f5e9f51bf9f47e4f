"""Invitations for new devices: a short code that gives a token once, within five minutes.

Plain code; the caller brings monotonic seconds and entropy. Codes are in memory only and end with
the program. Whoever may guess as often as `TRIES_PER_SECOND` allows, against all open codes, for
as long as they live, is right with a chance of about 2e-21 (docs/reference/rest.md, "Pairing").
A code is compared in constant time, and a wrong one tells nothing about what is open.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Final

from zentalk.crypto.hashing import equal
from zentalk.crypto.types import Entropy
from zentalk.directory.allowance import Allowance
from zentalk.errors import ConflictError, NotFoundError, RefusedError
from zentalk.web.pair_link import plain_code
from zentalk.wire.devices import DeviceScope

PAIRING_SECONDS: Final = 300.0
MAX_PAIRINGS: Final = 8
CODE_BYTES: Final = 10
"""80 bits: 16 characters of base32, whose alphabet has no 0, 1, 8 or 9 to mistake for letters."""
PAIRING_ID_BYTES: Final = 8
TRIES: Final = 20
TRIES_PER_SECOND: Final = 1.0
"""Of everybody together: who guesses has no name. More only delays those who pair meanwhile."""


@dataclass(frozen=True, slots=True)
class Pairing:
    """An invitation; `added_by` is the id of the device that made it, empty for the owner."""

    pairing_id: str
    code: str = field(repr=False)
    name: str
    scope: DeviceScope
    added_by: str
    ends_at: float


class Pairings:
    """The open invitations, at most `MAX_PAIRINGS`."""

    def __init__(self, now: float) -> None:
        self._open: dict[str, Pairing] = {}
        self._tries = Allowance(TRIES, TRIES_PER_SECOND, now)

    def open(
        self, name: str, scope: DeviceScope, added_by: str, now: float, entropy: Entropy
    ) -> Pairing:
        """Make an invitation; raises ConflictError if there are too many, or one of this name."""
        self._expire(now)
        if len(self._open) >= MAX_PAIRINGS:
            raise ConflictError(
                f"{MAX_PAIRINGS} pairings are open already: use or cancel one, or wait five minutes"
            )
        if any(other.name == name for other in self._open.values()):
            raise ConflictError("a pairing with this name is open: cancel it, or wait five minutes")
        code = base64.b32encode(entropy(CODE_BYTES)).decode("ascii").rstrip("=")
        pairing_id = entropy(PAIRING_ID_BYTES).hex()
        pairing = Pairing(pairing_id, code, name, scope, added_by, now + PAIRING_SECONDS)
        self._open[pairing_id] = pairing
        return pairing

    def find(self, pairing_id: str, now: float) -> Pairing:
        """Return an open invitation; raises NotFoundError."""
        self._expire(now)
        pairing = self._open.get(pairing_id)
        if pairing is None:
            raise NotFoundError("there is no such pairing: it was used, cancelled, or is too old")
        return pairing

    def listing(self, now: float) -> list[Pairing]:
        """Return the open invitations, oldest first."""
        self._expire(now)
        return list(self._open.values())

    def cancel(self, pairing_id: str, now: float) -> None:
        """Withdraw an invitation; raises NotFoundError."""
        pairing = self.find(pairing_id, now)
        del self._open[pairing.pairing_id]

    def redeem(self, code: str, now: float) -> Pairing:
        """Take the invitation with a code, which nobody can take again.

        Raises RefusedError after too many tries, and NotFoundError for any code that is not open.
        """
        if not self._tries.take(now):
            raise RefusedError("rate", "too many codes were tried: wait some seconds")
        self._expire(now)
        given = plain_code(code).encode("utf-8")
        found = [each for each in self._open.values() if equal(given, each.code.encode("ascii"))]
        if not found:
            raise NotFoundError(
                "this code is wrong, was used already, or is older than five minutes: make another"
            )
        del self._open[found[0].pairing_id]
        return found[0]

    def _expire(self, now: float) -> None:
        self._open = {key: each for key, each in self._open.items() if now < each.ends_at}
