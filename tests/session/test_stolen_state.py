"""All relays recorded everything, and one day somebody takes a ratchet state: what is read?"""

from collections.abc import Iterable

import pytest

from tests.session.support import S_ENVELOPE_BYTES, Seeded, session, talk
from zentalk.errors import RemoteProtocolError
from zentalk.session import ratchet as ratchet_module
from zentalk.session.ratchet import Ratchet

ROUNDS = 6


def conversation(
    alice: Ratchet, bob: Ratchet, name: str, rounds: int = ROUNDS
) -> tuple[Ratchet, Ratchet, list[bytes]]:
    """Two messages each way in each round; return both sides and what Bob was sent."""
    recorded = []
    for number in range(rounds):
        for part in range(2):
            entropy = Seeded(f"{name} {number} {part}")
            alice, envelope = alice.encrypt(b"to bob", entropy, S_ENVELOPE_BYTES)
            recorded.append(envelope)
            bob, _ = bob.decrypt(envelope)
            bob, envelope = bob.encrypt(b"to alice", entropy, S_ENVELOPE_BYTES)
            alice, _ = alice.decrypt(envelope)
    return alice, bob, recorded


def read(stolen: bytes, recorded: Iterable[bytes]) -> int:
    """How many envelopes a thief reads with a stolen state, also if he turns its counter back."""
    thief, count = Ratchet.from_bytes(stolen), 0
    for envelope in recorded:
        for state in (thief, turned_back(thief)):
            try:
                thief, _ = state.decrypt(envelope)
            except RemoteProtocolError:
                continue
            count += 1
            break
    return count


def turned_back(ratchet: Ratchet) -> Ratchet:
    state = ratchet._state
    if state.receiving is None:
        return ratchet
    return Ratchet(state._replace(receiving=state.receiving._replace(number=0)))


def test_a_stolen_state_reads_nothing_of_the_past() -> None:
    """Section "Who learns what": no past content after keys rotated."""
    alice, bob = talk(session(), 2)
    before = bob.to_bytes()
    alice, bob, recorded = conversation(alice, bob, "past")
    assert read(bob.to_bytes(), recorded) == 0
    # Control: the same thief with a state from before reads the first chain.
    assert read(before, recorded) > 0


def test_a_stolen_state_reads_nothing_after_the_next_turn_of_both() -> None:
    alice, bob = talk(session(), 2)
    alice, bob, _ = conversation(alice, bob, "past")
    stolen = bob.to_bytes()
    alice, bob, _ = conversation(alice, bob, "healing", 1)
    _, _, recorded = conversation(alice, bob, "future")
    assert read(stolen, recorded) == 0


def test_control_without_new_keys_at_each_turn_a_thief_reads_on() -> None:
    """A chain that nobody answers takes no step: the thief reads along until somebody does."""
    alice, bob = talk(session(), 2)
    alice, envelope = alice.encrypt(b"", Seeded("start"), S_ENVELOPE_BYTES)
    bob, _ = bob.decrypt(envelope)
    stolen = bob.to_bytes()
    recorded: list[bytes] = []
    for number in range(5):
        alice, envelope = alice.encrypt(b"to bob", Seeded(f"{number}"), S_ENVELOPE_BYTES)
        recorded.append(envelope)
    assert read(stolen, recorded) == 5


def test_control_a_chain_that_stands_still_gives_the_past_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    step = ratchet_module.next_body_key  # type: ignore[attr-defined]
    monkeypatch.setattr(
        ratchet_module, "next_body_key", lambda chain, salt: (chain, *step(chain, salt)[1:])
    )
    alice, bob = talk(session(), 2)
    _, bob, recorded = conversation(alice, bob, "past")
    assert read(bob.to_bytes(), recorded) > 0
