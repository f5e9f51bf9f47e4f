"""Which guards to use: the onion core's rules, fed with what this node sees.

Plain synchronous code around `zentalk.onion.guards`. It knows where guards listened even
when no descriptor of theirs is current, and it must never take a relay as guard because
others failed, except as those rules say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from zentalk.crypto.types import Entropy
from zentalk.ids import Epoch, NodeId
from zentalk.node.relays.view import RelayView
from zentalk.onion.guard_state import GuardState
from zentalk.onion.guards import GUARDS, Observations, middles_of, primary, retries, update
from zentalk.wire.descriptor import node_id_of
from zentalk.wire.text import RelayUri, Scheme


@dataclass(frozen=True, slots=True)
class PathStart:
    """Where a path starts: a guard and its sticky second hops."""

    guard: NodeId
    middles: tuple[NodeId, ...]


class GuardSelection:
    """The guard state of one node; `wall` gives unix seconds.

    `pinned` are the configured guards: with any, no others are used. `addresses` are where the
    guards of the last time listened. `usable` leaves of a relay's addresses those that this node's
    line leads to: a relay without any cannot be a guard.
    """

    def __init__(
        self,
        *,
        pinned: Sequence[RelayUri],
        state: GuardState,
        addresses: Iterable[RelayUri],
        wall: Callable[[], float],
        entropy: Entropy,
        usable: Callable[[Sequence[RelayUri]], tuple[RelayUri, ...]] = tuple,
    ) -> None:
        self._pinned_uris = by_relay(pinned)
        self._pinned = tuple(self._pinned_uris)
        self._uris = by_relay(addresses) | self._pinned_uris
        self._usable = usable
        self._wall = wall
        self._entropy = entropy
        self._view = RelayView(Epoch(0))
        self._own_mailboxes: frozenset[NodeId] = frozenset()
        self._dialable = frozenset(filter(self.uris, self._uris))
        self._no_entry = frozenset[NodeId]()
        self.state = state
        self.starts: tuple[PathStart, ...] = ()
        """The guards to use now with their second hops, at most two."""
        self._update(Observations())

    def view_changed(self, view: RelayView) -> None:
        """Take the relays that may be used now, or look again at which of them may be dialled."""
        self._view = view
        # Without a view every address is worth a try: the descriptors have merely expired.
        known = (*view.relays, *self._pinned) if view.relays else self._uris
        self._dialable = frozenset(filter(self.uris, known))
        self._no_entry = frozenset(view.relays) - self._dialable
        self._update(Observations())
        for entry in self.state.entries:
            if entry.node_id in view.relays:
                self._uris[entry.node_id] = self._all_uris(entry.node_id)

    def own_mailboxes_changed(self, relays: frozenset[NodeId]) -> None:
        """Keep the own mailbox relays out of new guards and second hops where possible."""
        self._own_mailboxes = relays

    def seen(self, node_id: NodeId, *, reachable: bool) -> None:
        """Note that a guard was reached, or was tried in vain."""
        found = frozenset({node_id})
        if reachable:
            self._update(Observations(reachable=found))
        else:
            self._update(Observations(unreachable=found))

    def in_use(self) -> tuple[NodeId, ...]:
        """Return the guards to use now, at most two."""
        return tuple(start.guard for start in self.starts)

    def wanted(self) -> tuple[NodeId, ...]:
        """Return the guards to have links to: those in use, and better ones to win back."""
        dialable = self._dialable
        listed = [entry for entry in self.state.entries if entry.node_id in dialable]
        usable = [entry for entry in listed if entry.pinned] or listed
        favourites = [entry.node_id for entry in usable[:GUARDS]]
        again = retries(self.state, dialable, self._wall())
        return tuple(dict.fromkeys((*self.in_use(), *favourites, *again)))

    def middles(self, guard: NodeId) -> tuple[NodeId, ...]:
        """Return the sticky second hops of a guard."""
        return middles_of(self.state, guard)

    def uris(self, node_id: NodeId) -> tuple[RelayUri, ...]:
        """Return where a guard listens, as far as is known, in the order in which to try."""
        return self._usable(self._all_uris(node_id))

    def addresses(self) -> tuple[RelayUri, ...]:
        """Return where the listed guards listen, to be kept for the next start."""
        return tuple(uri for entry in self.state.entries for uri in self._all_uris(entry.node_id))

    def _all_uris(self, node_id: NodeId) -> tuple[RelayUri, ...]:
        descriptor = self._view.relays.get(node_id)
        if descriptor is None:
            return self._uris.get(node_id, ())
        # A proxy in front of a relay may stand at a host that the relay does not announce.
        pinned = (uri for uri in self._pinned_uris.get(node_id, ()) if uri.scheme is not Scheme.TCP)
        return tuple(dict.fromkeys((*descriptor.uris(), *descriptor.door_uris(), *pinned)))

    def _update(self, seen: Observations) -> None:
        self.state = update(
            self.state,
            self._view.candidates,
            seen,
            self._wall(),
            self._entropy,
            pinned=self._pinned,
            avoid=self._own_mailboxes,
            never=frozenset(self._view.relays) - self._view.lasting,
            no_entry=self._no_entry,
        )
        self.starts = tuple(
            PathStart(guard, self.middles(guard)) for guard in primary(self.state, self._dialable)
        )


def by_relay(uris: Iterable[RelayUri]) -> dict[NodeId, tuple[RelayUri, ...]]:
    """Return the addresses of each relay, in the order in which they were named."""
    found: dict[NodeId, tuple[RelayUri, ...]] = {}
    for uri in uris:
        node_id = node_id_of(uri.identity)
        found[node_id] = (*found.get(node_id, ()), uri)
    return found
