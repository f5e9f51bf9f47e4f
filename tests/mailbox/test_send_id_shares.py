"""K44: strangers with as many send ids as they get, and what honest mailboxes still have."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.mailbox.support import HOUR, TODAY, Desk, boxes, entry
from zentalk.ids import DAY_SECONDS, SendId
from zentalk.mailbox import events
from zentalk.mailbox.events import Collector, Ticket
from zentalk.mailbox.settings import MailboxSettings
from zentalk.mailbox.sweeping import Sweeping
from zentalk.wire.rpc_send_ids import (
    ACK_SEND_IDS,
    MAX_SEND_ID_CHANGES,
    PUBLIC_SEND_IDS,
    SETTLED_DAYS,
    SURE_NEW_SEND_IDS,
    SURE_SEND_IDS,
    SendIdEntry,
    SendIdKind,
)

SMALL = MailboxSettings(max_total_send_ids=1000, sweep_seconds=HOUR)
"""The room for send ids of the attack's last act, to save time."""


def ask(desk: Desk, collector: Collector, entries: Sequence[SendIdEntry]) -> object:
    ticket = Ticket(desk.number())
    desk.feed(events.SendIdsRequested(ticket, collector, tuple(entries), ()))
    return desk.result(ticket)


def many(name: str, count: int) -> list[SendIdEntry]:
    return [entry(f"{name} {number}") for number in range(count)]


def public(name: str, day: int) -> SendIdEntry:
    return entry(f"{name} of day {day}", SendIdKind.PUBLIC, day - 1, day + 2)


def registers_as_a_node(desk: Desk, collector: Collector, name: str, contacts: int) -> bool:
    """Register ack, days and contacts as `zentalk.node.mailboxes.pools` does."""
    first = [entry(f"{name}'s ack", SendIdKind.ACK)]
    first += [public(name, TODAY + day) for day in range(-1, PUBLIC_SEND_IDS - 1)]
    assert len(first) == PUBLIC_SEND_IDS + ACK_SEND_IDS
    taken = ask(desk, collector, first) == ()
    return taken and ask(desk, collector, many(name, contacts)) == ()


