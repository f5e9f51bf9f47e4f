"""Decides which descriptors an API node believes: a machine over 3 sources.

Spec: docs/spec/directory.md section 8. A descriptor is used when two sources show the
same bytes. What only one source has is offered to the others and asked for again; two
different ones for one epoch and boot convict the relay. Nothing here takes one source's
word, except at a first start with a single bootstrap, and then it says `unverified`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from zentalk.directory.equivocation import EquivocationProof, contradicts, make_proof
from zentalk.directory.events import TimePassed
from zentalk.directory.window import is_usable
from zentalk.ids import NodeId
from zentalk.wire.descriptor import Descriptor

SOURCES: Final = 3
AGREEING: Final = 2
ASK_AGAIN_SECONDS: Final = 2.0
MAX_OMITTED_SHARE: Final = 0.10


@dataclass(frozen=True, slots=True)
class SnapshotReceived:
    """The response of a source: verified descriptors, newest per relay or not."""

    source: NodeId
    descriptors: Sequence[Descriptor]


@dataclass(frozen=True, slots=True)
class SourceFailed:
    """A source could not be reached or answered with something invalid."""

    source: NodeId


Event: TypeAlias = SnapshotReceived | SourceFailed | TimePassed


@dataclass(frozen=True, slots=True)
class AskSource:
    """Ask a source for its snapshot (again)."""

    source: NodeId


@dataclass(frozen=True, slots=True)
class OfferDescriptors:
    """Announce to a source what another one showed and it did not."""

    source: NodeId
    descriptors: tuple[Descriptor, ...]


@dataclass(frozen=True, slots=True)
class ReportEquivocation:
    """Send a proof to a source."""

    source: NodeId
    proof: EquivocationProof


@dataclass(frozen=True, slots=True)
class SnapshotResult:
    """The outcome.

    `descriptors` is what to use from now on, by NodeId; `unverified` says that it rests on
    one source; `complete` is false when too few sources answered to learn anything new.
    `shown` are the relays that as many sources as must agree have shown this time, in whatever
    version: what is held and nobody shows is not among them.
    """

    descriptors: tuple[Descriptor, ...]
    proofs: tuple[EquivocationProof, ...] = ()
    dropped: tuple[NodeId, ...] = ()
    failed: tuple[NodeId, ...] = ()
    unverified: bool = False
    complete: bool = True
    shown: frozenset[NodeId] = frozenset()


@dataclass(frozen=True, slots=True)
class FinishSnapshot:
    """The snapshot is decided."""

    result: SnapshotResult


Command: TypeAlias = AskSource | OfferDescriptors | ReportEquivocation | FinishSnapshot
View: TypeAlias = dict[NodeId, Descriptor]


@dataclass(slots=True)
class _Source:
    """One source and all that it showed: every version it named, and the newest of each relay."""

    newest: View = field(default_factory=dict)
    asked: bool = True


class SnapshotRule:
    """One refresh; `wall` is unix time in seconds, `now` monotonic seconds.

    `held` is what was accepted before. At a first start `held` is empty.
    """

    def __init__(
        self, sources: Sequence[NodeId], held: Mapping[NodeId, Descriptor], wall: float
    ) -> None:
        self._wall = wall
        self._held = {key: item for key, item in held.items() if is_usable(item, wall)}
        self._sources = {source: _Source() for source in dict.fromkeys(sources)}
        self._failed: dict[NodeId, None] = {}
        self._versions: dict[tuple[NodeId, tuple[int, int]], Descriptor] = {}
        self._proofs: dict[NodeId, EquivocationProof] = {}
        self._again_at: float | None = None
        self._round = 1
        self.finished = False

    def start(self) -> list[Command]:
        """Return the first requests; with no source at all the result is what is held."""
        if not self._sources:
            return [self._finish()]
        return [AskSource(source) for source in self._sources]

    def handle(self, event: Event, now: float) -> list[Command]:
        """Take one event; returns what to do next."""
        if self.finished:
            return []
        if isinstance(event, TimePassed):
            return self._ask_again(now)
        state = self._sources.get(event.source)
        if state is None or not state.asked:
            return []
        state.asked = False
        commands: list[Command] = []
        if isinstance(event, SnapshotReceived):
            commands = self._take(state, event.descriptors)
        if not commands and (isinstance(event, SourceFailed) or not state.newest):
            self._failed[event.source] = None
        if any(source.asked for source in self._sources.values()):
            return commands
        return commands + self._round_ended(now)

    def next_deadline(self) -> float | None:
        """Return when `TimePassed` must be handled, or None."""
        return self._again_at

    def _take(self, state: _Source, descriptors: Iterable[Descriptor]) -> list[Command]:
        state.newest = {}
        commands: list[Command] = []
        for descriptor in descriptors:
            if not is_usable(descriptor, self._wall):
                continue
            commands += self._convict(descriptor)
            known = state.newest.get(descriptor.node_id)
            if known is None or descriptor.order > known.order:
                state.newest[descriptor.node_id] = descriptor
        return commands

    def _convict(self, descriptor: Descriptor) -> list[Command]:
        """Compare with every version seen of this relay, what is held included."""
        slot = (descriptor.node_id, descriptor.order)
        held = self._held.get(descriptor.node_id)
        for other in (self._versions.setdefault(slot, descriptor), held):
            if other is not None and contradicts(other, descriptor):
                break
        else:
            return []
        if descriptor.node_id in self._proofs:
            return []
        proof = make_proof(other, descriptor)
        self._proofs[descriptor.node_id] = proof
        return [ReportEquivocation(source, proof) for source in self._sources]

    def _round_ended(self, now: float) -> list[Command]:
        views = self._views()
        offers = self._offers(views) if self._round == 1 else []
        if not offers:
            return [self._finish()]
        self._again_at = now + ASK_AGAIN_SECONDS
        return offers

    def _views(self) -> dict[NodeId, View]:
        """Return what each source that answered shows, convicted relays left out."""
        return {
            source: {key: item for key, item in state.newest.items() if key not in self._proofs}
            for source, state in self._sources.items()
            if source not in self._failed or state.newest
        }

    def _offers(self, views: dict[NodeId, View]) -> list[Command]:
        """Tell each source what another one has newer; nothing to tell means agreement."""
        if len(views) < AGREEING:
            return []
        newest: View = {}
        for view in views.values():
            for key, item in view.items():
                if key not in newest or item.order > newest[key].order:
                    newest[key] = item
        offers: list[Command] = []
        for source, view in views.items():
            missing = tuple(
                item
                for key, item in sorted(newest.items())
                if key not in view or view[key].order < item.order
            )
            if missing:
                offers.append(OfferDescriptors(source, missing))
        return offers

    def _ask_again(self, now: float) -> list[Command]:
        if self._again_at is None or now < self._again_at:
            return []
        self._again_at = None
        self._round = 2
        again = [source for source in self._sources if source not in self._failed]
        for source in again:
            self._sources[source].asked = True
        return [AskSource(source) for source in again]

    def _finish(self) -> FinishSnapshot:
        self.finished = True
        views = self._views()
        dropped = self._omitters(views)
        trusted = {source: view for source, view in views.items() if source not in dropped}
        accepted, unverified = self._accept(trusted)
        return FinishSnapshot(
            SnapshotResult(
                descriptors=tuple(item for _, item in sorted(accepted.items())),
                proofs=tuple(self._proofs.values()),
                dropped=tuple(dropped),
                failed=tuple(self._failed),
                unverified=unverified,
                complete=len(trusted) >= AGREEING or unverified,
                shown=_shown(trusted, 1 if unverified else AGREEING).intersection(accepted),
            )
        )

    def _accept(self, views: dict[NodeId, View]) -> tuple[View, bool]:
        held = {key: item for key, item in self._held.items() if key not in self._proofs}
        if len(views) >= AGREEING:
            return self._agreed(views, held), False
        if len(views) == 1 and not held:
            return dict(next(iter(views.values()))), True
        return held, False

    def _agreed(self, views: dict[NodeId, View], held: View) -> View:
        """Keep what is held and no source contradicts; take what two sources show alike."""
        counts = Counter(item.raw for view in views.values() for item in view.values())
        accepted = dict(held)
        for view in views.values():
            for key, item in view.items():
                known = accepted.get(key)
                newer = known is None or item.order > known.order
                if newer and counts[item.raw] >= AGREEING:
                    accepted[key] = item
        return accepted

    def _omitters(self, views: dict[NodeId, View]) -> list[NodeId]:
        """Name a source without more than 10% of the relays that all the others show.

        Where that can be said of two, nobody is named: either is among those who speak against the
        other. Their sets are still growing then, as each observes for itself.
        """
        if len(views) < SOURCES:
            return []
        omitters = []
        for source, view in views.items():
            others = [set(other) for name, other in views.items() if name != source]
            shared = set.intersection(*others)
            missing = len(shared - view.keys())
            if missing > MAX_OMITTED_SHARE * len(shared):
                omitters.append(source)
        return omitters if len(omitters) <= len(views) - AGREEING else []


def _shown(views: Mapping[NodeId, View], least: int) -> frozenset[NodeId]:
    """Return the relays that at least so many sources show."""
    counts = Counter(key for view in views.values() for key in view)
    return frozenset(key for key, times in counts.items() if times >= least)
