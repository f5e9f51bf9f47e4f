"""Random histories of one group: partitions, entries that are withheld, and people put out.

A history is made of what people sign under what has reached them; some admins sign against those
above them, or name old parents. What those sign who were put out comes after it: acts with old
parents, as many as they like, of which they choose the ones with the lowest ids. `go_on` lets the
others act once more when some of that has reached some of them.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.groups.support import AT, Peer, address, card_hash, found, held, sign_at
from zentalk.groups.log import GroupLog
from zentalk.groups.ranks import judge
from zentalk.groups.rows import LogRow
from zentalk.ids import EntryRef, UserAddress
from zentalk.wire.group import MAX_PARENTS, GroupEntry
from zentalk.wire.group_acts import (
    Accept,
    Add,
    AddedAs,
    Create,
    Demote,
    Grant,
    GroupAct,
    Leave,
    Merge,
    PostingRule,
    Remove,
    Rename,
    SetPosting,
)

NAMES = ("Ann", "Bob", "Cid", "Dan", "Eve", "Fay", "Gus", "Hal")
_GROUND = 5
"""Of so many entries that do the same, the one with the lowest id is used."""


@dataclass(frozen=True)
class History:
    """What honest people signed, and who of them was put out by what counts."""

    entries: tuple[GroupEntry, ...]
    log: GroupLog
    out: tuple[str, ...]
    """They are neither in nor invited."""
    demoted: tuple[str, ...]
    """They were admins, and every grant of theirs was ended by somebody else."""

    @property
    def attackers(self) -> tuple[str, ...]:
        return tuple(sorted({*self.out, *self.demoted}))


def history(seed: int, steps: int = 60) -> History:
    """Play a history; the same seed gives the same entries."""
    chance = random.Random(seed)
    founder = found(NAMES[0])
    peers = [founder, *(Peer(name, founder.log.founding) for name in NAMES[1:])]
    for other in peers[1:5]:
        founder.do(Add(other.address))
    _meet(peers)
    for other in peers[1:5]:
        other.join()
    _meet(peers)
    for _ in range(chance.randint(1, 3)):
        _act(founder, Grant(chance.choice(peers[1:5]).address))
    _meet(peers)
    sides = [peers]
    for _ in range(steps):
        if chance.random() < 0.2:
            sides = _parted(chance, peers)
        if chance.random() < 0.5:
            _meet(chance.choice(sides))
        peer = chance.choice(peers)
        if chance.random() < 0.08:
            _overreach(chance, peer)
        else:
            _act(peer, _some_act(chance, peer))
    _meet(peers)
    return _read(founder.log)


def late_entries(past: History, seed: int, count: int = 12) -> list[GroupEntry]:
    """Return what people sign late who were put out, ancestors first."""
    chance = random.Random(seed)
    log = GroupLog(past.log.founding)
    for entry in past.log.export()[1:]:
        log.insert(entry)
    signed: list[GroupEntry] = []
    for _ in range(count if past.attackers else 0):
        found_entry = _late_entry(chance, past, log)
        if found_entry is not None and log.insert(found_entry).added:
            signed.append(found_entry)
    return signed


def go_on(past: History, late: Sequence[GroupEntry], seed: int, steps: int = 10) -> GroupLog:
    """Return the log after everybody in good standing did more, for nobody who was put out."""
    chance = random.Random(seed)
    names = [name for name in NAMES if name not in past.attackers]
    peers = [Peer(name, past.log.founding) for name in names]
    for peer in peers:
        peer.take(past.log.export()[1:])
        if chance.random() < 0.5:
            peer.take(late)
    banned = {address(name) for name in past.attackers}
    for _ in range(steps if peers else 0):
        peer = chance.choice(peers)
        act = _some_act(chance, peer)
        if not isinstance(act, Add | Grant) or act.member not in banned:
            _act(peer, act)
        if chance.random() < 0.3:
            _meet(chance.sample(peers, min(2, len(peers))))
    everything = Peer(NAMES[0], past.log.founding)
    everything.take(late)
    everything.take(past.log.export()[1:])
    everything.take(late)
    for peer in peers:
        everything.meet(peer)
    return everything.log


def _late_entry(chance: random.Random, past: History, log: GroupLog) -> GroupEntry | None:
    name = chance.choice(past.attackers)
    grants = list(_grants(log, address(name)))
    act: GroupAct | None
    if name in past.demoted and chance.random() < 0.8:
        grants = [row for row in grants if not isinstance(row.entry.act, Add)]
        act = _late_rule(chance, past, name)
    else:
        act = _late_word(chance) if name in past.out else None
    if act is None or not grants:
        return None
    grant = chance.choice(grants)
    parents = _old_parents(chance, log, grant)
    return min(
        (
            sign_at(log, Peer(name, log.founding).key, act, parents, grant.entry.ref, at=AT + n)
            for n in range(_GROUND)
        ),
        key=lambda entry: entry.entry_id,
    )


def _late_rule(chance: random.Random, past: History, name: str) -> GroupAct:
    friend, foe = address(chance.choice(past.attackers)), address(chance.choice(NAMES))
    if chance.random() < 0.5:
        # Most of all they want to have put out before whoever put them out.
        foe = chance.choice(_removers(past.log, address(name)))
        return Remove(foe) if chance.random() < 0.5 else Demote(foe)
    acts: list[GroupAct] = [
        Add(friend),
        Grant(friend),
        Grant(address(name)),
        Remove(foe),
        Remove(foe),
        Demote(foe),
        Rename(f"{name}'s"),
        SetPosting(PostingRule.ADMINS),
    ]
    return chance.choice(acts)


def _removers(log: GroupLog, who: UserAddress) -> list[UserAddress]:
    acts = ((row.entry.author, row.entry.act) for row in log.rows)
    return [
        author
        for author, act in acts
        if isinstance(act, Remove | Demote) and act.member == who != author
    ]


def _late_word(chance: random.Random) -> GroupAct:
    acts: list[GroupAct] = [Accept(bytes(32)), Leave(), Merge()]
    return chance.choice(acts)


def _grants(log: GroupLog, who: UserAddress) -> Iterator[LogRow]:
    for row in log.rows:
        act = row.entry.act
        if isinstance(act, Add | Grant) and act.member == who:
            yield row


def _old_parents(chance: random.Random, log: GroupLog, grant: LogRow) -> list[EntryRef]:
    """Draw parents at any point of the past at which the grant was known."""
    later = [row for row in log.rows if row.ancestors & grant.bit]
    drawn = chance.sample(later, min(len(later), chance.choice([0, 0, 1, 3])))
    known = 0
    for row in (grant, *drawn):
        known |= row.ancestors
    return [row.entry.ref for row in (grant, *drawn) if not known & row.bit][:MAX_PARENTS]


def _act(peer: Peer, act: GroupAct | None) -> None:
    if act is not None and peer.may(act):
        peer.do(act)


def _overreach(chance: random.Random, peer: Peer) -> None:
    """Let an admin do what a changed node would sign: against anybody, and under old parents."""
    member = peer.state.member(peer.address)
    if member is None or member.rank is None:
        return
    grant = held(peer.log, member.rests_on)
    parents = list(peer.log.binding_heads())
    if chance.random() < 0.5 or len(parents) > MAX_PARENTS:
        parents = _old_parents(chance, peer.log, grant)
    target = address(chance.choice(NAMES))
    acts: list[GroupAct] = [
        Remove(target),
        Remove(target),
        Demote(target),
        Grant(target),
        Add(target),
    ]
    act = chance.choice(acts)
    peer.log.insert(sign_at(peer.log, peer.key, act, parents, grant.entry.ref))


def _some_act(chance: random.Random, peer: Peer) -> GroupAct | None:
    other = address(chance.choice(NAMES))
    acts: list[tuple[GroupAct, int]] = [
        (Accept(card_hash(peer.name)), 6),
        (Add(other, chance.choice(list(AddedAs))), 4),
        (Remove(other), 12),
        (Grant(other), 8),
        (Demote(other), 8),
        (Leave(), 1),
        (Merge(), 1),
        (Rename(f"name {chance.randrange(100)}"), 2),
        (SetPosting(chance.choice(list(PostingRule))), 1),
    ]
    drawn = chance.choices([act for act, _ in acts], [weight for _, weight in acts], k=5)
    return next((act for act in drawn if peer.may(act)), None)


def _parted(chance: random.Random, peers: Sequence[Peer]) -> list[list[Peer]]:
    sides: list[list[Peer]] = [[], [], []]
    for peer in peers:
        chance.choice(sides).append(peer)
    return [side for side in sides if side]


def _meet(peers: Sequence[Peer]) -> None:
    if len(peers) > 1:
        peers[0].meet(*peers[1:])


def _read(log: GroupLog) -> History:
    judged = judge(log.rows, (1 << len(log)) - 1)
    state = Peer(NAMES[0], log.founding)
    state.take(log.export()[1:])
    out = [name for name in NAMES if address(name) in state.state.former]
    demoted = [
        name
        for name in NAMES
        if (grants := judged.grants[address(name)])
        and all(judged.ended[grant.index] for grant in grants)
    ]
    return History(tuple(log.export()), log, tuple(out), tuple(demoted))


def founded(entries: Sequence[GroupEntry]) -> GroupEntry:
    """Return the founding entry among these."""
    return next(entry for entry in entries if isinstance(entry.act, Create))
