"""The outbox: turns, quanta and bounds. Everything is counted, nothing is timed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zentalk.link.outbox import (
    CALLS,
    CONTROL,
    FLOW_QUANTUM_BYTES,
    FLOWS_OF_A_LINK,
    PACKET_QUANTUM_BYTES,
    PACKETS,
    FrameQueue,
)

PLENTY = 10**9


def quantum(key: int) -> int:
    return PACKET_QUANTUM_BYTES if key == PACKETS else FLOW_QUANTUM_BYTES


def frame(key: int, size: int) -> bytes:
    return bytes([key % 256]) * size


def test_what_goes_in_comes_out_in_order() -> None:
    outbox = FrameQueue()
    assert not outbox
    assert outbox.take(PLENTY) == []
    frames = [bytes([number]) * 100 for number in range(5)]
    for each in frames:
        assert outbox.put(CONTROL, each, PLENTY)
    assert outbox
    assert outbox.queued_bytes(CONTROL) == 500
    assert outbox.take(150) == frames[:2]
    assert outbox.queued_bytes(CONTROL) == 300
    assert outbox.take(PLENTY) == frames[2:]
    assert not outbox
    assert outbox.queued_bytes(CONTROL) == 0


def test_a_full_flow_refuses_and_the_others_do_not() -> None:
    outbox = FrameQueue()
    assert outbox.put(PACKETS, bytes(100), 150)
    assert not outbox.put(PACKETS, bytes(100), 150)
    assert outbox.queued_bytes(PACKETS) == 100
    assert outbox.put(CALLS, bytes(100), 150)
    outbox.take(PLENTY)
    assert outbox.put(PACKETS, bytes(100), 150)


def test_a_dropped_flow_is_gone_and_the_others_go_on() -> None:
    outbox = FrameQueue()
    outbox.put(1, b"one", PLENTY)
    outbox.put(2, b"two", PLENTY)
    outbox.drop(1)
    outbox.drop(3)
    assert outbox.take(PLENTY) == [b"two"]


def turns_before(outbox: FrameQueue, wanted: bytes) -> dict[bytes, int]:
    """Drain until `wanted` appears; return how many bytes of each flow came before it."""
    before: dict[bytes, int] = {}
    while True:
        for each in outbox.take(2_000):
            if each == wanted:
                return before
            before[each[:1]] = before.get(each[:1], 0) + len(each)


def crowded() -> FrameQueue:
    """Seven busy streams and a long answer, each with far more than one turn's worth."""
    outbox = FrameQueue()
    for key in (*range(1, 8), CALLS):
        for _ in range(40):
            outbox.put(key, frame(key, 2_607), PLENTY)
    return outbox


@pytest.mark.parametrize("key", [PACKETS, CONTROL, 9])
def test_k41_nothing_waits_longer_than_one_round(key: int) -> None:
    """A packet, a pong or another stream waits for at most one quantum of every flow."""
    outbox = crowded()
    outbox.take(30_000)
    wanted = b"\xfa" + bytes(2_000)
    outbox.put(key, wanted, PLENTY)
    before = turns_before(outbox, wanted)
    assert before
    assert all(size <= FLOW_QUANTUM_BYTES for size in before.values())


def test_k41_control_in_one_queue_everything_waits_for_all() -> None:
    outbox = FrameQueue()
    for key in range(1, 8):
        for _ in range(40):
            outbox.put(CALLS, frame(key, 2_607), PLENTY)
    wanted = b"\xfa" + bytes(2_000)
    outbox.put(CALLS, wanted, PLENTY)
    assert max(turns_before(outbox, wanted).values()) > 10 * FLOW_QUANTUM_BYTES


def test_k41_large_packets_get_their_turn_too() -> None:
    outbox = crowded()
    wanted = b"\xfa" + bytes(PACKET_QUANTUM_BYTES - 1)
    outbox.put(PACKETS, wanted, PLENTY)
    assert all(size <= FLOW_QUANTUM_BYTES for size in turns_before(outbox, wanted).values())


SIZES = {PACKETS: PACKET_QUANTUM_BYTES, CONTROL: 12, CALLS: FLOW_QUANTUM_BYTES, 1: 2_607, 2: 8_192}


@given(
    st.lists(
        st.tuples(st.sampled_from(sorted(SIZES)), st.floats(0.01, 1), st.integers(0, 60_000)),
        max_size=60,
    )
)
def test_k41_order_within_a_flow_and_fairness_between_them(
    steps: list[tuple[int, float, int]],
) -> None:
    """Whatever is put and drained when: order is kept, nothing is lost, nobody overtakes twice."""
    outbox = FrameQueue()
    put: dict[int, list[bytes]] = {}
    got: dict[int, list[bytes]] = {}
    owner: dict[bytes, int] = {}
    waited: dict[int, dict[int, int]] = {}

    def drain(enough: int) -> None:
        for each in outbox.take(enough):
            key = owner[each[:4]]
            got.setdefault(key, []).append(each)
            waited.pop(key, None)
            for waiting, seen in waited.items():
                seen[key] = seen.get(key, 0) + len(each)
                # One quantum, and what a turn that was cut short may still owe it.
                assert seen[key] <= 2 * quantum(key), (waiting, key)
            if outbox.queued_bytes(key):
                waited[key] = {}

    for number, (key, share, enough) in enumerate(steps):
        name = number.to_bytes(4, "big")
        each = name.ljust(max(4, int(SIZES[key] * share)), b".")
        owner[name] = key
        outbox.put(key, each, PLENTY)
        put.setdefault(key, []).append(each)
        waited.setdefault(key, {})
        drain(enough)
    drain(PLENTY)
    assert got == put
    assert not outbox


def test_the_number_of_flows_is_bounded_and_room_comes_back() -> None:
    outbox = FrameQueue(max_flows=2 + FLOWS_OF_A_LINK)
    assert outbox.put(1, b"one", PLENTY)
    assert outbox.put(2, b"two", PLENTY)
    assert not outbox.put(3, b"three", PLENTY)
    assert outbox.put(1, b"again", PLENTY)
    for own in (CONTROL, PACKETS, CALLS):
        assert outbox.put(own, b"own", PLENTY)
    outbox.take(PLENTY)
    assert outbox.put(3, b"three", PLENTY)
