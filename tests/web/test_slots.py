"""Connections are counted by source."""

from __future__ import annotations

from zentalk.web.slots import ConnectionLimits, ConnectionSlots


def test_slots_are_limited_in_all_and_for_each_source() -> None:
    slots = ConnectionSlots(ConnectionLimits(in_all=3, per_source=2))
    first = slots.take("192.0.2.1")
    assert first is not None
    assert slots.take("192.0.2.1") is not None
    assert slots.take("192.0.2.1") is None
    assert slots.take("192.0.2.2") is not None
    assert slots.take("192.0.2.3") is None
    first.leave()
    first.leave()
    assert slots.take("192.0.2.1") is not None
    assert slots.take("192.0.2.3") is None, "it was given back once"


def test_loopback_is_limited_in_all_only() -> None:
    slots = ConnectionSlots(ConnectionLimits(in_all=3, per_source=1))
    assert [slots.take("127.0.0.1") is None for _ in range(4)] == [False, False, False, True]


def test_a_websocket_may_be_for_others_to_count() -> None:
    slots = ConnectionSlots(ConnectionLimits(in_all=1, count_websockets=False))
    first = slots.take("192.0.2.1")
    assert first is not None
    assert slots.take("192.0.2.2") is None
    first.lend()
    first.lend()
    second = slots.take("192.0.2.2")
    assert second is not None
    assert slots.take("192.0.2.3") is None, "only what was taken was given back"
    assert not first.take(), "its goodbye has no place"
    second.leave()
    assert first.take()
    assert slots.take("192.0.2.3") is None


def test_else_it_counts_to_its_end() -> None:
    slots = ConnectionSlots(ConnectionLimits(in_all=1))
    first = slots.take("192.0.2.1")
    assert first is not None
    first.lend()
    assert slots.take("192.0.2.2") is None
    first.leave()
    assert slots.take("192.0.2.2") is not None
