"""The ratchet: sizes, capacity, order, key per message, refusals that change nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.session.support import S_ENVELOPE_BYTES, TIGHT_BYTES, Seeded, own_public, session, talk
from zentalk.crypto import x25519
from zentalk.crypto.aead import aes_seal
from zentalk.errors import (
    AuthenticationError,
    DecodeError,
    LocalProtocolError,
    RemoteProtocolError,
)
from zentalk.session import ratchet as ratchet_module
from zentalk.session.chains import next_body_key
from zentalk.session.ratchet import ENVELOPE_OVERHEAD_BYTES, Ratchet
from zentalk.session.skipped import AlreadyReadError
from zentalk.wire.ratchet import INITIAL_HEADER_BYTES


@given(content=st.binary(max_size=400), spare=st.integers(0, 3_000))
def test_every_content_comes_back_and_the_size_is_the_callers(content: bytes, spare: int) -> None:
    sides = session()
    padded_bytes = ENVELOPE_OVERHEAD_BYTES + len(content) + spare
    _, envelope = sides.alice.encrypt(content, Seeded("e"), padded_bytes)
    assert len(envelope) == padded_bytes
    assert sides.bob.decrypt(envelope)[1] == content


def test_a_text_with_its_map_fits_a_small_envelope_and_a_key_fits_beside_a_short_one() -> None:
    """The budget: 1,024 bytes of text and 150 of map; 1,170 of header at first."""
    assert ENVELOPE_OVERHEAD_BYTES == 96
    assert INITIAL_HEADER_BYTES == 1_170
    content_bytes = S_ENVELOPE_BYTES - ENVELOPE_OVERHEAD_BYTES
    assert content_bytes >= 1_024 + 150
    assert content_bytes - INITIAL_HEADER_BYTES >= 350
    assert content_bytes - 1_188 >= 300


def test_content_that_does_not_fit_is_the_callers_error() -> None:
    alice = session().alice
    assert len(alice.encrypt(b"x" * 64, Seeded("e"), TIGHT_BYTES)[1]) == TIGHT_BYTES
    with pytest.raises(LocalProtocolError):
        alice.encrypt(b"x" * 65, Seeded("e"), TIGHT_BYTES)


def test_a_responder_speaks_after_it_has_heard() -> None:
    sides = session()
    assert sides.alice.can_send
    assert not sides.bob.can_send
    with pytest.raises(LocalProtocolError):
        sides.bob.encrypt(b"", Seeded("e"), TIGHT_BYTES)
    _, envelope = sides.alice.encrypt(b"", Seeded("e"), TIGHT_BYTES)
    bob, _ = sides.bob.decrypt(envelope)
    assert bob.can_send


def body_keys(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Record the AEAD key of every body that is sealed from here on."""
    used: list[bytes] = []

    def spy(key: bytes, nonce: bytes, body: bytes, aad: bytes) -> bytes:
        used.append(key)
        return aes_seal(key, nonce, body, aad)

    monkeypatch.setattr(ratchet_module, "aes_seal", spy)
    return used


def test_e8_every_message_has_a_new_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """E8: no AEAD key is used for two envelopes, in either direction; the random bytes
    of an envelope are the same here, so the chains alone must see to it."""
    used = body_keys(monkeypatch)
    alice, bob = session()
    for _ in range(10):
        for _ in range(3):
            alice, envelope = alice.encrypt(b"", lambda length: bytes(range(length)), TIGHT_BYTES)
            bob, _ = bob.decrypt(envelope)
        bob, envelope = bob.encrypt(b"", Seeded("b"), TIGHT_BYTES)
        alice, _ = alice.decrypt(envelope)
    assert len(used) == len(set(used)) == 40


