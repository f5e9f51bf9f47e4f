"""Descriptors of relays that nobody here has reached yet.

Spec: docs/spec/directory.md section 3. Signing them costs nothing, so they have a room of their
own, which neighbours share: whoever brings most loses its oldest first, and one address range has
few places. They are never shown, passed on or used.
"""

from __future__ import annotations

from typing import Final, NamedTuple, TypeVar

from zentalk.directory.digests import digest_of
from zentalk.directory.subnets import narrow_subnet
from zentalk.ids import NodeId
from zentalk.wire.descriptor import Descriptor

MAX_WAITING: Final = 2000
MAX_PER_SUBNET: Final = 8

Source = NodeId | str | None
"""The neighbour that brought something, or the address that relays came from which say they are
there; None for all clients and all others who are not observed."""


_K = TypeVar("_K")


class WaitingDescriptor(NamedTuple):
    """A descriptor and who brought it; `said_hello` if its relay showed itself.

    `home` is the host that it names and came from then, "" if it came from elsewhere.
    """

    descriptor: Descriptor
    source: Source = None
    said_hello: bool = False
    home: str = ""


class WaitingPool:
    """At most 2,000 descriptors, the newest of each relay."""

    def __init__(self, network: str, most: int = MAX_WAITING) -> None:
        self._network = network
        self._most = most
        self._items: dict[NodeId, WaitingDescriptor] = {}
        self._brought: dict[Source, dict[NodeId, None]] = {}
        self._subnets: dict[str, dict[NodeId, None]] = {}
        self._digests: set[bytes] = set()

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, digest: bytes) -> bool:
        """Say whether the descriptor behind a digest waits here."""
        return digest in self._digests

    def get(self, node_id: NodeId) -> Descriptor | None:
        """Return the descriptor of a relay that waits, or None."""
        item = self._items.get(node_id)
        return item.descriptor if item is not None else None

    def put(self, item: WaitingDescriptor) -> list[Descriptor]:
        """Let a verified descriptor wait, unless a newer one of its relay does.

        Returns those that wait no longer because of it; it may be among them.
        """
        before = self._items.get(item.descriptor.node_id)
        if before is not None:
            if before.descriptor.order > item.descriptor.order:
                return []
            self.take(item.descriptor.node_id)
            item = self._merged(before, item)
        self._add(item)
        gone = [before.descriptor] if before is not None else []
        pushed_out = self._make_room(item.descriptor)
        return [*gone, pushed_out] if pushed_out is not None else gone

    def take(self, node_id: NodeId) -> WaitingDescriptor | None:
        """Take the descriptor of a relay out, if one waits."""
        item = self._items.pop(node_id, None)
        if item is None:
            return None
        self._digests.discard(digest_of(item.descriptor.raw))
        _discard(self._brought, item.source, node_id)
        _discard(self._subnets, self._subnet(item.descriptor), node_id)
        return item

    def all(self) -> list[Descriptor]:
        """Return what waits, oldest first."""
        return [item.descriptor for item in self._items.values()]

    def _add(self, item: WaitingDescriptor) -> None:
        node_id = item.descriptor.node_id
        self._items[node_id] = item
        self._digests.add(digest_of(item.descriptor.raw))
        self._brought.setdefault(item.source, {})[node_id] = None
        self._subnets.setdefault(self._subnet(item.descriptor), {})[node_id] = None

    def _merged(self, before: WaitingDescriptor, item: WaitingDescriptor) -> WaitingDescriptor:
        """Count it as brought by whoever brings less, which keeps it from being pushed out."""
        shares = {
            source: len(self._brought.get(source, ())) for source in (item.source, before.source)
        }
        source = min(shares, key=lambda one: shares[one])
        said_hello = before.said_hello or item.said_hello
        return WaitingDescriptor(item.descriptor, source, said_hello, item.home)

    def _make_room(self, newest: Descriptor) -> Descriptor | None:
        subnet = self._subnet(newest)
        doomed: WaitingDescriptor | None = None
        if subnet and len(self._subnets[subnet]) > MAX_PER_SUBNET:
            by_source: dict[Source, list[NodeId]] = {}
            for node_id in self._subnets[subnet]:
                by_source.setdefault(self._items[node_id].source, []).append(node_id)
            doomed = self.take(max(by_source.values(), key=len)[0])
        elif len(self._items) > self._most:
            greediest = max(self._brought, key=lambda source: len(self._brought[source]))
            doomed = self.take(next(iter(self._brought[greediest])))
        return doomed.descriptor if doomed is not None else None

    def _subnet(self, descriptor: Descriptor) -> str:
        return narrow_subnet(descriptor.host, self._network)


def _discard(groups: dict[_K, dict[NodeId, None]], key: _K, node_id: NodeId) -> None:
    group = groups[key]
    del group[node_id]
    if not group:
        del groups[key]
