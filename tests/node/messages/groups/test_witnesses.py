"""Whether others see the log that somebody was shown who joined, and how fast it may grow."""

from __future__ import annotations

import pytest

from tests.node.messages.groups.post import Post, happened, row_of
from tests.node.messages.groups.sending import content, send
from tests.node.persons import Person
from zentalk.groups.exchange import ENTRIES_PER_DAY
from zentalk.ids import DAY_SECONDS, GroupId
from zentalk.node.messages.groups import book, view
from zentalk.store.history import groups
from zentalk.wire.group import read_stored_entry
from zentalk.wire.group_acts import Merge
from zentalk.wire.group_bodies import GROUP_ENTRIES, EntryBatch, entry_batch_body, entry_batches


def confirmed(person: Person, group: GroupId) -> tuple[int, bool]:
    """Return how many others have told somebody of the same log, and whether that is too few."""
    shown = view.of_row(row_of(person, group))
    return shown["confirmed_by"], shown["unconfirmed"]


def test_who_has_founded_a_group_needs_nobody_to_confirm_it(
    post: Post, crew: GroupId, alice: Person
) -> None:
    assert confirmed(alice, crew) == (0, False)


def test_a_group_is_unconfirmed_until_all_others_have_told_of_the_same_log(
    post: Post, crew: GroupId, alice: Person, bob: Person, carol: Person
) -> None:
    assert confirmed(carol, crew) == (0, True)
    post.say(alice, crew, "welcome")
    post.settle()
    post.say(alice, crew, "again")
    post.settle()
    assert confirmed(carol, crew) == (1, True)
    before = happened(carol).count("group.changed")
    post.say(bob, crew, "hello")
    post.settle()
    assert confirmed(carol, crew) == (2, False)
    assert happened(carol).count("group.changed") == before + 1


def test_entries_that_whoever_invited_withholds_come_to_light_before_it_is_confirmed(
    post: Post, crew: GroupId, alice: Person, bob: Person, carol: Person
) -> None:
    post.say(alice, crew, "welcome")
    post.settle()
    post.lets_through = lambda sender, reader: not (sender is alice and reader is carol)
    post.do(alice, lambda tx: alice.groups.commands.rename(tx, crew, "Withheld", post.now))
    post.lets_through = lambda sender, _reader: sender is not carol
    post.say(bob, crew, "by the new name")
    post.settle()
    # Bob has named an entry that Carol does not hold: that confirms nothing.
    assert row_of(carol, crew).view["name"] == "Crew"
    assert confirmed(carol, crew) == (1, True)
    post.lets_through = lambda sender, reader: not (sender is alice and reader is carol)
    post.say(bob, crew, "once more")
    post.settle()
    assert row_of(carol, crew).view["name"] == "Withheld"
    assert confirmed(carol, crew) == (2, False)


def test_who_joins_anew_is_told_anew(
    post: Post, crew: GroupId, alice: Person, bob: Person, carol: Person
) -> None:
    for one in (alice, bob):
        post.say(one, crew, "hello")
        post.settle()
    assert confirmed(carol, crew) == (2, False)
    post.do(carol, lambda tx: carol.groups.commands.leave(tx, crew, post.now))
    post.do(alice, lambda tx: alice.groups.commands.invite(tx, crew, [carol.address], post.now))
    post.accept(carol, crew)
    post.settle()
    assert confirmed(carol, crew) == (0, True)


# --- rate ---------------------------------------------------------------------------------


def merges(person: Person, group: GroupId) -> int:
    raws = person.tx(lambda tx: groups.entries(tx, group))
    return sum(isinstance(read_stored_entry(raw, group).act, Merge) for raw in raws)


def flood(post: Post, sender: Person, reader: Person, group: GroupId, count: int) -> None:
    """Let a member sign entries that say nothing, and send them."""
    raws: list[bytes] = []
    for _ in range(count):
        learned = sender.tx(lambda tx: sender.groups.commands._sign(tx, group, Merge(), post.now))
        raws += [entry.raw for entry in learned.entries]
    for batch in entry_batches(group, raws):
        body = entry_batch_body(EntryBatch(group, batch.entries))
        assert send(post, sender, reader, content(sender, GROUP_ENTRIES, body)) == 0


def test_a_member_adds_so_many_entries_a_day(
    post: Post, crew: GroupId, bob: Person, carol: Person
) -> None:
    post.say(bob, crew, "hello")
    post.settle()
    flood(post, bob, carol, crew, ENTRIES_PER_DAY + 20)
    # Carol asks for what is missing, and is sent it, in vain.
    assert merges(carol, crew) == ENTRIES_PER_DAY
    post.now += DAY_SECONDS
    flood(post, bob, carol, crew, 1)
    assert merges(carol, crew) == ENTRIES_PER_DAY + 21


def test_control_without_the_rate_a_member_fills_the_log(
    post: Post, crew: GroupId, bob: Person, carol: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(book, "within_rate", lambda _state, entries, *_: list(entries))
    post.say(bob, crew, "hello")
    post.settle()
    flood(post, bob, carol, crew, ENTRIES_PER_DAY + 20)
    assert merges(carol, crew) == ENTRIES_PER_DAY + 20
