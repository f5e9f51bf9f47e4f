"""Which token a proof is of, and that no proof is taken for one that it is not."""

from __future__ import annotations

import pytest

from zentalk.crypto.hashing import equal
from zentalk.link.hello import AccessProver
from zentalk.relay.access import tokens as tokens_module
from zentalk.relay.access.tokens import MAX_TOKENS, AccessTokens, GivenToken

HASH = b"h" * 64


def secret(number: int) -> bytes:
    return number.to_bytes(32, "big")


GIVEN = AccessTokens([GivenToken(f"friend {n}", 0, secret(n)) for n in range(3)])


def proof(number: int, handshake_hash: bytes = HASH) -> bytes:
    return AccessProver(secret(number)).proof(handshake_hash)


@pytest.mark.parametrize("number", range(3))
def test_each_token_is_known_by_its_proof(number: int) -> None:
    assert GIVEN.holder(proof(number), HASH) == f"friend {number}"


@pytest.mark.parametrize(
    "shown",
    [
        b"",
        proof(3),
        proof(0, b"g" * 64),
        proof(0)[:31],
        proof(0) + b"\0",
        bytes(32),
        secret(0),
    ],
)
def test_nothing_else_is_taken(shown: bytes) -> None:
    assert GIVEN.holder(shown, HASH) is None


def test_without_tokens_nobody_holds_one() -> None:
    assert AccessTokens().holder(proof(0), HASH) is None


@pytest.mark.parametrize("number", [0, MAX_TOKENS - 1, MAX_TOKENS])
def test_a_proof_is_compared_with_every_token_whichever_fits(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time must not say which one it was."""
    compared: list[bytes] = []

    def counted(left: bytes, right: bytes) -> bool:
        compared.append(left)
        return equal(left, right)

    monkeypatch.setattr(tokens_module, "equal", counted)
    many = AccessTokens([GivenToken(str(n), 0, secret(n)) for n in range(MAX_TOKENS)])
    found = many.holder(proof(number), HASH)
    assert found == (str(number) if number < MAX_TOKENS else None)
    assert len(compared) == MAX_TOKENS
    compared.clear()
    assert many.holder(b"", HASH) is None
    assert not compared, "whoever shows nothing costs nothing"


def test_no_repr_shows_a_token() -> None:
    given = GivenToken("friend", 0, b"s3cret")
    assert "s3cret" not in repr(given)
    assert "s3cret" not in repr(AccessTokens([given]))
