"""One-time prekeys: K13, and send ids as their owner changes them."""

from dataclasses import replace

import pytest

from tests.mailbox.support import (
    RELAY,
    TODAY,
    Desk,
    entry,
    key_id,
    mailbox_id,
    pool_prekeys,
    send_id,
)
from zentalk.ids import DAY_SECONDS
from zentalk.mailbox import prekeys
from zentalk.mailbox.events import (
    Collector,
    PrekeyRequested,
    PrekeysCountRequested,
    PrekeysPutRequested,
    SendIdsRequested,
    StateRequested,
    Ticket,
)
from zentalk.mailbox.pool import FULL_POOL, POOL_DAYS, TakePrekey
from zentalk.mailbox.settings import MailboxSettings
from zentalk.mailbox.work import epoch_at, prekey_challenge, search
from zentalk.wire.deposit import NO_STAMP
from zentalk.wire.rpc_send_ids import SendIdEntry, SendIdKind

CHEAP = MailboxSettings(prekey_bits=8)
PUBLIC = entry("public", SendIdKind.PUBLIC, TODAY - 1, TODAY + 2)


def with_pool(
    count: int, settings: MailboxSettings | None = None, *, by_hand: bool = False
) -> Desk:
    desk = Desk(settings, by_hand=by_hand)
    bob = desk.mailbox(PUBLIC, entry("bob"))
    offer(desk, bob, count)
    if desk.by_hand:
        desk.commit()
    return desk


def offer(
    desk: Desk, owner: Collector, count: int, *, first: int = 0, remove: tuple[bytes, ...] = ()
) -> Ticket:
    ticket = Ticket(desk.number())
    keys = pool_prekeys(*(b"key %d" % number for number in range(first, first + count)))
    desk.feed(PrekeysPutRequested(ticket, owner, keys, tuple(map(key_id, remove))))
    return ticket


def ask(desk: Desk, query: int, to: str = "public", *, bits: int = 0) -> Ticket:
    ticket = Ticket(desk.number())
    query_id, stamp, epoch = query.to_bytes(16, "big"), NO_STAMP, epoch_at(desk.wall)
    if bits:
        task = prekey_challenge(RELAY, send_id(to), query_id, epoch)
        stamp = search(task, epoch, bits, 0, 1 << (bits + 8)) or NO_STAMP
    desk.feed(PrekeyRequested(ticket, send_id(to), query_id, stamp))
    return ticket


def taken(desk: Desk, query: int, to: str = "public", *, bits: int = 0) -> object:
    """Return what was answered: a prekey, and the bits that one costs."""
    return desk.result(ask(desk, query, to, bits=bits))


def count(desk: Desk, owner: Collector, *, with_ids: bool = False) -> object:
    ticket = Ticket(desk.number())
    desk.feed(PrekeysCountRequested(ticket, owner, with_ids))
    return desk.result(ticket)


def test_k13_every_query_gets_another_key_until_the_pool_is_drained() -> None:
    desk = with_pool(3, CHEAP)
    assert [taken(desk, query, bits=8) for query in range(4)] == [
        (b"key 0", 0), (b"key 1", 0), (b"key 2", 0), (b"", 0),
    ]  # fmt: skip


def test_k13_two_racers_never_get_one_key() -> None:
    desk = with_pool(5, CHEAP, by_hand=True)
    tickets = [ask(desk, query, bits=10) for query in range(5)]
    desk.commit()
    answers = [desk.result(ticket) for ticket in tickets]
    assert len(set(answers)) == 5


def test_k13_control_a_store_that_does_not_delete_gives_one_key_to_both() -> None:
    desk = with_pool(5)
    original = desk.failing.apply

    def undeleting(operations: list[object]) -> list[object]:
        outcomes = original(operations)
        for operation, outcome in zip(operations, outcomes, strict=True):
            if isinstance(operation, TakePrekey):
                box = desk.failing.store._boxes[mailbox_id("bob")]  # type: ignore[attr-defined]
                blob = outcome.blob  # type: ignore[union-attr]
                box.prekeys = {key_id(blob): blob, **box.prekeys}  # type: ignore[arg-type]
        return outcomes  # type: ignore[return-value]

    desk.failing.apply = undeleting  # type: ignore[method-assign, assignment]
    assert taken(desk, 1) == taken(desk, 2)


def test_k13_no_key_is_answered_before_its_removal_is_committed() -> None:
    desk = with_pool(2, by_hand=True)
    ticket = ask(desk, 1)
    assert desk.result(ticket) is None
    desk.commit()
    assert desk.result(ticket) == (b"key 0", 0)


def test_a_repeated_query_gets_the_same_key_for_ten_minutes() -> None:
    desk = with_pool(5)
    first = taken(desk, 1)
    desk.pass_time(599)
    assert taken(desk, 1) == first
    desk.pass_time(2)
    assert taken(desk, 1) != first


