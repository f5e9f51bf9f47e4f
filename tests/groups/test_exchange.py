"""What is sent, asked for and taken."""

from __future__ import annotations

import random

from tests.groups.support import Peer, address, found, group_of, sign_at
from zentalk.groups.exchange import ENTRIES_PER_DAY, answer, question, to_take, within_rate
from zentalk.groups.log import GroupLog
from zentalk.ids import EntryRef
from zentalk.wire.group import GroupEntry, decode_entry, ref_of
from zentalk.wire.group_acts import Add, Grant, Leave, Merge, Remove, Rename
from zentalk.wire.group_bodies import (
    MAX_ASK_ENTRIES,
    MAX_BATCH_ENTRIES,
    GroupAsk,
    group_ask_body,
    read_group_ask,
)

BOB, CID, DAN, EVE = (address(name) for name in ("Bob", "Cid", "Dan", "Eve"))


def ask(asker: Peer, asked: Peer, wanted: tuple[EntryRef, ...] = ()) -> list[GroupEntry]:
    """Let one person ask another, as it goes over the wire; return what came."""
    asking = read_group_ask(group_ask_body(question(asker.log, wanted)))
    batches = answer(asked.log, asking)
    return [decode_entry(raw, batch.group) for batch in batches for raw in batch.entries]


def test_who_asks_is_told_what_it_lacks_and_nothing_else() -> None:
    ann, bob, _ = group_of("Ann", "Bob", "Cid")
    assert ask(bob, ann) == ann.log.lacked_by(bob.log.heads())
    bob.take(ask(bob, ann))
    renamed = [ann.do(Rename(str(number))) for number in range(3)]
    assert ask(bob, ann) == renamed
    bob.take(ask(bob, ann))
    assert ask(bob, ann) == []
    assert ask(ann, bob) == []


def test_a_newcomer_gets_everything_in_batches() -> None:
    ann = found()
    for number in range(120):
        ann.do(Rename(str(number)))
    batches = answer(ann.log, GroupAsk(ann.group))
    assert [len(batch.entries) for batch in batches] == [MAX_BATCH_ENTRIES] * 2 + [9]
    log = GroupLog(decode_entry(batches[0].entries[0], ann.group))
    for batch in batches:
        for raw in batch.entries:
            log.insert(decode_entry(raw, ann.group))
    assert log.export() == ann.log.export()


def test_what_waiting_entries_lack_is_asked_for_and_so_are_named_heads() -> None:
    ann, bob, _ = group_of("Ann", "Bob", "Cid")
    bob.meet(ann)
    first, second, third = (ann.do(Rename(str(number))) for number in range(3))
    bob.log.insert(second)
    unknown = EntryRef(b"u" * 16)
    assert set(question(bob.log, [third.ref, unknown]).entries) == {first.ref, third.ref, unknown}
    many = [EntryRef(number.to_bytes(16, "big")) for number in range(100)]
    assert len(question(bob.log, many).entries) == MAX_ASK_ENTRIES


def test_an_entry_that_is_named_is_sent_again() -> None:
    ann, bob, _ = group_of("Ann", "Bob", "Cid")
    bob.meet(ann)
    entry = ann.log.export()[1]
    batches = answer(ann.log, GroupAsk(ann.group, bob.log.heads(), (entry.ref,)))
    assert [raw for batch in batches for raw in batch.entries] == [entry.raw]
    nothing = GroupAsk(ann.group, bob.log.heads(), (EntryRef(b"u" * 16),))
    assert answer(ann.log, nothing) == []


def test_who_has_newer_entries_than_the_one_asked_is_not_sent_the_whole_log() -> None:
    ann, bob, _ = group_of("Ann", "Bob", "Cid")
    for number in range(100):
        ann.do(Rename(str(number)))
    bob.meet(ann)
    for _ in range(3):
        bob.do(Merge())
    ann.do(Rename("new"))
    assert len(ask(bob, ann)) <= 1 + 3
    heads_alone = GroupAsk(ann.group, bob.log.heads())
    assert sum(len(batch.entries) for batch in answer(ann.log, heads_alone)) > 100, "control"


