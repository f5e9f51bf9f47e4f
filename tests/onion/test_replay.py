"""K1: a packet goes through once, whatever the attacker and the clock do."""

from collections.abc import Callable

import pytest

from tests.onion.support import EPOCH, WALL, Row, forwarded, seeded
from zentalk.ids import EPOCH_SECONDS, Epoch
from zentalk.onion.errors import PacketRefusedError
from zentalk.onion.geometry import SMALL
from zentalk.onion.mixkeys import KeySlot
from zentalk.onion.packet import DROP, Delivery
from zentalk.onion.peel import Peeler
from zentalk.onion.replay import ReplayFilter
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
    return wrap(SMALL, row.hops(), Delivery(DROP, b""), row.entropy)


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
    packet = wrap(SMALL, [early], Delivery(DROP, b""), row.entropy)
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
    restarted._keys._slots[EPOCH] = KeySlot(slot.key, ReplayFilter())
    assert outcome(restarted, packet, WALL) == "forwarded"


def test_a_full_filter_forgets_nothing() -> None:
    seen = ReplayFilter(capacity=3)
    tags = [bytes([number]) * 16 for number in range(4)]
    for tag in tags[:3]:
        seen.insert(tag)
    with pytest.raises(PacketRefusedError, match="full"):
        seen.insert(tags[3])
    assert len(seen) == 3
    assert [tag in seen for tag in tags] == [True, True, True, False]
