"""Remembers the nonces of statements that verified, for as long as they could be repeated.

Spec: docs/spec/mesh.md section 8. When there are too many the ones that were made first are
forgotten: one that was carried out changes nothing when it is repeated even then
(`zentalk.mesh.leases`), and refusing the next would let anybody stop a holder from working. It must
never refuse what was not seen.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Final

MAX_NONCES: Final = 100_000


class NonceMemory:
    """The nonces of one holder, with the keys they were used under, by the minute of statements."""

    __slots__ = ("_count", "_minutes", "_most")

    def __init__(self, most: int = MAX_NONCES) -> None:
        self._minutes: defaultdict[int, dict[bytes, None]] = defaultdict(dict)
        self._count = 0
        self._most = most

    def __len__(self) -> int:
        return self._count

    def has_seen(self, lease_key: bytes, nonce: bytes, made_minute: int) -> bool:
        """Say whether a statement of that minute under that key had this nonce."""
        return lease_key + nonce in self._minutes.get(made_minute, ())

    def see(self, lease_key: bytes, nonce: bytes, made_minute: int) -> None:
        """Remember the nonce of a statement that verified."""
        self._count += not self.has_seen(lease_key, nonce, made_minute)
        self._minutes[made_minute][lease_key + nonce] = None
        while self._count > self._most:
            first = min(self._minutes)
            self._minutes[first].pop(next(iter(self._minutes[first])))
            self._count -= 1
            if not self._minutes[first]:
                del self._minutes[first]

    def forget_before(self, minute: int) -> None:
        """Forget what was made before a minute: it would be refused for its age."""
        for past in [made for made in self._minutes if made < minute]:
            self._count -= len(self._minutes.pop(past))
