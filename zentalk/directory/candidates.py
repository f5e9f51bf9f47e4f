"""The relays one lookup path has heard of, nearest to the target first.

A `NodeHeap` of the package `kademlia` that keeps its heap sorted and its members in a
set: the stock one scans the whole heap for every id of every response. It holds ids only
and never decides whom to ask.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Container, Iterable, Iterator
from operator import itemgetter

from kademlia.node import Node, NodeHeap

from zentalk.ids import NodeId

_node = itemgetter(1)
_distance = itemgetter(0)


class Candidates(NodeHeap):  # type: ignore[misc]  # kademlia is untyped
    """The nearest `width` count; further ones wait in case nearer ones fail."""

    def __init__(self, target: bytes, width: int) -> None:
        super().__init__(Node(target), width)
        self._seen: set[bytes] = set()

    def __contains__(self, node: Node) -> bool:
        """Say whether the node was ever pushed: a failed one is not taken up again."""
        return node.id in self._seen

    def __iter__(self) -> Iterator[Node]:
        """Yield the nearest `width` nodes, nearest first."""
        return map(_node, self.heap[: self.maxsize])

    def push(self, nodes: Node | list[Node]) -> None:
        """Add nodes that were never here before."""
        for node in nodes if isinstance(nodes, list) else [nodes]:
            if node.id not in self._seen:
                self._insert(node)

    def push_ids(self, ids: Iterable[NodeId], leave_out: Container[NodeId] = ()) -> None:
        """Add ids that were never here before and are not to be left out."""
        seen = self._seen
        for node_id in ids:
            if node_id not in seen and node_id not in leave_out:
                self._insert(Node(node_id))

    def remove(self, peers: Iterable[bytes]) -> None:
        """Drop ids that failed; the next nearest move up."""
        for peer in peers:
            self._seen.add(peer)
            distance = self.node.long_id ^ int.from_bytes(peer, "big")
            index = bisect_left(self.heap, distance, key=_distance)
            if index < len(self.heap) and self.heap[index][0] == distance:
                del self.heap[index]

    def _insert(self, node: Node) -> None:
        # Distances of different ids differ, so the nodes themselves are never compared.
        self._seen.add(node.id)
        insort(self.heap, (self.node.long_id ^ node.long_id, node))
