"""This relay's knowledge of others, and the consequences when it learns more.

Spec: docs/spec/directory.md sections 4 and 5. Everything that peers tell goes through here: the
descriptor set verifies it, and what is new is written, passed on and taken into account. Only
relays that proved themselves on a link enter the routing table.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

import trio

from zentalk.directory.digests import digest_of
from zentalk.directory.news import AwaitObservation, Command, GossipDescriptor
from zentalk.directory.table import RelayTable, TableAdmission
from zentalk.directory.waiting_pool import WaitingDescriptor
from zentalk.ids import NodeId
from zentalk.logs import quiet_logger
from zentalk.net.runtime import Runtime
from zentalk.relay.directory.gossip import Gossip
from zentalk.relay.directory.known_relays import KnownRelays
from zentalk.relay.directory.persistence import NewsWriter
from zentalk.relay.observing.observing import Observing
from zentalk.wire.descriptor import Descriptor, node_id_of
from zentalk.wire.text import RelayUri

_MAX_CHECKS: Final = 8
"""Contacts that wait to be checked; one more is not checked now, and a newcomer keeps waiting."""
_LOG: Final = quiet_logger("zentalk.relay")


class OwnDescriptor(Protocol):
    """This relay's own descriptor (`zentalk.relay.keys.rotation.KeyRotation`)."""

    @property
    def descriptor(self) -> Descriptor:
        """The descriptor of this moment."""

    def superseded(self, boot: int) -> None:
        """Boot again, above `boot`: the network holds another descriptor of ours with it."""
        ...


