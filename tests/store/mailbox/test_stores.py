"""One contract for every mailbox store: the same operations, the same outcomes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from tests.mailbox.support import (
    box_of,
    boxes,
    deposit_id,
    entry,
    envelope,
    key_id,
    mailbox_id,
    pool_prekeys,
    send_id,
    stored,
)
from zentalk.ids import MailboxId
from zentalk.mailbox.arrivals import Arrival, ListChange
from zentalk.mailbox.look_ups import BEFORE_ALL, FindMailbox, FoundOutcome, ListDue, Unused
from zentalk.mailbox.pool import (
    ListPrekeys,
    PoolListOutcome,
    PoolOutcome,
    PrekeyOutcome,
    PutPrekeys,
    TakePrekey,
)
from zentalk.mailbox.storage import (
    DONE,
    ChangeSendIds,
    ClearSendIds,
    CountAttempts,
    DeleteEnvelopes,
    DropArrivals,
    KeepTime,
    KeepTurns,
    MailboxStore,
    Operation,
    Outcome,
    PutEnvelope,
    PutOutcome,
    PutResult,
    ReadEnvelopes,
    ReadOutcome,
    RemovedOutcome,
    RemoveMailbox,
    Room,
    SendIdsOutcome,
    ShortenExpiry,
    SweepEnvelopes,
)
from zentalk.mailbox.stored import Envelope, Removed, SaveMailbox, Totals, TurnsTaken
from zentalk.store.mailbox.memory import MemoryMailboxStore
from zentalk.store.mailbox.sqlite import SqliteMailboxStore
from zentalk.wire.deposit import Stamp
from zentalk.wire.rpc_send_ids import SendIdKind

BOB, CAROL = mailbox_id("bob"), mailbox_id("carol")


def record(box: str = "bob", generation: int = 1, **changes: Any) -> SaveMailbox:
    values: dict[str, Any] = {"reserved_seq": 10, "expires_hour": 500, "last_resort_used": False}
    return SaveMailbox(mailbox_id(box), generation, **{**values, **changes})


@pytest.fixture(params=["sqlite", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MailboxStore]:
    opened: MailboxStore
    if request.param == "sqlite":
        opened = SqliteMailboxStore(tmp_path / "queue.db")
    else:
        opened = MemoryMailboxStore()
    do(opened, record("bob"), record("carol"))
    yield opened
    opened.close()


def do(store: MailboxStore, *operations: Operation) -> list[Outcome]:
    return store.apply(operations)


def put(store: MailboxStore, *envelopes: Envelope, room: Room = Room.FREE) -> list[PutOutcome]:
    outcomes = do(store, *(PutEnvelope(item, room) for item in envelopes))
    return [item for item in outcomes if isinstance(item, PutOutcome)]


def arrival(number: int, work: int = 0, places: int = 1) -> Arrival:
    return Arrival(deposit_id(number), work, places)


def listed(store: MailboxStore, box: MailboxId = BOB) -> dict[bytes, tuple[Arrival, ...]]:
    (found,) = (one for one in boxes(store) if one.record.mailbox == box)
    return dict(found.arrivals)


def read(store: MailboxStore, **changes: Any) -> ReadOutcome:
    values: dict[str, Any] = {"after_seq": -1, "limit": 100, "max_bytes": 10**6, "now_hour": 0}
    (outcome,) = do(store, ReadEnvelopes(BOB, **{**values, **changes}))
    assert isinstance(outcome, ReadOutcome)
    return outcome


def seqs(outcome: ReadOutcome) -> list[int]:
    return [item.seq for item in outcome.envelopes]


def test_what_is_put_is_read_in_order_of_sequence(store: MailboxStore) -> None:
    put(store, envelope(5), envelope(3), envelope(4))
    outcome = read(store)
    assert outcome == ReadOutcome((envelope(3), envelope(4), envelope(5)), more=False)


def test_reading_is_bounded_and_says_so(store: MailboxStore) -> None:
    put(store, *(envelope(seq, sealed=bytes(100)) for seq in range(5)))
    assert (seqs(read(store, limit=2)), read(store, limit=2).more) == ([0, 1], True)
    assert (seqs(read(store, limit=5)), read(store, limit=5).more) == ([0, 1, 2, 3, 4], False)
    assert (seqs(read(store, max_bytes=250)), read(store, max_bytes=250).more) == ([0, 1], True)
    assert seqs(read(store, max_bytes=1)) == [0]
    assert seqs(read(store, after_seq=2)) == [3, 4]


def test_another_mailbox_is_not_read(store: MailboxStore) -> None:
    put(store, envelope(1, "carol", "carol"))
    assert seqs(read(store)) == []


def test_a_repeat_replaces_the_copy_and_keeps_its_place(store: MailboxStore) -> None:
    put(store, envelope(1), envelope(2))
    again = envelope(
        9, deposit_id=envelope(1).deposit_id, sealed=b"longer than it was", arrived_hour=150
    )
    (outcome,) = put(store, again)
    grown = len(again.sealed) - len(envelope(1).sealed)
    assert outcome == PutOutcome(PutResult.REPLACED, 1, grown, ())
    assert read(store).envelopes == (envelope(1, sealed=again.sealed), envelope(2))


def test_deposit_ids_of_different_send_ids_are_different(store: MailboxStore) -> None:
    put(store, envelope(1), envelope(2, to="dave", deposit_id=envelope(1).deposit_id))
    assert seqs(read(store)) == [1, 2]


def test_without_room_only_a_copy_is_replaced(store: MailboxStore) -> None:
    put(store, envelope(1))
    (refused,) = put(store, envelope(2), room=Room.REPLACE_ONLY)
    assert refused == PutOutcome(PutResult.REFUSED, 2, 0, ())
    again = envelope(3, deposit_id=envelope(1).deposit_id)
    (replaced,) = put(store, again, room=Room.REPLACE_ONLY)
    assert replaced.result is PutResult.REPLACED
    assert seqs(read(store)) == [1]


def test_evicting_removes_the_oldest_until_the_new_one_fits(store: MailboxStore) -> None:
    put(store, *(envelope(seq, sealed=bytes(10)) for seq in range(4)))
    new = envelope(7, sealed=bytes(25))
    (outcome,) = put(store, new, room=Room.EVICT_OLDEST)
    gone = Removed(BOB, send_id("bob"), False, 3, 30)
    assert outcome == PutOutcome(PutResult.INSERTED, 7, 25, (gone,))
    assert seqs(read(store)) == [3, 7]


def test_nothing_is_put_into_an_unknown_mailbox(store: MailboxStore) -> None:
    (outcome,) = put(store, envelope(1, "nobody"))
    assert outcome.result is PutResult.REFUSED
    assert stored(store) == 0


def test_b7_a_second_delete_is_harmless(store: MailboxStore) -> None:
    put(store, envelope(1), envelope(2, to="dave"), envelope(3))
    (first,) = do(store, DeleteEnvelopes(BOB, (1, 2, 2)))
    size = len(envelope(1).sealed)
    assert first == RemovedOutcome(
        tuple(
            sorted(
                (
                    Removed(BOB, send_id("bob"), False, 1, size),
                    Removed(BOB, send_id("dave"), False, 1, size),
                ),
                key=lambda item: item.send_id,
            )
        )
    )
    assert do(store, DeleteEnvelopes(BOB, (1, 2))) == [RemovedOutcome(())]
    assert do(store, DeleteEnvelopes(CAROL, (3,))) == [RemovedOutcome(())]
    assert seqs(read(store)) == [3]


def test_a5_expired_mail_is_not_read_and_swept(store: MailboxStore) -> None:
    put(store, *(envelope(seq, expires_hour=100 + seq) for seq in range(4)))
    assert seqs(read(store, now_hour=101)) == [2, 3]
    (swept,) = do(store, SweepEnvelopes(101, 100))
    assert isinstance(swept, RemovedOutcome)
    assert swept.count == 2
    assert seqs(read(store)) == [2, 3]


def test_a_sweep_is_bounded(store: MailboxStore) -> None:
    put(store, *(envelope(seq, expires_hour=1) for seq in range(5)))
    sizes = [do(store, SweepEnvelopes(1, 2))[0] for _ in range(4)]
    assert [item.count for item in sizes if isinstance(item, RemovedOutcome)] == [2, 2, 1, 0]


def test_b4_a_lower_ttl_shortens_what_waits(store: MailboxStore) -> None:
    put(store, envelope(1, arrived_hour=100, expires_hour=800))
    put(store, envelope(2, arrived_hour=100, expires_hour=101))
    assert do(store, ShortenExpiry(25)) == [DONE]
    assert [item.expires_hour for item in read(store).envelopes] == [125, 101]


def test_b11_attempts_are_counted(store: MailboxStore) -> None:
    put(store, envelope(1), envelope(2))
    do(store, CountAttempts(BOB, (1, 7), 120), CountAttempts(BOB, (1,), 130))
    counts = [(item.attempts, item.last_attempt_hour) for item in read(store).envelopes]
    assert counts == [(2, 130), (0, 0)]


def test_k13_a_prekey_is_taken_once_and_in_order(store: MailboxStore) -> None:
    assert do(store, PutPrekeys(BOB, pool_prekeys(b"a", b"b"), ())) == [PoolOutcome(2)]
    assert do(store, PutPrekeys(CAROL, pool_prekeys(b"x"), ())) == [PoolOutcome(1)]
    taken = do(store, *(TakePrekey(BOB, 9, takes) for takes in (1, 2, 3)))
    assert taken == [PrekeyOutcome(b"a"), PrekeyOutcome(b"b"), PrekeyOutcome(None)]
    bob = next(box for box in boxes(store) if box.record.mailbox == BOB)
    assert (bob.takes_day, bob.takes) == (9, 2), "what was not there was not taken"


def test_prekeys_are_removed_by_their_ids_and_added_once(store: MailboxStore) -> None:
    do(
        store,
        PutPrekeys(BOB, pool_prekeys(b"a", b"b", b"c"), ()),
        PutPrekeys(CAROL, pool_prekeys(b"a"), ()),
    )
    change = PutPrekeys(BOB, pool_prekeys(b"c", b"d"), (key_id(b"a"), key_id(b"nobody's")))
    assert do(store, change) == [PoolOutcome(3)]
    expected = PoolListOutcome(tuple(map(key_id, (b"b", b"c", b"d"))))
    assert do(store, ListPrekeys(BOB)) == [expected]
    assert do(store, ListPrekeys(CAROL)) == [PoolListOutcome((key_id(b"a"),))]
    assert do(store, TakePrekey(BOB, 0, 1)) == [PrekeyOutcome(b"b")]


# --- lists of arrivals -------------------------------------------------------------------------


def test_a_deposit_is_listed_with_its_envelope_and_stays_listed_without(
    store: MailboxStore,
) -> None:
    do(store, ChangeSendIds(BOB, (entry("bob", SendIdKind.PUBLIC),), ()))
    stamp = Stamp(3, b"a number")
    new = envelope(1, work=17, stamp=stamp)
    do(store, PutEnvelope(new, Room.FREE, ListChange(arrival(1, 17))))
    assert read(store).envelopes == (new,)
    do(store, DeleteEnvelopes(BOB, (1,)))
    assert listed(store) == {send_id("bob"): (arrival(1, 17),)}
    do(store, ChangeSendIds(BOB, (), (send_id("bob"),)))
    assert listed(store) == {}


def test_what_is_displaced_leaves_the_list_and_the_store_if_it_still_waits(
    store: MailboxStore,
) -> None:
    do(store, ChangeSendIds(BOB, (entry("bob", SendIdKind.PUBLIC),), ()))
    for number in (1, 2, 3):
        new = envelope(number, work=0)
        do(store, PutEnvelope(new, Room.FREE, ListChange(arrival(number))))
    do(store, DeleteEnvelopes(BOB, (2,)))
    change = ListChange(arrival(4, 19), (arrival(2), arrival(3)))
    (outcome,) = do(store, PutEnvelope(envelope(4, work=19), Room.FREE, change))
    size = len(envelope(3).sealed)
    gone = Removed(BOB, send_id("bob"), True, 1, size)
    assert outcome == PutOutcome(PutResult.INSERTED, 4, size, (gone,))
    assert seqs(read(store)) == [1, 4]
    assert listed(store) == {send_id("bob"): (arrival(1), arrival(4, 19))}
    drop = DropArrivals(BOB, send_id("bob"), (deposit_id(1), deposit_id(77)))
    assert do(store, drop) == [RemovedOutcome((gone,))]
    assert listed(store) == {send_id("bob"): (arrival(4, 19),)}


def test_a_deposit_whose_send_id_is_gone_is_not_listed(store: MailboxStore) -> None:
    (outcome,) = do(store, PutEnvelope(envelope(1), Room.FREE, ListChange(arrival(1))))
    assert isinstance(outcome, PutOutcome)
    assert outcome.result is PutResult.INSERTED
    assert listed(store) == {}


def test_public_mail_does_not_give_way_to_contacts(store: MailboxStore) -> None:
    put(store, envelope(1, work=0), envelope(2), envelope(3))
    put(store, envelope(4), room=Room.EVICT_OLDEST)
    assert seqs(read(store)) == [1, 3, 4]


def test_loading_returns_everything_but_the_envelopes(store: MailboxStore) -> None:
    changed = record("bob", 2**64 - 1, reserved_seq=2**40, last_resort_used=True)
    public = entry("public", SendIdKind.PUBLIC, 5, 8)
    do(store, changed, ChangeSendIds(BOB, (entry("bob"), public), ()))
    do(store, PutPrekeys(BOB, pool_prekeys(b"a"), ()), KeepTime(77), KeepTime(76))
    do(store, KeepTurns(TurnsTaken(9, 70)), KeepTurns(TurnsTaken(8, 77)))
    put(store, envelope(1), envelope(2), envelope(3, to="removed"))
    loaded, bob = store.load(), box_of(store)
    size = len(envelope(1).sealed)
    assert loaded.hour == 77
    assert loaded.turns == TurnsTaken(8, 77)
    assert (bob.record, bob.last_seq, bob.prekeys) == (changed, 3, 1)
    assert loaded.totals == Totals(2, 2, 3, 1)
    assert {item.entry for item in bob.send_ids} == {entry("bob"), public}
    assert set(bob.waiting) == {
        Removed(BOB, send_id("bob"), False, 2, 2 * size),
        Removed(BOB, send_id("removed"), False, 1, size),
    }


def test_send_ids_change_and_go(store: MailboxStore) -> None:
    do(store, ChangeSendIds(BOB, (entry("a"), entry("b")), ()))
    later = entry("a", SendIdKind.PUBLIC, 3, 9)
    do(store, ChangeSendIds(BOB, (later, entry("c")), (send_id("a"), send_id("b"))))
    assert _send_ids(store) == {BOB: {later, entry("c")}, CAROL: set()}


def test_a_send_id_of_another_mailbox_stays_its_own(store: MailboxStore) -> None:
    free, taken = SendIdsOutcome(is_taken=False), SendIdsOutcome(is_taken=True)
    assert do(store, ChangeSendIds(BOB, (entry("a"),), ())) == [free]
    do(store, ChangeSendIds(CAROL, (entry("b"),), ()))
    both = (entry("a", SendIdKind.ACK), entry("c"))
    assert do(store, ChangeSendIds(CAROL, both, (send_id("b"),))) == [taken]
    assert _send_ids(store) == {BOB: {entry("a")}, CAROL: {entry("b")}}, "all or nothing"
    do(store, ChangeSendIds(CAROL, (), (send_id("b"),)))
    do(store, ChangeSendIds(CAROL, (), (send_id("a"),)))
    assert _send_ids(store) == {BOB: {entry("a")}, CAROL: set()}


def test_a_removed_mailbox_leaves_nothing(store: MailboxStore) -> None:
    do(store, ChangeSendIds(BOB, (entry("a"),), ()), PutPrekeys(BOB, pool_prekeys(b"k"), ()))
    put(store, envelope(1))
    do(store, RemoveMailbox(BOB), RemoveMailbox(BOB))
    assert [box.record.mailbox for box in boxes(store)] == [CAROL]
    do(store, ChangeSendIds(CAROL, (entry("a"),), ()))
    assert _send_ids(store) == {CAROL: {entry("a")}}
    assert do(store, TakePrekey(BOB, 0, 1), PutPrekeys(BOB, pool_prekeys(b"k"), ())) == [
        PrekeyOutcome(None),
        PoolOutcome(0),
    ]
    assert put(store, envelope(2))[0].result is PutResult.REFUSED


def test_operations_on_unknown_mailboxes_do_nothing(store: MailboxStore) -> None:
    nobody = mailbox_id("nobody")
    outcomes = do(
        store,
        DeleteEnvelopes(nobody, (1,)),
        ReadEnvelopes(nobody, -1, 10, 10, 0),
        CountAttempts(nobody, (1,), 5),
        ChangeSendIds(nobody, (entry("z"),), ()),
        TakePrekey(nobody, 0, 1),
        ListPrekeys(nobody),
        DropArrivals(nobody, send_id("bob"), (deposit_id(1),)),
        FindMailbox(nobody),
        RemoveMailbox(nobody),
    )
    empty = ReadOutcome((), more=False)
    nothing = [RemovedOutcome(()), empty, DONE, SendIdsOutcome(is_taken=False)]
    no_keys = [PrekeyOutcome(None), PoolListOutcome(())]
    assert outcomes == [*nothing, *no_keys, RemovedOutcome(()), FoundOutcome(None), Totals()]
    assert all(not ids for ids in _send_ids(store).values())


def _send_ids(store: MailboxStore) -> dict[bytes, set[Any]]:
    return {box.record.mailbox: {item.entry for item in box.send_ids} for box in boxes(store)}


# --- both stores, side by side -----------------------------------------------------------------

_boxes = st.sampled_from(["bob", "carol", "nobody"])
_names = st.sampled_from(["a", "b", "c"])
_small = st.integers(0, 12)
_BLOBS = [b"%d" % number for number in range(6)]


@st.composite
def _operations(draw: st.DrawFn) -> Operation:
    box = mailbox_id(draw(_boxes))
    kind = draw(st.integers(0, 13))
    numbers = tuple(draw(st.lists(_small, max_size=4)))
    if kind == 0:
        used = st.lists(st.tuples(_names.map(send_id), _small), max_size=2)
        return replace(
            SaveMailbox(box, draw(_small), draw(_small), draw(_small), draw(st.booleans())),
            used=tuple(draw(used)),
        )
    if kind == 1:
        entries = {
            name: entry(name, draw(st.sampled_from(SendIdKind)), 0, draw(_small))
            for name in draw(st.lists(_names, max_size=3))
        }
        return ChangeSendIds(
            box,
            tuple(entries.values()),
            tuple(send_id(name) for name in draw(st.lists(_names, max_size=2))),
            draw(_small),
        )
    if kind == 2:
        return PutPrekeys(
            box,
            pool_prekeys(*draw(st.lists(st.sampled_from(_BLOBS), max_size=3))),
            tuple(map(key_id, draw(st.lists(st.sampled_from(_BLOBS), max_size=2)))),
        )
    if kind == 3:
        takes = TakePrekey(box, draw(_small), draw(_small))
        return takes if draw(st.booleans()) else ListPrekeys(box)
    if kind == 4:
        return DeleteEnvelopes(box, numbers)
    if kind == 5:
        return SweepEnvelopes(draw(_small), 100)
    if kind == 6:
        return CountAttempts(box, tuple(set(numbers)), draw(_small))
    if kind == 7:
        return ShortenExpiry(draw(_small))
    if kind == 8:
        return RemoveMailbox(box) if draw(st.integers(0, 4)) == 0 else KeepTime(draw(_small))
    if kind == 9:
        return DropArrivals(box, send_id(draw(_names)), tuple(map(deposit_id, numbers)))
    if kind == 10:
        return ClearSendIds(box, tuple(send_id(name) for name in draw(st.lists(_names))))
    if kind == 11:
        after = draw(st.sampled_from([BEFORE_ALL, BOB, CAROL]))
        unused = draw(st.none() | st.builds(Unused, _small, st.integers(0, 2)))
        return ListDue(after, draw(st.integers(1, 3)), draw(_small), draw(_small), unused)
    return ReadEnvelopes(
        box, draw(_small) - 1, draw(st.integers(1, 4)), draw(st.integers(1, 60)), draw(_small)
    )


class _SameOutcomes(RuleBasedStateMachine):
    """The same operations on both stores; the memory store is the simple model."""

    folder: Path

    def __init__(self) -> None:
        super().__init__()
        _SameOutcomes.made += 1
        self.path = self.folder / f"{_SameOutcomes.made}.db"
        self.sqlite = SqliteMailboxStore(self.path)
        self.memory = MemoryMailboxStore()
        self.seq = 0
        self.both([record("bob"), record("carol")])

    made = 0

    def both(self, operations: list[Operation]) -> None:
        assert self.sqlite.apply(operations) == self.memory.apply(operations)

    @rule(operations=st.lists(_operations(), min_size=1, max_size=4))
    def apply(self, operations: list[Operation]) -> None:
        self.both(operations)

    @rule(
        box=_boxes,
        to=_names,
        number=_small,
        size=st.integers(1, 20),
        expires=_small,
        room=st.sampled_from(Room),
    )
    def put(self, box: str, to: str, number: int, size: int, expires: int, room: Room) -> None:
        self._put(box, to, number, size, expires, room, None)

    @rule(
        box=_boxes,
        to=_names,
        number=_small,
        size=st.integers(1, 20),
        expires=_small,
        displaced=st.lists(_small, max_size=3, unique=True),
    )
    def put_listed(
        self, box: str, to: str, number: int, size: int, expires: int, displaced: list[int]
    ) -> None:
        gone = tuple(arrival(other) for other in displaced if other != number)
        change = ListChange(arrival(number, size), gone)
        self._put(box, to, number, size, expires, Room.FREE, change)

    def _put(
        self,
        box: str,
        to: str,
        number: int,
        size: int,
        expires: int,
        room: Room,
        change: ListChange | None,
    ) -> None:
        self.seq += 1
        new = envelope(
            self.seq, box, to, deposit_id=deposit_id(number), sealed=bytes(size),
            arrived_hour=number, expires_hour=expires, work=-1 if change is None else size,
        )  # fmt: skip
        self.both([PutEnvelope(new, room, change)])

    @rule()
    def reopen(self) -> None:
        self.sqlite.close()
        self.sqlite = SqliteMailboxStore(self.path)

    @invariant()
    def the_same_is_loaded(self) -> None:
        assert self.sqlite.load() == self.memory.load()
        assert _sorted(boxes(self.sqlite)) == _sorted(boxes(self.memory))

    def teardown(self) -> None:
        self.sqlite.close()


def _sorted(mailboxes: Any) -> dict[bytes, Any]:
    return {
        box.record.mailbox: (
            replace(box, send_ids=(), waiting=(), arrivals=()),
            {*box.send_ids},
            {*box.waiting},
            dict(box.arrivals),
        )
        for box in mailboxes
    }


def test_both_stores_answer_alike(tmp_path: Path) -> None:
    _SameOutcomes.folder = tmp_path
    run_state_machine_as_test(
        _SameOutcomes, settings=settings(max_examples=40, stateful_step_count=25)
    )
