"""Many senders and one relay at the end of their paths that tries to tell them apart.

It sees which relay each packet comes from, and each sender under two names (K48). The paths are
those of the node's own code; only packets are not made. Three ways to compare two names: by the
sets of relays before the end, by how often each was, and by those that never were.
"""

import math
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import mul
from typing import TypeAlias

from tests.node.descriptors import EPOCH, WALL, make_relays
from zentalk.ids import NodeId
from zentalk.node.packets.path_builder import PathChoice
from zentalk.node.packets.wishes import Outlook, Wish
from zentalk.node.relays.loss_detection import LossDetector
from zentalk.node.relays.scores import RelayScores
from zentalk.node.relays.view import make_view
from zentalk.node.tunnels.guard_selection import GuardSelection
from zentalk.onion.guard_state import GuardState

Counts: TypeAlias = Sequence[int]
"""How often each relay was seen, in the order of the network."""


@dataclass(frozen=True)
class Sender:
    """What a sender's paths depend on."""

    outlook: Outlook
    wish: Wish
    homes: frozenset[NodeId]

    @property
    def own(self) -> frozenset[NodeId]:
        """Its guards, second hops and mailbox relays."""
        starts = self.outlook.starts
        middles = (middle for start in starts for middle in start.middles)
        return self.homes.union(middles, (start.guard for start in starts))


class Network:
    """A network, its senders, and the relay at the end of all their paths, the first one."""

    def __init__(self, relays: int, seed: int = 1) -> None:
        self.random = random.Random(seed)
        self.view = make_view(make_relays(relays), EPOCH, {})
        self.ids = list(self.view.relays)
        self.end = self.ids[0]
        self.pool = self.ids[1:]

    def senders(self, count: int) -> list[Sender]:
        """Return senders none of whom has the end for a guard."""
        found: list[Sender] = []
        while len(found) < count:
            sender = self.sender()
            if self.end not in {start.guard for start in sender.outlook.starts}:
                found.append(sender)
        return found

    def sender(self) -> Sender:
        """Make one sender, to whom two relays look dead."""
        homes = frozenset(self.random.sample(self.ids, 2))
        selection = GuardSelection(
            pinned=(),
            state=GuardState(),
            addresses=(),
            wall=lambda: WALL,
            entropy=self.random.randbytes,
        )
        selection.own_mailboxes_changed(homes)
        selection.view_changed(self.view)
        suspects = frozenset(self.random.sample(self.ids, 2))
        guards = frozenset(start.guard for start in selection.starts)
        wish = Wish(self.end, selection.starts, homes | guards)
        return Sender(Outlook(self.view, selection.starts, suspects, 0.0), wish, homes)

    def choice(self, hops: int = 4) -> PathChoice:
        """Return what draws paths."""
        losses = LossDetector(30.0)
        entropy = self.random.randbytes
        return PathChoice(hops=hops, scores=RelayScores(), losses=losses, entropy=entropy)

    def paths(self, choice: PathChoice, sender: Sender, packets: int) -> list[Sequence[NodeId]]:
        """Draw the paths of some packets, over either guard first."""
        drawn: list[Sequence[NodeId]] = []
        for _ in range(packets):
            starts = sender.wish.starts[:: self.random.choice((1, -1))]
            wish = sender.wish._replace(starts=starts)
            drawn.append(next(choice.paths(sender.outlook, wish)).hops)
        return drawn

    def seen(self, choice: PathChoice, sender: Sender, packets: int) -> Counts:
        """Return how often each relay of the pool was before the end."""
        counts = Counter(hops[-2] for hops in self.paths(choice, sender, packets))
        return [counts[node_id] for node_id in self.pool]

    def drawn(self, choice: PathChoice, sender: Sender, packets: int) -> Counts:
        """Return the same without choosing the rest of each path, which costs ten times as much."""
        draws = (choice._draw(sender.outlook, sender.wish)[0] for _ in range(packets))
        counts = Counter(draws)
        return [counts[node_id] for node_id in self.pool]

    def colluders_see(
        self, choice: PathChoice, sender: Sender, packets: int, hostile: frozenset[NodeId]
    ) -> frozenset[NodeId]:
        """Return the second hops that hostile third hops tell the end of."""
        second = set()
        for _ in range(packets):
            before = choice._draw(sender.outlook, sender.wish)[0]
            if before in hostile:
                starts = [start for start in sender.wish.starts if start.guard != before]
                start = self.random.choice(starts)
                path = choice._path(sender.outlook, sender.wish, start, 4, before)
                second.add(path.hops[1])
        return frozenset(second)


