"""Keys of envelopes that have not arrived yet, kept so that they can be read later.

Immutable: every change returns a new store, and copies only what it touches. Bounded:
a gap is checked against `MAX_GAP` before a key of it is made, and the oldest keys go
when the store is full. Nothing here decrypts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from zentalk.crypto.types import Secret
from zentalk.errors import RemoteProtocolError

MAX_GAP: Final = 1_000
"""Keys that one envelope may skip in one chain; it is refused if it skips more."""
MAX_KEPT: Final = 2_000
"""Keys kept per ratchet, 72 bytes each; beyond it the oldest are dropped."""
MAX_CHAINS: Final = 256
"""Chains with keys kept; beyond it the oldest goes. An unreadable envelope tries each of them."""

_Keys = Mapping[int, Secret]


class AlreadyReadError(RemoteProtocolError):
    """An envelope's key was used before, or is older than what is kept."""


def check_gap(have: int, wanted: int) -> None:
    """Refuse a position before any key is made for it.

    Raises RemoteProtocolError if more than MAX_GAP keys would be skipped.
    """
    if wanted - have > MAX_GAP:
        raise RemoteProtocolError(f"an envelope skips more than {MAX_GAP} others")


class SkippedKeys:
    """Message keys by header key and number, oldest chain first; `chains` is all of them."""

    __slots__ = ("chains", "count")

    def __init__(self, chains: Mapping[bytes, _Keys] | None = None) -> None:
        self.chains: Mapping[bytes, _Keys] = MappingProxyType(dict(chains or {}))
        self.count: int = sum(len(keys) for keys in self.chains.values())

    def __repr__(self) -> str:
        return f"<{self.count} skipped keys>"

    def header_keys(self) -> Iterator[bytes]:
        """Yield the header keys of chains with keys left, newest chain first."""
        return reversed(list(self.chains))

    def has(self, header_key: bytes, number: int) -> bool:
        """Tell whether the key of one envelope is kept."""
        return number in self.chains.get(header_key, {})

    def take(self, header_key: bytes, number: int) -> tuple[Secret, SkippedKeys]:
        """Return a key and the store without it; raises AlreadyReadError."""
        keys = dict(self.chains.get(header_key, {}))
        message_key = keys.pop(number, None)
        if message_key is None:
            raise AlreadyReadError("an envelope was read before, or is too old to be read")
        chains = dict(self.chains)
        if keys:
            chains[header_key] = keys
        else:
            del chains[header_key]
        return message_key, SkippedKeys(chains)

    def add(self, header_key: bytes, fresh: _Keys) -> SkippedKeys:
        """Return the store with more keys of its newest chain, without the oldest if full."""
        if not fresh:
            return self
        chains = dict(self.chains)
        chains[header_key] = {**chains.get(header_key, {}), **fresh}
        while len(chains) > MAX_CHAINS:
            del chains[next(iter(chains))]
        surplus = sum(len(keys) for keys in chains.values()) - MAX_KEPT
        while surplus > 0:
            oldest = next(iter(chains))
            kept = dict(list(chains[oldest].items())[surplus:])
            surplus -= len(chains[oldest]) - len(kept)
            if kept:
                chains[oldest] = kept
            else:
                del chains[oldest]
        return SkippedKeys(chains)