# --- what is taken ------------------------------------------------------------------------


def removed() -> tuple[Peer, Peer, Peer]:
    """Bob was an admin and is removed; Cid and Ann know of it."""
    ann, bob, cid = group_of("Ann", "Bob", "Cid")
    ann.do(Grant(BOB))
    bob.meet(ann)
    ann.do(Remove(BOB))
    cid.meet(ann)
    return ann, bob, cid


def test_what_somebody_signs_who_was_put_out_is_not_taken() -> None:
    _, bob, cid = removed()
    late = [bob.do(Rename(str(number))) for number in range(3)]
    assert to_take(cid.state, late) == []


def test_it_is_taken_as_an_ancestor_of_what_a_member_signs() -> None:
    ann, bob, cid = removed()
    late = bob.do(Rename("late"))
    stray = sign_at(
        bob.log, bob.key, Rename("stray"), bob.log.last_of(BOB), bob.state.members[BOB].rests_on
    )
    ann.take([late])
    entry = ann.do(Rename("ann's"))
    assert to_take(cid.state, [stray, late, entry]) == [late, entry]


def test_what_is_wanted_is_taken_with_its_ancestors() -> None:
    _, bob, cid = removed()
    first, second = bob.do(Rename("one")), bob.do(Rename("two"))
    assert to_take(cid.state, [first, second], [second.ref]) == [first, second]
    assert to_take(cid.state, [first, second], [first.ref]) == [first]


def test_a_newcomer_takes_the_whole_log_whoever_left_since() -> None:
    ann, _, cid = removed()
    ann.do(Add(DAN))
    dan = Peer("Dan", ann.log.founding)
    for name in ("Eve", "Fay"):
        ann.do(Add(address(name)))
    ann.take([cid.do(Leave())])
    entries = ann.log.export()
    random.Random(1).shuffle(entries)
    dan.take(to_take(dan.state, entries))
    assert dan.log.export() == ann.log.export()


def test_people_whom_somebody_invited_who_was_put_out_bring_nothing() -> None:
    ann, bob, cid = removed()
    late = bob.do(Add(EVE))
    eve = Peer("Eve", ann.log.founding)
    eve.take(bob.log.export()[1:])
    hers = eve.join()
    assert to_take(cid.state, [late, hers]) == []
    assert to_take(bob.state, [late, hers]) == [late, hers]


def test_control_if_everything_were_taken_the_log_could_be_filled() -> None:
    """What `to_take` keeps away has no effect, and takes room all the same."""
    _, bob, cid = removed()
    before = len(cid.log)
    cid.take([bob.do(Rename(str(number))) for number in range(20)])
    assert len(cid.log) == before + 20
    assert cid.state.settings.name == "Walks"
    assert ref_of(cid.group) in cid.log


def test_of_one_member_so_many_entries_are_taken_in_a_day() -> None:
    ann, bob, cid = group_of("Ann", "Bob", "Cid")
    merges = [bob.do(Merge()) for _ in range(ENTRIES_PER_DAY + 5)]
    assert within_rate(cid.state, merges, bob.address, 0) == merges[:ENTRIES_PER_DAY]
    assert within_rate(cid.state, merges, bob.address, ENTRIES_PER_DAY - 2) == merges[:2]
    assert within_rate(cid.state, merges, bob.address, 2 * ENTRIES_PER_DAY) == []
    # Who passes them on holds them, and admins may sign hundreds.
    assert within_rate(cid.state, merges, ann.address, 0) == merges
    bob.meet(ann)
    many = [ann.do(Rename(str(number))) for number in range(ENTRIES_PER_DAY + 5)]
    assert within_rate(cid.state, many, ann.address, 1_000) == many
