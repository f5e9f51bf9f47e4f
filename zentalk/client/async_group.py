"""One group of a node, as an async client uses it; what is said in it is in `client.chat(id)`.

`client.group(id)` makes it; nothing is requested before a method is called. Each raises
NotFoundError if there is no such group, ConflictError if you may not do it, and what every call
of the client raises.
"""

from __future__ import annotations

from collections.abc import Sequence

from zentalk.client import group_calls as calls
from zentalk.client.calls import Runs
from zentalk.client.group_calls import Role
from zentalk.rest.groups import GroupDetails, PostingRules
from zentalk.rest.invites import WEEK_SECONDS, Invite


class AsyncGroup:
    """One group or channel; `run` carries out a call."""

    def __init__(self, group_id: str, run: Runs) -> None:
        self.id = group_id
        self._run = run

    async def get(self) -> GroupDetails:
        """Return the group with its people."""
        return await self._run(calls.one(self.id))

    async def accept(self) -> GroupDetails:
        """Join the group that you are invited to."""
        return await self._run(calls.accept(self.id))

    async def leave(self) -> None:
        """Leave the group, or refuse the invitation; its messages stay here."""
        await self._run(calls.leave(self.id))

    async def forget(self) -> None:
        """Delete all that the node has of a group that you are not in, its messages too."""
        await self._run(calls.forget(self.id))

    async def change(
        self,
        *,
        name: str | None = None,
        description: str | None = None,
        posting: PostingRules | None = None,
    ) -> GroupDetails:
        """Change name, description, or who may post; None leaves it as it is."""
        return await self._run(calls.change(self.id, name, description, posting))

    async def invite(self, people: Sequence[str]) -> GroupDetails:
        """Invite contacts by their addresses."""
        return await self._run(calls.invite(self.id, people))

    async def create_link(
        self, max_uses: int = 1, expires_in_seconds: int = WEEK_SECONDS
    ) -> Invite:
        """Make a link that invites whoever has it; `client.revoke_invite` ends it."""
        return await self._run(calls.create_link(self.id, max_uses, expires_in_seconds))

    async def close_link(self, ticket: str) -> None:
        """Close a link of any admin, by the `id` that it has among the group's `tickets`."""
        await self._run(calls.close_link(self.id, ticket))

    async def links(self) -> list[Invite]:
        """Return your links to the group: open ones, and those that ended lately."""
        return await self._run(calls.links(self.id))

    async def set_role(self, address: str, role: Role) -> GroupDetails:
        """Make somebody in the group an `admin`, or let an admin be a `member` again."""
        return await self._run(calls.set_role(self.id, address, role))

    async def remove(self, address: str) -> None:
        """Put somebody out, or withdraw their invitation."""
        await self._run(calls.remove(self.id, address))

    async def share_history(self, address: str, count: int = 100) -> int:
        """Send a member the newest messages of before, 200 at most; return how many these are."""
        return await self._run(calls.share_history(self.id, address, count))

    async def picture(self) -> bytes:
        """Return the picture; raises NotFoundError if there is none, or it has not come yet."""
        return await self._run(calls.picture(self.id))

    async def set_picture(self, picture: bytes) -> None:
        """Give the group another picture, of at most 24 KiB; none if it is empty."""
        await self._run(calls.set_picture(self.id, picture))
