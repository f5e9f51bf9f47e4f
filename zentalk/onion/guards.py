"""Sticky guards and second hops: the rules (spec: docs/spec/onion.md section 10).

A sender that changed its entries often would soon have used a hostile one; so entries change
slowly, and neither failures nor an attacker who causes them make a sender walk through the
network. Nothing here connects: the caller reports what it saw.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final

from zentalk.crypto.types import Entropy
from zentalk.ids import DAY_SECONDS, NodeId
from zentalk.onion.candidates import Candidate, unsteady
from zentalk.onion.draw import below, sample
from zentalk.onion.guard_state import MAX_ENTRIES, MAX_MIDDLES, GuardEntry, GuardState, Middle

GUARDS: Final = 2
LIFETIME_SECONDS: Final = 60 * DAY_SECONDS
REPLACE_AFTER_SECONDS: Final = 7 * DAY_SECONDS
WATCH_GAP_SECONDS: Final = DAY_SECONDS
"""A node that did not look for longer than this has not seen a relay being down all the time."""
RETRY_SECONDS: Final = 60

LIST_SIZE: Final = 8
"""Two guards and six substitutes, drawn at once."""
LIST_LIMIT: Final = 20
"""Growing stops here, so that an attacker who blocks guards chooses among this many and no more."""
GROWTH: Final = 2

MIN_LIVE_MIDDLES: Final = 2
MIDDLE_MIN_SECONDS: Final = DAY_SECONDS
MIDDLE_MAX_SECONDS: Final = 14 * DAY_SECONDS


@dataclass(frozen=True, slots=True)
class Observations:
    """The node's observations since the last update, at least once an hour while it runs.

    `reachable`: relays it has a link to or reached; `unreachable`: those that it tried in vain.
    """

    reachable: frozenset[NodeId] = frozenset()
    unreachable: frozenset[NodeId] = frozenset()


def update(
    state: GuardState,
    live: Sequence[Candidate],
    seen: Observations,
    wall: float,
    entropy: Entropy,
    *,
    pinned: Sequence[NodeId] = (),
    avoid: frozenset[NodeId] = frozenset(),
    never: frozenset[NodeId] = frozenset(),
    no_entry: frozenset[NodeId] = frozenset(),
) -> GuardState:
    """Return the state after observations, time and a new snapshot.

    `live` is every relay of the snapshot, each once; with an empty one nothing is replaced.
    `pinned` are the guards that the configuration names: then only these are used. `avoid` (own
    mailbox relays) is drawn only if the network is too small; `never` is not drawn at all, and
    serves on where it was drawn before. Of `no_entry` no guard is drawn: this node's line does not
    lead there.
    """
    now = int(wall)
    ids = frozenset(candidate.node_id for candidate in live)
    entries = _with_pins(_not_in_the_future(state.entries, now), pinned, now)
    entries = [_observe(entry, ids, seen, now) for entry in entries]
    if not ids:
        return GuardState(tuple(entries))
    entries = [entry for entry in entries if not _is_over(entry, entries, now)]
    if not pinned:
        entries = _fill_up(entries, live, (avoid, never | no_entry), now, entropy)
    in_use = primary(GuardState(tuple(entries)), ids)
    refreshed = [
        _with_middles(entry, live, (avoid.union(in_use), never), now, entropy)
        if entry.node_id in in_use
        else entry
        for entry in entries
    ]
    return GuardState(tuple(refreshed))


def primary(state: GuardState, live: Collection[NodeId]) -> tuple[NodeId, ...]:
    """Return the entries to use now, at most two: the first of the list that are reachable.

    If none is, the first that are live: then the network here is down, not they.
    """
    there = [entry for entry in _usable(state) if entry.node_id in live]
    up = [entry for entry in there if not entry.down_since]
    return tuple(entry.node_id for entry in (up or there)[:GUARDS])


def retries(state: GuardState, live: Collection[NodeId], wall: float) -> tuple[NodeId, ...]:
    """Return the entries to try again now: those that would be used if they were reachable."""
    in_use = primary(state, live)
    due = []
    for entry in _usable(state):
        if len(in_use) == GUARDS and entry.node_id == in_use[-1]:
            break
        waited = wall - entry.down_seen >= RETRY_SECONDS
        if entry.down_since and entry.node_id in live and waited:
            due.append(entry.node_id)
    return tuple(due)


def middles_of(state: GuardState, guard: NodeId) -> tuple[NodeId, ...]:
    """Return the sticky second hops of a guard, none if it is not in the list."""
    for entry in state.entries:
        if entry.node_id == guard:
            return tuple(middle.node_id for middle in entry.middles)
    return ()


def _usable(state: GuardState) -> Sequence[GuardEntry]:
    return [entry for entry in state.entries if entry.pinned] or state.entries


def _not_in_the_future(entries: Sequence[GuardEntry], now: int) -> list[GuardEntry]:
    """Bring times back that a wrong clock put ahead, or nothing would ever be replaced."""
    return [
        replace(
            entry,
            sampled_at=min(entry.sampled_at, now),
            up_seen=min(entry.up_seen, now),
            down_since=min(entry.down_since, now),
            down_seen=min(entry.down_seen, now),
            middles=tuple(
                replace(middle, until=min(middle.until, now + MIDDLE_MAX_SECONDS))
                for middle in entry.middles
            ),
        )
        for entry in entries
    ]


def _with_pins(
    entries: Sequence[GuardEntry], pinned: Sequence[NodeId], now: int
) -> list[GuardEntry]:
    """Put the pinned entries first; one that is pinned no longer leaves the list."""
    known = {entry.node_id: entry for entry in entries}
    pins = [
        replace(known.get(node_id, GuardEntry(node_id, now)), pinned=True)
        for node_id in dict.fromkeys(pinned)
    ]
    rest = [entry for entry in entries if not entry.pinned and entry.node_id not in pinned]
    return [*pins, *rest][:MAX_ENTRIES]


def _observe(
    entry: GuardEntry, live: Collection[NodeId], seen: Observations, now: int
) -> GuardEntry:
    if entry.node_id in seen.reachable:
        return replace(entry, up_seen=now, down_since=0, down_seen=0)
    gone = bool(live) and entry.node_id not in live
    if entry.node_id not in seen.unreachable and not gone:
        return entry
    watched = entry.down_since and now - entry.down_seen <= WATCH_GAP_SECONDS
    return replace(entry, down_since=entry.down_since if watched else now, down_seen=now)


def _is_over(entry: GuardEntry, entries: Sequence[GuardEntry], now: int) -> bool:
    """Say whether an entry is to be replaced: too old, or down for 7 days while others were up."""
    if entry.pinned:
        return False
    if now - entry.sampled_at >= LIFETIME_SECONDS:
        return True
    if not entry.down_since or now - entry.down_since < REPLACE_AFTER_SECONDS:
        return False
    freshest = max(other.up_seen for other in entries)
    return entry.down_seen == now and now - freshest <= WATCH_GAP_SECONDS


def _fill_up(
    entries: list[GuardEntry],
    live: Sequence[Candidate],
    unwanted: tuple[frozenset[NodeId], frozenset[NodeId]],
    now: int,
    entropy: Entropy,
) -> list[GuardEntry]:
    """Append freshly drawn entries: up to the list's size, and a few more if none can be used."""
    ids = {candidate.node_id for candidate in live}
    listed = sum(entry.node_id in ids for entry in entries)
    wanted = LIST_SIZE - len(entries)
    if wanted <= 0 and all(entry.down_since for entry in entries):
        wanted = min(GROWTH, LIST_LIMIT - listed)
    wanted = min(wanted, MAX_ENTRIES - len(entries))
    avoid, never = unwanted
    taken = never.union(entry.node_id for entry in entries)
    drawn = _draw(live, (avoid, frozenset()), taken, wanted, entropy)
    return [*entries, *(GuardEntry(node_id, now) for node_id in drawn)]


