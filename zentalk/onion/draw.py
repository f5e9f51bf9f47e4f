"""Draws from injected entropy: uniform without modulo bias, exponential delays, a path's middle.

Spec: docs/spec/onion.md sections 9 and 10. The relays in the middle are drawn uniformly under as
many rules as there is room for; those that `path` has drawn before are given. Nothing here
keeps state, shortens a path, or puts a relay on it twice.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from zentalk.crypto.types import Entropy
from zentalk.errors import LocalProtocolError
from zentalk.ids import NodeId
from zentalk.onion.candidates import Candidate, CandidateSet
from zentalk.onion.errors import NoPathError
from zentalk.onion.packet import MAX_DELAY_MS

T = TypeVar("T")

FEW_RELAYS: Final = 32
"""In a network of more than these nothing is done for each relay, where it can be helped."""
TRIES: Final = 4

_WORD_BYTES: Final = 8
_WORD_RANGE: Final = 1 << 64
_MAX_TRIES: Final = 128
"""Each try fails with a probability below one half for every bound that fits a word."""

DELAY_MEAN_MS: Final = {"fast": 0, "balanced": 50, "strong": 1000}
"""Mean delay per hop of the three privacy profiles."""


def below(bound: int, entropy: Entropy) -> int:
    """Draw a uniform integer in 0..bound-1, 8 bytes of entropy per try.

    Raises LocalProtocolError if `bound` is not in 1..2^64 or the entropy source is broken.
    """
    if not 1 <= bound <= _WORD_RANGE:
        raise LocalProtocolError("a draw needs between 1 and 2^64 outcomes")
    fair = _WORD_RANGE - _WORD_RANGE % bound
    for _ in range(_MAX_TRIES):
        word = int.from_bytes(entropy(_WORD_BYTES), "big")
        if word < fair:
            return word % bound
    raise LocalProtocolError("the entropy source does not give random bytes")


def pick(items: Sequence[T], entropy: Entropy) -> T:
    """Draw one of `items` uniformly; LocalProtocolError if there are none."""
    return items[below(len(items), entropy)]


def sample(items: Sequence[T], count: int, entropy: Entropy) -> list[T]:
    """Draw up to `count` different items, in random order."""
    left = list(items)
    drawn: list[T] = []
    while left and len(drawn) < count:
        index = below(len(left), entropy)
        drawn.append(left[index])
        left[index] = left[-1]
        left.pop()
    return drawn


def draw_delay_ms(mean_ms: int, entropy: Entropy) -> int:
    """Draw one hop's delay from an exponential with that mean, cut off at 60 s."""
    if mean_ms == 0:
        return 0
    share = (below(_WORD_RANGE, entropy) + 1) / _WORD_RANGE
    return min(MAX_DELAY_MS, round(-mean_ms * math.log(share)))


def draw_delays_ms(mean_ms: int, count: int, entropy: Entropy) -> list[int]:
    """Draw the delays of `count` hops, each as `draw_delay_ms` does."""
    return [draw_delay_ms(mean_ms, entropy) for _ in range(count)]


@dataclass(frozen=True, slots=True)
class MiddleRules:
    """Rules for the relays in the middle of a path.

    Those of `avoid` stay out where the network is large enough, those of `gone` in any case. The
    first of them is to be one of `sticky`; `sticky_first` holds to that before all other rules.
    """

    avoid: Collection[NodeId] = field(default=(), repr=False)
    gone: Collection[NodeId] = field(default=(), repr=False)
    sticky: Sequence[NodeId] = field(default=(), repr=False)
    sticky_first: bool = False


@dataclass(frozen=True, slots=True)
class _InForce:
    """The rules in force for one attempt."""

    gone: Collection[NodeId] = field(repr=False)
    unsteady: Collection[NodeId] = field(repr=False)
    avoid: Collection[NodeId] = field(repr=False)
    distinct_subnet: bool
    distinct_family: bool

    def allow(self, candidate: Candidate, used: Sequence[Candidate]) -> bool:
        """Say whether a candidate may be a middle relay beside those used already."""
        node_id = candidate.node_id
        if node_id in self.avoid or node_id in self.unsteady or node_id in self.gone:
            return False
        for other in used:
            if other.node_id == node_id:
                return False
            if self.distinct_subnet and candidate.subnet and other.subnet == candidate.subnet:
                return False
            if self.distinct_family and candidate.family and other.family == candidate.family:
                return False
        return True


def choose_middle(
    candidates: CandidateSet,
    used: tuple[Candidate, ...],
    count: int,
    rules: MiddleRules,
    entropy: Entropy,
) -> tuple[Candidate, ...]:
    """Choose `count` relays beside those `used`, the weightiest rules kept longest.

    Weights double from boots over subnet and avoid to family: a set of dropped rules is a number,
    and counting up tries the lightest sets first. Raises NoPathError if there are too few relays.
    """
    by_id = candidates.by_id
    sticky = [by_id[n] for n in dict.fromkeys(rules.sticky) if n in by_id]
    choices: list[tuple[int, Sequence[Candidate]]]
    if not sticky:
        choices = [(dropped, ()) for dropped in range(16)]
    elif rules.sticky_first:
        choices = [(dropped, seconds) for seconds in (sticky, ()) for dropped in range(16)]
    else:
        choices = [(dropped, seconds) for dropped in range(16) for seconds in (sticky, ())]
    for dropped, seconds in choices:
        in_force = _InForce(
            gone=rules.gone,
            unsteady=() if dropped & 1 else candidates.unsteady,
            distinct_subnet=not dropped & 2,
            avoid=() if dropped & 4 else rules.avoid,
            distinct_family=not dropped & 8,
        )
        chosen = _search(candidates, used, count, in_force, seconds=seconds, entropy=entropy)
        if chosen:
            return chosen
    raise NoPathError("there are not enough live relays for this path")


def _search(
    pool: Sequence[Candidate],
    used: tuple[Candidate, ...],
    count: int,
    rules: _InForce,
    *,
    seconds: Sequence[Candidate] = (),
    entropy: Entropy,
) -> tuple[Candidate, ...]:
    """Return `count` relays allowed beside `used`, drawn in turn; () if there are none.

    The first of them is one of `seconds`, if there are any. Most relays of a large network are
    allowed: then a few are drawn from all, before it is found out which those are. If nothing
    can follow one relay, nothing can follow another of its family and subnet.
    """
    if not seconds and len(pool) > FEW_RELAYS:
        for _ in range(TRIES):
            drawn = pick(pool, entropy)
            if rules.allow(drawn, used):
                found = _go_on(pool, used, drawn, count, rules, entropy)
                if found:
                    return found
                break
    options = [candidate for candidate in seconds or pool if rules.allow(candidate, used)]
    while options:
        drawn = pick(options, entropy)
        found = _go_on(pool, used, drawn, count, rules, entropy)
        if found:
            return found
        options = [c for c in options if (c.family, c.subnet) != (drawn.family, drawn.subnet)]
    return ()


def _go_on(
    pool: Sequence[Candidate],
    used: tuple[Candidate, ...],
    drawn: Candidate,
    count: int,
    rules: _InForce,
    entropy: Entropy,
) -> tuple[Candidate, ...]:
    """Return `drawn` and what can follow it; () if nothing can."""
    if count == 1:
        return (drawn,)
    rest = _search(pool, (*used, drawn), count - 1, rules, entropy=entropy)
    return (drawn, *rest) if rest else ()
