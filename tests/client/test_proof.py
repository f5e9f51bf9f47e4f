"""What counts as a proof of the node, and what is no proof whatever it says."""

from __future__ import annotations

import os

import pytest

from zentalk.client.proof import Question
from zentalk.errors import StrangerError
from zentalk.web.token_proof import key_of, prove

TOKEN = "t" * 43
PORT = 3001


def question() -> Question:
    return Question(TOKEN, "127.0.0.1", PORT, os.urandom)


def answer(asked: Question, head: bytes = b"", pad: bytes = b"") -> bytes:
    proof = prove(key_of(TOKEN), asked._nonce, PORT).hex().encode()
    body = b'{"proof":"' + proof + b'"' + pad + b"}"
    return b"HTTP/1.1 200 OK\r\n" + head + b"Content-Length: %d\r\n\r\n" % len(body) + body


def test_k52_control_a_short_proof_on_a_connection_that_lasts_counts() -> None:
    asked = question()
    assert asked.feed(answer(asked))


def test_k52_a_connection_that_ends_is_proved_for_nothing() -> None:
    asked = question()
    with pytest.raises(StrangerError):
        asked.feed(answer(asked, b"Connection: close\r\n"))


def test_k52_an_answer_without_end_is_not_read() -> None:
    asked = question()
    with pytest.raises(StrangerError):
        asked.feed(answer(asked, pad=b" " * 16_384))


@pytest.mark.parametrize("body", [b"[" * 9000, b"{}", b'{"proof": 7}', b"no json"])
def test_k52_whatever_else_answers_is_a_stranger(body: bytes) -> None:
    with pytest.raises(StrangerError):
        question().feed(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
