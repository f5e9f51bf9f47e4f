"""Two sides, each behind a NAT of a kind, and the Internet between them, in steps of virtual time.

The NATs are those of RFC 4787: what they make of an address inside, and whom they let in.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from ipaddress import ip_network
from itertools import count
from random import Random

from zentalk.direct.candidates import own_places
from zentalk.direct.places import Subnet, own_subnet
from zentalk.direct.punch import Punch
from zentalk.direct.survey import Sending
from zentalk.net.runtime import seeded_entropy
from zentalk.wire.direct import DirectOffer, Nat
from zentalk.wire.ip_address import Place

RELAYS = (("11.77.9.1", 9001), ("11.77.9.2", 9001))
SESSION = b"session of tests"


class NatKind(Enum):
    """A kind of NAT: the ports that it gives, and the senders that it lets in."""

    NONE = "none"
    FULL_CONE = "full-cone"
    ADDRESS_RESTRICTED = "address-restricted"
    PORT_RESTRICTED = "port-restricted"
    SYMMETRIC = "symmetric"


def finds_a_path(one: NatKind, other: NatKind) -> bool:
    """What theory says: a port that nobody can know is nothing to who lets in known ports only."""
    strict = (NatKind.PORT_RESTRICTED, NatKind.SYMMETRIC)
    return not (
        (one is NatKind.SYMMETRIC and other in strict)
        or (other is NatKind.SYMMETRIC and one in strict)
    )


@dataclass
class Box:
    """A NAT with one public address and one host behind it.

    `closed` lets nothing through, `closed_in` and `closed_out` nothing in one direction.
    """

    kind: NatKind
    address: str
    inner: Place
    closed: bool = False
    closed_in: bool = False
    closed_out: bool = False
    ports: dict[object, int] = field(default_factory=dict)
    allowed: dict[int, set[Place]] = field(default_factory=dict)

    def outward(self, target: Place) -> Place | None:
        """Return what a datagram from the host is seen to come from."""
        if self.closed or self.closed_out:
            return None
        if self.kind is NatKind.NONE:
            return self.inner
        key = target if self.kind is NatKind.SYMMETRIC else None
        port = self.ports.setdefault(key, 40_000 + 7 * len(self.ports))
        self.allowed.setdefault(port, set()).add(target)
        return self.address, port

    def lets_in(self, source: Place, target: Place) -> bool:
        """Say whether a datagram to a public place of ours reaches the host."""
        if self.closed or self.closed_in:
            return False
        if self.kind is NatKind.NONE:
            return target == self.inner
        allowed = self.allowed.get(target[1], set())
        if target[0] != self.address or not allowed:
            return False
        if self.kind is NatKind.FULL_CONE:
            return True
        if self.kind is NatKind.ADDRESS_RESTRICTED:
            return source[0] in {address for address, _ in allowed}
        return source in allowed

    def forget(self) -> None:
        """Lose all state, and give other ports from now on, as after a restart."""
        lost = len(self.ports) + 100
        self.ports = {f"lost {number}": 0 for number in range(lost)}
        self.allowed.clear()


@dataclass
class Side:
    """One host with its NAT, its offer and its session."""

    name: str
    box: Box
    offer: DirectOffer
    subnets: tuple[Subnet, ...]
    starts_at: float = 0.0
    punch: Punch | None = None
    ends_at: float | None = None
    sent: list[Sending] = field(default_factory=list)


def side(
    name: str, kind: NatKind, number: int, *, same_house: bool = False, blocked: str = ""
) -> Side:
    """Make a side whose relays have told it its address, unless UDP is blocked there."""
    house = 1 if same_house else number
    inner = (f"192.168.{house}.{number}", 5000 + number)
    if kind is NatKind.NONE:
        inner = (f"11.77.{number}.1", 5000 + number)
    box = Box(kind, f"11.77.{house}.1", inner)
    echoed = {}
    for relay in () if blocked else RELAYS:
        seen = box.outward(relay)
        assert seen is not None
        echoed[relay[0]] = seen
    if blocked:
        setattr(box, blocked, True)
    found = own_places([inner], echoed)
    known = Nat.SYMMETRIC if kind is NatKind.SYMMETRIC else Nat.STEADY
    assert found.nat is (Nat.UNKNOWN if blocked else known)
    offer = DirectOffer(
        SESSION, name.encode().ljust(32), name.encode().rjust(32), found.nat, found.candidates
    )
    return Side(name, box, offer, (own_subnet(inner[0]),))


Meddling = tuple[float, bytes, Place, Place]
"""In how many seconds a datagram of a third party arrives, and from and to where it says it is."""
Meddler = Callable[[bytes, Place, Place], list[Meddling]]
"""Sees a datagram, its public source and its target, and says what else is sent."""


@dataclass
class Between:
    """The Internet: what is lost, how long it takes, and who meddles."""

    one: Side
    other: Side
    loss: float = 0.0
    seed: int = 1
    meddler: Meddler | None = None
    now: float = 0.0
    elsewhere: list[Place] = field(default_factory=list)
    """Where datagrams went that reached neither side."""
    at: list[tuple[float, Callable[[], None]]] = field(default_factory=list)
    """What happens at a time."""

    def __post_init__(self) -> None:
        self._random = Random(self.seed)
        self._numbers = count()
        self._waiting: list[tuple[float, int, bytes, Place, Place]] = []
        for here, there in ((self.one, self.other), (self.other, self.one)):
            entropy = seeded_entropy(f"{here.name} {self.seed}".encode())
            here.punch = Punch(here.offer, there.offer, here.subnets, entropy, here.starts_at)

    def run(self, until: float) -> None:
        """Let everything happen until a time."""
        for _ in range(200_000):
            following = self._next_at()
            if following > until:
                break
            self.now = following
            self._step()
        else:
            raise AssertionError("this has no end")
        self.now = until

    def _next_at(self) -> float:
        times = [self._waiting[0][0]] if self._waiting else []
        times += [at for at, _ in self.at]
        for side in (self.one, self.other):
            assert side.punch is not None
            wakes = side.punch.next_at
            if wakes is not None:
                times.append(max(wakes, side.starts_at, self.now))
        return min(times, default=float("inf"))

    def _step(self) -> None:
        for item in [item for item in self.at if item[0] <= self.now]:
            self.at.remove(item)
            item[1]()
        while self._waiting and self._waiting[0][0] <= self.now:
            _, _, data, source, target = heapq.heappop(self._waiting)
            self._arrive(data, source, target)
        for side in (self.one, self.other):
            assert side.punch is not None
            if side.starts_at <= self.now:
                self._send(side, side.punch.wake(self.now))

    def _arrive(self, data: bytes, source: Place, target: Place) -> None:
        for side in (self.one, self.other):
            assert side.punch is not None
            inside = target == side.box.inner and target[0].startswith("192.168.")
            if (inside or side.box.lets_in(source, target)) and side.starts_at <= self.now:
                self._send(side, side.punch.receive(data, source, self.now))
                return
        self.elsewhere.append(target)

    def _send(self, side: Side, sending: list[Sending]) -> None:
        for data, target in sending:
            side.sent.append((data, target))
            there = self.other if side is self.one else self.one
            if target == there.box.inner and target[0].startswith("192.168."):
                near = ip_network(f"{side.box.inner[0]}/24", strict=False)
                source: Place | None = side.box.inner
                if ip_network(f"{target[0]}/32").network_address not in near:
                    source = None
            else:
                source = side.box.outward(target)
            if source is not None:
                self.carry(data, source, target)

    def carry(self, data: bytes, source: Place, target: Place) -> None:
        """Take a datagram on its way, or lose it; the meddler sees it in any case."""
        if self.meddler is not None:
            for more in self.meddler(data, source, target):
                self._later(*more)
        if self._random.random() >= self.loss:
            self._later(self._random.uniform(0.02, 0.12), data, source, target)

    def _later(self, seconds: float, data: bytes, source: Place, target: Place) -> None:
        at = self.now + seconds
        heapq.heappush(self._waiting, (at, next(self._numbers), data, source, target))
