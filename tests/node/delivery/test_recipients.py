"""Where recipients collect: what they have told us comes before what their records name."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice, pairwise, takewhile
from types import SimpleNamespace
from typing import Any

import pytest

from zentalk.ids import NodeId, SendId, UserAddress
from zentalk.net.runtime import Runtime
from zentalk.node.delivery.recipients import (
    DRAWN_SECONDS,
    FIRST_SILENCE_SECONDS,
    LONGEST_SILENCE_SECONDS,
    Recipients,
    RecoveryRequests,
)
from zentalk.node.delivery.retry_schedule import SHAPED_SILENT_SECONDS
from zentalk.node.messages.routes import DepositTarget

HOUR = 3_600.0
BOB = UserAddress(b"b" * 32)
TOLD = DepositTarget(NodeId(b"t" * 32), SendId(b"t" * 16), b"t" * 32, public=False)
NAMED = DepositTarget(NodeId(b"n" * 32), SendId(b"n" * 16), b"n" * 32, public=True)


class Routes:
    """Stands in for the database: the routes that a query would find."""

    def __init__(self) -> None:
        self.stored: dict[UserAddress, tuple[DepositTarget, ...]] = {}

    async def read(self, _query: object) -> dict[UserAddress, tuple[DepositTarget, ...]]:
        return self.stored


@pytest.fixture
def routes() -> Routes:
    return Routes()


@pytest.fixture
def recipients(routes: Routes) -> Recipients:
    return Recipients(Runtime.virtual(1, 0.0), routes)  # type: ignore[arg-type]


def record() -> Any:
    entry = SimpleNamespace(relay=NAMED.relay, send_id=NAMED.send_id, deposit_key=NAMED.key)
    return SimpleNamespace(mailboxes=(entry,))


async def test_a_record_counts_where_the_contact_has_told_nothing(
    routes: Routes, recipients: Recipients
) -> None:
    assert recipients.targets.get(BOB, ()) == ()
    recipients.found(BOB, record())
    assert recipients.targets[BOB] == (NAMED,)
    routes.stored = {BOB: ()}
    await recipients.learn({BOB})
    assert recipients.targets[BOB] == (NAMED,)


async def test_what_the_contact_has_told_comes_first_until_it_is_gone(
    routes: Routes, recipients: Recipients
) -> None:
    routes.stored = {BOB: (TOLD,)}
    await recipients.learn()
    recipients.found(BOB, record())
    assert recipients.targets[BOB] == (TOLD,)
    routes.stored = {BOB: ()}
    await recipients.learn({BOB})
    assert recipients.targets[BOB] == (NAMED,)


class Looks:
    """Requests on a clock of our own; it is said each second that Bob's mailboxes are silent."""

    def __init__(self, seed: int = 1, *, shaped: bool = False) -> None:
        self.now = 0.0
        runtime = replace(Runtime.virtual(seed, 0.0), monotonic=lambda: self.now)
        self.requests = RecoveryRequests(runtime, shaped=shaped)

    def times(self) -> Iterator[float]:
        while True:
            self.requests.silent(BOB)
            if self.requests.silent_contacts():
                self.requests.looked_at(BOB)
                yield self.now
            self.now += 1.0

    def in_the_first(self, seconds: float) -> int:
        return sum(1 for _ in takewhile(lambda at: at < seconds, self.times()))


def test_the_time_of_a_look_is_drawn_so_that_it_follows_from_nothing_a_relay_sees() -> None:
    first = [next(Looks(seed).times()) for seed in range(200)]
    assert min(first) < DRAWN_SECONDS / 10
    assert DRAWN_SECONDS * 0.9 < max(first) <= DRAWN_SECONDS + 1
    assert 0.4 < sum(at < DRAWN_SECONDS / 2 for at in first) / len(first) < 0.6


def test_looks_cost_others_ever_less() -> None:
    times = list(islice(Looks().times(), 9))
    gaps = [after - before for before, after in pairwise(times)]
    least = [min(FIRST_SILENCE_SECONDS * 2**n, LONGEST_SILENCE_SECONDS) for n in range(len(gaps))]
    for gap, wait in zip(gaps, least, strict=True):
        assert wait <= gap <= wait + DRAWN_SECONDS + 2


def test_there_are_five_in_the_first_hour_and_one_in_every_later_one() -> None:
    assert max(Looks(seed).in_the_first(HOUR) for seed in range(20)) == 5
    assert max(Looks(seed).in_the_first(11 * HOUR) for seed in range(4)) <= 16


def test_where_a_look_stands_out_there_are_no_more_than_before() -> None:
    assert SHAPED_SILENT_SECONDS == 600.0
    assert max(Looks(seed, shaped=True).in_the_first(HOUR) for seed in range(20)) == 3


def test_who_is_heard_of_meanwhile_is_not_looked_at() -> None:
    looks = Looks()
    looks.requests.silent(BOB)
    assert looks.requests.next_look(()) < math.inf
    assert looks.requests.next_look({BOB}) == math.inf
    looks.requests.heard(BOB)
    assert looks.requests.next_look(()) == math.inf
    looks.now = HOUR
    assert looks.requests.silent_contacts() == frozenset()
