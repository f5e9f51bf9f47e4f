"""Relays that share their streams by the real rules, and who asks them for streams.

Only `zentalk.relay.links.stream_shares` is real here: links are function calls, and a tunnel is
the places that it takes. What a node does when a tunnel ends, and how paths are drawn, is a
model, kind to the attacker: hostile tunnels open as fast as honest ones end.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Hashable
from dataclasses import dataclass, field

from zentalk.config import RelaySettings
from zentalk.relay.links.memory_budget import MemoryBudget
from zentalk.relay.links.stream_holders import Principal, StreamSlot
from zentalk.relay.links.stream_shares import StreamShares


class Relay:
    """One relay's streams, with the memory that relays have by default."""

    def __init__(self, name: int) -> None:
        self.name = name
        self.shares = StreamShares(MemoryBudget(RelaySettings.model_fields["memory_bytes"].default))


@dataclass
class Tunnel:
    """A path that stands while all its places do."""

    places: list[tuple[StreamShares, StreamSlot]] = field(default_factory=list)
    stands: bool = True

    def end(self) -> None:
        self.stands = False
        for shares, slot in self.places:
            shares.leave(slot)

    def take(self, relay: Relay, principal: Principal) -> StreamSlot | None:
        slot = relay.shares.enter(principal, self.end) if self.stands else None
        if slot is not None:
            self.places.append((relay.shares, slot))
        return slot


def open_tunnel(source: Hashable, path: list[Relay]) -> Tunnel | None:
    """Take a place at the guard, two at each relay between, one at the end (`link.md` 6)."""
    tunnel = Tunnel()
    onward = tunnel.take(path[0], Principal(source))
    for here, there in itertools.pairwise(path):
        if onward is None or not tunnel.stands:
            break
        principal = Principal(here.name, is_neighbour=True)
        inner = tunnel.take(there, principal)
        if inner is None and here.shares.make_room_onward(onward, there.name):
            inner = tunnel.take(there, principal)
        here.shares.goes_on(onward, there.name)
        onward = inner
        if inner is not None and there is not path[-1]:
            onward = tunnel.take(there, principal)
    if onward is None or not tunnel.stands:
        tunnel.end()
        return None
    return tunnel


class Person:
    """Keeps a tunnel to each own mailbox, over two guards and sticky second hops."""

    def __init__(self, name: int, relays: list[Relay], rng: random.Random, hops: int) -> None:
        self._source = ("person", name)
        self._rng, self._relays, self._hops = rng, relays, hops
        self.guards = rng.sample(relays, 2)
        self._seconds = {guard.name: self._others(guard)[:4] for guard in self.guards}
        self._tunnels = {end.name: (end, Tunnel(stands=False)) for end in rng.sample(relays, 4)}

    def _others(self, *taken: Relay) -> list[Relay]:
        left = [relay for relay in self._relays if relay not in taken]
        self._rng.shuffle(left)
        return left

    def missing(self) -> list[int]:
        return [name for name, (_, tunnel) in self._tunnels.items() if not tunnel.stands]

    def open(self, name: int) -> None:
        end, _ = self._tunnels[name]
        for guard in self.guards:
            if guard is end:
                continue
            second = next((hop for hop in self._seconds[guard.name] if hop is not end), None)
            between = [second] if second is not None else []
            between += self._others(guard, end, *between)[: self._hops - 2 - len(between)]
            tunnel = open_tunnel(self._source, [guard, *between, end])
            if tunnel is not None:
                self._tunnels[name] = (end, tunnel)
                return


class Attacker:
    """One address that wants `streams` tunnels through each relay, whatever they end."""

    def __init__(
        self, name: int, relays: list[Relay], rng: random.Random, streams: int, aim: str, hops: int
    ) -> None:
        self._source = ("attacker", name)
        self._relays, self._rng, self._aim, self._hops = relays, rng, aim, hops
        self._tunnels: dict[tuple[int, int], Tunnel | None] = {
            (guard.name, number): None for guard in relays for number in range(streams)
        }

    def missing(self) -> list[tuple[int, int]]:
        return [
            place for place, tunnel in self._tunnels.items() if tunnel is None or not tunnel.stands
        ]

    def open(self, place: tuple[int, int]) -> None:
        guard = self._relays[place[0]]
        left = [relay for relay in self._relays if relay is not guard]
        self._rng.shuffle(left)
        if self._aim == "one relay" and guard is not self._relays[0]:
            left.remove(self._relays[0])
            left = [*left[: self._hops - 2], self._relays[0]]
        self._tunnels[place] = open_tunnel(self._source, [guard, *left[: self._hops - 1]])