class DirectoryState:
    """The picture that one relay has of the network."""

    def __init__(
        self,
        runtime: Runtime,
        own: OwnDescriptor,
        known: KnownRelays,
        news: NewsWriter,
        gossip: Gossip,
        observing: Observing,
    ) -> None:
        self._runtime = runtime
        self._own = own
        self._news = news
        self._gossip = gossip
        self._observing = observing
        self.known = known
        self.own_id = own.descriptor.node_id
        self.table = RelayTable(self.own_id, own.descriptor.network, runtime.monotonic())
        self._checks, self.to_check = trio.open_memory_channel[NodeId](_MAX_CHECKS)

    @property
    def own(self) -> Descriptor:
        """Return this relay's own descriptor."""
        return self._own.descriptor

    @property
    def is_excluded(self) -> bool:
        """Say whether a proof is held against this very relay: nobody uses it any more."""
        return self.known.descriptors.is_excluded(self.own_id)

    async def load(self) -> None:
        """Take up what the store kept; raises StorageError.

        Relays that were not reached lately are looked for, as those are that others tell of.
        """
        kept = await self._news.read()
        wall = self._runtime.wall()
        self._observing.observations.restore(kept.observations, wall)
        for command in self.known.descriptors.restore(kept.descriptors, kept.proofs, wall):
            if isinstance(command, AwaitObservation):
                self._await(WaitingDescriptor(command.descriptor))
        if self.is_excluded:
            self._tell_if_excluded(self.own_id)
        self.publish_own()

    def publish_own(self) -> None:
        """Make the own descriptor known."""
        own = self.own
        commands = self.known.descriptors.offer_verified(own, self._runtime.wall())
        self._apply(commands, None)
        known = self.known.descriptor_of(self.own_id)
        if known is not None and known.order > own.order:
            self._own.superseded(known.boot)

    def learn(self, raws: Sequence[bytes], source: NodeId | None) -> None:
        """Verify and keep descriptors; raises RemoteProtocolError at the first invalid one."""
        now = self._runtime.wall()
        for raw in raws:
            if self.is_new(raw):
                self._apply(self.known.descriptors.offer(raw, now), source)

    def is_new(self, raw: bytes) -> bool:
        """Tell whether a descriptor was never seen; costs a hash, and verifies nothing."""
        return not self.has_seen(digest_of(raw))

    def has_seen(self, digest: bytes) -> bool:
        """Tell whether the descriptor behind a digest was verified here and is still known."""
        counted = self.known.descriptors.node_of(digest) is not None
        return counted or digest in self._observing.pool

    def accuse(self, first: bytes, second: bytes, source: NodeId | None) -> None:
        """Verify a proof that a relay signed two descriptors for one epoch and boot.

        Raises RemoteProtocolError if it proves nothing.
        """
        self._apply(self.known.descriptors.accuse(first, second), source)

    def relay_connected(self, descriptor: Descriptor, home: str = "") -> bool:
        """Take note of a relay that has just proved itself on a link.

        `home` is the host that it names and came from, "" if it came from elsewhere. False if it
        does not count here: its identity has too little work, or it is excluded.
        """
        commands = self.known.descriptors.offer_verified(descriptor, self._runtime.wall())
        self._apply(commands, descriptor.node_id, home=home)
        return self.reached(descriptor.node_id)

    def reached_at(self, uri: RelayUri, address: str) -> None:
        """Take note that a relay proved its identity at an address that we dialled."""
        node_id = node_id_of(uri.identity)
        known = self.known.descriptor_of(node_id)
        found = self._observing.reached(uri, address, known)
        if found is not None:
            self._news.note_observation(found, is_first=known is None)
            self._admit(node_id)

    def reached(self, node_id: NodeId) -> bool:
        """Take a relay into the routing table: the other side of a link proved its identity.

        False if its descriptor is not usable here.
        """
        descriptor = self.known.descriptor_of(node_id)
        if descriptor is None:
            return False
        self._enter(descriptor)
        return True

    def forget_expired(self) -> None:
        """Forget relays whose descriptors nobody renewed, or that were not reached for a day."""
        for node_id in self.known.descriptors.expire(self._runtime.wall()):
            self.table.forget(node_id)
        self._observing.expire()  # last: where a relay was reached is a hint where to look

    def look_again(self) -> None:
        """Plan to reach relays anew that were reached a day ago, and elsewhere if they say so."""
        self._observing.look_again(self.known.live())

    def _admit(self, node_id: NodeId) -> None:
        """Take a relay into the set that waited until it was reached."""
        item = self._observing.pool.take(node_id)
        if item is not None:
            now = self._runtime.wall()
            commands = self.known.descriptors.offer_verified(item.descriptor, now)
            source = None if isinstance(item.source, str) else item.source
            self._apply(commands, source, home=item.home if item.said_hello else None)
            if item.said_hello:
                self.reached(node_id)

    def _await(self, item: WaitingDescriptor) -> None:
        """Let a descriptor wait; who does not count itself has no share of its own."""
        known, source = self.known, item.source
        if source and not isinstance(source, str) and known.descriptor_of(source) is None:
            item = item._replace(source=None)
        self._observing.wait(item, len(self.known.descriptors))

    def _apply(
        self,
        commands: list[Command],
        source: NodeId | None,
        *,
        home: str | None = None,
    ) -> None:
        """Do what follows from what `source` told, or, with `home`, from a relay's own hello."""
        for command in commands:
            self._news.note(command)
            if isinstance(command, GossipDescriptor):
                self._notice_own(command.descriptor)
            elif isinstance(command, AwaitObservation):
                brought_by, hello = home or source, home is not None
                self._await(WaitingDescriptor(command.descriptor, brought_by, hello, home or ""))
            else:
                self.table.forget(command.proof.node_id)
                self._tell_if_excluded(command.proof.node_id)
        self._gossip.push(commands, source)

    def _notice_own(self, descriptor: Descriptor) -> None:
        if descriptor.node_id == self.own_id and descriptor.raw != self.own.raw:
            self._own.superseded(descriptor.boot)

    def _tell_if_excluded(self, node_id: NodeId) -> None:
        if node_id == self.own_id:
            _LOG.error("relay_excluded", reason="two descriptors for one epoch and boot")

    def _enter(self, descriptor: Descriptor) -> None:
        now = self._runtime.monotonic()
        uri = descriptor.uri
        admitted = self.table.handshake_completed(descriptor.node_id, uri.host, uri.port, now)
        if admitted.admission is TableAdmission.WAITING and admitted.oldest is not None:
            try:
                self._checks.send_nowait(admitted.oldest)
            except trio.WouldBlock:
                return  # enough checks are under way; the contact keeps waiting