def test_a_query_repeated_while_the_store_works_gets_the_same_key() -> None:
    desk = with_pool(5, by_hand=True)
    tickets = [ask(desk, 1), ask(desk, 1), ask(desk, 2)]
    desk.commit()
    first, again, other = (desk.result(ticket) for ticket in tickets)
    assert first == again
    assert first != other


def test_k13_a_drained_pool_is_told_to_the_owner() -> None:
    desk = Desk()
    bob = desk.mailbox(PUBLIC)
    offer(desk, bob, 1)
    assert count(desk, bob) == (1, False, ())
    taken(desk, 1)
    assert count(desk, bob) == (0, False, ())
    taken(desk, 2)
    assert count(desk, bob) == (0, True, ())
    desk.restart()
    bob = desk.collect(generation=2)
    assert count(desk, bob) == (0, True, ())
    assert desk.result(offer(desk, bob, 2)) == (2,)
    assert count(desk, bob) == (2, False, ())


def test_k13_five_are_given_out_a_day_two_of_them_for_nothing() -> None:
    desk = with_pool(20, CHEAP)
    first = [taken(desk, query) for query in range(4)]
    assert first == [(b"key 0", 0), (b"key 1", 0), (b"", 8), (b"", 8)]
    paid = [taken(desk, query, bits=bits) for query, bits in ((5, 8), (6, 8), (6, 9), (7, 10))]
    assert paid[0] == (b"key 2", 0)
    assert paid[1] in {(b"", 9), (b"key 3", 0)}, "work may be worth more than it had to be"
    assert taken(desk, 9, bits=16) == (b"", 0)
    assert desk.core.stats().counters["prekeys_taken"] == 5
    desk.pass_time(DAY_SECONDS)
    assert taken(desk, 10) == (b"key 5", 0)


def test_k13_what_was_given_out_today_is_known_after_a_restart() -> None:
    desk = with_pool(20, CHEAP)
    for query in range(2):
        taken(desk, query)
    desk.restart()
    assert taken(desk, 3) == (b"", 8)
    desk.pass_time(DAY_SECONDS)
    assert taken(desk, 4) == (b"key 2", 0)


def test_k13_an_owner_who_is_away_for_37_days_has_a_key_for_each_day_s_five() -> None:
    """By default: whoever takes all of every day, the pool is not seen to end."""
    desk = Desk(CHEAP)
    desk.mailbox(entry("late", SendIdKind.PUBLIC, TODAY, TODAY + 60))
    desk.pass_time(DAY_SECONDS)
    owner = desk.collect(generation=2)  # a mailbox that was opened on one day ends sooner
    offer(desk, owner, FULL_POOL)
    desk.lose(owner)
    numbers = iter(range(10_000))
    for _ in range(POOL_DAYS):
        given = [taken(desk, next(numbers), "late", bits=10) for _ in range(6)]
        assert (b"", 0) not in given[:5]
        assert len(set(given)) == 6
        assert given[5] == (b"", 0)
        desk.pass_time(DAY_SECONDS)
    assert taken(desk, next(numbers), "late") == (b"", 0)


