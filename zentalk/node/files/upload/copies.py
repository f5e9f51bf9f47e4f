"""Copies of a head on their way to the relays nearest to its place.

Spec: docs/spec/mesh.md sections 6 and 7.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from zentalk.errors import RELAY_FAULTS, UnavailableError
from zentalk.ids import NodeId
from zentalk.mesh.placement import HEAD_COPIES, ShardCandidate, head_holders, nearest
from zentalk.node.files.holders.calls import HolderCalls
from zentalk.store.history.files import StoredFile


def order_of_copies(head_place: bytes, candidates: Sequence[ShardCandidate]) -> list[NodeId]:
    """Return who may keep a copy of a head: those who should, then the others by their distance."""
    others = [one.node for one in nearest(head_place, candidates)]
    return list(dict.fromkeys([*head_holders(head_place, candidates), *others]))


async def put_copies(
    calls: HolderCalls, file: StoredFile, content: bytes, order: Iterable[NodeId]
) -> list[NodeId]:
    """Put copies of the head of an own file, six if so many relays take one; return at whom.

    Raises UnavailableError if nobody takes one.
    """
    assert file.owner_secret is not None
    taken: list[NodeId] = []
    fault: Exception | None = None
    for holder in order:
        try:
            await calls.put(holder, file.owner_secret, content)
        except RELAY_FAULTS as error:
            fault = error
        else:
            taken.append(holder)
        if len(taken) == HEAD_COPIES:
            break
    if not taken:
        raise UnavailableError("no relay takes the head of a file now: try again later") from fault
    return taken
