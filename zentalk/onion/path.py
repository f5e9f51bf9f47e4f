"""Chooses the relays that a packet visits, from a snapshot (spec: docs/spec/onion.md section 9).

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
from zentalk.onion.draw import FEW_RELAYS, TRIES, MiddleRules, choose_middle, pick
from zentalk.onion.errors import NoPathError
from zentalk.onion.geometry import ACK_HOPS, MAX_HOPS, SHORT_HOPS

MIN_RELAYS: Final = SHORT_HOPS

Rule: TypeAlias = Literal[
    "boots",  # a middle relay restarts again and again
    "subnet",  # two relays of one /16
    "avoid",  # a middle relay that the caller wanted to keep out
    "family",  # two relays of one operator
    "sticky",  # the second hop is not one of the preferred
    "first",  # an ack's first relay was not drawn from all relays
    "drawn",  # the hop before the end was not drawn from all relays
]


@dataclass(frozen=True, slots=True)
class Path:
    """The relays of one packet in order, and the rules that the network was too small for."""

    hops: tuple[NodeId, ...]
    relaxed: frozenset[Rule]


def draw_before(
    candidates: CandidateSet,
    last: NodeId,
    entropy: Entropy,
    *,
    without: frozenset[NodeId] = frozenset(),
) -> NodeId:
    """Draw the hop before the end of a path or tunnel, before anything else of it.

    Uniformly over all live relays but the end, its family and its /16: whatever a sender keeps
    out here, its own guards above all, the end learns by never seeing it. `without` is for a sender
    that has no way round a relay. Where the end's relatives are all there is, one of them is drawn.
    Raises NoPathError if `last` is not live or no relay is left.
    """
    end = candidates.by_id.get(last)
    if end is None:
        raise NoPathError("the last relay of a path is not live")
    for _ in range(TRIES):  # nearly all are allowed, and finding out which takes longer
        drawn = pick(candidates, entropy)
        if drawn is not end and drawn.node_id not in without and not _related(drawn, end):
            return drawn.node_id
    others = [other for other in candidates if other is not end and other.node_id not in without]
    if not others:
        raise NoPathError("there is no live relay for the hop before the end")
    return pick([one for one in others if not _related(one, end)] or others, entropy).node_id


def choose_path(
    candidates: CandidateSet,
    first: NodeId,
    last: NodeId,
    *,
    entropy: Entropy,
    length: int = SHORT_HOPS,
    before: NodeId | None = None,
    avoid: frozenset[NodeId] = frozenset(),
    middles: Sequence[NodeId] | None = None,
) -> Path:
    """Choose the relays between a guard and a mailbox relay, uniformly among those allowed.

    `before` is what `draw_before` gave, on paths of four hops and more: it stays where it is, and
    the others are chosen to fit. `avoid` is kept out of their middle where the network is large
    enough (own mailbox relays, the other guard); `middles` are the guard's sticky second hops.
    Raises NoPathError with fewer than three relays, if an end is not live, if two of those given
    are the same, or if there are fewer relays than hops; LocalProtocolError if `length` is
    not 3..5, or 3 with a hop before the end.
    """
    ends = _live_ends(candidates, first, last, length)
    drawn = () if before is None else (_drawn(candidates, ends, before, length),)
    rules = MiddleRules(avoid, sticky=middles or (), sticky_first=bool(drawn))
    middle = choose_middle(candidates, (*ends, *drawn), length - 2 - len(drawn), rules, entropy)
    return _describe(candidates, (ends[0], *middle, *drawn, ends[1]), middle, rules)


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
    rules = MiddleRules(avoid=frozenset({delivery}), gone=gone)
    ends = (live[first], live[last])
    middle = choose_middle(candidates, ends, ACK_HOPS - 2, rules, entropy)
    path = _describe(candidates, (ends[0], *middle, ends[1]), middle, rules)
    return path if others else Path(path.hops, path.relaxed | {"first"})


def _describe(
    candidates: CandidateSet,
    hops: tuple[Candidate, ...],
    middle: tuple[Candidate, ...],
    rules: MiddleRules,
) -> Path:
    """Put a path together, of which `middle` was chosen, and name every rule that it breaks."""
    often = candidates.unsteady
    checks: dict[Rule, bool] = {
        "boots": any(hop.node_id in often for hop in middle),
        "subnet": _repeats([hop.subnet for hop in hops]),
        "avoid": any(hop.node_id in rules.avoid for hop in middle),
        "family": _repeats([hop.family for hop in hops]),
        "sticky": bool(rules.sticky) and hops[1].node_id not in rules.sticky,
    }
    relaxed = frozenset(rule for rule, broken in checks.items() if broken)
    return Path(tuple(hop.node_id for hop in hops), relaxed)


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


def _drawn(
    candidates: CandidateSet, ends: tuple[Candidate, Candidate], before: NodeId, length: int
) -> Candidate:
    if length <= SHORT_HOPS:
        raise LocalProtocolError(f"in {SHORT_HOPS} hops the second one is the hop before the end")
    if before not in candidates.by_id:
        raise NoPathError("the relay before the last of a path is not live")
    if before in (ends[0].node_id, ends[1].node_id):
        raise NoPathError("a path cannot pass the same relay twice")
    return candidates.by_id[before]


def _repeats(values: Sequence[bytes]) -> bool:
    named = [value for value in values if value]
    return len(set(named)) < len(named)


def _draw_outside(candidates: CandidateSet, out: Collection[NodeId], entropy: Entropy) -> NodeId:
    """Draw a relay uniformly from those that are not in `out`."""
    if len(candidates) > FEW_RELAYS:
        for _ in range(TRIES):
            drawn = pick(candidates, entropy).node_id
            if drawn not in out:
                return drawn
    return pick([node_id for node_id in candidates.by_id if node_id not in out], entropy)


def _related(one: Candidate, other: Candidate) -> bool:
    """Say whether two relays are of one family or in one /16."""
    same_family = bool(one.family) and one.family == other.family
    return same_family or (bool(one.subnet) and one.subnet == other.subnet)
