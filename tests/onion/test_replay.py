"""K1: a packet goes through once, whatever the attacker and the clock do."""

import gc
import weakref
from array import array
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.onion.support import EPOCH, WALL, Row, forwarded, seeded
from zentalk.crypto import x25519
from zentalk.ids import EPOCH_SECONDS, Epoch
from zentalk.onion import replay
from zentalk.onion.errors import PacketRefusedError
from zentalk.onion.geometry import SMALL
from zentalk.onion.mixkeys import KeySlot
from zentalk.onion.packet import DROP, DeliveryPlaintext
from zentalk.onion.peel import Peeler
from zentalk.onion.replay import Capacity, ReplayFilter, filter_of_key
from zentalk.onion.wrap import wrap

NEXT = float((EPOCH + 1) * EPOCH_SECONDS)


def outcome(relay: Peeler, packet: bytes, wall: float) -> str:
    try:
        relay.peel(packet, wall)
    except PacketRefusedError as error:
        return error.reason
    return "forwarded"


@pytest.fixture
def row() -> Row:
    return Row(3)


@pytest.fixture
def packet(row: Row) -> bytes:
    return wrap(SMALL, row.hops(), DeliveryPlaintext(DROP, b""), row.entropy)


def test_k1_replay_is_forwarded_once_also_across_an_epoch_change(row: Row, packet: bytes) -> None:
    relay = row.relays[0]
    times = [WALL, WALL, NEXT - 0.5, NEXT, NEXT + 10, NEXT + 3599, NEXT + 3600, NEXT + 7200]
    results = []
    for wall in times:
        relay.rotate(wall, row.entropy)
        results.append(outcome(relay, packet, wall))
    assert results == ["forwarded", *["replay"] * 5, "epoch", "epoch"]


def test_k1_replay_when_the_first_copy_comes_after_the_epoch_change(
    row: Row, packet: bytes
) -> None:
    relay = row.relays[0]
    relay.rotate(NEXT + 1, row.entropy)
    assert [outcome(relay, packet, NEXT + 1) for _ in range(2)] == ["forwarded", "replay"]


def test_k1_replay_of_the_next_epochs_packet_before_and_after_it_begins(row: Row) -> None:
    row.epoch = Epoch(EPOCH)
    hops = row.hops(1)
    early = type(hops[0])(
        hops[0].node_id, row.relays[0].keys_for_descriptor(EPOCH)[1], Epoch(EPOCH + 1)
    )
    packet = wrap(SMALL, [early], DeliveryPlaintext(DROP, b""), row.entropy)
    relay = row.relays[0]
    assert outcome(relay, packet, NEXT - 301) == "epoch"
    assert outcome(relay, packet, NEXT - 300) == "forwarded"
    relay.rotate(NEXT, row.entropy)
    assert outcome(relay, packet, NEXT) == "replay"


@pytest.mark.parametrize("wall", [WALL + 1, NEXT + 1], ids=["same epoch", "next epoch"])
def test_k1_replay_after_a_restart_is_undecryptable(row: Row, packet: bytes, wall: float) -> None:
    assert outcome(row.relays[0], packet, WALL) == "forwarded"
    restarted = Peeler()
    restarted.rotate(wall, seeded(b"restarted"))
    assert outcome(restarted, packet, wall) == "undecryptable"


def test_k1_replay_at_every_hop_of_the_path(row: Row, packet: bytes) -> None:
    for relay in row.relays[:-1]:
        following = forwarded(relay.peel(packet, WALL))
        assert outcome(relay, packet, WALL) == "replay"
        packet = following


