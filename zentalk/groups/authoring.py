"""The next entries of a log: what an author signs to do something.

An entry names as its parents all that its author knows of and that may decide anything, so that
what it says is later than that. Only acceptances may be left out (`GroupLog.binding_heads`). The
clock comes in as `at`; whether the author may do it is asked of `permission.may` first.
"""

from __future__ import annotations

from zentalk.crypto.ed25519 import SigningKey
from zentalk.crypto.types import Entropy
from zentalk.errors import LocalProtocolError
from zentalk.groups.log import GroupLog
from zentalk.groups.permission import GroupDeniedError, may
from zentalk.groups.rows import LogRow
from zentalk.groups.state import GroupState
from zentalk.ids import EntryId, EntryRef, GroupId, UserAddress
from zentalk.wire.group import (
    MAX_PARENTS,
    EntryPlace,
    GroupEntry,
    chain_of,
    found_group,
    parent_room,
    ref_of,
    sign_entry,
)
from zentalk.wire.group_acts import NONCE_BYTES, Create, GroupAct, GroupKind, Merge
from zentalk.wire.group_bodies import MAX_LINE_HEADS


def found(
    identity: SigningKey,
    name: str,
    kind: GroupKind,
    *,
    at: int,
    entropy: Entropy,
    continues: GroupId | None = None,
) -> GroupLog:
    """Found a group and return its log of one entry; `continues` is the group that it succeeds.

    Raises LocalProtocolError if the name is empty or longer than MAX_GROUP_NAME_BYTES.
    """
    act = Create(name, kind, entropy(NONCE_BYTES), continues or GroupId(b""))
    return GroupLog(found_group(identity, act, at))


def compose(
    log: GroupLog, state: GroupState, identity: SigningKey, act: GroupAct, at: int
) -> tuple[GroupEntry, ...]:
    """Sign an act under all that is held; the entries are not in the log yet.

    It is one entry; before it stand merges if there are more heads than it has room for. `state`
    is the fold of `log`. Raises GroupDeniedError if the author may not do it, and
    LocalProtocolError or TooLargeError if the act cannot be encoded.
    """
    author = UserAddress(identity.public)
    denial = may(state, author, act)
    if denial is not None:
        raise GroupDeniedError(denial)
    member = state.member(author)
    grant = None if member is None else log.row(member.rests_on)
    if grant is None:
        raise LocalProtocolError("the state of a group is not that of its log")
    return _Composer(log, identity, grant, at).compose(act)


def line_heads(log: GroupLog, author: UserAddress) -> tuple[EntryRef, ...]:
    """Return what a message of this author names: its last entry, and heads, together at most 8.

    Where there are more, some are left out: readers then do not learn of these entries from the
    message. A node signs a merge first (`needs_merge`).
    """
    return tuple(row.entry.ref for row in _decisive(log, author)[:MAX_LINE_HEADS])


def needs_merge(log: GroupLog, author: UserAddress) -> bool:
    """Tell whether a message of this author cannot name all that it should."""
    return len(_decisive(log, author)) > MAX_LINE_HEADS


def signed_since(log: GroupLog, author: UserAddress, since: float) -> int:
    """Return how many entries an author has signed since a unix time, by its own clock."""
    return sum(row.entry.author == author and row.entry.at >= since for row in log.rows)


def _decisive(log: GroupLog, author: UserAddress) -> list[LogRow]:
    """Return the author's last entries and the binding heads, but for what another one knows of."""
    rows = log.held(dict.fromkeys((*log.last_of(author), *log.binding_heads())))
    known = 0
    for row in rows:
        known |= row.ancestors
    return [row for row in rows if not known & row.bit]


class _Composer:
    """Signs entries of one author, each on top of the one before."""

    def __init__(self, log: GroupLog, identity: SigningKey, grant: LogRow, at: int) -> None:
        self._log, self._identity, self._grant, self._at = log, identity, grant.entry.entry_id, at
        author = UserAddress(identity.public)
        self._sequence = log.next_sequence(author)
        heads = _decisive(log, author)
        # A merge is an entry as any other: it knows of what it rests on, and of its author's last.
        needed = [grant, *_newest(log.held(log.last_of(author)))]
        first = [_knowing(heads, row) for row in needed]
        self._parents = list(dict.fromkeys(row.entry.entry_id for row in (*first, *heads)))
        self._spare = [row.entry.entry_id for row in log.held(log.heads())]

    def compose(self, act: GroupAct) -> tuple[GroupEntry, ...]:
        signed = []
        while len(self._parents) > parent_room(act):
            merge = self._sign(Merge(), self._parents[:MAX_PARENTS])
            self._parents = [merge.entry_id, *self._parents[MAX_PARENTS:]]
            signed.append(merge)
        further = [one for one in self._spare if one not in self._parents]
        further = [] if signed else further[: parent_room(act) - len(self._parents)]
        return (*signed, self._sign(act, [*self._parents, *further]))

    def _sign(self, act: GroupAct, parents: list[EntryId]) -> GroupEntry:
        parents = sorted(parents)
        place = EntryPlace(
            self._sequence,
            tuple(map(ref_of, parents)),
            ref_of(self._grant),
            chain_of(self._log.group, self._grant, parents),
        )
        self._sequence += 1
        return sign_entry(self._identity, self._log.group, place, act, self._at)


def _newest(rows: list[LogRow]) -> list[LogRow]:
    """Return the row with the highest number, if there is one."""
    return sorted(rows, key=lambda row: row.entry.place.sequence)[-1:]


def _knowing(heads: list[LogRow], row: LogRow) -> LogRow:
    """Return a head that is this row or knows of it."""
    return next(head for head in heads if (head.ancestors | head.bit) & row.bit)
