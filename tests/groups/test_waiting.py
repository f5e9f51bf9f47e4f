"""Entries that came too early: bounded, and let go when their ancestors come or never can."""

from __future__ import annotations

from tests.groups.support import found
from zentalk.groups.waiting import MAX_WAITING, WaitingEntries
from zentalk.ids import EntryRef
from zentalk.wire.group import GroupEntry
from zentalk.wire.group_acts import Rename

FIRST, SECOND = EntryRef(b"1" * 16), EntryRef(b"2" * 16)


def entries(count: int) -> list[GroupEntry]:
    peer = found()
    return [peer.do(Rename(f"name {number}")) for number in range(count)]


def test_an_entry_waits_for_the_last_of_its_ancestors() -> None:
    waiting = WaitingEntries()
    (entry,) = entries(1)
    assert waiting.add(entry, {FIRST, SECOND})
    assert entry.entry_id in waiting
    assert waiting.missing() == {FIRST, SECOND}
    assert waiting.arrived(FIRST) == []
    assert waiting.arrived(SECOND) == [entry]
    assert (len(waiting), waiting.missing()) == (0, set())


def test_what_waits_itself_is_not_missing() -> None:
    waiting = WaitingEntries()
    first, second = entries(2)
    waiting.add(second, {first.ref})
    waiting.add(first, {FIRST})
    assert waiting.missing() == {FIRST}


def test_what_rests_on_a_refused_entry_is_dropped_with_all_that_rests_on_it() -> None:
    waiting = WaitingEntries()
    first, second, third = entries(3)
    waiting.add(first, {FIRST})
    waiting.add(second, {first.ref, SECOND})
    waiting.add(third, {second.ref})
    waiting.refused(FIRST)
    assert (len(waiting), waiting.missing()) == (0, set())


def test_only_so_many_wait() -> None:
    waiting = WaitingEntries()
    made = entries(MAX_WAITING + 1)
    assert [waiting.add(entry, {FIRST}) for entry in made] == [True] * MAX_WAITING + [False]
    assert len(waiting) == MAX_WAITING
    assert waiting.arrived(FIRST) == made[:-1]
