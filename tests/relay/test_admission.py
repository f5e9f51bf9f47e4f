"""Caps on connections and streams, with their controls."""

from __future__ import annotations

import pytest

from zentalk.relay import admission as module
from zentalk.relay.admission import CONNECTION_BYTES, MAX_PER_SOURCE, Admission

PLENTY = 2**30


def test_connections_in_all_are_capped() -> None:
    admission = Admission("main", 2, PLENTY)
    assert admission.open_connection("192.0.2.1") is None
    assert admission.open_connection("192.0.2.2") is None
    assert admission.open_connection("192.0.2.3") == "connections"
    admission.close_connection("192.0.2.1")
    assert admission.open_connection("192.0.2.3") is None


def test_one_source_is_capped_and_others_are_not() -> None:
    admission = Admission("main", 1000, PLENTY)
    for _ in range(MAX_PER_SOURCE):
        assert admission.open_connection("192.0.2.1") is None
    assert admission.open_connection("192.0.2.1") == "source"
    assert admission.open_connection("192.0.2.2") is None
    admission.close_connection("192.0.2.1")
    assert admission.open_connection("192.0.2.1") is None


def test_without_the_cap_one_source_takes_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_PER_SOURCE", 10**9)
    admission = Admission("main", 1000, PLENTY)
    for _ in range(1000):
        assert admission.open_connection("192.0.2.1") is None
    assert admission.open_connection("192.0.2.2") == "connections"


@pytest.mark.parametrize("source", ["127.0.0.1", "127.3.2.1", "::1", "relay-7"])
@pytest.mark.parametrize("network", ["local", "main"])
def test_loopback_is_exempt_except_in_main(source: str, network: str) -> None:
    admission = Admission(network, 1000, PLENTY)
    answers = [admission.open_connection(source) for _ in range(MAX_PER_SOURCE + 1)]
    assert answers[-1] == ("source" if network == "main" else None)


def test_memory_bounds_connections_and_streams_together() -> None:
    admission = Admission("local", 1000, 3 * CONNECTION_BYTES)
    assert admission.open_connection("a") is None
    assert admission.open_stream()
    assert admission.open_stream()
    assert not admission.open_stream()
    assert admission.open_connection("b") == "memory"
    admission.close_stream()
    assert admission.open_connection("b") is None


def test_streams_are_capped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_STREAMS", 1)
    admission = Admission("local", 1000, PLENTY)
    assert admission.open_stream()
    assert not admission.open_stream()
    admission.close_stream()
    assert admission.open_stream()
