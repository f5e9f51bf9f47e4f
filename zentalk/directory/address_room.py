"""Bounds the addresses of one range at which relays are observed, and says which give way.

Spec: docs/spec/directory.md section 3. A relay's own address keeps its room for as long as it is
observed. A *spare* one, of a relay that was reached elsewhere since, gives way to a relay that
would have no address at all: else relays with several addresses could shut out others.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Iterator
from typing import Final

from zentalk.wire.text import RelayUri

_CAPS: Final[dict[int, tuple[tuple[int, int], ...]]] = {
    4: ((32, 1), (24, 8), (16, 128)),
    6: ((64, 1), (48, 8), (32, 128)),
}
"""Prefixes of an address, and how many relays there may be in each."""


class AddressRoom:
    """Counts addresses by range; unless `capped` there is room for all."""

    def __init__(self, *, capped: bool) -> None:
        self._caps = _CAPS if capped else {}
        self._taken: Counter[str] = Counter()
        self._spare: dict[str, dict[RelayUri, None]] = {}

    def in_the_way(self, address: str) -> list[RelayUri] | None:
        """Return which spare addresses an address can have room in place of, None if it cannot."""
        doomed: dict[RelayUri, None] = {}
        for prefix, most in self._ranges(address):
            spare = self._spare.get(prefix, {})
            excess = self._taken[prefix] + 1 - most - sum(uri in doomed for uri in spare)
            further = [uri for uri in spare if uri not in doomed]
            if excess > len(further):
                return None
            doomed.update(dict.fromkeys(further[: max(0, excess)]))
        return list(doomed)

    def take(self, address: str) -> None:
        """Count an address that a relay has for its own."""
        self._taken.update(prefix for prefix, _ in self._ranges(address))

    def give_up(self, uri: RelayUri, address: str) -> None:
        """Count an address no longer, whether it was spare or not."""
        self.settle(uri, address)
        for prefix, _ in self._ranges(address):
            self._taken[prefix] -= 1
            if not self._taken[prefix]:
                del self._taken[prefix]

    def spare(self, uri: RelayUri, address: str) -> None:
        """Let an address that counts give way from now on."""
        for prefix, _ in self._ranges(address):
            self._spare.setdefault(prefix, {})[uri] = None

    def settle(self, uri: RelayUri, address: str) -> None:
        """Let an address that counts give way no longer."""
        for prefix, _ in self._ranges(address):
            spare = self._spare.get(prefix, {})
            spare.pop(uri, None)
            if not spare:
                self._spare.pop(prefix, None)

    def _ranges(self, address: str) -> Iterator[tuple[str, int]]:
        """Yield the ranges that an address is in, and how many relays each may have."""
        try:
            parsed = ipaddress.ip_address(address.strip("[]"))
        except ValueError:
            return
        for bits, most in self._caps.get(parsed.version, ()):
            yield str(ipaddress.ip_network((parsed, bits), strict=False)), most
