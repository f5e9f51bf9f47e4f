"""ML-KEM keys: one that is kept expanded is the one that its seed gives."""

from __future__ import annotations

import pytest

from zentalk.crypto import mlkem
from zentalk.errors import AuthenticationError
from zentalk.net.runtime import seeded_entropy


def test_an_ephemeral_key_is_the_pair_of_the_same_entropy() -> None:
    pair = mlkem.generate(seeded_entropy(b"one"))
    key = mlkem.EphemeralKey(seeded_entropy(b"one"))
    assert key.public == pair.public
    sent = mlkem.encapsulate(key.public)
    assert key.decapsulate(sent.ciphertext) == sent.shared
    assert mlkem.decapsulate(pair.seed, sent.ciphertext) == sent.shared


def test_a_ciphertext_of_another_length_is_refused() -> None:
    key = mlkem.EphemeralKey(seeded_entropy(b"one"))
    with pytest.raises(AuthenticationError, match="length"):
        key.decapsulate(bytes(mlkem.CIPHERTEXT_BYTES - 1))


def test_an_ephemeral_key_shows_nothing_of_itself() -> None:
    assert repr(mlkem.EphemeralKey(seeded_entropy(b"one"))) == "<ephemeral ML-KEM key>"
