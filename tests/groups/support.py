"""People with a log each, for tests; every key comes from a name, and so does all chance."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from functools import cache

from zentalk.crypto.ed25519 import SigningKey
from zentalk.groups import authoring
from zentalk.groups.fold import GroupFolds
from zentalk.groups.log import GroupLog
from zentalk.groups.permission import may
from zentalk.groups.rows import InsertOutcome, LogRow
from zentalk.groups.state import GroupState
from zentalk.ids import EntryRef, GroupId, UserAddress
from zentalk.wire.group import EntryPlace, GroupEntry, chain_of, found_group, ref_of, sign_entry
from zentalk.wire.group_acts import Accept, Add, Create, GroupAct, GroupKind

AT = 1_800_000_000


@cache
def key(name: str) -> SigningKey:
    return SigningKey(hashlib.sha256(f"person {name}".encode()).digest())


def address(name: str) -> UserAddress:
    return UserAddress(key(name).public)


def card_hash(name: str) -> bytes:
    return hashlib.sha256(f"card {name}".encode()).digest()


class Peer:
    """One person's own copy of a log."""

    def __init__(self, name: str, founding: GroupEntry) -> None:
        self.name = name
        self.key = key(name)
        self.address = address(name)
        self.log = GroupLog(founding)
        self._folds = GroupFolds(self.log)

    @property
    def group(self) -> GroupId:
        return self.log.group

    @property
    def state(self) -> GroupState:
        return self._folds.now

    def may(self, act: GroupAct) -> bool:
        return may(self.state, self.address, act) is None

    def do(self, act: GroupAct) -> GroupEntry:
        """Sign and keep an act; the last of its entries is returned."""
        signed = authoring.compose(self.log, self.state, self.key, act, AT)
        self.take(signed)
        return signed[-1]

    def join(self) -> GroupEntry:
        return self.do(Accept(card_hash(self.name)))

    def take(self, entries: Iterable[GroupEntry]) -> None:
        for entry in entries:
            assert self.log.insert(entry).outcome is not InsertOutcome.REFUSED

    def meet(self, *others: Peer) -> None:
        """Exchange everything with others, both ways."""
        for other in others:
            self.take(other.log.lacked_by(self.log.heads()))
        for other in others:
            other.take(self.log.lacked_by(other.log.heads()))


def found(name: str = "Ann", kind: GroupKind = GroupKind.GROUP, title: str = "Walks") -> Peer:
    return Peer(name, found_group(key(name), Create(title, kind, b"n" * 16), AT))


def group_of(*names: str, kind: GroupKind = GroupKind.GROUP) -> list[Peer]:
    """Return a group that the first of these has founded and all the others have joined."""
    founder = found(names[0], kind)
    others = [Peer(name, founder.log.founding) for name in names[1:]]
    for other in others:
        founder.do(Add(other.address))
    for other in others:
        other.meet(founder)
        other.join()
    founder.meet(*others)
    founder.meet(*others)
    return [founder, *others]


def sign_at(
    log: GroupLog,
    author: SigningKey,
    act: GroupAct,
    parents: Sequence[EntryRef],
    grant: EntryRef,
    *,
    sequence: int | None = None,
    at: int = AT,
) -> GroupEntry:
    """Sign what nobody else would: any act with any parents that are held, resting on anything."""
    rows = [held(log, ref) for ref in sorted(parents)]
    known = 0
    for row in rows:
        known |= row.ancestors | row.bit
    if sequence is None:
        own = [row for row in log.rows if known & row.bit and row.entry.author == author.public]
        sequence = 1 + max((row.entry.place.sequence for row in own), default=0)
    ids = [row.entry.entry_id for row in rows]
    chain = chain_of(log.group, held(log, grant).entry.entry_id, ids)
    place = EntryPlace(sequence, tuple(map(ref_of, ids)), grant, chain)
    return sign_entry(author, log.group, place, act, at)


def held(log: GroupLog, ref: EntryRef) -> LogRow:
    row = log.row(ref)
    assert row is not None
    return row
