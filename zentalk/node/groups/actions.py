"""What the owner does to groups: the node's face for that part of REST.

Each method is one job; its effects are carried out once it is committed. Errors are those of
`zentalk.node.messages.groups.commands` and, if something could not be saved, StorageError.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from zentalk.errors import NotFoundError
from zentalk.ids import GroupId, MessageId, UserAddress
from zentalk.net.runtime import Runtime
from zentalk.node.delivery.outbox import Outbox
from zentalk.node.messages.commands import check_key
from zentalk.node.messages.conversation import forgetting
from zentalk.node.messages.effects import CommitEffects
from zentalk.node.messages.groups.book import NO_GROUP
from zentalk.node.messages.groups.commands import GroupCommands, GroupWish
from zentalk.node.messages.groups.distribution import Distribution
from zentalk.store.history import group_sends, groups
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.history.group_sends import GroupDelivery
from zentalk.store.history.groups import GroupRow, GroupStanding
from zentalk.store.history.models import RequestKey
from zentalk.store.sqlite import Transaction
from zentalk.wire.group import GroupEntry, read_stored_entry
from zentalk.wire.group_acts import CloseTicket, Demote, Grant, PostingRule, SetPosting
from zentalk.wire.invite import parse_invite

T = TypeVar("T")

_HIDDEN: Final = GroupStanding.INCOMPLETE


class GroupActions:
    """Groups of one history, named by their ids."""

    def __init__(
        self,
        runtime: Runtime,
        database: HistoryDatabase,
        outbox: Outbox,
        commands: GroupCommands,
        distribution: Distribution,
    ) -> None:
        self._runtime = runtime
        self._database = database
        self._outbox = outbox
        self._commands = commands
        self._distribution = distribution

    async def found(self, wish: GroupWish, idempotency_key: RequestKey | None = None) -> GroupRow:
        """Found a group or channel and invite contacts to it.

        The same key gives the same group again.
        """
        check_key(idempotency_key)
        return await self._commit(
            lambda tx, now: self._commands.found(tx, wish, now, idempotency_key)
        )

    async def every(self) -> list[GroupRow]:
        """Return all groups that the owner is or was in, or is invited to, oldest first."""
        rows = await self._database.read(groups.every)
        return [row for row in rows if row.stands is not _HIDDEN]

    async def get(self, group: GroupId) -> GroupRow:
        """Return one group."""
        row = await self._database.read(lambda tx: groups.get(tx, group))
        if row is None or row.stands is _HIDDEN:
            raise NotFoundError(NO_GROUP)
        return row

    async def invite(self, group: GroupId, people: Sequence[UserAddress]) -> GroupRow:
        """Invite contacts."""
        await self._do(lambda tx, now: self._commands.invite(tx, group, people, now))
        return await self.get(group)

    async def join(self, link: str) -> None:
        """Ask to be let in by a link, and accept the invitation when it comes.

        Raises DecodeError if it is no link, LocalProtocolError if it is the owner's own.
        """
        invite = parse_invite(link)
        await self._do(lambda tx, now: self._commands.join(tx, invite.address, invite.secret, now))

    async def accept(self, group: GroupId) -> GroupRow:
        """Join a group that the owner is invited to."""
        return await self._commit(lambda tx, now: self._commands.accept(tx, group, now))

    async def leave(self, group: GroupId) -> None:
        """Go from a group, or say no to an invitation."""
        await self._do(lambda tx, now: self._commands.leave(tx, group, now))

    async def forget(self, group: GroupId) -> None:
        """Delete all that is here of a group that the owner is not in; ConflictError of others."""
        await self._do(lambda tx, now: forgetting.forget(tx, self._distribution, group, now))

    async def remove(self, group: GroupId, person: UserAddress) -> None:
        """Put somebody out."""
        await self._do(lambda tx, now: self._commands.remove(tx, group, person, now))

    async def promote(self, group: GroupId, person: UserAddress) -> GroupRow:
        """Make somebody an admin."""
        await self._do(lambda tx, now: self._commands.act(tx, group, Grant(person), now))
        return await self.get(group)

    async def demote(self, group: GroupId, person: UserAddress) -> GroupRow:
        """Let an admin be a member again."""
        await self._do(lambda tx, now: self._commands.act(tx, group, Demote(person), now))
        return await self.get(group)

    async def close_link(self, group: GroupId, ticket: bytes) -> None:
        """Close a link, whoever made it; `ticket` names it in the log."""
        await self._do(lambda tx, now: self._commands.act(tx, group, CloseTicket(ticket), now))

    async def change(
        self,
        group: GroupId,
        *,
        name: str | None = None,
        description: str | None = None,
        posting: PostingRule | None = None,
    ) -> GroupRow:
        """Change what a group is called, how it is described, and who may post."""

        def job(tx: Transaction, now: float) -> CommitEffects:
            made = []
            if name is not None:
                made.append(self._commands.rename(tx, group, name, now))
            if description is not None:
                made.append(self._commands.describe(tx, group, description, now))
            if posting is not None:
                made.append(self._commands.act(tx, group, SetPosting(posting), now))
            return CommitEffects.together(made)

        await self._do(job)
        return await self.get(group)

    async def set_picture(self, group: GroupId, picture: bytes) -> None:
        """Give a group another picture; none if it is empty."""
        await self._do(lambda tx, now: self._commands.set_picture(tx, group, picture, now))

    async def picture(self, group: GroupId) -> bytes:
        """Return the picture of a group; empty if it has none, or it is not here yet."""
        await self.get(group)
        return await self._database.read(lambda tx: groups.picture(tx, group))

    async def log(self, group: GroupId) -> list[GroupEntry]:
        """Return the entries of a group's log in the order in which they came here."""
        raws = await self._database.read(lambda tx: groups.entries(tx, group))
        return [read_stored_entry(raw, group) for raw in raws]

    async def share_history(self, group: GroupId, person: UserAddress, count: int) -> int:
        """Send somebody in a group the newest lines of before; return how many these are."""
        return await self._commit(
            lambda tx, now: self._commands.share_history(tx, group, person, count, now)
        )

    async def deliveries(self, group: GroupId, message_id: MessageId) -> list[GroupDelivery]:
        """Return how far a message of the owner has come with each member."""
        await self.get(group)
        return await self._database.read(lambda tx: group_sends.deliveries(tx, group, message_id))

    async def _do(self, job: Callable[[Transaction, float], CommitEffects]) -> None:
        await self._commit(lambda tx, now: (None, job(tx, now)))

    async def _commit(self, job: Callable[[Transaction, float], tuple[T, CommitEffects]]) -> T:
        now = self._runtime.wall()
        result, effects = await self._database.write(lambda tx: job(tx, now))
        await self._outbox.carry_out(effects)
        return result
