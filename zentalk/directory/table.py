"""The routing table: contacts in buckets, exact nearest neighbours.

Spec: docs/spec/directory.md section 4. Built on the structures of the package `kademlia`
(Maymounkov and Mazieres, 2002), with everything replaced that reads a clock, starts a
task or answers inexactly. A contact enters only through `handshake_completed`: ids heard
of in answers never do, so a liar cannot fill the table with relays that do not exist.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final

from kademlia.node import Node
from kademlia.routing import KBucket, RoutingTable

from zentalk.directory.subnets import narrow_subnet
from zentalk.ids import NODE_ID_BYTES, NodeId

BUCKET_SIZE: Final = 20
"""k of the paper."""
FAILURES_TO_EVICT: Final = 3
CONTACTS_PER_SUBNET: Final = 2
SPLIT_DEPTH: Final = 5
"""Buckets far from our own id split down to this depth, as section 4.2 of the paper says."""

_ID_BITS: Final = NODE_ID_BYTES * 8
_LARGEST_ID: Final = (1 << _ID_BITS) - 1


class TableContact(Node):  # type: ignore[misc]  # kademlia is untyped
    """A relay in the table: its id, its subnet and how often it failed in a row."""

    def __init__(self, node_id: NodeId, host: str = "", port: int = 0, subnet: str = "") -> None:
        super().__init__(node_id, host, port)
        self.node_id = node_id
        self.subnet = subnet
        self.failures = 0


class TableAdmission(Enum):
    """The result of offering a contact to the table."""

    ADDED = auto()
    REFRESHED = auto()
    WAITING = auto()
    REFUSED = auto()


@dataclass(frozen=True, slots=True)
class Admitted:
    """The outcome, and for WAITING the oldest contact to check: if it fails, it makes room."""

    admission: TableAdmission
    oldest: NodeId | None = None


class Bucket(KBucket):  # type: ignore[misc]  # kademlia is untyped
    """A bucket that takes the time as an argument and caps contacts per subnet."""

    def __init__(self, lower: int, upper: int, size: int, updated: float) -> None:
        self._updated = updated
        self.lower = lower
        self.fixed_bits = _LARGEST_ID ^ (upper - lower)
        """The leading bits that all ids of this aligned range have in common."""
        super().__init__(lower, upper, size)

    def touch_last_updated(self) -> None:
        """Record the time set by `touch`; the stock method reads the clock."""
        self.last_updated = self._updated

    def touch(self, now: float) -> None:
        """Note that the bucket was used."""
        self._updated = now
        self.touch_last_updated()

    def add_node(self, node: TableContact) -> bool:
        """Add or refresh; False if the bucket is full. Callers ask `has_room_for` first."""
        return bool(super().add_node(node))

    def remove_node(self, node: TableContact) -> None:
        """Remove, and let the newest waiting contact move up that its subnet allows."""
        self.replacement_nodes.pop(node.id, None)
        if self.nodes.pop(node.id, None) is None:
            return
        for waiting in reversed(self.replacement_nodes.values()):
            if self.has_room_for(waiting.subnet):
                del self.replacement_nodes[waiting.id]
                self.nodes[waiting.id] = waiting
                return

    def has_room_for(self, subnet: str) -> bool:
        """Say whether one more contact of the subnet may enter; "" is exempt."""
        if not subnet:
            return True
        same = sum(1 for node in self.nodes.values() if node.subnet == subnet)
        return same < CONTACTS_PER_SUBNET

    def split(self) -> tuple[Bucket, Bucket]:
        """Return the two halves; waiting contacts enter where there is room now."""
        middle = (self.range[0] + self.range[1]) // 2
        low = Bucket(self.range[0], middle, self.ksize, self.last_updated)
        high = Bucket(middle + 1, self.range[1], self.ksize, self.last_updated)
        for node in self.nodes.values():
            (low if node.long_id <= middle else high).add_node(node)
        for node in self.replacement_nodes.values():
            half = low if node.long_id <= middle else high
            if half.has_room_for(node.subnet):
                half.add_node(node)
        return low, high

    def depth(self) -> int:
        """Return how many leading bits all ids of the range share."""
        return _ID_BITS - int(self.range[1] - self.range[0]).bit_length()


class RelayTable(RoutingTable):  # type: ignore[misc]  # kademlia is untyped
    """The contacts of one relay. `now` is monotonic seconds."""

    def __init__(self, own: NodeId, network: str, now: float, size: int = BUCKET_SIZE) -> None:
        self._network = network
        self._created = now
        super().__init__(None, size, TableContact(own))

    def flush(self) -> None:
        """Forget every contact."""
        self.buckets: list[Bucket] = [Bucket(0, _LARGEST_ID, self.ksize, self._created)]
        self._uppers = [_LARGEST_ID]

    def __len__(self) -> int:
        """Count the contacts, those waiting not included."""
        return sum(len(bucket) for bucket in self.buckets)

    def __contains__(self, node_id: NodeId) -> bool:
        return self._find(node_id) is not None

    def handshake_completed(self, node_id: NodeId, host: str, port: int, now: float) -> Admitted:
        """Enter or refresh a relay that has just proved its identity on a link."""
        if node_id == self.node.node_id:
            return Admitted(TableAdmission.REFUSED)
        bucket = self._bucket_of(node_id)
        bucket.touch(now)
        known = bucket.nodes.get(node_id)
        if known is not None and known.ip == host:
            known.failures = 0
            bucket.nodes.move_to_end(node_id)
            return Admitted(TableAdmission.REFRESHED)
        if known is not None:
            bucket.remove_node(known)
        return self.add_contact(
            TableContact(node_id, host, port, narrow_subnet(host, self._network))
        )

    def add_contact(self, contact: TableContact) -> Admitted:
        """Place a contact, splitting buckets where the paper allows it."""
        while True:
            index = self.get_bucket_for(contact)
            bucket = self.buckets[index]
            if not bucket.has_room_for(contact.subnet):
                return Admitted(TableAdmission.REFUSED)
            if bucket.add_node(contact):
                return Admitted(TableAdmission.ADDED)
            if not self._may_split(bucket):
                return Admitted(TableAdmission.WAITING, bucket.head().node_id)
            del bucket.replacement_nodes[contact.id]
            self.split_bucket(index)

    def failed(self, node_id: NodeId) -> bool:
        """Count a failure; True if it was the third in a row and the contact is gone."""
        contact = self._find(node_id)
        if contact is None:
            return False
        contact.failures += 1
        if contact.failures < FAILURES_TO_EVICT:
            return False
        self.remove_contact(contact)
        return True

    def forget(self, node_id: NodeId) -> None:
        """Remove a contact at once: it is expired or convicted."""
        contact = self._find(node_id)
        if contact is not None:
            self.remove_contact(contact)

    def remove_contact(self, node: TableContact) -> None:
        """Remove a contact; the next in line moves up."""
        self.buckets[self.get_bucket_for(node)].remove_node(node)

    def nearest(self, target: bytes, count: int | None = None) -> list[NodeId]:
        """Return exactly the `count` (k) contacts nearest to `target`, nearest first."""
        near = self._nearest(int.from_bytes(target, "big"), count or self.ksize)
        return [contact.node_id for contact in near]

    def find_neighbors(
        self, node: TableContact, k: int | None = None, exclude: TableContact | None = None
    ) -> list[TableContact]:
        """Return exactly the k contacts nearest to `node`, itself and `exclude` left out."""
        wanted = k or self.ksize
        near = self._nearest(node.long_id, wanted + (exclude is not None))
        left_out = None if exclude is None else exclude.id
        return [contact for contact in near if contact.id != left_out][:wanted]

    def get_bucket_for(self, node: Any) -> int:
        """Return the index of the bucket whose range holds the node's id."""
        return bisect_left(self._uppers, node.long_id)

    def split_bucket(self, index: int) -> None:
        """Replace one bucket by its halves."""
        super().split_bucket(index)
        self._uppers[index : index + 1] = [
            self.buckets[index].range[1],
            self.buckets[index + 1].range[1],
        ]

    def lonely_buckets(self, now: float = 0.0, idle_seconds: float = 3600.0) -> list[Bucket]:
        """Return the buckets that nothing touched for `idle_seconds`."""
        return [bucket for bucket in self.buckets if bucket.last_updated <= now - idle_seconds]

    def _nearest(self, target: int, wanted: int) -> list[TableContact]:
        """Return the contacts nearest to an id, that id itself left out.

        Buckets are aligned ranges, so in the XOR metric all ids of one bucket are nearer
        than all ids of another: whole buckets are taken in order until enough are found.
        """
        buckets = self.buckets
        order = sorted(
            [((item.lower ^ target) & item.fixed_bits, n) for n, item in enumerate(buckets)]
        )
        found: dict[int, TableContact] = {}
        for _, index in order:
            found |= {item.long_id ^ target: item for item in buckets[index].nodes.values()}
            if len(found) > wanted:
                break
        found.pop(0, None)
        return [found[distance] for distance in sorted(found)[:wanted]]

    def _may_split(self, bucket: Bucket) -> bool:
        if bucket.range[0] == bucket.range[1]:
            return False
        return bool(bucket.has_in_range(self.node)) or bucket.depth() % SPLIT_DEPTH != 0

    def _bucket_of(self, node_id: NodeId) -> Bucket:
        return self.buckets[bisect_left(self._uppers, int.from_bytes(node_id, "big"))]

    def _find(self, node_id: NodeId) -> TableContact | None:
        found: TableContact | None = self._bucket_of(node_id).nodes.get(node_id)
        return found
