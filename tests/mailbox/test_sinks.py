"""K51: a blocked contact sees what it sees of somebody who is away; nothing of it is kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.mailbox.support import ALWAYS, Desk, entry, mailbox_id, numbers, send_id, stored
from zentalk.ids import DAY_SECONDS, Day
from zentalk.mailbox import events
from zentalk.mailbox.deposits import Deposits
from zentalk.mailbox.events import Collector, Ticket
from zentalk.mailbox.storage import PutEnvelope, ReadEnvelopes, ReadOutcome
from zentalk.store.mailbox.memory import MemoryMailboxStore
from zentalk.store.mailbox.sqlite import SqliteMailboxStore
from zentalk.wire.rpc_send_ids import SendIdEntry, SendIdKind

SINK = SendIdEntry(send_id("bob"), SendIdKind.SINK, Day(0), Day(ALWAYS))
QUOTA = 100


@pytest.fixture(params=["memory", "sqlite"])
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    if request.param == "memory":
        yield Desk(store=MemoryMailboxStore())
        return
    store = SqliteMailboxStore(tmp_path / "queue.db")
    yield Desk(store=store)
    store.close()


def change(desk: Desk, owner: Collector, made: SendIdEntry) -> None:
    ticket = Ticket(desk.number())
    desk.feed(events.SendIdsRequested(ticket, owner, (made,), ()))
    assert desk.result(ticket) == ()


def blocking(desk: Desk) -> Collector:
    """Bob, connected, who has blocked the contact that writes to `bob`."""
    owner = desk.mailbox(entry("bob"), entry("other"))
    change(desk, owner, SINK)
    return owner


def what_its_sender_sees(desk: Desk) -> list[list[int]]:
    """Deposit 130, some of them twice, and more a month later; return all acks, each time."""
    seen = []
    for first in (0, 60, 1_000):
        for number in range(first, first + 70):
            desk.deposit(number)
        desk.pass_time(10)
        seen.append(sorted(desk.acked_numbers()))
        desk.acks.clear()
        if first == 60:
            desk.pass_time(29 * DAY_SECONDS)
            desk.deposit(500)
            desk.pass_time(10)
            seen.append(sorted(desk.acked_numbers()))
            desk.pass_time(3 * DAY_SECONDS)
            desk.acks.clear()
    return seen


def test_k51_a_blocked_contact_sees_what_it_sees_of_somebody_who_is_away(desk: Desk) -> None:
    away = Desk()
    owner = away.mailbox(entry("bob"), entry("other"))
    blocking(desk)
    for one in (away, desk):
        one.pass_time(2 * DAY_SECONDS)  # or a mailbox that was never opened again would go
    away.lose(owner)
    seen = what_its_sender_sees(desk)
    assert seen == what_its_sender_sees(away)
    assert [len(acks) for acks in seen] == [70, 40, 0, 70]


def test_k51_control_an_owner_who_only_drops_it_shows_that_he_is_there() -> None:
    away, dropping = Desk(), Desk()
    away.lose(away.mailbox(entry("bob"), entry("other")))
    owner = dropping.mailbox(entry("bob"), entry("other"))
    acks = []
    for one in (away, dropping):
        for number in range(130):
            one.deposit(number)
            one.ack_all(owner)
        one.pass_time(10)
        acks.append(len(one.acked_numbers()))
    assert acks == [QUOTA, 130]


def test_k51_nothing_of_what_falls_into_a_sink_is_stored_or_pushed(desk: Desk) -> None:
    owner = blocking(desk)
    for number in range(130):
        desk.deposit(number)
    written = [op for op in desk.operations if isinstance(op, PutEnvelope)]
    assert {operation.envelope.sealed for operation in written} == {b""}
    desk.lose(owner)
    again = desk.collect(generation=2)
    desk.pass_time(200)
    assert desk.take_pushes(owner) + desk.take_pushes(again) == []
    (outcome,) = desk.failing.apply([ReadEnvelopes(mailbox_id("bob"), -1, 1000, 10**9, 0)])
    assert isinstance(outcome, ReadOutcome)
    assert outcome.envelopes == ()


def test_k51_control_what_is_not_sunk_is_kept_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Deposits, "_into_sink", Deposits._of_contact)
    with pytest.raises(AssertionError):
        test_k51_nothing_of_what_falls_into_a_sink_is_stored_or_pushed(Desk())


def test_k51_sinks_take_no_room_from_contacts(desk: Desk) -> None:
    owner = desk.collect()
    sunk = [SendIdEntry(send_id(f"b{n}"), SendIdKind.SINK, Day(0), Day(ALWAYS)) for n in range(11)]
    desk.register(owner, entry("bob"), *sunk)
    desk.lose(owner)
    for number in range(11 * QUOTA):
        desk.deposit(number, f"b{number % 11}")
    desk.deposit(5_000)
    desk.pass_time(10)
    assert 5_000 in desk.acked_numbers()
    assert numbers(desk.take_pushes(desk.collect(generation=2))) == [5_000]


def test_k51_it_outlasts_a_restart_and_one_who_is_unblocked_is_heard_at_once(desk: Desk) -> None:
    blocking(desk)
    for number in range(QUOTA):
        desk.deposit(number)
    desk.restart()
    desk.deposit(200)
    desk.pass_time(10)
    assert 200 not in desk.acked_numbers()
    owner = desk.collect(generation=2)
    change(desk, owner, entry("bob"))
    assert stored(desk.failing.store) == 0
    desk.deposit(201)
    assert numbers(desk.take_pushes(owner)) == [201]


def test_what_waited_when_somebody_was_blocked_is_deleted(desk: Desk) -> None:
    owner = desk.mailbox(entry("bob"), entry("other"))
    desk.deposit(1)
    desk.deposit(2, "other")
    desk.pass_time(3)
    assert desk.stored() == 2
    change(desk, owner, SINK)
    assert desk.stored() == 1


def test_a_repeat_of_what_waits_unsunk_leaves_it_as_it_is(desk: Desk) -> None:
    owner = desk.mailbox(entry("bob"))
    desk.deposit(1)  # pushed, in memory
    change(desk, owner, SINK)
    desk.pass_time(3)  # written, as it was not acked
    desk.lose(owner)
    desk.deposit(1)
    again = desk.collect(generation=2)
    (push,) = desk.take_pushes(again)
    assert push.sealed == b"envelope 1"
    desk.ack(again, push.seq)
    assert desk.stored() == 0
