"""Two machines on one local network, inside Linux network namespaces.

    left 192.168.7.2 -- bridge at 192.168.7.1, the hub -- right 192.168.7.3

The hub is their router too, and has the addresses of two relays: they are its only Internet. A
third machine, `alone`, has no network at all. Needs root and iproute2.
"""

from __future__ import annotations

from typing import ClassVar, Final

from tests.faults.namespaces import SIDES, Namespaces, ip
from tests.net.nat_namespaces import RELAYS

HOME: Final = "192.168.7.1"


def lan_address(side: str) -> str:
    """Return the address of a machine in the local network."""
    return f"192.168.7.{SIDES.index(side) + 2}"


class LanNamespaces(Namespaces):
    """The namespaces, as a context manager."""

    parts: ClassVar[tuple[str, ...]] = ("hub", *SIDES, "alone")

    def _make(self) -> None:
        self._make_parts()
        hub = self.name("hub")
        ip("-n", hub, "link", "add", "home", "type", "bridge")
        ip("-n", hub, "addr", "add", f"{HOME}/24", "dev", "home")
        ip("-n", hub, "link", "set", "home", "up")
        for relay in RELAYS:
            ip("-n", hub, "addr", "add", f"{relay}/32", "dev", "lo")
        for side in SIDES:
            there = self.name(side)
            peer = ["peer", "name", "line", "netns", there]
            ip("-n", hub, "link", "add", f"to-{side}", "type", "veth", *peer)
            ip("-n", hub, "link", "set", f"to-{side}", "master", "home", "up")
            ip("-n", there, "addr", "add", f"{lan_address(side)}/24", "dev", "line")
            ip("-n", there, "link", "set", "line", "up")
            ip("-n", there, "route", "add", "default", "via", HOME)
