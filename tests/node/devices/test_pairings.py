"""Pairing codes: once, for five minutes, and not to be guessed. Virtual time only."""

import random

import pytest

from zentalk.errors import ConflictError, NotFoundError, RefusedError
from zentalk.net.runtime import seeded_entropy
from zentalk.node.devices import pairings as module
from zentalk.node.devices.pairings import MAX_PAIRINGS, PAIRING_SECONDS, Pairing, Pairings
from zentalk.wire.devices import DeviceScope

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


def opened(pairings: Pairings, name: str = "phone", now: float = 0.0, seed: int = 1) -> Pairing:
    entropy = seeded_entropy(bytes([seed]))
    return pairings.open(name, DeviceScope.READ, "", now, entropy)


def test_a_code_counts_once_however_it_is_typed() -> None:
    pairings = Pairings(0.0)
    pairing = opened(pairings)
    assert len(pairing.code) == 16
    assert pairing.code not in repr(pairing)
    typed = f" {pairing.code[:4].lower()}-{pairing.code[4:]} "
    assert pairings.redeem(typed, 1.0) == pairing
    with pytest.raises(NotFoundError):
        pairings.redeem(pairing.code, 1.0)


def test_a_code_ends_after_five_minutes_and_when_it_is_cancelled() -> None:
    pairings = Pairings(0.0)
    late, cancelled = opened(pairings, "late"), opened(pairings, "cancelled", seed=2)
    pairings.cancel(cancelled.pairing_id, 1.0)
    with pytest.raises(NotFoundError):
        pairings.redeem(cancelled.code, 1.0)
    with pytest.raises(NotFoundError):
        pairings.redeem(late.code, PAIRING_SECONDS)
    assert pairings.listing(PAIRING_SECONDS) == []


def test_open_pairings_are_bounded() -> None:
    pairings = Pairings(0.0)
    opened(pairings)
    with pytest.raises(ConflictError, match="this name"):
        opened(pairings)
    for number in range(1, MAX_PAIRINGS):
        opened(pairings, str(number), seed=number + 1)
    with pytest.raises(ConflictError, match="open already"):
        opened(pairings, "more")
    opened(pairings, "more", now=PAIRING_SECONDS)


def attack(pairings: Pairings, length: int) -> tuple[bool, int]:
    """Guess as fast as it goes until the code ends; returns success and how many were compared."""
    draw = random.Random(7)
    compared = 0
    for step in range(int(PAIRING_SECONDS) * 10):
        try:
            pairings.redeem("".join(draw.choices(ALPHABET, k=length)), step / 10)
        except RefusedError:
            continue
        except NotFoundError:
            compared += 1
        else:
            return True, compared
    return False, compared


def test_k21_guessing_gets_a_few_hundred_tries_and_nothing() -> None:
    pairings = Pairings(0.0)
    pairing = opened(pairings)
    guessed, compared = attack(pairings, 16)
    assert not guessed
    assert compared <= module.TRIES + PAIRING_SECONDS * module.TRIES_PER_SECOND
    assert pairings.find(pairing.pairing_id, PAIRING_SECONDS - 1) == pairing


def test_k21_control_without_limit_and_length_a_code_is_guessed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "CODE_BYTES", 1)
    monkeypatch.setattr(module, "TRIES", 10**9)
    pairings = Pairings(0.0)
    pairing = opened(pairings)
    assert attack(pairings, len(pairing.code))[0]