@pytest.mark.parametrize(
    "attack",
    [
        lambda wall: wall,
        lambda wall: NEXT + 1,
    ],
)
def test_k1_control_without_the_filter_a_replay_is_forwarded(
    row: Row, packet: bytes, attack: Callable[[float], float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ReplayFilter, "__contains__", lambda self, tag: False)
    relay = row.relays[0]
    assert outcome(relay, packet, WALL) == "forwarded"
    assert outcome(relay, packet, attack(WALL)) == "forwarded"


def test_k1_control_keys_that_outlive_their_filter_let_a_replay_through(
    row: Row, packet: bytes
) -> None:
    relay = row.relays[0]
    assert outcome(relay, packet, WALL) == "forwarded"
    slot = relay._keys.slot(EPOCH)
    assert slot is not None
    restarted = Peeler()
    restarted._keys._slots[EPOCH] = KeySlot(slot.key, ReplayFilter(bytes(16)))
    assert outcome(restarted, packet, WALL) == "forwarded"


@pytest.mark.parametrize("capacity", [Capacity(3, 0), Capacity(1, 2), Capacity(0, 3)])
def test_a_full_filter_forgets_nothing(capacity: Capacity) -> None:
    seen = ReplayFilter(SALT, capacity)
    tags = [bytes([number]) * 16 for number in range(4)]
    for tag in tags[:3]:
        seen.insert(tag)
    with pytest.raises(PacketRefusedError, match="full"):
        seen.insert(tags[3])
    assert len(seen) == 3
    assert [tag in seen for tag in tags] == [True, True, True, False]


# --- the large form ----------------------------------------------------------------------------

SALT = b"sixteen bytes..."


class Tables:
    """Counts how many slots a filter looks at."""

    def __init__(self) -> None:
        self.looked_at = 0

    def array(self, code: str, content: bytes) -> "array[int]":
        tables = self

        class Counting(array):  # type: ignore[type-arg]
            def __getitem__(self, at: Any) -> Any:
                tables.looked_at += 1
                return super().__getitem__(at)

        return Counting(code, content) if code == "Q" else array(code, content)


@given(st.lists(st.binary(min_size=1, max_size=2), max_size=400), st.integers(0, 50))
def test_k1_a_filter_agrees_with_a_set_in_every_form(tags: list[bytes], exact: int) -> None:
    seen, expected = ReplayFilter(SALT, Capacity(exact, 400)), set[bytes]()
    for tag in tags:
        assert (tag in seen) == (tag in expected)
        if tag not in seen:
            seen.insert(tag)
            expected.add(tag)
        assert len(seen) == len(expected)
    assert all(tag in seen for tag in expected)


def test_no_packet_ever_waits_for_others_to_be_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    """The most slots that one insertion looks at, from the first tag to a full filter."""
    tables = Tables()
    monkeypatch.setattr(replay, "array", tables.array)
    entropy, most = seeded(b"work"), 0
    seen = ReplayFilter(SALT, Capacity(1_000, 20_000))
    for _ in range(21_000):
        tag, before = entropy(16), tables.looked_at
        assert tag not in seen
        seen.insert(tag)
        most = max(most, tables.looked_at - before)
    assert most < 200
    assert tables.looked_at < 21_000 * 10
    assert seen.size_bytes < 1_000 * 90 + 20_000 * 15 + replay.TABLE_BYTES
    with pytest.raises(PacketRefusedError, match="full"):
        seen.insert(entropy(16))


def test_control_without_a_secret_a_sender_aims_all_its_tags_at_one_slot(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Tags whose digests a sender can foresee make every packet search a whole table."""
    aimed = [(number << 10).to_bytes(4, "big") * 4 for number in range(1, 500)]
    work = []
    for secret in (True, False):
        tables = Tables()
        monkeypatch.setattr(replay, "array", tables.array)
        seen = ReplayFilter(SALT, Capacity(0, 100_000))
        if not secret:
            seen._digest = lambda tag: bytes(4) + tag[:4]  # what it would be known to be
        for tag in aimed:
            seen.insert(tag)
        work.append(tables.looked_at)
    assert work[0] < 2 * len(aimed)
    assert work[1] > 100 * len(aimed) / 2


def test_a_table_that_is_full_refuses_and_a_search_in_it_ends() -> None:
    seen = ReplayFilter(SALT, Capacity(0, 5_000))
    seen._digest = lambda tag: bytes(4) + tag  # all in the first table
    for number in range(1, replay.TABLE_SLOTS):
        seen.insert(number.to_bytes(4, "big"))
    with pytest.raises(PacketRefusedError, match="full"):
        seen.insert(replay.TABLE_SLOTS.to_bytes(4, "big"))
    assert (5).to_bytes(4, "big") in seen
    assert (9_999).to_bytes(4, "big") not in seen
    assert len(seen) == replay.TABLE_SLOTS - 1


def test_two_filters_of_one_tag_have_nothing_in_common() -> None:
    keys = [x25519.generate(seeded(name)).secret for name in (b"a", b"b")]
    filters = [filter_of_key(key, Capacity(0, 10)) for key in keys]
    assert len({each._digest_of(bytes(16)) for each in filters}) == 2


def test_k1_the_memory_of_an_epoch_is_released_with_its_key() -> None:
    """A hundred epochs: never more than the filters of three, and none lives on elsewhere."""
    relay, entropy = Peeler(Capacity(10, 1_000)), seeded(b"epochs")
    seen: list[weakref.ref[ReplayFilter]] = []
    gc.disable()  # a cycle would keep it until the collector comes by
    try:
        for hour in range(100):
            wall = WALL + hour * EPOCH_SECONDS
            relay.rotate(wall, entropy)
            slot = relay._keys.slot(Epoch(EPOCH + hour))
            assert slot is not None
            for _ in range(20):
                slot.seen.insert(entropy(16))
            seen.append(weakref.ref(slot.seen))
            slot = None
            alive = [ref for ref in seen if ref() is not None]
            assert alive == seen[-2:]  # this one and the one before
            assert relay.filter_bytes <= 2 * (10 * 90 + 10 * replay.TABLE_BYTES)
    finally:
        gc.enable()


def test_k1_control_a_slot_that_is_kept_keeps_its_filter() -> None:
    relay, entropy = Peeler(Capacity(10, 1_000)), seeded(b"epochs")
    relay.rotate(WALL, entropy)
    kept = relay._keys.slot(EPOCH)
    assert kept is not None
    seen = weakref.ref(kept.seen)
    relay.rotate(WALL + 3 * EPOCH_SECONDS, entropy)
    assert seen() is not None
    del kept
    assert seen() is None
