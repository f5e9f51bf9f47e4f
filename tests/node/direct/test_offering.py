"""Offers go to who has agreed; calls each in the place of the last one, answers in none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.node.direct.desk import CONTACT, OTHER, WALL, Desk
from tests.node.direct.support import offer, own_offer
from zentalk.ids import UserAddress
from zentalk.net.signal import Signal
from zentalk.node.direct.offering import OFFER_SECONDS, OfferSender
from zentalk.node.direct.ways import DirectSession, OwnOffer
from zentalk.node.messages.conversation import signals
from zentalk.node.messages.effects import BestEffortInner
from zentalk.store.history import contacts, direct
from zentalk.store.history.direct import DirectRow
from zentalk.store.history.models import ContactState
from zentalk.store.sqlite import Transaction
from zentalk.wire.direct import CandidateKind, DirectCandidate, DirectOffer, encode_offer

OFFER = offer(b"s" * 16)


class Outbox:
    """In the place of the outbox: what is to be sent."""

    def __init__(self) -> None:
        self.consents = Signal()
        self.sent: list[BestEffortInner] = []
        self.withdrawn: list[int] = []
        self.numbers: list[int] = []
        """Those by which readers tell which offer is the newer one."""

    def send_best_effort(self, one: BestEffortInner) -> int:
        self.sent.append(one)
        return -len(self.sent)

    def withdraw(self, number: int) -> None:
        self.withdrawn.append(number)


@pytest.fixture
def outbox(monkeypatch: pytest.MonkeyPatch) -> Outbox:
    made = Outbox()

    def make(_tx: Transaction, _composer: object, _person: object, body: Any, number: int) -> bytes:
        made.numbers.append(number)
        offer: bytes = body.offer
        return offer

    monkeypatch.setattr(signals, "make", make)
    return made


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


async def test_offers_go_to_who_has_agreed_for_a_minute_and_one_call_replaces_the_other(
    one: Desk, sender: OfferSender, outbox: Outbox, autojump_clock: MockClock
) -> None:
    for person in (CONTACT, OTHER):
        await allow(one, person, here=True, there=True)
    assert await sender.agreed() == {CONTACT, OTHER}
    for person in (CONTACT, CONTACT, OTHER):
        assert await sender.send(person, OFFER, answers=False)
    first, second, third = outbox.sent
    assert first.inner == encode_offer(OFFER)
    assert {sent.lasts_seconds for sent in outbox.sent} == {OFFER_SECONDS}
    assert first.item_key == second.item_key
    assert first.item_key
    assert third.item_key != first.item_key, "nobody sees that both come from one node"


async def test_an_offer_that_a_newer_one_follows_is_not_sent_again(
    one: Desk, sender: OfferSender, outbox: Outbox, autojump_clock: MockClock
) -> None:
    for person in (CONTACT, OTHER):
        await allow(one, person, here=True, there=True)
    assert await sender.send(CONTACT, offer(b"1" * 16))
    assert await sender.send(OTHER, offer(b"2" * 16))
    assert outbox.withdrawn == []
    assert await sender.send(CONTACT, offer(b"3" * 16))
    assert outbox.withdrawn == [-1]
    sender.withdraw(CONTACT, b"1" * 16)
    assert outbox.withdrawn == [-1], "the newer one goes on"
    for _ in range(2):
        sender.withdraw(CONTACT, b"3" * 16)
    assert outbox.withdrawn == [-1, -3]


async def test_numbers_of_offers_rise_also_where_the_clock_stands_or_is_set_back(
    one: Desk, sender: OfferSender, outbox: Outbox, autojump_clock: MockClock
) -> None:
    await allow(one, CONTACT, here=True, there=True)
    for _ in range(3):
        assert await sender.send(CONTACT, OFFER)
    await trio.sleep(1)
    assert await sender.send(CONTACT, OFFER)
    began = int(WALL * 1000)
    assert outbox.numbers == [began, began + 1, began + 2, began + 1000]


async def test_an_answer_replaces_nothing_and_nothing_replaces_it(
    one: Desk, sender: OfferSender, outbox: Outbox, autojump_clock: MockClock
) -> None:
    """A relay that has just pushed a call would take it for the same, and delete both at once."""
    await allow(one, CONTACT, here=True, there=True)
    for answers in (False, True, True):
        assert await sender.send(CONTACT, OFFER, answers=answers)
    call, *answered = outbox.sent
    assert call.item_key
    assert [sent.item_key for sent in answered] == [b"", b""], "the outbox draws one for each"


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
    assert not await sender.send(CONTACT, OFFER, answers=False)
    assert outbox.sent == []


async def test_without_a_disk_no_offer_is_sent(
    one: Desk, sender: OfferSender, outbox: Outbox, autojump_clock: MockClock
) -> None:
    """A ratchet that moves and is not saved would be used twice."""
    await allow(one, CONTACT, here=True, there=True)
    one.database.fails_to_write = True
    assert not await sender.send(CONTACT, OFFER, answers=False)
    assert outbox.sent == []
    await trio.lowlevel.checkpoint()


class Near:
    """In the place of the local network: who is looked for, and what is sent there."""

    def __init__(self) -> None:
        self.allowed: frozenset[UserAddress] = frozenset()
        self.sent: list[tuple[UserAddress, bytes]] = []
        self.is_open = True

    def allow(self, agreed: frozenset[UserAddress]) -> None:
        self.allowed = agreed

    async def send(self, contact: UserAddress, encoded: bytes) -> bool:
        await trio.lowlevel.checkpoint()
        if self.is_open:
            self.sent.append((contact, encoded))
        return self.is_open

    def session(self, _contact: UserAddress, own: OwnOffer, theirs: DirectOffer) -> DirectSession:
        return DirectSession(own, replace(theirs, candidates=PLACES))


PLACES = (DirectCandidate(CandidateKind.LOCAL, ("192.168.1.3", 40_000)),)


@pytest.fixture
def near(sender: OfferSender, monkeypatch: pytest.MonkeyPatch) -> Near:
    found = Near()
    monkeypatch.setattr(sender, "_nearby", found)
    return found


async def test_offers_also_go_to_who_is_near_and_only_to_who_has_agreed(
    one: Desk, sender: OfferSender, outbox: Outbox, near: Near, autojump_clock: MockClock
) -> None:
    await allow(one, CONTACT, here=True, there=True)
    await allow(one, OTHER, here=True, there=False)
    assert await sender.agreed() == near.allowed == {CONTACT}
    assert await sender.send(CONTACT, OFFER)
    assert not await sender.send(OTHER, OFFER)
    assert near.sent == [(CONTACT, encode_offer(OFFER))]
    assert len(outbox.sent) == 1
    await allow(one, CONTACT, here=False, there=True)
    assert not await sender.send(CONTACT, OFFER)
    assert near.allowed == frozenset()
    assert len(near.sent) == 1, "consent is looked at each time"


async def test_where_nothing_can_be_written_to_a_contact_an_offer_goes_to_who_is_near(
    one: Desk,
    sender: OfferSender,
    outbox: Outbox,
    near: Near,
    autojump_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await allow(one, CONTACT, here=True, there=True)
    monkeypatch.setattr(signals, "make", lambda *_: None)
    assert await sender.send(CONTACT, OFFER)
    assert (len(near.sent), outbox.sent) == (1, [])
    near.is_open = False
    assert not await sender.send(CONTACT, OFFER)
    one.database.fails_to_read = one.database.fails_to_write = True
    near.is_open = True
    assert not await sender.send(CONTACT, OFFER), "nobody knows whether they still agree"


async def test_a_session_knows_where_a_contact_is_near(
    sender: OfferSender, near: Near, autojump_clock: MockClock
) -> None:
    own = own_offer(b"s" * 16)
    assert sender.session(CONTACT, own, OFFER).theirs.candidates == PLACES
    sender._nearby = None
    assert sender.session(CONTACT, own, OFFER) == DirectSession(own, OFFER)
    await trio.lowlevel.checkpoint()
