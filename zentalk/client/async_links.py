"""The part of a client that is about linked nodes."""

from __future__ import annotations

from zentalk.client import link_calls as calls
from zentalk.client.calls import Call, T
from zentalk.rest.links import LinkedNodes, NewLink


class AsyncLinks:
    """The part of a client that is about linked nodes. `_run` carries out a call."""

    async def _run(self, call: Call[T]) -> T:
        raise NotImplementedError  # the client's own

    async def link_state(self) -> LinkedNodes:
        """Return what the node is among the owner's nodes, and how far the other one has come."""
        return await self._run(calls.link_state())

    async def open_link(self) -> NewLink:
        """Make a code that makes one other node the replica; raises ConflictError if there is one.

        Needs the owner's token.
        """
        return await self._run(calls.open_link())

    async def remove_link(self, link_id: str) -> None:
        """Tell the replica nothing any more, or withdraw a code; raises NotFoundError."""
        await self._run(calls.remove_link(link_id))

    async def keep_recovery(self, sealed: bytes) -> None:
        """Keep the identity as `zentalk.wire.recovery.seal_identity` has sealed it."""
        await self._run(calls.keep_recovery(sealed))