# Classifiers: how alike two names are.


def by_sets(one: Counts, other: Counts) -> float:
    """Share of the relays seen that were seen under both names."""
    a, b = {i for i, n in enumerate(one) if n}, {i for i, n in enumerate(other) if n}
    return len(a & b) / len(a | b)


def by_frequencies(one: Counts, other: Counts) -> float:
    """The correlation of how often each relay was seen."""
    here, there = sum(one) / len(one), sum(other) / len(other)
    spread = math.sqrt(
        (sum(map(mul, one, one)) - len(one) * here**2)
        * (sum(map(mul, other, other)) - len(other) * there**2)
    )
    return (sum(map(mul, one, other)) - len(one) * here * there) / spread if spread else 0.0


def by_never_seen(one: Counts, other: Counts) -> float:
    """Share of the relays never seen that were seen under neither name."""
    a, b = {i for i, n in enumerate(one) if not n}, {i for i, n in enumerate(other) if not n}
    return len(a & b) / len(a | b) if a | b else 0.0


CLASSIFIERS: Sequence[Callable[[Counts, Counts], float]] = (by_sets, by_frequencies, by_never_seen)


def success(
    classify: Callable[[Counts, Counts], float],
    firsts: Sequence[Counts],
    seconds: Sequence[Counts],
    draws: random.Random,
) -> float:
    """Return by how many standard deviations a classifier is better than a coin.

    In each turn it is given a sender's first name and two others, one of which is the same
    sender's; a tie is a coin.
    """
    right = 0.0
    for index, first in enumerate(firsts):
        other = (index + draws.randrange(1, len(firsts))) % len(firsts)
        own, wrong = classify(first, seconds[index]), classify(first, seconds[other])
        right += 1.0 if own > wrong else 0.5 if own == wrong else 0.0
    return (right - len(firsts) / 2) / math.sqrt(len(firsts) / 4)


def unevenness(counts: Sequence[Counts]) -> float:
    """Pearson's chi-square of each sender against uniform, summed: standard deviations above it."""
    total = expected = variance = 0.0
    for one in counts:
        packets, relays = sum(one), len(one)
        mean = packets / relays
        total += sum((n - mean) ** 2 / mean for n in one)
        expected += relays - 1
        variance += 2 * (relays - 1) * (packets - 1) / packets
    return (total - expected) / math.sqrt(variance)


def pooled(counts: Sequence[Counts]) -> Counts:
    """Return what all senders together look like."""
    return [sum(column) for column in zip(*counts, strict=True)]


def recognised(firsts: Sequence[frozenset[NodeId]], seconds: Sequence[frozenset[NodeId]]) -> int:
    """Return of how many senders no other second name is as much like the first as their own."""
    places = {node_id: i for i, node_id in enumerate(sorted(frozenset().union(*firsts, *seconds)))}
    names = [
        [sum(1 << places[relay] for relay in one) for one in seen] for seen in (firsts, seconds)
    ]
    found = 0
    for index, first in enumerate(names[0]):
        if first:
            likeness = [(first & one).bit_count() / (first | one).bit_count() for one in names[1]]
            best = max(likeness)
            found += likeness[index] == best and likeness.count(best) == 1
    return found
