"""The sizes and letters of the specification."""

from __future__ import annotations

import pytest

from zentalk.errors import LocalProtocolError
from zentalk.wire.deposit import ENVELOPE_LARGE_BYTES, ENVELOPE_SMALL_BYTES, envelope_class
from zentalk.wire.packet_class import PacketClass
from zentalk.wire.ratchet import INNER_LARGE_BYTES, INNER_SMALL_BYTES, inner_class


def test_sizes_and_letters_are_those_of_the_spec() -> None:
    assert [(one.letter, one.packet_bytes) for one in PacketClass] == [("S", 2560), ("L", 33792)]
    assert [one.is_large for one in PacketClass] == [False, True]


def test_envelopes_and_their_contents_are_of_the_class_whose_size_they_have() -> None:
    assert envelope_class(bytes(ENVELOPE_SMALL_BYTES)) is PacketClass.SMALL
    assert envelope_class(bytes(ENVELOPE_LARGE_BYTES)) is PacketClass.LARGE
    assert inner_class(bytes(INNER_SMALL_BYTES)) is PacketClass.SMALL
    assert inner_class(bytes(INNER_LARGE_BYTES)) is PacketClass.LARGE
    for other in (b"", bytes(ENVELOPE_SMALL_BYTES + 1), bytes(INNER_LARGE_BYTES - 1)):
        with pytest.raises(LocalProtocolError):
            envelope_class(other)
        with pytest.raises(LocalProtocolError):
            inner_class(other)
