"""`shard.*`: what is written is read, strictly, and nothing is unbounded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.mesh import IDS, SIGNED
from zentalk.errors import DecodeError, RefusedError
from zentalk.ids import ShardId
from zentalk.wire import rpc_shards as r
from zentalk.wire.codec import Fields
from zentalk.wire.deposit import Stamp
from zentalk.wire.rpc import decode_call, encode_call, encode_refusal, encode_response
from zentalk.wire.shard import MAX_SHARD_BYTES
from zentalk.wire.statement import Op, SignedStatement

U32 = st.integers(0, 2**32 - 1)


def fixed(length: int) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=length, max_size=length)


ids = st.lists(fixed(32).map(ShardId), min_size=1, max_size=8, unique=True).map(tuple)
signed = st.builds(SignedStatement, fixed(32), U32, U32, fixed(16), fixed(64))
sizes = st.integers(r.MIN_SHARD_BYTES, MAX_SHARD_BYTES)
gets = st.builds(
    r.ShardGet,
    fixed(32).map(ShardId),
    st.integers(0, MAX_SHARD_BYTES),
    st.integers(1, r.MAX_READ_BYTES),
)
CALLS: list[tuple[str, Callable[[Any], bytes], Callable[[Fields], Any], Any]] = [
    (r.PRICE, r.encode_shard_price_request, r.decode_shard_price_request, sizes),
    (
        r.PUT,
        r.encode_shard_put_request,
        r.decode_shard_put_request,
        st.builds(
            r.ShardPut,
            signed,
            st.binary(min_size=r.MIN_SHARD_BYTES, max_size=400),
            st.builds(Stamp, st.integers(0, 255), fixed(8)),
        ),
    ),
    (r.GET, r.encode_shard_get_request, r.decode_shard_get_request, gets),
    (r.LOOK, r.encode_shard_look_request, r.decode_shard_look_request, ids),
]


@pytest.mark.parametrize(
    ("method", "encode", "decode", "values"), CALLS, ids=[call[0] for call in CALLS]
)
@given(data=st.data())
def test_requests_come_back(
    method: str,
    encode: Callable[[Any], bytes],
    decode: Callable[[Fields], Any],
    values: st.SearchStrategy[Any],
    data: st.DataObject,
) -> None:
    value = data.draw(values)
    found, fields = decode_call(encode(value))
    assert (found, decode(fields)) == (method, value)


@given(st.booleans(), signed, ids)
def test_changes_come_back(renew: bool, made: SignedStatement, named: tuple[ShardId, ...]) -> None:
    hour = max(1, made.expiry_hour) if renew else 0
    made = SignedStatement(made.lease_key, hour, made.made_minute, made.nonce, made.signature)
    change = r.ShardChange(Op.RENEW if renew else Op.DELETE, made, named)
    found, fields = decode_call(r.encode_shard_change_request(change))
    assert (found, r.decode_shard_change_request(fields)) == (r.CHANGE, change)


@given(gets, sizes, st.data())
def test_a_read_comes_back_if_it_is_what_was_asked(
    get: r.ShardGet, size: int, data: st.DataObject
) -> None:
    whole = max(0, min(get.length, size - get.offset))
    read = r.ShardRead(size, bytes(whole))
    assert r.decode_shard_get_response(r.encode_shard_get_response(read), get) == read
    other = data.draw(st.integers(0, r.MAX_READ_BYTES).filter(lambda length: length != whole))
    body = r.encode_shard_get_response(r.ShardRead(size, bytes(other)))
    with pytest.raises(DecodeError, match="another part"):
        r.decode_shard_get_response(body, get)


@given(st.lists(U32, min_size=1, max_size=8), st.lists(st.sampled_from(r.Changed), max_size=8))
def test_answers_about_several_come_back(hours: list[int], changed: list[r.Changed]) -> None:
    body = r.encode_shard_look_response(hours)
    assert r.decode_shard_look_response(body, len(hours)) == tuple(hours)
    body = r.encode_shard_change_response(changed)
    assert r.decode_shard_change_response(body, len(changed)) == tuple(changed)
    with pytest.raises(DecodeError, match="as many"):
        r.decode_shard_change_response(body, len(changed) + 1)


@given(st.integers(0, 400), st.integers(0, r.MAX_LEASE_HOURS), U32)
def test_prices_and_hours_come_back(bits: int, hours: int, hour: int) -> None:
    price = r.decode_shard_price_response(r.encode_shard_price_response(r.ShardPrice(bits, hours)))
    assert price == r.ShardPrice(min(bits, r.MAX_BITS), hours)
    assert r.decode_shard_put_response(r.encode_shard_put_response(hour)) == hour


S = SIGNED.to_fields()
MANY = [n.to_bytes(32, "big") for n in range(257)]


@pytest.mark.parametrize(
    ("decode", "fields"),
    [
        (r.decode_shard_price_request, [r.MIN_SHARD_BYTES - 1]),
        (r.decode_shard_price_request, [MAX_SHARD_BYTES + 1]),
        (r.decode_shard_price_request, [100, 1]),
        (r.decode_shard_put_request, [*S, bytes(9), bytes(14)]),
        (r.decode_shard_put_request, [*S, bytes(9), bytes(MAX_SHARD_BYTES + 1)]),
        (r.decode_shard_put_request, [*S, bytes(8), bytes(100)]),
        (r.decode_shard_put_request, [*S, bytes(9), bytes(100), 1]),
        (r.decode_shard_put_request, [S[0][1:], *S[1:], bytes(9), bytes(100)]),
        (r.decode_shard_put_request, [*S[:4], S[4] + b"x", bytes(9), bytes(100)]),
        (r.decode_shard_get_request, [IDS[0], 0, 0]),
        (r.decode_shard_get_request, [IDS[0], 0, r.MAX_READ_BYTES + 1]),
        (r.decode_shard_get_request, [IDS[0], MAX_SHARD_BYTES + 1, 1]),
        (r.decode_shard_get_request, [IDS[0][1:], 0, 1]),
        (r.decode_shard_get_request, [IDS[0], 0, 1, 1]),
        (r.decode_shard_look_request, [[]]),
        (r.decode_shard_look_request, [[IDS[0], IDS[0]]]),
        (r.decode_shard_look_request, [[b"short"]]),
        (r.decode_shard_look_request, [MANY]),
        (r.decode_shard_look_request, [list(IDS), 1]),
        (r.decode_shard_change_request, [1, *S, [IDS[0]]]),
        (r.decode_shard_change_request, [4, *S, [IDS[0]]]),
        (r.decode_shard_change_request, [3, *S, [IDS[0]]]),
        (r.decode_shard_change_request, [2, S[0], 0, *S[2:], [IDS[0]]]),
        (r.decode_shard_change_request, [2, *S, []]),
        (r.decode_shard_change_request, [2, *S, MANY]),
        (r.decode_shard_change_request, [2, *S, [IDS[0]], 1]),
    ],
)
def test_what_is_out_of_bounds_is_refused(
    decode: Callable[[Fields], object], fields: list[Any]
) -> None:
    _, found = decode_call(encode_call("x", *fields))
    with pytest.raises(DecodeError):
        decode(found)


@pytest.mark.parametrize(
    ("decode", "body"),
    [
        (r.decode_shard_price_response, encode_response(256, 1)),
        (r.decode_shard_price_response, encode_response(1, r.MAX_LEASE_HOURS + 1)),
        (r.decode_shard_put_response, encode_response(2**32)),
        (lambda body: r.decode_shard_look_response(body, 1), encode_response([2**32])),
        (lambda body: r.decode_shard_look_response(body, 1), encode_response([True])),
        (lambda body: r.decode_shard_change_response(body, 1), encode_response([3])),
        (
            lambda body: r.decode_shard_get_response(body, r.ShardGet(IDS[0], 100, 1)),
            encode_response(r.MIN_SHARD_BYTES - 1, b""),
        ),
    ],
)
def test_answers_that_nobody_gives_are_refused(
    decode: Callable[[bytes], object], body: bytes
) -> None:
    with pytest.raises(DecodeError):
        decode(body)


def test_every_refusal_is_a_word_that_can_travel() -> None:
    words = (
        r.FORM, r.CLOCK, r.REPLAY, r.SIGNER, r.EXISTS, r.DELETED, r.FULL, r.WORK,
        r.ACCESS, r.UNKNOWN, r.UNAVAILABLE,
    )  # fmt: skip
    for word in words:
        with pytest.raises(RefusedError) as refused:
            r.decode_shard_put_response(encode_refusal(word))
        assert refused.value.reason == word