def _with_middles(
    entry: GuardEntry,
    live: Sequence[Candidate],
    unwanted: tuple[frozenset[NodeId], frozenset[NodeId]],
    now: int,
    entropy: Entropy,
) -> GuardEntry:
    """Exchange second hops whose time is over, and dead ones once hardly any is left."""
    ids = {candidate.node_id for candidate in live}
    kept = [middle for middle in entry.middles if middle.until > now]
    if sum(middle.node_id in ids for middle in kept) < MIN_LIVE_MIDDLES:
        kept = [middle for middle in kept if middle.node_id in ids]
    avoid, never = unwanted
    taken = {entry.node_id, *(middle.node_id for middle in kept), *never}
    related = _related(entry.node_id, live)
    drawn = _draw(
        live, (avoid | related, related, frozenset()), taken, MAX_MIDDLES - len(kept), entropy
    )
    span = MIDDLE_MAX_SECONDS - MIDDLE_MIN_SECONDS + 1
    fresh = [Middle(node_id, now + MIDDLE_MIN_SECONDS + below(span, entropy)) for node_id in drawn]
    return replace(entry, middles=(*kept, *fresh))


def _related(node_id: NodeId, live: Sequence[Candidate]) -> frozenset[NodeId]:
    """Return the relays of the same family or subnet."""
    own = next((candidate for candidate in live if candidate.node_id == node_id), None)
    if own is None:
        return frozenset()
    return frozenset(
        other.node_id
        for other in live
        if (own.family and other.family == own.family)
        or (own.subnet and other.subnet == own.subnet)
    )


def _draw(
    live: Sequence[Candidate],
    avoids: Sequence[frozenset[NodeId]],
    taken: Collection[NodeId],
    count: int,
    entropy: Entropy,
) -> list[NodeId]:
    """Draw uniformly outside the first set of `avoids`, and what is missing outside the next."""
    often = unsteady(live)
    drawn: list[NodeId] = []
    for avoid in avoids:
        out = avoid.union(often, taken, drawn)
        options = [candidate.node_id for candidate in live if candidate.node_id not in out]
        drawn += sample(options, count - len(drawn), entropy)
    return drawn
