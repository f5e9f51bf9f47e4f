"""Offers go to who has agreed, each in the place of the last one."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.node.direct.desk import CONTACT, OTHER, WALL, Desk
from tests.node.direct.support import offer
from zentalk.ids import UserAddress
from zentalk.net.signal import Signal
from zentalk.node.direct.offering import OFFER_SECONDS, OfferSender
from zentalk.node.messages.conversation import signals
from zentalk.node.messages.effects import BestEffortInner
from zentalk.store.history import contacts, direct
from zentalk.store.history.direct import DirectRow
from zentalk.store.history.models import ContactState
from zentalk.store.sqlite import Transaction
from zentalk.wire.direct import encode_offer

OFFER = offer(b"s" * 16)


class Outbox:
    """In the place of the outbox: what is to be sent."""

    def __init__(self) -> None:
        self.consents = Signal()
        self.sent: list[BestEffortInner] = []

    def send_best_effort(self, one: BestEffortInner) -> None:
        self.sent.append(one)


@pytest.fixture
def outbox(monkeypatch: pytest.MonkeyPatch) -> Outbox:
    monkeypatch.setattr(signals, "make", lambda _tx, _composer, _person, body: body.offer)
    return Outbox()


@pytest.fixture
async def sender(one: Desk, outbox: Outbox) -> OfferSender:
    def know(tx: Transaction) -> None:
        for person in (CONTACT, OTHER):
            contacts.insert(tx, person, "", ContactState.CONTACT, WALL)

    await one.database.write(know)
    doubles: Any = (None, outbox)
    return OfferSender(one.runtime, one.database, *doubles)


async def allow(node: Desk, person: UserAddress, here: bool, there: bool) -> None:
    await node.database.write(lambda tx: direct.put(tx, person, DirectRow(1, here, 1, there)))


async def test_offers_go_to_who_has_agreed_for_a_minute_and_one_replaces_the_other(
    one: Desk, sender: OfferSender, outbox: Outbox, autojump_clock: MockClock
) -> None:
    for person in (CONTACT, OTHER):
        await allow(one, person, here=True, there=True)
    assert await sender.agreed() == {CONTACT, OTHER}
    for person in (CONTACT, CONTACT, OTHER):
        assert await sender.send(person, OFFER)
    first, second, third = outbox.sent
    assert first.inner == encode_offer(OFFER)
    assert {sent.lasts_seconds for sent in outbox.sent} == {OFFER_SECONDS}
    assert first.item_key == second.item_key
    assert first.item_key
    assert third.item_key != first.item_key, "nobody sees that both come from one node"


@pytest.mark.parametrize("sides", [(True, False), (False, True), (False, False)])
async def test_no_offer_is_sent_where_not_both_have_agreed(
    one: Desk,
    sender: OfferSender,
    outbox: Outbox,
    autojump_clock: MockClock,
    sides: tuple[bool, bool],
) -> None:
    await allow(one, CONTACT, *sides)
    assert await sender.agreed() == frozenset()
    assert not await sender.send(CONTACT, OFFER)
    assert outbox.sent == []


async def test_without_a_disk_no_offer_is_sent(
    one: Desk, sender: OfferSender, outbox: Outbox, autojump_clock: MockClock
) -> None:
    """A ratchet that moves and is not saved would be used twice."""
    await allow(one, CONTACT, here=True, there=True)
    one.database.fails_to_write = True
    assert not await sender.send(CONTACT, OFFER)
    assert outbox.sent == []
    await trio.lowlevel.checkpoint()
