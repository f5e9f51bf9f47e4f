"""What counts as one source."""

from __future__ import annotations

from zentalk.net.sources import is_loopback, source_of


def test_what_counts_as_one_source() -> None:
    assert source_of("192.0.2.1") == source_of("::ffff:192.0.2.1") != source_of("192.0.2.2")
    assert source_of("2001:db8::1") == source_of("2001:db8::2%eth0") != source_of("2001:db8:1::1")
    assert source_of("nonsense") == "nonsense"


def test_what_is_of_this_machine() -> None:
    assert is_loopback("::1")
    assert not is_loopback("192.0.2.1")
    assert not is_loopback("localhost")
