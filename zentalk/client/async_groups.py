"""The part of a client that is about groups and channels."""

from __future__ import annotations

from collections.abc import Sequence

from zentalk.client import group_calls as calls
from zentalk.client.async_group import AsyncGroup
from zentalk.client.calls import Call, T
from zentalk.rest.groups import GroupDetails, GroupKinds, GroupSummary


class AsyncGroups:
    """The part of a client that is about groups and channels. `_run` carries out a call."""

    async def _run(self, call: Call[T]) -> T:
        raise NotImplementedError  # the client's own

    async def groups(self) -> list[GroupSummary]:
        """Return all groups that you are or were in, or are invited to, oldest first."""
        return await self._run(calls.groups())

    async def create_group(
        self,
        name: str,
        members: Sequence[str] = (),
        kind: GroupKinds = "group",
        idempotency_key: str | None = None,
    ) -> GroupDetails:
        """Found a `group` or `channel`, and invite contacts to it by their addresses.

        The same key gives the same group again.
        """
        return await self._run(calls.create(name, members, kind, idempotency_key))

    async def join_group(self, link: str) -> None:
        """Ask to be let into the group of a link, and join it when the invitation comes."""
        await self._run(calls.join(link))

    def group(self, group_id: str) -> AsyncGroup:
        """Return one group, to do things to it; nothing is requested yet."""
        return AsyncGroup(group_id, self._run)
