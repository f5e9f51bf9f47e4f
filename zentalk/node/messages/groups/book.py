"""The logs of our groups and their folds; what changes when an entry comes.

Rows are the truth. An open log is kept beside them for speed, and opened anew when it is not what
the rows say, as after a transaction that was undone. Only write jobs may use it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from zentalk.errors import NotFoundError
from zentalk.groups.exchange import to_take, within_rate
from zentalk.groups.fold import GroupFolds
from zentalk.groups.log import GroupLog
from zentalk.groups.state import GroupState
from zentalk.ids import DAY_SECONDS, EntryRef, GroupId, UserAddress
from zentalk.node.messages.groups import view
from zentalk.store.history import contacts, events, group_members, groups
from zentalk.store.history.groups import GroupStanding
from zentalk.store.history.models import ContactState
from zentalk.store.sqlite import Transaction
from zentalk.wire.group import GroupEntry, read_stored_entry
from zentalk.wire.group_acts import Leave

MAX_OPEN: Final = 64
NO_GROUP: Final = "there is no group with this id: look at your groups"


class Learned(NamedTuple):
    """What new entries have changed: themselves, and who is in now and was not, or the reverse."""

    entries: tuple[GroupEntry, ...] = ()
    joined: tuple[UserAddress, ...] = ()
    gone: tuple[UserAddress, ...] = ()

    def __repr__(self) -> str:
        return f"<learned {len(self.entries)} entries>"


class _Open(NamedTuple):
    log: GroupLog
    folds: GroupFolds
    held: tuple[int, bytes]
    """How many entries the rows had, and the last of them, when this was what they said."""


class GroupBook:
    """The logs of all groups of one history."""

    def __init__(self, own: UserAddress) -> None:
        self.own = own
        self._open: dict[GroupId, _Open] = {}

    def log(self, tx: Transaction, group: GroupId) -> GroupLog:
        """Return the log of a group; raises NotFoundError."""
        return self._opened(tx, group).log

    def folds(self, tx: Transaction, group: GroupId) -> GroupFolds:
        """Return the folds of a group; raises NotFoundError."""
        return self._opened(tx, group).folds

    def state(self, tx: Transaction, group: GroupId) -> GroupState:
        """Return a group as all its entries here make it; raises NotFoundError."""
        return self._opened(tx, group).folds.now

    def begin(
        self,
        tx: Transaction,
        founding: GroupEntry,
        stands: GroupStanding,
        invited_by: UserAddress | None,
        now: float,
    ) -> Learned:
        """Begin to keep a group with the entry that founds it."""
        group = founding.group
        groups.add(tx, group, stands, invited_by, now)
        groups.add_entry(tx, group, founding.entry_id, founding.raw, None, now)
        return self._write_down(tx, group, None, (founding,), now)

    def learn(
        self,
        tx: Transaction,
        group: GroupId,
        entries: Iterable[GroupEntry],
        now: float,
        wanted: Iterable[EntryRef] = (),
        sender: UserAddress | None = None,
    ) -> Learned:
        """Take entries in that others have sent, or we have just signed; raises NotFoundError.

        `wanted` are entries that members have named in what they said; `sender` is who has sent
        these, None if we have signed them.
        """
        opened = self._opened(tx, group)
        before, named = opened.folds.now, (*wanted, *opened.log.missing())
        added: list[GroupEntry] = []
        taken = to_take(before, list(entries), named)
        for entry in self._within_rate(tx, group, taken, sender, now):
            for one in opened.log.insert(entry).added:
                by = sender if one.author == sender else None
                groups.add_entry(tx, group, one.entry_id, one.raw, by, now)
                added.append(one)
        if not added:
            return Learned()
        return self._write_down(tx, group, before, tuple(added), now)

    def _within_rate(
        self,
        tx: Transaction,
        group: GroupId,
        entries: list[GroupEntry],
        sender: UserAddress | None,
        now: float,
    ) -> list[GroupEntry]:
        """Return the entries without those that whoever sent them has signed too many of."""
        if sender is None:
            return entries
        opened = self._opened(tx, group)
        already = groups.sent_since(tx, group, sender, now - DAY_SECONDS)
        already += opened.log.waiting_of(sender)
        return within_rate(opened.folds.now, entries, sender, already)

    def told(
        self,
        tx: Transaction,
        group: GroupId,
        member: UserAddress,
        heads: Sequence[EntryRef],
        now: float,
    ) -> None:
        """Note that a member has named heads of its log that are all here."""
        if not heads or not group_members.set_told(tx, group, member):
            return
        row = groups.get(tx, group)
        if row is None or row.is_confirmed or row.confirmed_by < view.witnesses_needed(row):
            return
        groups.set_confirmed(tx, group, on=True)
        if row.is_joined:
            events.append(tx, "group.changed", now, self._shown(tx, group))

    def _write_down(
        self,
        tx: Transaction,
        group: GroupId,
        before: GroupState | None,
        added: tuple[GroupEntry, ...],
        now: float,
    ) -> Learned:
        """Write the fold of what is held into rows, and tell what it has changed."""
        if before is not None:
            opened = self._open[group]
            self._open[group] = opened._replace(held=groups.last_entry(tx, group))
        after = self.state(tx, group)
        group_members.put(tx, group, view.member_rows(after))
        groups.set_view(tx, group, view.of_state(after, self.own))
        self._stand(tx, group, after, added, now)
        if before is None:
            return Learned(added)
        for data in view.member_changes(before, after):
            events.append(tx, "group.member", now, data)
        was, is_now = _joined(before), _joined(after)
        return Learned(added, tuple(sorted(is_now - was)), tuple(sorted(was - is_now)))

    def _stand(
        self,
        tx: Transaction,
        group: GroupId,
        after: GroupState,
        added: tuple[GroupEntry, ...],
        now: float,
    ) -> None:
        """Say what the owner is to a group by its newest fold."""
        row = groups.get(tx, group)
        assert row is not None
        stands = self._standing(row.stands, after, added)
        groups.set_standing(tx, group, stands)
        if stands is GroupStanding.INCOMPLETE:
            return
        self._put_conversation(tx, group, after.settings.name, now)
        if stands is GroupStanding.INVITED and row.stands is not GroupStanding.INVITED:
            events.append(tx, "group.invited", now, self._shown(tx, group))
            return
        events.append(tx, "group.changed", now, self._shown(tx, group))

    def _standing(
        self, before: GroupStanding, after: GroupState, added: tuple[GroupEntry, ...]
    ) -> GroupStanding:
        own = after.member(self.own)
        if own is not None:
            return GroupStanding.JOINED if own.is_joined else GroupStanding.INVITED
        if before in (GroupStanding.INVITED, GroupStanding.JOINED):
            has_left = any(e.author == self.own and isinstance(e.act, Leave) for e in added)
            return GroupStanding.LEFT if has_left else GroupStanding.REMOVED
        return before

    @staticmethod
    def _put_conversation(tx: Transaction, group: GroupId, name: str, now: float) -> None:
        conversation = UserAddress(group)
        row = contacts.get(tx, conversation)
        if row is None:
            contacts.insert(tx, conversation, name, ContactState.GROUP, now)
        elif row.name != name:
            contacts.update(tx, conversation, name, ContactState.GROUP, now)

    @staticmethod
    def _shown(tx: Transaction, group: GroupId) -> dict[str, Any]:
        row = groups.get(tx, group)
        assert row is not None
        return view.of_row(row)

    def _opened(self, tx: Transaction, group: GroupId) -> _Open:
        held = groups.last_entry(tx, group)
        opened = self._open.get(group)
        if opened is not None and opened.held == held:
            return opened
        raws = groups.entries(tx, group)
        if not raws:
            self._open.pop(group, None)
            raise NotFoundError(NO_GROUP)
        log = GroupLog(read_stored_entry(raws[0], group))
        for raw in raws[1:]:
            log.insert(read_stored_entry(raw, group))
        if len(self._open) >= MAX_OPEN:
            self._open.clear()
        self._open[group] = _Open(log, GroupFolds(log), held)
        return self._open[group]


def _joined(state: GroupState) -> set[UserAddress]:
    return {member.address for member in state.members.values() if member.is_joined}
