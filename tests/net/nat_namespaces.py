"""Two hosts behind real NATs, and the Internet between them, inside Linux network namespaces.

    left 192.168.1.2 -- 192.168.1.1 nat-left 11.77.1.1 -- hub -- 11.77.2.1 nat-right -- right

The hub also has the addresses of two relays. Needs root, iproute2, nftables and conntrack.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar, Final

from tests.direct.support import NatKind
from tests.faults.namespaces import SIDES, Namespaces, ip

RELAYS: Final = ("11.77.9.1", "11.77.9.2")


def house_address(side: str) -> str:
    """Return the address of a host in its house."""
    return f"192.168.{SIDES.index(side) + 1}.2"


def public_address(side: str) -> str:
    """Return the address of a host's NAT."""
    return f"11.77.{SIDES.index(side) + 1}.1"


def rules(kind: NatKind, host: str) -> str:
    """Return what makes a namespace a NAT of a kind in front of a host."""
    random = " fully-random" if kind is NatKind.SYMMETRIC else ""
    parts = [chain("away", "nat", "postrouting", 100, f'oifname "wan" masquerade{random}')]
    new = 'iifname "wan" ct state new drop'
    if kind is NatKind.FULL_CONE:
        back = f'iifname "wan" udp dport 1024-65535 dnat to {host}'
        parts += [chain("back", "nat", "prerouting", -100, back)]
    else:
        # Also what is for the NAT itself: it would be a flow that takes the port's way out.
        parts += [chain(f"strict-{hook}", "filter", hook, 0, new) for hook in ("forward", "input")]
    return table("home", parts)


def table(name: str, chains: list[str], family: str = "ip") -> str:
    """Return a table of nft instead of whatever there is of its name."""
    what = f"table {family} {name}"
    return "\n".join((what, f"delete {what}", f"{what} {{", *chains, "}", ""))


def chain(name: str, kind: str, hook: str, priority: int, rule: str) -> str:
    """Return a chain of one rule."""
    return f"chain {name} {{ type {kind} hook {hook} priority {priority}; {rule}; }}"


class NatNamespaces(Namespaces):
    """The namespaces, as a context manager; NATs are put up by `use`."""

    parts: ClassVar[tuple[str, ...]] = ("hub", *SIDES, *(f"nat-{side}" for side in SIDES))

    def use(self, side: str, kind: NatKind) -> None:
        """Let the NAT of a side be of a kind from now on; it forgets all it knew."""
        self._nft(side, rules(kind, house_address(side)))
        self._run(side, "conntrack", "-F")

    @contextmanager
    def cut(self, side: str, what: str = "") -> Iterator[None]:
        """Let nothing through a NAT for a while, or nothing that matches an expression of nft."""
        rule = f"{what} drop".strip()
        self._nft(side, table("cut", [chain("all-of-it", "filter", "forward", -10, rule)], "inet"))
        try:
            yield
        finally:
            self._nft(side, "delete table inet cut\n")

    def _nft(self, side: str, text: str) -> None:
        self._run(side, "nft", "-f", "-", text=text)

    def _run(self, side: str, *words: str, text: str = "") -> None:
        command = ["ip", "netns", "exec", self.name(f"nat-{side}"), *words]
        subprocess.run(command, input=text, check=True, capture_output=True, text=True, timeout=10)

    def _make(self) -> None:
        hub = self.name("hub")
        self._make_parts()
        for relay in RELAYS:
            ip("-n", hub, "addr", "add", f"{relay}/32", "dev", "lo")
        for side in SIDES:
            nat, host = self.name(f"nat-{side}"), self.name(side)
            gate, home = public_address(side)[:-1] + "254", house_address(side)[:-1] + "1"
            for near, name, own, far, line, address in (
                (hub, f"to-{side}", gate, nat, "wan", public_address(side)),
                (nat, "lan", home, host, "line", house_address(side)),
            ):
                join(near, name, own, far, line, address)
                ip("-n", far, "route", "add", "default", "via", own)
            self.forward_in(f"nat-{side}")
        self.forward_in("hub")


def join(near: str, near_name: str, near_address: str, far: str, name: str, address: str) -> None:
    """Lay a line between two namespaces."""
    peer = ["peer", "name", name, "netns", far]
    ip("-n", near, "link", "add", near_name, "type", "veth", *peer)
    for namespace, device, own in ((near, near_name, near_address), (far, name, address)):
        ip("-n", namespace, "addr", "add", f"{own}/24", "dev", device)
        ip("-n", namespace, "link", "set", device, "up")
