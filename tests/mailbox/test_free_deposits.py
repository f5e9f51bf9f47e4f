"""K49: what strangers can deposit without work, measured, is what the documents say.

One person has mailboxes at two relays and registers what a node registers. A flooder knows every
record and tries each public send id at each relay, all day, for days, and never works.
"""

from __future__ import annotations

import re
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.mailbox.support import TODAY, Desk, deposit, entry
from zentalk.ids import DAY_SECONDS
from zentalk.mailbox.events import Collector, DepositArrived
from zentalk.mailbox.postage import Postage
from zentalk.mailbox.settings import MailboxSettings
from zentalk.mailbox.state import SendIdRecord
from zentalk.node.mailboxes.pools import DAY_MARGIN_AFTER, DAY_MARGIN_BEFORE, DAYS_AHEAD
from zentalk.wire.deposit import Deposit
from zentalk.wire.rpc_send_ids import SendIdEntry, SendIdKind

DAYS = 4
TRIES_A_DAY = 48
RELAYS = 2
DOCUMENT = Path(__file__).parents[2] / "docs" / "threat-model.md"


def registered(relay: int, today: int) -> list[SendIdEntry]:
    """The public send ids of a node's mailbox on a day, with their days, and those left over."""
    return [
        entry(name(relay, day), SendIdKind.PUBLIC, day - DAY_MARGIN_BEFORE, day + DAY_MARGIN_AFTER)
        for day in range(today - DAY_MARGIN_AFTER, today + DAYS_AHEAD)
    ]


def name(relay: int, day: int) -> str:
    return f"relay {relay} day {day}"


def accepted_each_day(*, online: bool, quota: int = 50) -> list[int]:
    """Return how many deposits without work were acknowledged on each day, by both relays."""
    relays = [Desk(MailboxSettings(public_quota=quota)) for _ in range(RELAYS)]
    owners = [desk.mailbox(*registered(n, TODAY)) for n, desk in enumerate(relays)]
    if not online:
        for desk, owner in zip(relays, owners, strict=True):
            desk.lose(owner)
    numbers, found = count(), []
    for day in range(TODAY, TODAY + DAYS):
        before = sum(len(desk.acks) for desk in relays)
        for n, desk in enumerate(relays):
            _flood(desk, owners[n] if online else None, n, day, numbers)
        found.append(sum(len(desk.acks) for desk in relays) - before)
    return found


def _flood(desk: Desk, owner: Collector | None, relay: int, day: int, numbers: Any) -> None:
    """Try every id that a record of these days may name; on the first day as much as it takes."""
    if owner is not None:
        desk.register(owner, *registered(relay, day))
    for _ in range(TRIES_A_DAY):
        for known in range(day - 3, day + 6):
            for _ in range(2):
                desk.feed(DepositArrived(deposit(next(numbers), name(relay, known))))
        if owner is not None:
            desk.ack_all(owner)
        desk.pass_time(DAY_SECONDS / TRIES_A_DAY)


@pytest.mark.parametrize("online", [False, True])
def test_k49_free_deposits_are_as_many_as_documented(online: bool) -> None:
    first, *later = accepted_each_day(online=online)
    document = re.sub(r"\s+", " ", DOCUMENT.read_text())
    said = re.search(r"(\d+) deposits at once without work, then (\d+) a day", document)
    assert said is not None
    at_once, a_day = said.groups()
    assert first == int(at_once) + int(a_day), "there is one midnight in every 24 hours"
    assert later == [int(a_day)] * (DAYS - 1)


def test_k49_control_prices_over_a_leaking_bucket_give_away_many_times_as_much(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where each deposit counts for a minute, one a minute is free for ever, at each send id."""
    levels: dict[int, tuple[float, float]] = {}
    admit = Postage.admit

    def leaky(postage: Postage, send: SendIdRecord, made: Deposit, now: float) -> Any:
        level, at = levels.get(id(send), (0.0, now))
        level = max(0.0, level - (now - at) / 60)
        levels[id(send)] = level, now
        if level >= 25:
            return None
        levels[id(send)] = level + 1, now
        return admit(postage, send, made, now)

    monkeypatch.setattr(Postage, "admit", leaky)
    monkeypatch.setattr(Postage, "asked", lambda *_: 0)
    # Two tries in half an hour are all let in; the bucket would take thirty.
    found = accepted_each_day(online=True, quota=10_000)
    assert found[1] == RELAYS * 4 * 2 * TRIES_A_DAY
