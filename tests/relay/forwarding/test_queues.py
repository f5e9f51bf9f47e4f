"""The relay's bounded queues: held packets, and packets before a link."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from zentalk.relay.forwarding.delay_queue import DelayQueue
from zentalk.relay.forwarding.send_queues import SendQueues
from zentalk.relay.links.memory_budget import MemoryBudget


@given(
    st.lists(st.tuples(st.integers(0, 100), st.integers(1, 50)), max_size=60),
    st.integers(0, 40),
    st.integers(0, 1000),
)
def test_held_items_come_out_in_order_of_due_time(
    pushes: list[tuple[int, int]], max_entries: int, max_bytes: int
) -> None:
    queue: DelayQueue[int] = DelayQueue(max_entries, max_bytes)
    kept: list[tuple[int, int, int]] = []
    for number, (due, size) in enumerate(pushes):
        room = len(kept) < max_entries and sum(item[2] for item in kept) + size <= max_bytes
        assert queue.push(due, number, size) is room
        if room:
            kept.append((due, number, size))
    assert queue.size_bytes == sum(item[2] for item in kept)
    kept.sort()
    assert queue.next_deadline() == (kept[0][0] if kept else None)
    assert queue.pop_due(50) == [number for due, number, _ in kept if due <= 50]
    assert queue.pop_due(100) == [number for due, number, _ in kept if due > 50]
    assert len(queue) == 0
    assert queue.size_bytes == 0


def test_an_outbox_is_bounded_alone_and_together() -> None:
    boxes: SendQueues[str] = SendQueues(4, MemoryBudget(6).account(1.0, greedy=False))
    boxes.open("a")
    boxes.open("b")
    assert boxes.add("a", b"1234")
    assert not boxes.add("a", b"5")
    assert boxes.add("b", b"12")
    assert not boxes.add("b", b"3")
    assert boxes.close("a") == [b"1234"]
    assert boxes.add("b", b"3")
    assert boxes.close("b") == [b"12", b"3"]
    assert boxes.size_bytes == 0
    assert "a" not in boxes
