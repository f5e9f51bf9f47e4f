"""Two hosts that reach the Internet over IPv6 only, each behind a firewall, and no NAT.

    left 2a77:1::2 -- 2a77:1::1 nat-left 2a77:11::1 -- hub -- 2a77:12::1 nat-right -- right

They have addresses of IPv4 too, and no way from there; the relays in the hub have both. What stands
for a NAT elsewhere passes everything on here, and lets in what belongs to a flow from inside.
"""

from __future__ import annotations

from typing import Final

from tests.faults.namespaces import SIDES, ip
from tests.net.nat_namespaces import NatNamespaces, chain, table

RELAYS_V6: Final = ("2a77:9::1", "2a77:9::2")
HOUSE: Final = "2a77:{}::"
OUTSIDE: Final = "2a77:1{}::"


def house_v6(side: str) -> str:
    """Return the address of a host, which everybody sees."""
    return HOUSE.format(SIDES.index(side) + 1) + "2"


def firewall() -> str:
    """Return what lets nothing new in."""
    new = 'iifname "wan" ct state new drop'
    hooks = ("forward", "input")
    return table("home", [chain(f"strict-{hook}", "filter", hook, 0, new) for hook in hooks], "ip6")


class Ipv6Namespaces(NatNamespaces):
    """The namespaces, as a context manager."""

    def _make(self) -> None:
        super()._make()
        hub = self.name("hub")
        for relay in RELAYS_V6:
            self._add(hub, "lo", f"{relay}/128")
        for number, side in enumerate(SIDES, 1):
            nat, host = self.name(f"nat-{side}"), self.name(side)
            house, outside = HOUSE.format(number), OUTSIDE.format(number)
            self._add(hub, f"to-{side}", f"{outside}fe/64")
            self._add(nat, "wan", f"{outside}1/64")
            self._add(nat, "lan", f"{house}1/64")
            self._add(host, "line", f"{house}2/64")
            ip("-n", nat, "-6", "route", "add", "default", "via", f"{outside}fe")
            ip("-n", host, "-6", "route", "add", "default", "via", f"{house}1")
            ip("-n", host, "-4", "route", "del", "default")
            ip("-n", hub, "-6", "route", "add", f"{house}/64", "via", f"{outside}1")
            self.forward_in(f"nat-{side}", 6)
            self._nft(side, firewall())
        self.forward_in("hub", 6)

    @staticmethod
    def _add(namespace: str, device: str, address: str) -> None:
        """Give a device an address that counts at once: nobody else can have it."""
        ip("-n", namespace, "-6", "addr", "add", address, "dev", device, "nodad")