def test_e8_control_a_chain_that_stands_still_repeats_keys(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """E8, control: if the chain did not advance, envelopes would share keys."""
    used = body_keys(monkeypatch)

    def stand_still(chain: bytes, salt: bytes) -> tuple[bytes, bytes, bytes]:
        return (chain, *next_body_key(chain, salt)[1:])

    monkeypatch.setattr(ratchet_module, "next_body_key", stand_still)
    alice = session().alice
    for _ in range(3):
        alice, _ = alice.encrypt(b"", lambda length: bytes(range(length)), TIGHT_BYTES)
    assert len(set(used)) == 1 < len(used)


def test_every_turn_has_a_new_ratchet_key_made_when_it_is_sent() -> None:
    sides = session()
    alice, bob = sides
    seen: set[bytes | None] = set()
    for _ in range(10):
        alice, envelope = alice.encrypt(b"", Seeded(str(len(seen))), TIGHT_BYTES)
        seen.add(own_public(alice))
        bob, _ = bob.decrypt(envelope)
        assert own_public(bob) is None
        bob, envelope = bob.encrypt(b"", Seeded(str(len(seen))), TIGHT_BYTES)
        seen.add(own_public(bob))
        alice, _ = alice.decrypt(envelope)
        assert own_public(alice) is None
    assert len(seen) == 20


def test_entropy_is_drawn_for_what_it_is_needed_and_nothing_else() -> None:
    entropy = Seeded("e")
    alice, _ = session().alice.encrypt(b"", entropy, TIGHT_BYTES)
    alice.encrypt(b"", entropy, TIGHT_BYTES)
    assert entropy.draws == [32, 16, 16]


@given(order=st.permutations(range(12)))
def test_any_order_is_read(order: list[int]) -> None:
    alice, bob = talk(session(), 1)
    envelopes = []
    for number in range(6):
        alice, envelope = alice.encrypt(b"%d" % number, Seeded("a"), TIGHT_BYTES)
        envelopes.append(envelope)
    middle, _ = bob.decrypt(envelopes[0])
    _, answer = middle.encrypt(b"", Seeded("b"), TIGHT_BYTES)
    alice, _ = alice.decrypt(answer)
    for number in range(6, 12):
        alice, envelope = alice.encrypt(b"%d" % number, Seeded("a"), TIGHT_BYTES)
        envelopes.append(envelope)
    bob = middle.encrypt(b"", Seeded("b"), TIGHT_BYTES)[0]
    for number in order:
        if number == 0:
            continue
        bob, content = bob.decrypt(envelopes[number])
        assert content == b"%d" % number
    assert bob._state.skipped.count == 0


def test_a_second_copy_is_refused_and_changes_nothing() -> None:
    alice, bob = talk(session(), 2)
    alice, first = alice.encrypt(b"one", Seeded("e"), TIGHT_BYTES)
    alice, second = alice.encrypt(b"two", Seeded("f"), TIGHT_BYTES)
    bob, _ = bob.decrypt(second)
    bob, _ = bob.decrypt(first)
    before = bob.to_bytes()
    for envelope in (first, second):
        with pytest.raises(AlreadyReadError):
            bob.decrypt(envelope)
    assert bob.to_bytes() == before


def test_an_envelope_for_another_session_is_refused() -> None:
    alice, bob = talk(session(), 1)
    other = talk(session("another"), 1)
    _, envelope = other.alice.encrypt(b"", Seeded("e"), TIGHT_BYTES)
    with pytest.raises(AuthenticationError):
        bob.decrypt(envelope)
    _, own = alice.encrypt(b"", Seeded("e"), TIGHT_BYTES)
    with pytest.raises(AuthenticationError):
        alice.decrypt(own)


@given(data=st.binary(max_size=300))
def test_garbage_is_a_remote_error_and_nothing_else(data: bytes) -> None:
    bob = session().bob
    with pytest.raises(RemoteProtocolError):
        bob.decrypt(data)


def test_an_envelope_below_the_overhead_is_too_short() -> None:
    with pytest.raises(DecodeError):
        session().bob.decrypt(bytes(ENVELOPE_OVERHEAD_BYTES - 1))


def lying(alice: Ratchet, **root: object) -> Ratchet:
    """Alice's ratchet with a part of it changed: what a broken peer would hold."""
    state = alice._state
    return Ratchet(state._replace(root=state.root._replace(**root)))  # type: ignore[arg-type]


def test_two_ratchet_keys_in_one_chain_are_refused() -> None:
    alice, bob = talk(session(), 2)
    alice, envelope = alice.encrypt(b"", Seeded("e"), TIGHT_BYTES)
    bob, _ = bob.decrypt(envelope)
    stranger = x25519.generate(Seeded("stranger"))
    _, wrong = lying(alice, own=stranger).encrypt(b"", Seeded("f"), TIGHT_BYTES)
    _, right = alice.encrypt(b"right", Seeded("g"), TIGHT_BYTES)
    with pytest.raises(RemoteProtocolError, match="different keys"):
        bob.decrypt(wrong)
    assert bob.decrypt(right)[1] == b"right"


def test_a_step_that_shortens_the_chain_before_it_is_refused() -> None:
    alice, bob = session()
    for _ in range(3):
        alice, envelope = alice.encrypt(b"", Seeded("e"), TIGHT_BYTES)
        bob, _ = bob.decrypt(envelope)
    bob, envelope = bob.encrypt(b"", Seeded("e"), TIGHT_BYTES)
    alice, _ = alice.decrypt(envelope)
    _, wrong = lying(alice, previous_count=2).encrypt(b"", Seeded("e"), TIGHT_BYTES)
    _, right = alice.encrypt(b"", Seeded("e"), TIGHT_BYTES)
    with pytest.raises(RemoteProtocolError, match="wrong length"):
        bob.decrypt(wrong)
    assert bob.decrypt(right)[1] == b""


def test_a_first_step_that_names_a_chain_before_it_is_refused() -> None:
    alice, bob = session()
    _, wrong = lying(alice, previous_count=1).encrypt(b"", Seeded("e"), TIGHT_BYTES)
    with pytest.raises(RemoteProtocolError, match="wrong length"):
        bob.decrypt(wrong)


def test_two_steps_in_a_row_are_refused() -> None:
    alice, bob = talk(session(), 1)
    alice, envelope = alice.encrypt(b"", Seeded("e"), TIGHT_BYTES)
    bob, _ = bob.decrypt(envelope)
    # Alice goes on as if Bob had answered: she turns with the key he last showed.
    state = alice._state
    greedy = Ratchet(state._replace(sending=None))
    _, wrong = greedy.encrypt(b"", Seeded("f"), TIGHT_BYTES)
    with pytest.raises(RemoteProtocolError, match="two ratchet steps"):
        bob.decrypt(wrong)


def test_nothing_shows_in_a_repr() -> None:
    alice, _ = talk(session(), 2)
    state = alice._state
    assert repr(alice) == "<ratchet>"
    for secret in (state.root.key, state.root.next_receiving_header_key):
        assert repr(bytes(secret))[2:-1] not in repr(state)
