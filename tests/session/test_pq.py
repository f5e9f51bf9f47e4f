"""The PQ ratchet: its table, row by row, and what it adds to the root key."""

import pytest

from tests.session.support import (
    S_ENVELOPE_BYTES,
    TIGHT_BYTES,
    Seeded,
    Session,
    session,
    talk,
)
from zentalk.crypto import mlkem
from zentalk.errors import AuthenticationError, RemoteProtocolError
from zentalk.session import pq
from zentalk.session import ratchet as ratchet_module
from zentalk.session.chains import RootStep, root_step
from zentalk.session.pq import OVERDUE_AFTER_ENVELOPES, REST_STEPS, Phase, PqState
from zentalk.session.ratchet import Ratchet
from zentalk.wire.ratchet import BLOCK_ROOM_BYTES, BlockKind, PqBlock

ROOM = 2_000


def offered() -> tuple[PqState, PqBlock]:
    state, block = pq.ride(pq.FIRST_OF_RESPONDER, ROOM, Seeded("offer"))
    assert block is not None
    return state, block


def answered() -> tuple[PqState, PqBlock]:
    state = pq.receive(pq.FIRST_OF_INITIATOR, offered()[1])
    state, block = pq.ride(state, ROOM, Seeded("unused"))
    assert block is not None
    return state, block


def test_idle_offers_when_there_is_room_and_repeats_the_same_key() -> None:
    state, block = offered()
    assert state.phase is Phase.OFFERING
    assert (block.kind, block.epoch) == (BlockKind.KEM_KEY, 1)
    assert pq.ride(state, ROOM, Seeded("other")) == (state, block)


def test_waiting_answers_a_key_once_and_repeats_the_same_ciphertext() -> None:
    key = offered()[1]
    state, block = answered()
    assert state.phase is Phase.ANSWERING
    assert (block.kind, block.epoch) == (BlockKind.KEM_CIPHERTEXT, 1)
    assert pq.receive(state, key) == state


def test_both_sides_get_one_secret_and_change_roles_at_the_step() -> None:
    offering, _ = offered()
    answering, ciphertext = answered()
    ready = pq.receive(offering, ciphertext)
    assert ready.phase is Phase.READY
    assert pq.ride(ready, ROOM, Seeded("unused")) == (ready, None)
    ours, mixed = pq.at_own_step(ready)
    theirs, followed = pq.at_peer_step(answering, 1)
    assert mixed == followed != b""
    assert ours == PqState(Phase.WAITING, 1)
    assert theirs == PqState(Phase.IDLE, 1, rest=REST_STEPS)


def test_idle_rests_for_some_steps_before_it_offers_again() -> None:
    state = PqState(Phase.IDLE, 1, rest=REST_STEPS)
    for _ in range(REST_STEPS):
        assert pq.ride(state, ROOM, Seeded("unused")) == (state, None)
        state, mixed = pq.at_own_step(state)
        assert mixed == b""
    assert pq.ride(state, ROOM, Seeded("e"))[0].phase is Phase.OFFERING


def test_steps_without_a_secret_mix_nothing() -> None:
    for state in (pq.FIRST_OF_INITIATOR, pq.FIRST_OF_RESPONDER, offered()[0], answered()[0]):
        assert pq.at_own_step(state) == (state, b"")
        assert pq.at_peer_step(state, 0) == (state, b"")


def test_a_step_that_names_an_unknown_epoch_is_refused() -> None:
    for state in (pq.FIRST_OF_INITIATOR, pq.FIRST_OF_RESPONDER, offered()[0]):
        with pytest.raises(RemoteProtocolError):
            pq.at_peer_step(state, 1)
    with pytest.raises(RemoteProtocolError):
        pq.at_peer_step(answered()[0], 2)
    with pytest.raises(RemoteProtocolError):
        pq.at_peer_step(PqState(Phase.WAITING, 3), 2)


def test_late_and_misplaced_blocks_are_ignored() -> None:
    key, ciphertext = offered()[1], answered()[1]
    after_own, _ = pq.at_own_step(pq.receive(offered()[0], ciphertext))
    after_peer, _ = pq.at_peer_step(answered()[0], 1)
    cases = [
        (after_own, ciphertext),
        (after_own, key),
        (after_peer, key),
        (pq.FIRST_OF_RESPONDER, key),
        (pq.FIRST_OF_RESPONDER, ciphertext),
        (pq.FIRST_OF_INITIATOR, ciphertext),
        (pq.FIRST_OF_INITIATOR, key._replace(epoch=2)),
        (pq.FIRST_OF_INITIATOR, None),
    ]
    for state, block in cases:
        assert pq.receive(state, block) == state


def test_a_malformed_key_is_refused() -> None:
    bad = PqBlock(BlockKind.KEM_KEY, 1, b"\xff" * mlkem.PUBLIC_BYTES)
    with pytest.raises(AuthenticationError):
        pq.receive(pq.FIRST_OF_INITIATOR, bad)


