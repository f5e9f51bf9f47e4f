"""Key streams at a given place, and several of them in turn."""

from __future__ import annotations

from zentalk.crypto.aead import (
    ZERO_NONCE,
    chacha_seal,
    chacha_xor,
    chacha_xor_in_turn,
)

ONE, TWO = b"1" * 32, b"2" * 32
END = 200


def test_the_key_stream_is_that_of_the_seal_wherever_it_begins() -> None:
    sealed = chacha_seal(ONE, ZERO_NONCE, bytes(END))
    for skip in (0, 1, 63, 64, 65, 130):
        assert chacha_xor(ONE, bytes(END - skip), skip) == sealed[skip:END]
        assert chacha_xor(ONE, chacha_xor(ONE, b"x" * 7, skip), skip) == b"x" * 7


def test_each_step_encrypts_the_end_of_the_body_and_appends_its_pad() -> None:
    """What is followed without the body is what whole bodies, encrypted in turn, end with."""
    body = bytes(range(END - 9)) + b"tail bytes"[:9]
    for key, pad in ((ONE, b"p" * 88), (TWO, b"")):
        body = chacha_xor(key, body)[len(pad) :] + pad
    found = chacha_xor_in_turn(b"tail bytes"[:9], [(ONE, b"p" * 88), (TWO, b"")], END)
    assert found == body[-len(found) :]
    assert len(found) == 9 + 88


def test_nothing_is_encrypted_before_there_is_something() -> None:
    steps = [(ONE, b"pad"), (TWO, b"")]
    assert chacha_xor_in_turn(b"", steps, END) == chacha_xor(TWO, b"pad", END - 3)
    assert chacha_xor_in_turn(b"", [(ONE, b"")], END) == b""