def test_k13_control_without_a_limit_for_each_day_one_stranger_drains_the_pool(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(prekeys, "PREKEYS_A_DAY", 10**6)
    monkeypatch.setattr(prekeys, "FREE_PREKEYS_A_DAY", 10**6)
    desk = with_pool(100)
    assert sum(taken(desk, query) != (b"", 0) for query in range(200)) == 100


def test_the_memory_of_queries_is_bounded() -> None:
    desk = with_pool(50, replace(CHEAP, max_queries=2))
    first = taken(desk, 0)
    for query in range(1, 4):
        taken(desk, query, bits=12)
    assert taken(desk, 0, bits=12) != first


def test_a_pool_is_bounded_and_some_can_be_replaced() -> None:
    desk = Desk(MailboxSettings(max_pool=10), by_hand=True)
    bob = desk.mailbox(PUBLIC)
    tickets = [
        offer(desk, bob, 6),
        offer(desk, bob, 6, first=6),
        offer(desk, bob, 4, first=6),
    ]
    desk.commit()
    assert [desk.result(ticket) for ticket in tickets] == [(6,), "full", (10,)]
    replaced = offer(desk, bob, 1, first=50, remove=(b"key 0", b"key 3", b"nobody's"))
    desk.commit()
    assert desk.result(replaced) == (9,)
    ticket = Ticket(desk.number())
    desk.feed(PrekeysCountRequested(ticket, bob, with_ids=True))
    desk.commit()
    left = tuple(key_id(b"key %d" % number) for number in (1, 2, 4, 5, 6, 7, 8, 9, 50))
    assert desk.result(ticket) == (9, False, left)


def test_a_failing_store_gives_out_no_key_and_keeps_it() -> None:
    desk = with_pool(1)
    desk.failing.fails = lambda operation: isinstance(operation, TakePrekey)
    assert taken(desk, 1) == "storage"
    desk.failing.fails = lambda operation: False
    assert taken(desk, 1) == (b"key 0", 0)


# --- K9 ----------------------------------------------------------------------------------------


def test_k9_missing_and_forbidden_answer_alike() -> None:
    past = entry("past", SendIdKind.PUBLIC, 0, TODAY - 2)
    ack = entry("ack", SendIdKind.ACK)
    desk = Desk()
    owner = desk.mailbox(past, ack, entry("bob"), PUBLIC)
    offer(desk, owner, 3)
    names = ["unknown", "past", "ack", "bob"]
    assert {taken(desk, query, name) for query, name in enumerate(names)} == {(b"", 0)}
    states = set()
    for name in ["unknown", "past", "ack", "bob", "public"]:
        ticket = Ticket(desk.number())
        desk.feed(StateRequested(ticket, send_id(name)))
        states.add(desk.result(ticket))
    assert states == {(0, 0, 0)}


# --- send ids as their owner changes them ------------------------------------------------------


def change(
    desk: Desk, owner: Collector, add: tuple[SendIdEntry, ...] = (), remove: tuple[str, ...] = ()
) -> Ticket:
    ticket = Ticket(desk.number())
    desk.feed(SendIdsRequested(ticket, owner, add, tuple(send_id(name) for name in remove)))
    return ticket


def accepts(desk: Desk, name: str) -> bool:
    before = desk.core.stats().counters.get("refused_unknown", 0)
    desk.deposit(desk.number(), name)
    return desk.core.stats().counters.get("refused_unknown", 0) == before


def test_send_ids_take_effect_when_they_are_committed() -> None:
    desk = Desk(by_hand=True)
    bob = desk.collect()
    ticket = change(desk, bob, (entry("a"), entry("b")))
    assert desk.result(ticket) is None
    assert send_id("a") not in desk.core._registry.send_ids
    desk.commit()
    assert desk.result(ticket) == ()
    assert accepts(desk, "a")
    change(desk, bob, (entry("c"),), ("a", "b"))
    desk.commit()
    desk.by_hand = False
    assert [accepts(desk, name) for name in "abc"] == [False, False, True]


def test_an_id_that_is_removed_and_added_by_one_call_stays() -> None:
    desk = Desk()
    bob = desk.mailbox(entry("a"))
    change(desk, bob, (entry("a", valid_until=TODAY),), ("a",))
    assert accepts(desk, "a")
    desk.restart()
    assert accepts(desk, "a")


def test_nobody_takes_over_another_mailboxs_send_id() -> None:
    desk = Desk()
    desk.mailbox(entry("a"))
    mallory = desk.collect("mallory")
    assert desk.result(change(desk, mallory, (entry("a"), entry("mine")))) == "taken"
    change(desk, mallory, (), ("a",))
    assert accepts(desk, "a")
    assert not accepts(desk, "mine")
    assert all(push.collector != mallory for push in desk.pushes)


def test_send_ids_are_bounded_per_mailbox_and_in_all() -> None:
    desk = Desk(
        MailboxSettings(max_send_ids=3, max_total_send_ids=4, sure_send_ids=1, sure_new_send_ids=1)
    )
    bob = desk.mailbox(entry("a"), entry("b"))
    assert desk.result(change(desk, bob, (entry("c"), entry("d")))) == "full"
    assert desk.result(change(desk, bob, (entry("a"), entry("c")))) == ()
    carol = desk.collect("carol")
    assert desk.result(change(desk, carol, (entry("e"), entry("f")))) == "full"
    assert desk.result(change(desk, carol, (entry("e"),))) == ()
    dave = desk.collect("dave")
    assert desk.result(change(desk, dave, (entry("x"),))) == ()  # this one is sure
    assert desk.result(change(desk, dave, (entry("y"),))) == "full"


def test_send_ids_that_could_not_be_saved_do_not_exist() -> None:
    desk = Desk()
    bob = desk.mailbox(entry("a"))
    desk.failing.fails = lambda operation: True
    assert desk.result(change(desk, bob, (entry("a"), entry("b")), ())) == "storage"
    desk.failing.fails = lambda operation: False
    assert accepts(desk, "a")
    assert not accepts(desk, "b")


def test_mail_under_a_removed_send_id_is_still_collected() -> None:
    desk = Desk()
    bob = desk.mailbox(entry("a"))
    change(desk, bob, (), ("a",))
    change(desk, bob, (entry("a"),))
    desk.lose(bob)
    desk.deposit(1, "a")
    bob = desk.collect(generation=2)
    change(desk, bob, (), ("a",))
    desk.ack_all(bob)
    assert desk.stored() == 0
    assert desk.core.stats().deliverable == 0


def test_only_a_collector_may_ask_owners_questions() -> None:
    desk = Desk()
    stranger = Collector(12345)
    assert desk.result(change(desk, stranger, (entry("a"),))) == "closed"
    assert desk.result(offer(desk, stranger, 1)) == "closed"
    assert count(desk, stranger) == "closed"
