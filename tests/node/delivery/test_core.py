"""The delivery core as transcripts: what is told, and exactly what it asks for."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from zentalk.ids import DAY_SECONDS, MessageId, NodeId, SendId, UserAddress
from zentalk.node.delivery import core as module
from zentalk.node.delivery.core import NO_ROOM_SECONDS, DeliveryCore
from zentalk.node.delivery.events import (
    Added,
    AskMailbox,
    BestEffortAdded,
    Command,
    Confirmed,
    DepositCopy,
    Deposited,
    DepositFailed,
    DropWork,
    GivenUp,
    GiveUp,
    ItemDue,
    ItemRead,
    MailboxAnswered,
    NoteHeld,
    NoteReason,
    NoteTaken,
    PutOff,
    ReadItem,
    ReportArrived,
    ReportLost,
    ReportSilence,
    Rerouted,
    Restarted,
    Resumed,
    StorageFailed,
    TokenReturned,
    WantMailboxes,
    WorkDone,
)
from zentalk.node.delivery.in_flight import (
    IN_FLIGHT,
    NOT_CONNECTED_SECONDS,
    UNCONFIRMED_SECONDS,
)
from zentalk.node.delivery.retry_schedule import SHAPED_SILENT_SECONDS, SILENT_SECONDS
from zentalk.node.messages.reasons import Reason
from zentalk.node.messages.routes import DepositTarget
from zentalk.store.history.models import OutboxItem

BOB, CAROL = UserAddress(b"b" * 32), UserAddress(b"c" * 32)
A, B, GUARD, MIDDLE = (NodeId(letter * 32) for letter in (b"A", b"B", b"g", b"m"))
LIFE = 30.0 * DAY_SECONDS
TOKEN = b"t" * 32


def target(relay: NodeId) -> DepositTarget:
    return DepositTarget(relay, SendId(relay[:16]), b"k" * 32, public=True)


def item(number: int, contact: UserAddress = BOB, envelope: bytes | None = b"sealed") -> OutboxItem:
    return OutboxItem(
        item=number,
        message_id=MessageId(bytes(16)),
        contact=contact,
        content=b"",
        envelope=envelope,
        ratchet_id=b"",
        item_key=bytes(16),
        created_at=0.0,
        expires_at=0.0,
        held_by=frozenset(),
    )


class Bench:
    """A core whose contacts have two mailboxes, with round trips of half a second."""

    def __init__(self) -> None:
        self.targets: dict[UserAddress, tuple[DepositTarget, ...]] = {
            BOB: (target(A), target(B)),
            CAROL: (target(A), target(B)),
        }
        self.room = True
        self.core = DeliveryCore(0.5, self.targets, lambda *_: self.room, is_shaped=True)

    def add(self, number: int, now: float = 0.0) -> list[Command]:
        return self.core.handle(Added(item(number), LIFE), now)

    def deposited(
        self, number: int, relay: NodeId, now: float, token: bytes | None = None
    ) -> list[Command]:
        event = Deposited(number, relay, (GUARD, MIDDLE, relay), token)
        return self.core.handle(event, now)

    def sent(self, number: int, now: float = 0.0, token: bytes | None = None) -> None:
        """Add an item, and let its first copy leave for A."""
        *earlier, copy = self.add(number, now)
        assert earlier in ([], [DropWork(number)])
        assert copy == DepositCopy(item(number), target(A), now + LIFE)
        assert self.deposited(number, A, now, token) == []

    def due(self) -> tuple[float, list[Command]]:
        """Let time pass to the next deadline; return when that is and what is asked for."""
        now = self.core.next_deadline()
        return now, self.core.handle(ItemDue(), now)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_confirmed_item_leaves_nothing(bench: Bench) -> None:
    bench.sent(1)
    assert len(bench.core) == 1
    assert bench.core.handle(Confirmed((1, 7)), 0.4) == [ReportArrived((GUARD, MIDDLE, A), None)]
    assert (len(bench.core), bench.core.next_deadline()) == (0, math.inf)
    assert bench.core.handle(ItemDue(), 1e9) == []


def test_without_a_word_it_goes_again_then_to_the_second_mailbox(bench: Bench) -> None:
    bench.sent(1)
    at, commands = bench.due()
    assert (at, commands) == (
        1.5,
        [ReportLost((GUARD, MIDDLE, A), None), DepositCopy(item(1), target(A), LIFE)],
    )
    bench.deposited(1, A, at)
    at, commands = bench.due()
    assert (at, commands) == (2.0, [DepositCopy(item(1), target(B), LIFE)])
    bench.deposited(1, B, at)
    # It needed the second mailbox: the next one begins there.
    assert bench.core.handle(Confirmed((1,)), 2.5) == []
    assert bench.add(2, 3.0) == [DepositCopy(item(2), target(B), 3.0 + LIFE)]


def confirmed_after_a_late_one(bench: Bench) -> None:
    """Bob holds the second and the third until the first has come by the second mailbox."""
    for number, at in ((1, 0.0), (2, 0.2), (3, 1.0)):
        bench.sent(number, at)
    while bench.core.next_deadline() <= 2.2:
        at, commands = bench.due()
        for command in commands:
            if isinstance(command, DepositCopy):
                bench.deposited(command.item.item, command.target.relay, at)


def first_retry(bench: Bench, number: int, now: float) -> float:
    """Add an item, let its first copy leave, and return after how long it goes again."""
    [copy] = bench.add(number, now)
    assert isinstance(copy, DepositCopy)
    bench.deposited(number, copy.target.relay, now)
    return bench.core.next_deadline() - now


@pytest.mark.parametrize("split", [False, True])
def test_what_waited_at_its_reader_for_a_late_one_says_nothing_of_mailbox_and_round_trip(
    bench: Bench, *, split: bool
) -> None:
    confirmed_after_a_late_one(bench)
    # The order in which a confirmation names them does not matter, nor whether it is one.
    for numbers in ((1,), (2, 3)) if split else ((3, 1, 2),):
        bench.core.handle(Confirmed(numbers), 2.5)
    assert bench.add(4, 3.0) == [DepositCopy(item(4), target(B), 3.0 + LIFE)]
    bench.core.handle(Confirmed((4,)), 3.5)
    assert first_retry(bench, 5, 4.0) == 1.5


def test_control_without_that_they_turn_mailboxes_about_and_make_round_trips_longer(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    confirmed_after_a_late_one(bench)
    monkeypatch.setattr(bench.core, "_late_at", Forgetful())
    bench.core.handle(Confirmed((1, 2, 3)), 2.5)
    assert bench.add(4, 3.0) == [DepositCopy(item(4), target(A), 3.0 + LIFE)]
    bench.core.handle(Confirmed((4,)), 3.5)
    assert first_retry(bench, 5, 4.0) > 1.5


class Forgetful(dict[UserAddress, float]):
    def __setitem__(self, contact: UserAddress, at: float) -> None:
        """Keep nothing."""


def test_what_began_after_a_late_one_was_confirmed_counts_again(bench: Bench) -> None:
    confirmed_after_a_late_one(bench)
    bench.core.handle(Confirmed((1, 2, 3)), 2.5)
    bench.add(4, 3.0)
    bench.core.handle(Confirmed((4,)), 6.0)
    assert bench.add(5, 7.0) == [DepositCopy(item(5), target(A), 7.0 + LIFE)]


def test_an_ack_is_noted_and_ends_the_retries_at_its_relay(bench: Bench) -> None:
    bench.sent(1, token=TOKEN)
    hops = (GUARD, MIDDLE, A)
    assert bench.core.handle(TokenReturned(TOKEN), 0.3) == [
        ReportArrived(hops, TOKEN),
        NoteHeld(1, A, BOB),
    ]
    assert bench.core.handle(TokenReturned(TOKEN), 0.4) == []
    assert bench.due() == (1.5, [])  # A holds it: nothing to do there
    assert bench.due() == (2.0, [DepositCopy(item(1), target(B), LIFE)])


def test_an_ack_of_an_earlier_ciphertext_speaks_for_its_path_only(bench: Bench) -> None:
    bench.sent(1, token=TOKEN)
    bench.sent(1, 0.2)  # encrypted anew
    assert bench.core.handle(TokenReturned(TOKEN), 0.3) == [
        ReportArrived((GUARD, MIDDLE, A), TOKEN)
    ]


def test_what_could_not_leave_goes_to_the_other_mailbox_at_once(bench: Bench) -> None:
    bench.add(1)
    assert bench.core.handle(DepositFailed(1, A), 0.0) == []
    assert bench.due() == (0.0, [DepositCopy(item(1), target(B), LIFE)])
    bench.deposited(1, B, 0.0)
    assert bench.due() == (0.25, [DepositCopy(item(1), target(A), LIFE)])


def test_no_mailbox_is_known(bench: Bench) -> None:
    bench.targets.clear()
    assert bench.add(1) == [WantMailboxes(BOB)]
    assert bench.due() == (1.0, [WantMailboxes(BOB)])
    bench.targets[BOB] = (target(A),)
    assert bench.due() == (2.0, [DepositCopy(item(1), target(A), LIFE)])


def test_where_there_is_no_room_it_waits_a_second(bench: Bench) -> None:
    bench.room = False
    assert bench.add(1) == []
    assert bench.due() == (1.0, [])
    bench.room = True
    assert bench.due() == (2.0, [DepositCopy(item(1), target(A), LIFE)])


def test_an_item_of_an_earlier_life_is_read_before_it_is_sent(bench: Bench) -> None:
    stored = replace(item(1), held_by=frozenset({A}))
    bench.core.handle(Resumed(stored, 60.0), 5.0)
    assert bench.due() == (5.0, [ReadItem(1, 0)])
    assert bench.core.handle(StorageFailed(1, 0), 5.0) == []
    assert bench.due() == (10.0, [ReadItem(1, 0)])
    assert bench.core.handle(ItemRead(1, 0, stored), 10.0) == []  # A holds it
    assert bench.due() == (12.0, [DepositCopy(stored, target(B), 65.0)])


@pytest.mark.parametrize(
    ("found", "commands"),
    [(None, []), (item(1, envelope=None), [DropWork(1)])],
    ids=["it is gone", "its ciphertext is gone"],
)
def test_what_cannot_be_sent_any_more_is_forgotten(
    bench: Bench, found: OutboxItem | None, commands: list[Command]
) -> None:
    bench.core.handle(Resumed(item(1), 60.0), 0.0)
    bench.due()
    assert bench.core.handle(ItemRead(1, 0, found), 0.0) == commands
    assert (len(bench.core), bench.core.next_deadline()) == (0, math.inf)


def test_what_is_encrypted_anew_while_it_is_being_read_is_sent_in_its_new_form(
    bench: Bench,
) -> None:
    bench.core.handle(Resumed(item(1), 60.0), 0.0)
    assert bench.due() == (0.0, [ReadItem(1, 0)])
    bench.sent(1, 0.1)
    assert bench.core.handle(ItemRead(1, 0, item(1, envelope=b"old")), 0.2) == []
    assert bench.core.handle(StorageFailed(1, 0), 0.2) == []
    assert bench.core.next_deadline() == pytest.approx(1.6)


def test_its_time_to_live_ends(bench: Bench) -> None:
    bench.core.handle(Resumed(item(1), -1.0), 0.0)
    gone = item(1, envelope=None)
    assert bench.due() == (0.0, [GiveUp(gone, 0)])
    bench.core.handle(StorageFailed(1, 0), 0.0)
    assert bench.due() == (5.0, [GiveUp(gone, 0)])
    assert bench.core.handle(GivenUp(1), 5.0) == []
    assert (len(bench.core), bench.core.next_deadline()) == (0, math.inf)


def test_a_mailbox_wants_work_and_gets_it(bench: Bench) -> None:
    bench.add(1)
    assert bench.core.handle(PutOff(1, A, 60.0, is_full=False), 0.0) == []
    assert bench.due() == (0.0, [DepositCopy(item(1), target(B), LIFE)])
    bench.deposited(1, B, 0.0)
    assert bench.core.handle(WorkDone(1, A), 0.7) == []
    assert bench.due() == (0.7, [DepositCopy(item(1), target(A), LIFE)])


def test_work_for_a_ciphertext_goes_with_it(bench: Bench) -> None:
    bench.add(1)
    bench.core.handle(PutOff(1, A, 60.0, is_full=False), 0.0)
    assert bench.add(1, 1.0) == [DropWork(1), DepositCopy(item(1), target(A), 1.0 + LIFE)]


def test_that_nothing_can_be_sent_for_long_is_noted_and_that_it_can_again(bench: Bench) -> None:
    now, commands = 0.0, bench.add(1)
    noted: list[Command] = []
    while not noted:
        for copy in commands:
            assert isinstance(copy, DepositCopy)
            noted += bench.core.handle(DepositFailed(1, copy.target.relay), now)
        now, commands = bench.due()
    assert noted == [NoteReason(1, Reason.NOT_CONNECTED)]
    assert NOT_CONNECTED_SECONDS < now < 2 * NOT_CONNECTED_SECONDS
    told: list[Command] = []
    for copy in commands:
        assert isinstance(copy, DepositCopy)
        told += bench.deposited(1, copy.target.relay, now)
    assert told == [NoteReason(1, Reason.NONE)]


def test_that_all_mailboxes_are_full_is_noted_once(bench: Bench) -> None:
    bench.add(1)
    assert bench.core.handle(PutOff(1, A, 3.0, is_full=True), 0.0) == []
    assert bench.due() == (0.0, [DepositCopy(item(1), target(B), LIFE)])
    assert bench.core.handle(PutOff(1, B, 4.0, is_full=True), 0.0) == [NoteReason(1, Reason.FULL)]
    assert bench.due() == (3.0, [DepositCopy(item(1), target(A), LIFE)])
    assert bench.core.handle(PutOff(1, A, 6.0, is_full=True), 3.0) == []
    assert bench.core.handle(MailboxAnswered(B, SendId(B[:16])), 3.5) == []
    assert bench.due() == (3.5, [DepositCopy(item(1), target(B), LIFE)])


@pytest.mark.parametrize("is_shaped", [False, True])
def test_that_nobody_acknowledges_is_noted_once_and_no_longer_than_it_is_so(
    bench: Bench, is_shaped: bool
) -> None:
    if not is_shaped:
        bench.core = DeliveryCore(0.5, bench.targets)
    silent = SHAPED_SILENT_SECONDS if is_shaped else SILENT_SECONDS
    bench.sent(1, token=TOKEN)
    noted: list[tuple[float, Command]] = []
    now = 0.0
    while now < 2 * silent:
        now, commands = bench.due()
        for copy in commands:
            if isinstance(copy, DepositCopy):
                told = bench.deposited(1, copy.target.relay, now)
                noted += [(now, command) for command in told]
    [(at, note)] = noted
    assert note == NoteReason(1, Reason.NOT_ACKNOWLEDGED)
    assert silent <= at < silent + 60
    assert NoteHeld(1, A, BOB) in bench.core.handle(TokenReturned(TOKEN), now), "and so it is sent"


def test_control_what_a_relay_holds_is_never_said_to_be_unacknowledged(bench: Bench) -> None:
    bench.sent(1, token=TOKEN)
    bench.core.handle(TokenReturned(TOKEN), 0.5)
    assert NoteReason(1, Reason.NOT_ACKNOWLEDGED) not in told_within(bench, 2 * DAY_SECONDS)


def told_within(bench: Bench, seconds: float) -> list[Command]:
    """Let time pass while all that is sent leaves; return which reasons are told."""
    told: list[Command] = []
    while bench.core.next_deadline() < seconds:
        now, commands = bench.due()
        told += [command for command in commands if isinstance(command, NoteReason)]
        for copy in commands:
            if isinstance(copy, DepositCopy):
                told += bench.deposited(1, copy.target.relay, now)
    return told


def test_what_is_held_and_not_confirmed_for_minutes_is_noted_once(bench: Bench) -> None:
    bench.sent(1, token=TOKEN)
    bench.core.handle(TokenReturned(TOKEN), 0.5)
    assert told_within(bench, UNCONFIRMED_SECONDS + 0.4) == []
    unconfirmed = [NoteReason(1, Reason.NOT_CONFIRMED)]
    assert told_within(bench, UNCONFIRMED_SECONDS + 0.6) == unconfirmed
    assert told_within(bench, 2 * DAY_SECONDS) == []


def test_control_what_is_confirmed_in_time_is_not(bench: Bench) -> None:
    bench.sent(1, token=TOKEN)
    bench.core.handle(TokenReturned(TOKEN), 0.5)
    bench.core.handle(Confirmed((1,)), UNCONFIRMED_SECONDS)
    assert told_within(bench, 2 * DAY_SECONDS) == []


def test_after_a_restart_what_a_relay_held_before_is_noted_too(bench: Bench) -> None:
    held = replace(item(1), held_by=frozenset({A, B}))
    assert bench.core.handle(Resumed(held, LIFE), 0.0) == []
    assert bench.due() == (0.0, [ReadItem(1, 0)])
    assert bench.core.handle(ItemRead(1, 0, held), 0.0) == []
    assert bench.due() == (UNCONFIRMED_SECONDS, [NoteReason(1, Reason.NOT_CONFIRMED)])


def test_a_contact_that_moved_is_written_to_at_its_new_mailbox(bench: Bench) -> None:
    bench.sent(1)
    bench.targets[BOB] = (target(MIDDLE),)
    assert bench.core.handle(Rerouted(BOB), 0.1) == []
    assert bench.due() == (0.1, [DepositCopy(item(1), target(MIDDLE), LIFE)])


def test_what_went_through_a_relay_that_restarted_goes_once_more(bench: Bench) -> None:
    bench.sent(1)
    assert bench.core.handle(Restarted(frozenset({B})), 0.5) == []
    assert bench.core.next_deadline() == 1.5
    assert bench.core.handle(Restarted(frozenset({MIDDLE})), 0.6) == []
    assert bench.due() == (0.6, [DepositCopy(item(1), target(A), LIFE)])  # nobody is blamed


def test_overdue_acks_are_asked_about_and_a_long_silence_is_told(bench: Bench) -> None:
    asked, silent = first_asked_and_silent(bench)
    assert 9.5 < asked < 30
    assert SHAPED_SILENT_SECONDS <= silent < SHAPED_SILENT_SECONDS + 60


def test_where_links_are_full_it_is_looked_again_soon_and_nothing_counts_as_tried(
    bench: Bench,
) -> None:
    bench.core = DeliveryCore(0.5, bench.targets, lambda *_: bench.room)
    bench.room = False
    assert bench.add(1) == []
    assert bench.due() == (NO_ROOM_SECONDS, [])
    bench.room = True
    assert bench.due() == (2 * NO_ROOM_SECONDS, [DepositCopy(item(1), target(A), LIFE)])


def test_where_nothing_leaves_at_ticks_silence_is_told_after_a_minute(bench: Bench) -> None:
    bench.core = DeliveryCore(0.5, bench.targets)
    _, silent = first_asked_and_silent(bench)
    assert SILENT_SECONDS <= silent < SILENT_SECONDS + 60


def first_asked_and_silent(bench: Bench) -> tuple[float, float]:
    """Never acknowledge an item; return when its mailbox is asked for, and silence is told."""
    bench.targets[BOB] = (target(A),)
    bench.sent(1)
    asked: list[float] = []
    while True:
        at, commands = bench.due()
        asked += [at for command in commands if command == AskMailbox(target(A))]
        if ReportSilence(BOB) in commands:
            return asked[0], at
        bench.deposited(1, A, at)


def test_a_best_effort_inner_waits_for_an_ack_alone(bench: Bench) -> None:
    inner = item(-1)
    assert bench.core.handle(BestEffortAdded(inner, 600.0, 2.0, elsewhere=True), 0.0) == []
    assert bench.due() == (2.0, [DepositCopy(inner, target(B), 600.0)])
    bench.deposited(-1, B, 2.0, TOKEN)
    assert bench.core.next_deadline() == pytest.approx(11.5)
    assert bench.core.handle(TokenReturned(TOKEN), 3.0) == [
        ReportArrived((GUARD, MIDDLE, B), TOKEN)
    ]
    assert (len(bench.core), bench.core.next_deadline()) == (0, math.inf)


def test_k50_that_a_relay_has_taken_a_kept_confirmation_is_told(bench: Bench) -> None:
    kept = BestEffortAdded(item(-1), 600.0, 0.0, elsewhere=False, confirmation=7)
    [copy] = bench.core.handle(kept, 0.0)
    assert copy == DepositCopy(item(-1), target(A), 600.0)
    bench.deposited(-1, A, 0.0, TOKEN)
    assert NoteTaken(7) in bench.core.handle(TokenReturned(TOKEN), 1.0)


def test_a_best_effort_inner_is_dropped_after_its_time(bench: Bench) -> None:
    bench.targets.clear()
    bench.core.handle(BestEffortAdded(item(-1), 1.5, 0.0, elsewhere=False), 0.0)
    assert bench.due() == (1.0, [WantMailboxes(BOB)])
    assert bench.due() == (2.0, [])
    assert len(bench.core) == 0


def test_a_best_effort_inner_that_is_given_up_leaves_its_place_and_never_goes_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_BEST_EFFORT", 1)
    first, second = (BestEffortAdded(item(n), 600.0, 0.0, elsewhere=False) for n in (-1, -2))
    bench.core.handle(first, 0.0)
    bench.deposited(-1, A, 0.0, TOKEN)
    assert bench.core.handle(GivenUp(-1), 1.0) == []
    assert (len(bench.core), bench.core.next_deadline()) == (0, math.inf)
    assert bench.core.handle(second, 1.0) == [DepositCopy(item(-2), target(A), 601.0)]
    assert bench.core.handle(GivenUp(-1), 2.0) == [], "once more changes nothing"
    assert len(bench.core) == 1


def test_too_many_best_effort_inners_are_sent_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_BEST_EFFORT", 1)
    first, second = (BestEffortAdded(item(n), 600.0, 0.0, elsewhere=False) for n in (-1, -2))
    bench.core.handle(first, 0.0)
    assert bench.core.handle(second, 0.0) == [DepositCopy(item(-2), target(A), 0.0, is_last=True)]
    assert bench.deposited(-2, A, 0.0) == []
    assert len(bench.core) == 1


def test_the_window_lets_the_next_one_go_when_one_is_confirmed(bench: Bench) -> None:
    for number in range(IN_FLIGHT):
        bench.sent(number)
    assert bench.add(IN_FLIGHT) == []
    assert bench.core.handle(Added(item(1_000, CAROL), LIFE), 0.0)  # it has its own window
    bench.core.handle(Confirmed((3,)), 0.1)
    assert bench.due() == (0.1, [ReadItem(IN_FLIGHT, IN_FLIGHT + 1)])
    read = ItemRead(IN_FLIGHT, IN_FLIGHT + 1, item(IN_FLIGHT))
    assert bench.core.handle(read, 0.1) == [DepositCopy(item(IN_FLIGHT), target(A), LIFE)]


def test_ciphertexts_of_many_are_read_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ENVELOPES_IN_MEMORY", 1)
    bench.sent(1)
    bench.sent(2)
    at, commands = bench.due()
    assert commands[-1] == DepositCopy(item(1), target(A), LIFE)
    bench.deposited(1, A, at)
    at, commands = bench.due()
    assert commands[-1] == DepositCopy(item(2), target(A), LIFE)
    bench.deposited(2, A, at)
    assert bench.due() == (2.0, [ReadItem(1, 1)])


def test_tokens_of_acks_are_bounded(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_TOKENS", 2)
    for number in range(3):
        bench.sent(number, token=bytes([number]) * 32)
    assert bench.core.handle(TokenReturned(bytes(32)), 0.1) == []
    assert bench.core.handle(TokenReturned(b"\2" * 32), 0.1) != []
