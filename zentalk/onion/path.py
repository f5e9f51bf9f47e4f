"""Which relays a packet visits: pure choices from a snapshot (spec: docs/spec/onion.md section 9).

Never looks a relay up, never shortens a path, never breaks a rule without saying so.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from zentalk.crypto.types import Entropy
from zentalk.errors import LocalProtocolError
from zentalk.ids import NodeId
from zentalk.onion.candidates import Candidate, CandidateSet
from zentalk.onion.draw import pick
from zentalk.onion.errors import NoPathError
from zentalk.onion.geometry import DEFAULT_HOPS, MAX_HOPS

MIN_RELAYS: Final = 3

_FEW_RELAYS: Final = 32
"""In a network of more than these nothing is done for each relay, where it can be helped."""
_TRIES: Final = 4

Rule: TypeAlias = Literal[
    "boots",  # a middle relay restarts again and again
    "subnet",  # two relays of one /16
    "avoid",  # a middle relay that the caller wanted to keep out
    "family",  # two relays of one operator
    "sticky",  # the second hop is not one of the preferred
    "first",  # an ack's first relay was not drawn from all relays
]


@dataclass(frozen=True, slots=True)
class Path:
    """The relays of one packet in order, and the rules that the network was too small for."""

    hops: tuple[NodeId, ...]
    relaxed: frozenset[Rule]


@dataclass(frozen=True, slots=True)
class _Rules:
    """The rules in force for one attempt."""

    gone: Collection[NodeId]
    unsteady: Collection[NodeId]
    avoid: Collection[NodeId]
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


def choose_path(
    candidates: CandidateSet,
    first: NodeId,
    last: NodeId,
    *,
    entropy: Entropy,
    length: int = DEFAULT_HOPS,
    avoid: frozenset[NodeId] = frozenset(),
    middles: Sequence[NodeId] | None = None,
) -> Path:
    """Choose the relays between a guard and a mailbox relay, uniformly among those allowed.

    `avoid` is kept out of the middle where the
    network is large enough (own mailbox relays, the other guard); `middles` are the guard's
    sticky second hops. Raises NoPathError with fewer than three relays, if first or last is not
    live, if they are the same, or if there are fewer relays than hops; LocalProtocolError if
    `length` is not 3..5.
    """
    ends = _live_ends(candidates, first, last, length)
    middle = _choose_middle(
        candidates, ends, length - 2, avoid=avoid, preferred=middles or (), entropy=entropy
    )
    return _finish(candidates, ends, middle, avoid, middles or ())


def draw_ack_path(
    candidates: CandidateSet,
    delivery: NodeId,
    mailboxes: Sequence[NodeId],
    entropy: Entropy,
    *,
    without: frozenset[NodeId] = frozenset(),
) -> Path:
    """Draw the path of a compact ack from the delivery relay to one of the own mailbox relays.

    Those of `without` count as not live. The first relay is uniform over all live relays but
    `delivery`. The ack ends at a mailbox
    relay other than the delivery relay if there is one; if that was drawn as the first relay, at
    the other one. `delivery` serves as middle only if no other relay is left. With no second
    mailbox relay live, the first relay is drawn from the others (`first` in `relaxed`). Raises
    NoPathError with fewer than three relays or no live mailbox relay.
    """
    live = candidates.by_id
    gone = without.intersection(live)
    homes = [node_id for node_id in mailboxes if node_id in live and node_id not in gone]
    if len(live) - len(gone) < MIN_RELAYS or not homes:
        raise NoPathError("an ack needs three live relays and a live mailbox relay")
    first = _draw_outside(candidates, gone | {delivery}, entropy)
    others = [home for home in homes if home != first]
    if others:
        last = pick([home for home in others if home != delivery] or others, entropy)
    else:
        last, first = first, _draw_outside(candidates, gone | {delivery, first}, entropy)
    ends = (live[first], live[last])
    avoid = frozenset({delivery})
    middle = _choose_middle(
        candidates, ends, DEFAULT_HOPS - 2, avoid=avoid, preferred=(), entropy=entropy, gone=gone
    )
    path = _finish(candidates, ends, middle, avoid, ())
    return path if others else Path(path.hops, path.relaxed | {"first"})


def _draw_outside(candidates: CandidateSet, out: Collection[NodeId], entropy: Entropy) -> NodeId:
    """Draw a relay uniformly from those that are not in `out`."""
    if len(candidates) > _FEW_RELAYS:
        for _ in range(_TRIES):
            drawn = pick(candidates, entropy).node_id
            if drawn not in out:
                return drawn
    return pick([node_id for node_id in candidates.by_id if node_id not in out], entropy)


def _live_ends(
    candidates: CandidateSet, first: NodeId, last: NodeId, length: int
) -> tuple[Candidate, Candidate]:
    if not MIN_RELAYS <= length <= MAX_HOPS:
        raise LocalProtocolError(f"a path has {MIN_RELAYS} to {MAX_HOPS} hops")
    live = candidates.by_id
    if len(live) < length:
        raise NoPathError(f"a path of {length} hops needs {length} live relays")
    if first not in live or last not in live:
        raise NoPathError("the first or the last relay of a path is not live")
    if first == last:
        raise NoPathError("a path cannot start and end at the same relay")
    return live[first], live[last]


def _choose_middle(
    candidates: CandidateSet,
    ends: tuple[Candidate, Candidate],
    count: int,
    *,
    avoid: frozenset[NodeId],
    preferred: Sequence[NodeId],
    entropy: Entropy,
    gone: Collection[NodeId] = (),
) -> tuple[Candidate, ...]:
    """Choose the middle under as many rules as the network allows, the weightiest kept longest.

    Weights double from boots over subnet and avoid to family: a set of dropped rules is a number,
    and counting up tries the lightest sets first.
    """
    often = candidates.unsteady
    sticky = [candidates.by_id[n] for n in dict.fromkeys(preferred) if n in candidates.by_id]
    for dropped in range(16):
        rules = _Rules(
            gone=gone,
            unsteady=() if dropped & 1 else often,
            distinct_subnet=not dropped & 2,
            avoid=() if dropped & 4 else avoid,
            distinct_family=not dropped & 8,
        )
        for seconds in (sticky, ()) if sticky else ((),):
            chosen = _search(candidates, ends, count, rules, seconds=seconds, entropy=entropy)
            if chosen:
                return chosen
    raise NoPathError("there are not enough live relays for this path")


def _search(
    pool: Sequence[Candidate],
    used: tuple[Candidate, ...],
    count: int,
    rules: _Rules,
    *,
    seconds: Sequence[Candidate] = (),
    entropy: Entropy,
) -> tuple[Candidate, ...]:
    """Return `count` relays allowed beside `used`, drawn in turn; () if there are none.

    The first of them is one of `seconds`, if there are any. Most relays of a large network are
    allowed: then a few are drawn from all, before it is found out which those are. If nothing
    can follow one relay, nothing can follow another of its family and subnet.
    """
    if not seconds and len(pool) > _FEW_RELAYS:
        for _ in range(_TRIES):
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
    rules: _Rules,
    entropy: Entropy,
) -> tuple[Candidate, ...]:
    """Return `drawn` and what can follow it; () if nothing can."""
    if count == 1:
        return (drawn,)
    rest = _search(pool, (*used, drawn), count - 1, rules, entropy=entropy)
    return (drawn, *rest) if rest else ()


def _finish(
    candidates: CandidateSet,
    ends: tuple[Candidate, Candidate],
    middle: tuple[Candidate, ...],
    avoid: frozenset[NodeId],
    preferred: Sequence[NodeId],
) -> Path:
    """Put a path together and name every rule that it does not keep."""
    hops = (ends[0], *middle, ends[1])
    often = candidates.unsteady
    checks: dict[Rule, bool] = {
        "boots": any(hop.node_id in often for hop in middle),
        "subnet": _repeats([hop.subnet for hop in hops]),
        "avoid": any(hop.node_id in avoid for hop in middle),
        "family": _repeats([hop.family for hop in hops]),
        "sticky": bool(preferred) and hops[1].node_id not in preferred,
    }
    relaxed = frozenset(rule for rule, broken in checks.items() if broken)
    return Path(tuple(hop.node_id for hop in hops), relaxed)


def _repeats(values: Sequence[bytes]) -> bool:
    named = [value for value in values if value]
    return len(set(named)) < len(named)
