"""Proof of work for a new mailbox: what it is bound to, and that it counts on the days around."""

from __future__ import annotations

import pytest

from tests.mailbox.support import RELAY, TODAY, Desk, mailbox_id
from zentalk.ids import Day, NodeId
from zentalk.mailbox import events
from zentalk.mailbox.events import Collector, Ticket
from zentalk.mailbox.settings import MailboxSettings
from zentalk.mailbox.work import Found, mailbox_challenge, mailbox_worth, search_mailbox
from zentalk.wire.deposit import NO_STAMP, Stamp

BITS = 8
ALICE, BOB = mailbox_id("alice"), mailbox_id("bob")


def found(name: str, day: int = TODAY, bits: int = BITS) -> Found:
    task = mailbox_challenge(RELAY, mailbox_id(name), day)
    made = search_mailbox(task, day, bits, 0, 1 << 16)
    assert made is not None
    return made


def test_work_is_bound_to_relay_mailbox_and_day() -> None:
    made = found("alice", bits=12)
    assert made.bits >= 12
    assert mailbox_worth(RELAY, ALICE, made.stamp, TODAY) == made.bits
    assert mailbox_worth(RELAY, BOB, made.stamp, TODAY) < 12
    assert mailbox_worth(NodeId(bytes(32)), ALICE, made.stamp, TODAY) < 12
    other = Stamp((made.stamp.epoch + 1) % 256, made.stamp.nonce)
    assert mailbox_worth(RELAY, ALICE, other, TODAY) < 12


@pytest.mark.parametrize(("later", "counts"), [(-2, False), (-1, True), (1, True), (2, False)])
def test_clocks_may_disagree_by_a_day(later: int, counts: bool) -> None:
    made = found("alice")
    worth = mailbox_worth(RELAY, ALICE, made.stamp, Day(TODAY + later))
    assert worth == (made.bits if counts else 0)


def test_no_work_is_worth_nothing_and_nothing_is_found_in_too_few_tries() -> None:
    assert mailbox_worth(RELAY, ALICE, NO_STAMP, TODAY) == 0
    assert search_mailbox(mailbox_challenge(RELAY, ALICE, TODAY), TODAY, 60, 0, 100) is None


def test_k45_a_relay_takes_real_work_and_refuses_what_was_done_for_another_mailbox() -> None:
    desk = Desk(MailboxSettings(saved_turns=4, mailbox_bits=BITS, full_mailbox_bits=BITS))

    def ask(name: str, stamp: Stamp) -> object:
        ticket, collector = Ticket(desk.number()), Collector(desk.number())
        desk.feed(events.OpenRequested(ticket, collector, mailbox_id(name), 1, 8, stamp))
        return desk.result(ticket)

    assert ask("one", NO_STAMP) == ask("two", NO_STAMP) == ()
    assert ask("alice", NO_STAMP) == "work"
    assert ask("alice", found("bob", bits=BITS + 4).stamp) == "work"
    assert ask("alice", found("alice").stamp) == ()
