"""When contacts are called and answered: services between doubles, under a virtual clock."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
import trio
from structlog.testing import capture_logs
from trio.testing import MockClock, memory_stream_pair

from tests.node.direct.desk import WALL
from tests.node.direct.support import ALICE, BOB, offer, own_offer
from zentalk.errors import UnavailableError
from zentalk.ids import UserAddress
from zentalk.net.runtime import Runtime
from zentalk.net.signal import Signal
from zentalk.net.transport import ByteStream
from zentalk.node.conversations.direct_board import DirectBoard
from zentalk.node.direct import meetings, service
from zentalk.node.direct.meetings import (
    AFTER_END_SECONDS,
    ANSWER_PAUSE_SECONDS,
    LEAST_BETWEEN_SECONDS,
)
from zentalk.node.direct.service import ANSWER_SECONDS, LOOK_SECONDS, NO_OFFER, DirectService
from zentalk.node.direct.ways import DirectSession, OwnOffer, Use
from zentalk.node.messages.effects import ReceivedOffer
from zentalk.wire.direct import DirectOffer, encode_offer


class Sender:
    """In the place of what sends offers: to whom, and where they go."""

    def __init__(self) -> None:
        self.consents = Signal()
        self.allowed: set[UserAddress] = set()
        self.sent: list[tuple[UserAddress, DirectOffer]] = []
        self.carry: Callable[[DirectOffer], None] = lambda _offer: None
        self.can_send = True
        self.withdrawn: list[bytes] = []
        self.answers: list[bool] = []
        """Whether each of those that were sent answers a call."""
        self.reads = 0

    async def agreed(self) -> frozenset[UserAddress]:
        self.reads += 1
        await trio.lowlevel.checkpoint()
        return frozenset(self.allowed)

    async def send(self, contact: UserAddress, made: DirectOffer, *, answers: bool) -> bool:
        await trio.lowlevel.checkpoint()
        if not self.can_send:
            return False
        self.sent.append((contact, made))
        self.answers.append(answers)
        self.carry(made)
        return True

    def withdraw(self, _contact: UserAddress, session: bytes) -> None:
        self.withdrawn.append(session)

    def session(self, _contact: UserAddress, own: OwnOffer, theirs: DirectOffer) -> DirectSession:
        return DirectSession(own, theirs)

    def allow(self, contact: UserAddress, *, on: bool = True) -> None:
        (self.allowed.add if on else self.allowed.discard)(contact)
        self.consents.set()


class Links:
    """In the place of lines: each stands until it is ended."""

    def __init__(self) -> None:
        self.standing: dict[UserAddress, trio.Event] = {}
        self.sessions: list[bytes] = []

    def __contains__(self, contact: object) -> bool:
        return contact in self.standing

    def people(self) -> frozenset[UserAddress]:
        return frozenset(self.standing)

    def end(self, contact: UserAddress) -> None:
        self.standing[contact].set()

    async def run(self, contact: UserAddress, session: DirectSession, _stream: object) -> bool:
        over = self.standing[contact] = trio.Event()
        self.sessions.append(session.theirs.session)
        try:
            await over.wait()
        finally:
            if self.standing.get(contact) is over:
                del self.standing[contact]
        return True


class Ways:
    """In the place of UDP: a path leads wherever `fault` does not say why not."""

    def __init__(self) -> None:
        self.offers = 0
        self.fault: Exception | None = None

    async def offer(self, session: bytes) -> OwnOffer:
        await trio.lowlevel.checkpoint()
        self.offers += 1
        return own_offer(session)

    async def meet(self, _own: OwnOffer, _theirs: DirectOffer, use: Use) -> bool:
        await trio.lowlevel.checkpoint()
        if self.fault is not None:
            raise self.fault
        stream: Any = memory_stream_pair()[0]
        found: ByteStream = stream
        return await use(found)

    async def run(self) -> None:
        await trio.sleep_forever()


class Node:
    """One service between doubles."""

    def __init__(self, contact: UserAddress = BOB, *, is_caller: bool = True) -> None:
        self.contact = contact
        self._numbers = count(1)
        self.board, self.sender = DirectBoard(), Sender()
        self.links, self.ways = Links(), Ways()
        sender: Any = self.sender
        links: Any = self.links
        ways: Any = self.ways
        runtime = Runtime.virtual(1, WALL).for_part(str(is_caller))
        self.service = DirectService(
            runtime, self.board, sender, links, ways, lambda _contact: is_caller
        )

    def comes(self, encoded: bytes, number: int | None = None) -> None:
        """Let an offer of the contact come in, the newest one where no number is said."""
        number = next(self._numbers) if number is None else number
        self.board.took_in([self.contact], [ReceivedOffer(self.contact, encoded, number)])

    @property
    def is_direct(self) -> bool:
        return self.service.is_direct(self.contact)

    @property
    def why_not(self) -> str:
        return self.service.why_not(self.contact)


@pytest.fixture
def node(nursery: trio.Nursery) -> Node:
    made = Node()
    nursery.start_soon(made.service.run)
    return made


async def test_two_who_agree_are_connected_and_both_go_by_one_session(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    one, other = Node(BOB), Node(ALICE, is_caller=False)
    for node, mate in ((one, other), (other, one)):
        node.sender.carry = lambda made, mate=mate: mate.comes(encode_offer(made))  # type: ignore[misc]
        nursery.start_soon(node.service.run)
    one.sender.allow(BOB)
    other.sender.allow(ALICE)
    await trio.sleep(LOOK_SECONDS)
    assert one.is_direct
    assert other.is_direct
    assert one.links.sessions == other.links.sessions
    assert len(one.links.sessions) == 1
    assert (one.why_not, other.why_not) == ("", "")
    await trio.sleep(3_600)
    assert (one.ways.offers, other.ways.offers) == (1, 1), "who is connected calls nobody"
    assert (one.sender.answers, other.sender.answers) == ([False], [True])
    one.links.end(BOB)
    other.links.end(ALICE)
    await trio.sleep(2 * LOOK_SECONDS)
    assert one.is_direct
    assert other.is_direct
    assert len(set(one.links.sessions)) == 2


async def test_k_offers_of_who_has_not_agreed_are_not_answered_and_nobody_is_called(
    node: Node, autojump_clock: MockClock
) -> None:
    """Whoever asks learns no address: none is even looked for, and no port is opened."""
    for _ in range(100):
        node.comes(encode_offer(offer(b"s" * 16)))
        await trio.sleep(1)
    assert (node.ways.offers, node.sender.sent) == (0, [])
    assert not node.is_direct
    node.sender.allow(BOB)
    await trio.sleep(1)
    [(_, first)] = node.sender.sent
    assert first.session != b"s" * 16, "what came before is forgotten: this is a call of ours"


async def test_control_to_who_has_agreed_the_same_offer_shows_where_we_are(
    node: Node, autojump_clock: MockClock
) -> None:
    await trio.sleep(LOOK_SECONDS)
    node.sender.allowed.add(BOB)
    node.comes(encode_offer(offer(b"s" * 16)))
    await trio.sleep(1)
    assert [(to, made.session) for to, made in node.sender.sent] == [(BOB, b"s" * 16)]
    assert node.sender.answers == [True]


@pytest.mark.parametrize("end", ["no answer", "no consent", "another call", "no path"])
async def test_the_offer_of_a_meeting_that_has_ended_is_withdrawn(
    node: Node, autojump_clock: MockClock, end: str
) -> None:
    """Sent again it would take the place of a newer one, and end that one's meeting."""
    node.ways.fault = UnavailableError("no path") if end == "no path" else None
    node.sender.allow(BOB)
    await trio.sleep(1)
    [(_, first)] = node.sender.sent
    assert node.sender.withdrawn == []
    match end:
        case "no answer":
            await trio.sleep(ANSWER_SECONDS)
        case "no consent":
            node.sender.allow(BOB, on=False)
        case "another call":
            node.comes(encode_offer(offer(bytes(16))))
        case "no path":
            node.comes(encode_offer(offer(first.session)))
    await trio.sleep(1)
    assert node.sender.withdrawn == [first.session]


