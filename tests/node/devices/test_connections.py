"""E4: a device is connected while it has something open, and for 300 s after its last request."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zentalk.node.devices import connections as module
from zentalk.node.devices.connections import (
    CONNECTED_SECONDS,
    ConnectionFact,
    Connections,
    Visits,
)

CAME, LEFT = ConnectionFact("phone", True), ConnectionFact("phone", False)


def test_e4_a_request_connects_for_300_seconds() -> None:
    known = Connections()
    assert known.next_expiry() is None
    assert known.began("phone", 10.0) == [CAME]
    known.ended("phone", 10.0)
    assert known.next_expiry() == 10.0 + CONNECTED_SECONDS == 310.0
    assert known.expire(309.9) == []
    assert known.connected() == {"phone"}
    assert known.expire(310.0) == [LEFT]
    assert (known.connected(), known.next_expiry()) == (frozenset(), None)
    assert known.expire(1000.0) == []


def test_e4_every_request_begins_the_time_anew_and_is_no_news() -> None:
    known = Connections()
    known.began("phone", 0.0)
    known.ended("phone", 0.0)
    assert known.began("phone", 299.0) == []
    known.ended("phone", 299.0)
    assert known.expire(300.0) == []
    assert known.expire(599.0) == [LEFT]


def test_e4_an_open_stream_connects_for_as_long_as_it_is_open() -> None:
    known = Connections()
    known.began("phone", 0.0)
    known.began("phone", 1.0)
    known.ended("phone", 2.0)
    assert known.expire(100_000.0) == []
    assert known.next_expiry() is None
    known.ended("phone", 100_000.0)
    assert known.expire(100_299.0) == []
    assert known.expire(100_300.0) == [LEFT]


def test_e4_control_without_the_count_of_streams_a_listener_seems_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "CONNECTED_SECONDS", 300.0)
    known = Connections()
    known.began("phone", 0.0)
    known._open.clear()
    assert known.expire(300.0) == [LEFT]


def test_a_revoked_device_is_gone_once_and_what_it_has_open_ends_in_silence() -> None:
    known = Connections()
    known.began("phone", 0.0)
    known.began("owner", 0.0)
    assert known.forget("phone") == [LEFT]
    assert known.forget("phone") == []
    known.ended("phone", 1.0)
    assert known.connected() == {"owner"}
    assert known.began("phone", 2.0) == [CAME]


def test_names_of_facts() -> None:
    assert (CAME.type, LEFT.type) == ("device.connected", "device.disconnected")


def test_visits_count_requests_and_say_whether_one_is_open() -> None:
    known = Connections()
    assert known.visits("a") == Visits(0, is_open=False)
    known.began("a", 0.0)
    known.began("a", 1.0)
    known.ended("a", 2.0)
    assert (known.visits("a"), known.visits("b")) == (Visits(2, is_open=True), Visits())
    known.ended("a", 3.0)
    assert known.visits("a") == Visits(2, is_open=False)
    known.expire(1000.0)
    assert known.visits("a").count == 2, "silence is no reason to count anew"
    known.forget("a")
    assert known.visits("a") == Visits()


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["began", "ended", "forget", "expire"]),
            st.sampled_from(["a", "b"]),
            st.integers(0, 400),
        )
    )
)
def test_facts_alternate_and_tell_who_is_connected(steps: list[tuple[str, str, int]]) -> None:
    known = Connections()
    now = 0.0
    here: set[str] = set()
    for step, device, passed in steps:
        now += passed
        if step == "ended":
            known.ended(device, now)
            facts = []
        elif step == "forget":
            facts = known.forget(device)
        else:
            facts = known.began(device, now) if step == "began" else known.expire(now)
        for fact in facts:
            assert (fact.device in here) != fact.connected
            here ^= {fact.device}
        assert known.connected() == here
