"""Statements: one encoding, bounded, and the field lists of spec section 8."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.mesh import IDS, SIGNED
from zentalk.errors import DecodeError, LocalProtocolError
from zentalk.ids import NodeId, ShardId
from zentalk.wire.codec import Fields
from zentalk.wire.statement import (
    MAX_IDS,
    Op,
    Statement,
    decode_statement,
    encode_statement,
    read_signed_statement,
)

U32 = st.integers(0, 2**32 - 1)
KEEP = SIGNED.statement(Op.KEEP, NodeId(b"n" * 32), IDS[:1])
ids = st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=20, unique=True)


@st.composite
def statements(draw: st.DrawFn) -> Statement:
    op = draw(st.sampled_from(Op))
    named = draw(ids)[: 1 if op is Op.KEEP else None]
    return Statement(
        op,
        NodeId(draw(st.binary(min_size=32, max_size=32))),
        0 if op is Op.DELETE else draw(st.integers(1, 2**32 - 1)),
        draw(U32),
        draw(st.binary(min_size=16, max_size=16)),
        tuple(map(ShardId, named)),
    )


@given(statements())
def test_what_is_written_is_read(statement: Statement) -> None:
    assert decode_statement(encode_statement(statement)) == statement


@pytest.mark.parametrize(
    "changes",
    [
        {"ids": ()},
        {"ids": IDS},
        {"expiry_hour": 0},
        {"op": Op.DELETE},
        {"op": Op.RENEW, "ids": (IDS[0], IDS[0])},
        {"op": Op.RENEW, "ids": tuple(ShardId(n.to_bytes(32, "big")) for n in range(MAX_IDS + 1))},
        {"expiry_hour": 2**32},
        {"made_minute": -1},
        {"nonce": bytes(15)},
        {"holder": NodeId(bytes(31))},
        {"ids": (ShardId(bytes(31)),)},
    ],
)
def test_what_no_statement_says_is_not_written(changes: dict[str, object]) -> None:
    with pytest.raises(LocalProtocolError):
        encode_statement(replace(KEEP, **changes))  # type: ignore[arg-type]


GOOD = encode_statement(KEEP)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        GOOD[:-1],
        GOOD[:57],
        GOOD + b"x",
        GOOD + b"i" * 32,
        b"\x02" + GOOD[1:] + GOOD[-32:],
        b"\x00" + GOOD[1:],
        b"\x04" + GOOD[1:],
        b"\x03" + GOOD[1:],
        b"\x02" + GOOD[1:] + b"".join(n.to_bytes(32, "big") for n in range(MAX_IDS)),
    ],
)
def test_what_is_no_statement_is_refused(data: bytes) -> None:
    with pytest.raises(DecodeError):
        decode_statement(data)


def test_a_statement_has_the_layout_of_the_specification() -> None:
    hour, minute = (480_000).to_bytes(4, "big"), (28_800_000).to_bytes(4, "big")
    layout = b"\x01" + b"n" * 32 + hour + minute + b"o" * 16 + IDS[0]
    assert layout == GOOD


def test_what_travels_comes_back() -> None:
    fields = Fields(SIGNED.to_fields(), "")
    assert read_signed_statement(fields) == SIGNED
    fields.end()


def test_neither_shows_whom_or_what_it_is_about() -> None:
    for shown in (repr(KEEP), repr(SIGNED)):
        assert not any(word in shown for word in ("nnnn", "oooo", "ssss", "kkkk", "\\x01"))
