"""Nonces: ours, fresh, and once."""

import pytest

from zentalk.net.runtime import seeded_entropy
from zentalk.relay_http import nonces as module
from zentalk.relay_http.nonces import LIFE_SECONDS, Nonces


def test_k38_a_nonce_is_taken_once_and_for_a_minute() -> None:
    nonces = Nonces(seeded_entropy(b"one"))
    first, second = nonces.make(100.0), nonces.make(100.0)
    assert first != second
    assert nonces.is_fresh(first, 100.0)
    assert nonces.is_fresh(first, 100.0 + LIFE_SECONDS)
    assert not nonces.is_fresh(first, 101.0 + LIFE_SECONDS)
    assert nonces.spend(first, 110.0)
    assert not nonces.is_fresh(first, 110.0)
    assert nonces.is_fresh(second, 110.0)


def test_k38_a_nonce_of_another_relay_or_another_life_is_none() -> None:
    ours, theirs = Nonces(seeded_entropy(b"one")), Nonces(seeded_entropy(b"two"))
    nonce = theirs.make(100.0)
    assert not ours.is_fresh(nonce, 100.0)
    assert not ours.is_fresh(nonce[:-1], 100.0)
    assert not ours.is_fresh(b"", 100.0)
    made = ours.make(100.0)
    older = (99_000).to_bytes(6, "big") + made[6:]
    assert not ours.is_fresh(older, 100.0), "its time cannot be changed"


def test_what_is_remembered_is_bounded_and_forgotten_with_its_minute(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MAX_SPENT", 3)
    nonces = Nonces(seeded_entropy(b"one"))
    made = [nonces.make(10.0) for _ in range(5)]
    assert [nonces.spend(nonce, 10.0) for nonce in made] == [True] * 3 + [False] * 2
    assert nonces.spend(made[4], 11.0 + LIFE_SECONDS)
    assert len(nonces._spent) == 1