def strangers(desk: Desk, room: int, each: int = MAX_SEND_ID_CHANGES) -> None:
    """Use up all the room, with mailboxes that have as many ids as they may, and come back."""
    for number in range(room // each + 2):
        desk.lose(desk.collect(f"mallory {number}"))
    desk.pass_time(DAY_SECONDS)
    for number in range(room // each + 2):
        mallory = desk.collect(f"mallory {number}", generation=2)
        left = room - desk.core._registry.send_id_count
        ask(desk, mallory, many(f"{number}", min(each, max(left, 1))))
        desk.lose(mallory)


def registered(desk: Desk) -> set[SendId]:
    """All send ids that the relay has, awake or not."""
    return {item.entry.send_id for box in boxes(desk.failing) for item in box.send_ids}


def opened_for_days(desk: Desk, name: str, days: int) -> Collector:
    for day in range(1, days):
        desk.lose(desk.collect(name, generation=day))
        desk.pass_time(DAY_SECONDS)
    return desk.collect(name, generation=days)


@pytest.mark.slow
def test_k44_98_mailboxes_with_all_the_ids_there_are_leave_everybody_what_a_node_needs() -> None:
    """On the settings as shipped; then two midnights, each with the id of one more day."""
    desk = Desk()
    settled = opened_for_days(desk, "settled", SETTLED_DAYS)
    strangers(desk, desk.settings.max_total_send_ids)
    newcomer = desk.collect("newcomer")
    assert registers_as_a_node(desk, settled, "settled", 32)
    assert registers_as_a_node(desk, newcomer, "newcomer", SURE_NEW_SEND_IDS - 11)
    assert ask(desk, newcomer, [entry("one more")]) == "full"
    for midnight in range(2):
        desk.pass_time(DAY_SECONDS)
        day = TODAY + PUBLIC_SEND_IDS - 1 + midnight
        assert ask(desk, settled, [public("settled", day)]) == ()
        assert desk.core.stats().online == 2, "collected throughout"
    assert ask(desk, newcomer, [public("newcomer", TODAY + PUBLIC_SEND_IDS)]) == ()


def test_k44_control_without_a_guarantee_nobody_registers_anything() -> None:
    """The mutant of an empty guarantee."""
    desk = Desk(MailboxSettings(sure_send_ids=0, sure_new_send_ids=0, max_total_send_ids=1000))
    strangers(desk, 1000)
    assert not registers_as_a_node(desk, desk.collect("newcomer"), "newcomer", 5)


def test_k44_what_was_registered_is_registered_again_whatever_the_others_have() -> None:
    """A node with many contacts keeps them, though the relay filled up since."""
    desk = Desk(SMALL)
    bob = desk.collect("bob")
    assert ask(desk, bob, many("bob", 300)) == ()
    strangers(desk, 1000)
    assert ask(desk, bob, many("bob", 300)) == ()
    assert ask(desk, bob, many("bob", 301)) == "full"


def test_k44_a_mailbox_is_settled_after_three_days_also_if_it_stays_connected() -> None:
    desk = Desk(SMALL)
    strangers(desk, 1000)
    bob = desk.collect("bob")
    assert ask(desk, bob, many("bob", SURE_SEND_IDS)) == "full"
    for _ in range(SETTLED_DAYS - 1):
        assert ask(desk, bob, many("bob", SURE_SEND_IDS)) == "full"
        desk.pass_time(DAY_SECONDS + HOUR)
    assert ask(desk, bob, many("bob", SURE_SEND_IDS)) == ()


def test_k44_it_stays_settled_over_a_restart_and_one_of_a_day_does_not_become_so() -> None:
    desk = Desk(SMALL)
    desk.lose(opened_for_days(desk, "bob", SETTLED_DAYS))
    for generation in range(1, 6):
        desk.lose(desk.collect("eve", generation))
    desk.restart()
    strangers(desk, 1000)
    assert ask(desk, desk.collect("bob", 9), many("bob", SURE_SEND_IDS)) == ()
    assert ask(desk, desk.collect("eve", 9), many("eve", SURE_SEND_IDS)) == "full"


def test_k44_ids_that_nobody_uses_give_way_after_thirty_days() -> None:
    desk = Desk(SMALL)
    bob = opened_for_days(desk, "bob", 2)
    bobs = [entry("bob's ack", SendIdKind.ACK), public("bob", TODAY + 33), *many("bob", 300)]
    assert ask(desk, bob, bobs) == ()
    desk.lose(bob)
    strangers(desk, 1000)
    desk.pass_time(15 * DAY_SECONDS)
    for number in range(40):
        desk.deposit(number, f"bob {number}")
    desk.pass_time(16 * DAY_SECONDS)
    left = registered(desk)
    used = {item.send_id for item in many("bob", 40)}
    assert used | {bobs[0].send_id, bobs[1].send_id} <= left
    assert len(left & {item.send_id for item in bobs}) == 42
    assert len(left) == desk.core._registry.send_id_count < 1000 * 0.75
    assert ask(desk, desk.collect("carol"), many("carol", 100)) == ()


def test_k44_those_of_a_connected_mailbox_and_those_within_its_share_stay() -> None:
    desk = Desk(SMALL)
    online, away = desk.collect("online"), opened_for_days(desk, "away", 2)
    assert ask(desk, online, many("online", 300)) == ()
    assert ask(desk, away, many("away", SURE_NEW_SEND_IDS)) == ()
    desk.lose(away)
    strangers(desk, 1000)
    desk.pass_time(40 * DAY_SECONDS)
    kept = {item.send_id for item in (*many("online", 300), *many("away", SURE_NEW_SEND_IDS))}
    assert kept <= registered(desk)


def test_k44_control_if_nothing_gave_way_the_room_would_stay_used_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Sweeping, "_drop_unused_send_ids", lambda *_: None)
    desk = Desk(SMALL)
    strangers(desk, 1000)
    desk.pass_time(31 * DAY_SECONDS)
    assert ask(desk, desk.collect("carol"), many("carol", 100)) == "full"
