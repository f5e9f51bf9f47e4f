"""The stored form of a ratchet: what comes back, what is refused."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.session.support import S_ENVELOPE_BYTES, TIGHT_BYTES, Seeded, Session, session, talk
from zentalk.crypto.types import Secret
from zentalk.errors import DecodeError
from zentalk.session.ratchet import Ratchet
from zentalk.session.saved import MAX_STATE_BYTES
from zentalk.session.skipped import MAX_CHAINS, MAX_KEPT, SkippedKeys
from zentalk.wire.codec import pack, unpack


def states() -> list[Ratchet]:
    """One ratchet for every shape: before, between and after steps, each PQ phase."""
    sides = session()
    found = [sides.alice, sides.bob]
    for turn in range(14):
        alice, envelope = sides.alice.encrypt(b"", Seeded(f"a{turn}"), S_ENVELOPE_BYTES)
        bob, _ = sides.bob.decrypt(envelope)
        found += [alice, bob]
        bob, _ = bob.encrypt(b"lost", Seeded(f"l{turn}"), S_ENVELOPE_BYTES)
        bob, envelope = bob.encrypt(b"", Seeded(f"b{turn}"), S_ENVELOPE_BYTES)
        alice, _ = alice.decrypt(envelope)
        found += [alice, bob]
        sides = Session(alice, bob)
    return found


STATES = states()


@pytest.mark.parametrize("index", range(len(STATES)))
def test_what_is_stored_comes_back_and_works(index: int) -> None:
    ratchet = STATES[index]
    stored = ratchet.to_bytes()
    again = Ratchet.from_bytes(stored)
    assert again.to_bytes() == stored
    if ratchet.can_send:
        assert (
            again.encrypt(b"x", Seeded("e"), TIGHT_BYTES)[1]
            == ratchet.encrypt(b"x", Seeded("e"), TIGHT_BYTES)[1]
        )


def test_the_states_cover_every_phase() -> None:
    assert len({ratchet._state.pq.phase for ratchet in STATES}) == 5


def test_a_restored_side_reads_what_was_skipped() -> None:
    alice, bob = talk(session(), 1)
    alice, late = alice.encrypt(b"late", Seeded("e"), TIGHT_BYTES)
    alice, envelope = alice.encrypt(b"", Seeded("f"), TIGHT_BYTES)
    bob, _ = bob.decrypt(envelope)
    assert Ratchet.from_bytes(bob.to_bytes()).decrypt(late)[1] == b"late"


def test_the_largest_state_fits_its_limit() -> None:
    per_chain = MAX_KEPT // MAX_CHAINS
    counts = [per_chain] * (MAX_CHAINS - 1)
    counts.append(MAX_KEPT - sum(counts))
    skipped = SkippedKeys(
        {
            bytes([chain]) * 32: {2**32 - 1 - n: Secret(bytes(32)) for n in range(count)}
            for chain, count in enumerate(counts)
        }
    )
    assert skipped.count == MAX_KEPT
    large = Ratchet(STATES[-1]._state._replace(skipped=skipped))
    stored = large.to_bytes()
    assert len(stored) <= MAX_STATE_BYTES
    assert Ratchet.from_bytes(stored).to_bytes() == stored


@given(index=st.integers(0, len(STATES) - 1), at=st.integers(0, 10_000), to=st.integers(0, 255))
def test_changed_bytes_decode_to_what_they_say_or_not_at_all(index: int, at: int, to: int) -> None:
    stored = bytearray(STATES[index].to_bytes())
    stored[at % len(stored)] = to
    try:
        again = Ratchet.from_bytes(bytes(stored))
    except DecodeError:
        return
    assert again.to_bytes() == bytes(stored)


@given(data=st.binary(max_size=400))
def test_garbage_is_a_decode_error(data: bytes) -> None:
    with pytest.raises(DecodeError):
        Ratchet.from_bytes(data)


VERSION, OWN, PEER, SENDING, SKIPPED, PQ = 0, 3, 4, 8, 10, 11


def changed(ratchet: Ratchet, field: int, value: object) -> bytes:
    record: Any = unpack(ratchet.to_bytes(), max_bytes=MAX_STATE_BYTES)
    record[field] = value
    return pack(record)


KEY = bytes(32)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (VERSION, 2),
        (OWN, []),
        (PEER, b""),
        (PEER, bytes(31)),
        (SENDING, []),
        (SENDING, [KEY, KEY, 0, 0]),
        (SKIPPED, [[KEY, []]]),
        (SKIPPED, [[KEY, [[0, KEY]]], [KEY, [[1, KEY]]]]),
        (SKIPPED, [[KEY, [[0, KEY], [0, KEY]]]]),
        (SKIPPED, [[bytes([n]) * 32, [[i, KEY] for i in range(1_001)]] for n in range(2)]),
        (PQ, [9, 0, b"", b"", b"", 0, 0]),
        (PQ, [2, 0, b"", b"", b"", 0, 0]),
        (PQ, [0, 0, b"", b"", b"", 5, 0]),
        (PQ, [3, 0, b"", b"", b"", 1, 0]),
    ],
)
def test_states_that_no_conversation_reaches_are_refused(field: int, value: object) -> None:
    ratchet = next(one for one in reversed(STATES) if one._state.sending is not None)
    with pytest.raises(DecodeError):
        Ratchet.from_bytes(changed(ratchet, field, value))
