"""Bans: addresses and ranges of addresses that a relay refuses, until when, and why.

Plain synchronous code; times are unix seconds. One look-up costs as much as there are lengths of
prefixes, however many bans there are. What is over counts no more, at once.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

MAX_BANS: Final = 10_000
MAX_REASON_CHARS: Final = 200

Range: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Ban:
    """One range that is refused; `until` is None for good. Whoever is refused may read `reason`."""

    range: Range
    until: int | None = None
    reason: str = ""

    def holds(self, now: float) -> bool:
        """Say whether it is not over."""
        return self.until is None or now < self.until


class BanList:
    """The bans of one relay, found by address."""

    def __init__(self, bans: Sequence[Ban] = ()) -> None:
        self._by_length: dict[tuple[int, int], dict[int, Ban]] = {}
        for ban in bans:
            first, shift = int(ban.range.network_address), _shift(ban.range)
            length = (ban.range.version, shift)
            self._by_length.setdefault(length, {})[first >> shift] = ban

    def find(self, host: str, now: float) -> Ban | None:
        """Return a ban that holds for an address; None also for a name, which is no address."""
        address = address_of(host)
        if address is None:
            return None
        for (version, shift), bans in self._by_length.items():
            if version == address.version:
                ban = bans.get(int(address) >> shift)
                if ban is not None and ban.holds(now):
                    return ban
        return None


def address_of(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the address that a host is, an IPv4 one if that is inside; None for a name."""
    try:
        address = ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def range_of(text: str) -> Range:
    """Read `192.0.2.7`, `192.0.2.0/24` or `2001:db8::/48`; raises ValueError with a sentence."""
    try:
        found = ipaddress.ip_network(text.strip().strip("[]"), strict=False)
    except ValueError:
        raise ValueError(
            "this is no address and no range of addresses: write 192.0.2.7, 192.0.2.0/24 or"
            " 2001:db8::/48"
        ) from None
    if isinstance(found, ipaddress.IPv6Network) and found.network_address.ipv4_mapped is not None:
        raise ValueError("write this as an IPv4 address: links from it are counted as such")
    return found


def _shift(network: Range) -> int:
    return network.max_prefixlen - network.prefixlen
