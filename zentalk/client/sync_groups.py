"""The part of a client that is about groups and channels."""

from __future__ import annotations

from collections.abc import Sequence

from zentalk.client import group_calls as calls
from zentalk.client.calls import Call, T
from zentalk.client.sync_group import SyncGroup
from zentalk.rest.groups import GroupDetails, GroupKinds, GroupSummary


class SyncGroups:
    """The part of a client that is about groups and channels. `_run` carries out a call."""

    def _run(self, call: Call[T]) -> T:
        raise NotImplementedError  # the client's own

    def groups(self) -> list[GroupSummary]:
        """Return all groups that you are or were in, or are invited to, oldest first."""
        return self._run(calls.groups())

    def create_group(
        self,
        name: str,
        members: Sequence[str] = (),
        kind: GroupKinds = "group",
        idempotency_key: str | None = None,
    ) -> GroupDetails:
        """Found a `group` or `channel`, and invite contacts to it by their addresses.

        The same key gives the same group again.
        """
        return self._run(calls.create(name, members, kind, idempotency_key))

    def join_group(self, link: str) -> None:
        """Ask to be let into the group of a link, and join it when the invitation comes."""
        self._run(calls.join(link))

    def group(self, group_id: str) -> SyncGroup:
        """Return one group, to do things to it; nothing is requested yet."""
        return SyncGroup(group_id, self._run)
