"""The access tokens that one relay has given out.

Spec: docs/spec/link.md sections 2.4 and 11.3. Plain synchronous code. A proof is compared with that
of every token, in constant time and without stopping at one that fits, so that the time says
neither which token it is nor how near a wrong proof came.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from zentalk.crypto.hashing import equal
from zentalk.link.hello import AccessProver

MAX_TOKENS: Final = 256
"""Each is a hash for every proof that is shown: all together cost less than a handshake."""
MAX_NAME_CHARS: Final = 64


@dataclass(frozen=True, slots=True)
class GivenToken:
    """One token, and by which name its operator remembers who has it.

    `made_at` is unix seconds.
    """

    name: str
    made_at: int
    secret: bytes = field(repr=False)


class AccessTokens:
    """Tells which token a proof is of."""

    def __init__(self, given: Sequence[GivenToken] = ()) -> None:
        self._provers = [(token.name, AccessProver(token.secret)) for token in given]

    def __len__(self) -> int:
        return len(self._provers)

    def holder(self, proof: bytes, handshake_hash: bytes) -> str | None:
        """Return the name of the token that a proof is of, None if it is of none."""
        if not proof:
            return None
        found = None
        for name, prover in self._provers:
            if equal(prover.proof(handshake_hash), proof):
                found = name
        return found
