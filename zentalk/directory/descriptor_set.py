"""The verified set of descriptors that one relay or API node knows.

Spec: docs/spec/directory.md section 3. Takes raw bytes from anyone and keeps the newest
valid descriptor of each relay. It never keeps what it did not verify, never goes back to
an older one, and never lets a relay back in that signed two for one epoch and boot.
Times are wall clock, as epochs are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from zentalk.directory.boots import BootLog
from zentalk.directory.dial_hints import DialHints
from zentalk.directory.digests import DigestCache, digest_of
from zentalk.directory.equivocation import EquivocationProof, check_proof
from zentalk.directory.identity_work import work_bits
from zentalk.directory.news import (
    AwaitObservation,
    Command,
    GossipDescriptor,
    GossipEquivocation,
)
from zentalk.directory.observations import ObservedRelays
from zentalk.directory.recent import RecentDescriptors
from zentalk.directory.window import is_usable
from zentalk.errors import RemoteProtocolError
from zentalk.ids import NodeId, epoch_at
from zentalk.wire.descriptor import Descriptor, decode_descriptor
from zentalk.wire.rpc_directory import MAX_SNAPSHOT
from zentalk.wire.text import RelayUri

MAX_RELAYS: Final = MAX_SNAPSHOT
"""The ceiling of one network; what it costs is in the specification, section 10."""
MAX_PROOFS: Final = 4096


class DescriptorSet:
    """Live descriptors by NodeId, proofs of equivocation, and hints where to dial.

    With `observations` it holds only relays that are observed where their descriptors say.
    """

    def __init__(
        self,
        network: str,
        *,
        id_difficulty: int = 0,
        max_relays: int = MAX_RELAYS,
        observations: ObservedRelays | None = None,
    ) -> None:
        self.observations = observations
        self._network = network
        self._difficulty = id_difficulty
        self._max_relays = max_relays
        self._newest: dict[NodeId, Descriptor] = {}
        self._digests: dict[NodeId, bytes] = {}
        self._recent = RecentDescriptors()
        self._proofs: dict[NodeId, EquivocationProof] = {}
        self._hints = DialHints()
        self._handled = DigestCache()
        self._boots = BootLog()
        self.generation = 0
        """Changes whenever the set does, so that what is computed from it can be kept."""

    def __len__(self) -> int:
        return len(self._newest)

    def offer(self, raw: bytes, now: float) -> list[Command]:
        """Take a descriptor from anyone; returns what to keep and pass on.

        Old, foreign and expired ones are ignored. Raises DecodeError or
        AuthenticationError if the bytes are not a valid descriptor at all.
        """
        if raw in self._handled:
            return []
        return self.offer_verified(decode_descriptor(raw), now)

    def offer_verified(self, descriptor: Descriptor, now: float) -> list[Command]:
        """Take a descriptor that `decode_descriptor` returned, for example a handshake's."""
        if not self._acceptable(descriptor, now):
            return []
        proof = self._recent.convicts(descriptor)
        if proof is not None or descriptor.node_id in self._proofs:
            self._handled.add(descriptor.raw, descriptor.node_id)
            return self._exclude(proof) if proof is not None else []
        if not self._is_observed(descriptor, now):
            return [AwaitObservation(descriptor)] if self._is_newer(descriptor) else []
        self._handled.add(descriptor.raw, descriptor.node_id)
        self._recent.keep(descriptor)
        return self._adopt(descriptor, now)

    def accuse(self, first: bytes, second: bytes) -> list[Command]:
        """Take a reported proof of equivocation.

        Raises DecodeError or AuthenticationError if it proves nothing.
        """
        pair = first + second
        if pair in self._handled:
            return []
        proof = check_proof(first, second, self._network)
        self._handled.add(pair, proof.node_id)
        if not self._has_worked(proof.node_id):
            return []  # such a relay is not used anyway, and proofs against it cost nothing
        return [] if proof.node_id in self._proofs else self._exclude(proof)

    def get(self, node_id: NodeId, now: float) -> Descriptor | None:
        """Return the usable descriptor of a relay, or None."""
        found = self._newest.get(node_id)
        return found if found is not None and is_usable(found, now) else None

    def node_of(self, digest: bytes) -> NodeId | None:
        """Return whose descriptor a digest stands for, or None if it was never accepted."""
        return self._handled.node_of(digest)

    def digests(self, now: float) -> dict[NodeId, bytes]:
        """Return what stands for each usable descriptor when sets are compared."""
        return {item.node_id: self._digests[item.node_id] for item in self.live(now)}

    def find(self, digest: bytes, now: float) -> Descriptor | None:
        """Return the usable descriptor behind a digest, or None if it is not the relay's newest."""
        node_id = self._handled.node_of(digest)
        if node_id is None or self._digests.get(node_id) != digest:
            return None
        return self.get(node_id, now)

    def live(self, now: float) -> list[Descriptor]:
        """Return all usable descriptors, by NodeId."""
        epoch = epoch_at(now)
        return [
            descriptor
            for _, descriptor in sorted(self._newest.items())
            if descriptor.epoch <= epoch + 1 and epoch <= descriptor.epoch + 1
        ]

    def boots_last_hour(self, node_id: NodeId, now: float) -> int:
        """Return how often a relay started in the last hour, as far as is known here."""
        return self._boots.recent(node_id, now)

    def is_excluded(self, node_id: NodeId) -> bool:
        """Say whether a proof of equivocation is held against a relay."""
        return node_id in self._proofs

    def refuses(self, node_id: NodeId) -> bool:
        """Say whether no descriptor of a relay will ever be taken: too little work, or excluded."""
        return self.is_excluded(node_id) or not self._has_worked(node_id)

    def places_of(self, descriptor: Descriptor) -> list[RelayUri]:
        """Return where a relay was reached, the last place first.

        What else its descriptor names may be anybody's. Where nobody is observed, all are taken to
        be at their first host, and so is the relay that observes.
        """
        found = self.observations.named_by(descriptor) if self.observations is not None else []
        return [one.uri for one in found] or [descriptor.uri]

    def proofs(self) -> Iterator[EquivocationProof]:
        """Yield the proofs held, oldest first."""
        return iter(list(self._proofs.values()))

    def hint(self, node_id: NodeId) -> RelayUri | None:
        """Return where a relay was last seen, also when its descriptor has expired."""
        found = self._newest.get(node_id)
        return self.places_of(found)[0] if found is not None else self._hints.of(node_id)

    def hints(self) -> list[RelayUri]:
        """Return where relays without a usable descriptor were last seen."""
        return self._hints.all()

    def add_hint(self, uri: RelayUri, node_id: NodeId) -> None:
        """Remember where a relay was once seen (from the store: no proof is needed to dial)."""
        if node_id not in self._newest and node_id not in self._proofs:
            self._hints.add(uri, node_id)

    def expire(self, now: float) -> list[NodeId]:
        """Drop what is no longer usable or observed, keep it as a hint; returns who went."""
        gone = [
            node_id
            for node_id, item in self._newest.items()
            if not is_usable(item, now) or not self._is_observed(item, now)
        ]
        self.generation += bool(gone)
        for node_id in gone:
            descriptor = self._newest.pop(node_id)
            del self._digests[node_id]
            for recent in self._recent.forget(node_id):
                self._handled.discard(recent.raw)  # or a clock set back would lose it for good
            self._boots.forget(node_id)
            self.add_hint(self.places_of(descriptor)[0], node_id)
        self._recent.expire(lambda item: is_usable(item, now))
        return gone

    def restore(
        self, raws: Iterable[bytes], proofs: Iterable[tuple[bytes, bytes]], now: float
    ) -> list[Command]:
        """Load what the store kept, and return what comes of it; damaged entries are left out."""
        commands: list[Command] = []
        for first, second in proofs:
            try:
                commands += self.accuse(first, second)
            except RemoteProtocolError:
                continue
        for raw in raws:
            try:
                descriptor = decode_descriptor(raw)
            except RemoteProtocolError:
                continue
            commands += self.offer_verified(descriptor, now)
            if descriptor.network == self._network:
                self.add_hint(self.places_of(descriptor)[0], descriptor.node_id)
        return commands

    def _acceptable(self, descriptor: Descriptor, now: float) -> bool:
        if descriptor.network != self._network or not is_usable(descriptor, now):
            return False
        if not self._has_worked(descriptor.node_id):
            return False
        return descriptor.node_id in self._newest or len(self._newest) < self._max_relays

    def _has_worked(self, node_id: NodeId) -> bool:
        return not self._difficulty or work_bits(node_id) >= self._difficulty

    def _is_observed(self, descriptor: Descriptor, now: float) -> bool:
        return self.observations is None or self.observations.count(descriptor, now)

    def _is_newer(self, descriptor: Descriptor) -> bool:
        known = self._newest.get(descriptor.node_id)
        return known is None or descriptor.order > known.order

    def _adopt(self, descriptor: Descriptor, now: float) -> list[Command]:
        if not self._is_newer(descriptor):
            return []
        self._newest[descriptor.node_id] = descriptor
        self._digests[descriptor.node_id] = digest_of(descriptor.raw)
        self.generation += 1
        self._hints.forget(descriptor.node_id)
        self._boots.note(descriptor.node_id, descriptor.boot, now)
        return [GossipDescriptor(descriptor)]

    def _exclude(self, proof: EquivocationProof) -> list[Command]:
        if len(self._proofs) >= MAX_PROOFS:
            del self._proofs[next(iter(self._proofs))]
        self._proofs[proof.node_id] = proof
        self.generation += 1
        self._newest.pop(proof.node_id, None)
        self._digests.pop(proof.node_id, None)
        self._hints.forget(proof.node_id)
        self._recent.forget(proof.node_id)
        self._boots.forget(proof.node_id)
        return [GossipEquivocation(proof)]