def test_overdue_counts_envelopes_without_room_and_starts_over() -> None:
    state = pq.FIRST_OF_RESPONDER
    for _ in range(OVERDUE_AFTER_ENVELOPES):
        assert state.unfitted < OVERDUE_AFTER_ENVELOPES
        state, block = pq.ride(state, BLOCK_ROOM_BYTES[BlockKind.KEM_KEY] - 1, Seeded("x"))
        assert block is None
    assert state.unfitted >= OVERDUE_AFTER_ENVELOPES
    state, block = pq.ride(state, BLOCK_ROOM_BYTES[BlockKind.KEM_KEY], Seeded("x"))
    assert block is not None
    assert state.unfitted < OVERDUE_AFTER_ENVELOPES


def test_who_has_nothing_to_send_is_never_overdue() -> None:
    state = pq.FIRST_OF_INITIATOR
    for _ in range(2 * OVERDUE_AFTER_ENVELOPES):
        state, _ = pq.ride(state, 0, Seeded("x"))
    assert state.unfitted < OVERDUE_AFTER_ENVELOPES


def test_full_envelopes_starve_the_ratchet_until_an_extra_one_is_sent() -> None:
    """The caller's side of `pq_overdue`: one empty envelope with room is enough."""
    alice, bob = talk(session(), OVERDUE_AFTER_ENVELOPES + 1, TIGHT_BYTES)
    assert (alice.pq_epoch, alice.pq_overdue, bob.pq_overdue) == (0, False, True)
    bob, extra = bob.encrypt(b"", Seeded("extra"), S_ENVELOPE_BYTES)
    assert not bob.pq_overdue
    alice, content = alice.decrypt(extra)
    assert content == b""
    alice, bob = talk(Session(alice, bob), 2)
    assert alice.pq_epoch == bob.pq_epoch == 1


def test_epochs_advance_in_a_conversation_with_room() -> None:
    alice, bob = talk(session(), 40)
    assert alice.pq_epoch == bob.pq_epoch >= 5


def test_a_copied_state_is_healed_by_the_kem_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Someone who copied both sides' state and sees every X25519 secret from then on
    still loses the root at the next epoch."""
    exchanged: list[bytes] = []
    mixed: list[bytes] = []

    def watched(root: bytes, shared: bytes, kem_secret: bytes) -> RootStep:
        exchanged.append(shared)
        mixed.append(kem_secret)
        return root_step(root, shared, kem_secret)

    alice, bob = talk(session(), 3)
    root = alice._state.root.key
    monkeypatch.setattr(ratchet_module, "root_step", watched)
    alice, _ = talk(Session(alice, bob), 12)
    with_kem = without_kem = root
    # Each step is taken by one side and followed by the other: every second one is a copy.
    for shared, kem_secret in list(zip(exchanged, mixed, strict=True))[::2]:
        with_kem = root_step(with_kem, shared, kem_secret).root
        without_kem = root_step(without_kem, shared, b"").root
    assert alice._state.root.key == with_kem != without_kem


def test_an_epoch_that_the_peer_cannot_know_is_refused_and_nothing_is_lost() -> None:
    alice, bob = talk(session(), 3)
    state = alice._state
    jump = PqState(Phase.READY, state.pq.mixed + 5, secret=state.root.key)
    _, wrong = Ratchet(state._replace(pq=jump)).encrypt(b"", Seeded("e"), TIGHT_BYTES)
    before = bob.to_bytes()
    with pytest.raises(RemoteProtocolError):
        bob.decrypt(wrong)
    assert bob.to_bytes() == before
    talk(Session(alice, bob), 3)


def test_control_a_side_that_mixes_before_the_peer_confirmed_is_out_of_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Control for the confirmation rule: an answerer that mixes its secret at its own
    step, before it knows that the ciphertext arrived, breaks the session when it did not."""

    def eager(state: PqState) -> tuple[PqState, bytes]:
        if state.phase is Phase.ANSWERING:
            return PqState(Phase.IDLE, state.mixed + 1), state.secret
        return state, b""

    alice, bob = session()
    alice, envelope = alice.encrypt(b"", Seeded("a"), S_ENVELOPE_BYTES)
    bob, _ = bob.decrypt(envelope)
    bob, envelope = bob.encrypt(b"", Seeded("b"), S_ENVELOPE_BYTES)
    alice, _ = alice.decrypt(envelope)
    assert alice._state.pq.phase is Phase.ANSWERING
    _, right = alice.encrypt(b"", Seeded("c"), TIGHT_BYTES)
    monkeypatch.setattr(pq, "at_own_step", eager)
    _, wrong = alice.encrypt(b"", Seeded("c"), TIGHT_BYTES)
    with pytest.raises(RemoteProtocolError):
        bob.decrypt(wrong)
    assert bob.decrypt(right)[1] == b""