async def overtaken(node: Node) -> bool:
    """Return whether a line still stands when an older call than its own has come late."""
    node.sender.allow(BOB)
    await trio.sleep(60)
    node.comes(encode_offer(offer(b"n" * 16)), 2_000)
    await trio.sleep(meetings.CROSSED_SECONDS + 1)
    assert node.links.sessions == [b"n" * 16]
    node.comes(encode_offer(offer(b"o" * 16)), 1_999)
    await trio.sleep(1)
    return node.is_direct and node.links.sessions == [b"n" * 16]


async def test_a_call_that_was_overtaken_by_a_newer_one_ends_nothing(
    node: Node, autojump_clock: MockClock
) -> None:
    assert await overtaken(node)


async def test_control_without_the_numbers_an_old_call_takes_the_place_of_the_newer_one(
    node: Node, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(meetings, "OVERTAKEN_SECONDS", 0.0)
    assert not await overtaken(node)


async def answers(node: Node) -> int:
    """Return how many offers go to a contact that calls anew all the time, for a minute."""
    node.sender.allow(BOB)
    node.ways.fault = UnavailableError("no path")
    await trio.sleep(60)
    before = len(node.sender.sent)
    for tick in range(600):
        node.comes(encode_offer(offer((1_000 - tick).to_bytes(16, "big"))))
        await trio.sleep(0.1)
    return len(node.sender.sent) - before


async def test_a_contact_that_calls_without_end_is_answered_every_five_seconds_at_most(
    node: Node, autojump_clock: MockClock
) -> None:
    assert await answers(node) <= 60 / ANSWER_PAUSE_SECONDS + 1


async def test_control_without_the_pause_each_call_is_answered(
    node: Node, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(meetings, "ANSWER_PAUSE_SECONDS", 0.0)
    assert await answers(node) > 500


async def test_what_is_no_offer_is_nothing(node: Node, autojump_clock: MockClock) -> None:
    node.sender.allow(BOB)
    await trio.sleep(1)
    assert len(node.sender.sent) == 1
    for encoded in (b"", b"\xc1", encode_offer(offer(b"s" * 16))[:-1]):
        node.comes(encoded)
        await trio.sleep(1)
    assert len(node.sender.sent) == 1


async def test_consent_that_is_taken_back_ends_line_and_calls_at_once(
    node: Node, autojump_clock: MockClock
) -> None:
    node.sender.allow(BOB)
    await trio.sleep(1)
    node.comes(encode_offer(offer(node.sender.sent[0][1].session)))
    await trio.sleep(1)
    assert node.is_direct
    node.sender.allow(BOB, on=False)
    await trio.sleep(0.1)
    assert not node.is_direct
    await trio.sleep(3_600)
    assert len(node.sender.sent) == 1


async def test_a_call_under_way_ends_with_the_consent(
    node: Node, autojump_clock: MockClock
) -> None:
    node.sender.allow(BOB)
    await trio.sleep(1)
    [(_, call)] = node.sender.sent
    node.sender.allow(BOB, on=False)
    await trio.sleep(0.1)
    node.sender.allow(BOB)
    node.comes(encode_offer(offer(call.session)))
    await trio.sleep(1)
    assert len(node.sender.sent) == 2, "that answered nothing any more: it is a call like others"


async def test_who_does_not_answer_is_called_ever_less_often_and_one_is_told_why(
    node: Node, autojump_clock: MockClock
) -> None:
    assert node.why_not == ""
    node.sender.allow(BOB)
    await trio.sleep(ANSWER_SECONDS - 1)
    assert node.why_not == ""
    await trio.sleep(2)
    assert node.why_not == NO_OFFER
    await trio.sleep(86_400)
    calls = len(node.sender.sent)
    assert 86_400 / 1_900 < calls < 86_400 / 850 + 8
    node.board.took_in([BOB], [])
    await trio.sleep(1)
    assert len(node.sender.sent) == calls + 1, "it is there now"


@pytest.mark.parametrize("how", ["no path", "not sent"])
async def test_what_fails_says_why(node: Node, autojump_clock: MockClock, how: str) -> None:
    node.ways.fault = UnavailableError("no path")
    node.sender.can_send = how != "not sent"
    node.sender.allow(BOB)
    await trio.sleep(1)
    if node.sender.sent:
        node.comes(encode_offer(offer(node.sender.sent[0][1].session)))
    await trio.sleep(1)
    assert how in node.why_not.replace("cannot be sent", "not sent")
    assert not node.is_direct


async def test_a_bug_in_one_meeting_ends_it_alone(node: Node, autojump_clock: MockClock) -> None:
    node.ways.fault = ZeroDivisionError("a bug")
    node.sender.allow(BOB)
    await trio.sleep(1)
    with capture_logs() as logs:
        node.comes(encode_offer(offer(node.sender.sent[0][1].session)))
        await trio.sleep(1)
    assert [line["event"] for line in logs] == ["direct_connection_ended_by_a_bug"]
    node.ways.fault = None
    node.comes(encode_offer(offer(b"s" * 16)))
    await trio.sleep(1)
    assert node.is_direct


async def test_one_of_two_lets_the_other_call_first(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    callee = Node(ALICE, is_caller=False)
    nursery.start_soon(callee.service.run)
    callee.sender.allow(ALICE)
    await trio.sleep(meetings.CALLEE_SECONDS - 0.1)
    assert callee.sender.sent == []
    await trio.sleep(service.LOOK_SECONDS + 1)
    assert len(callee.sender.sent) == 1, "nobody called"


async def test_who_has_agreed_with_nobody_costs_nothing(
    node: Node, autojump_clock: MockClock
) -> None:
    """Every node has this service, and few have agreed with somebody."""
    await trio.sleep(1)
    before = node.sender.reads
    await trio.sleep(24 * 3600)
    assert node.sender.reads == before
    for _ in range(100):
        node.board.took_in([BOB], [])
        await trio.sleep(1)
    assert node.sender.reads - before <= 100 / LOOK_SECONDS + 1


async def test_a_line_that_ended_is_looked_for_again_when_it_is_due_and_not_at_the_next_look(
    node: Node, autojump_clock: MockClock
) -> None:
    node.sender.carry = lambda made: node.comes(encode_offer(offer(made.session)))
    node.sender.allow(BOB)
    await trio.sleep(LEAST_BETWEEN_SECONDS + 2)
    began = len(node.sender.sent)
    node.links.end(BOB)
    await trio.sleep(AFTER_END_SECONDS + 1)
    assert len(node.sender.sent) == began + 1
