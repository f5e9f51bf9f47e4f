"""Two houses behind NATs, each with a second line to the hub on which a test asks its program.

REST comes over that line, so that it works whatever the NAT lets through. No program sends anything
to others there: the way to everything leads through the NAT.
"""

from __future__ import annotations

from tests.direct.support import NatKind
from tests.faults.namespaces import SIDES, ip
from tests.net.ipv6_namespaces import RELAYS_V6, Ipv6Namespaces
from tests.net.nat_namespaces import RELAYS, NatNamespaces, house_address, join, public_address


class Houses(NatNamespaces):
    """The namespaces, as a context manager."""

    @staticmethod
    def desk(side: str) -> str:
        """Return the address at which a program of a house is asked."""
        return f"10.77.{SIDES.index(side) + 1}.2"

    def relay(self, number: int) -> str | tuple[str, ...]:
        """Return where a relay listens, and says that it does."""
        return RELAYS[number % len(RELAYS)]

    def move_nat(self, side: str) -> None:
        """Give the outside of a NAT another address."""
        gate = public_address(side)[:-1] + "254"
        self._move(f"nat-{side}", "wan", public_address(side), gate)

    def move_host(self, side: str) -> None:
        """Give the machine in a house another address."""
        gate = house_address(side)[:-1] + "1"
        self._move(side, "line", house_address(side), gate)

    def _move(self, part: str, device: str, address: str, gate: str) -> None:
        there = self.name(part)
        ip("-n", there, "addr", "del", f"{address}/24", "dev", device)
        ip("-n", there, "addr", "add", f"{address}00/24", "dev", device)
        ip("-n", there, "route", "add", "default", "via", gate)

    def _make(self) -> None:
        super()._make()
        for side in SIDES:
            desk = self.desk(side)
            join(self.name("hub"), f"desk-{side}", desk[:-1] + "1", self.name(side), "desk", desk)


class Ipv6Houses(Houses, Ipv6Namespaces):
    """The same where IPv6 alone leads out of houses; relays have either, or both, as it comes."""

    def use(self, side: str, kind: NatKind) -> None:
        """Leave the firewall of a side as it is."""

    def relay(self, number: int) -> str | tuple[str, ...]:
        """Return where a relay listens; a node begins with two that it can reach."""
        v4, v6 = RELAYS[number % 2], f"[{RELAYS_V6[number % 2]}]"
        return (v6, (v6, v4), (v4, v6))[number]
