"""The `mail.*` methods: what is encoded is decoded, anything else is refused."""

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zentalk.errors import DecodeError
from zentalk.ids import Day, MailboxId, SendId
from zentalk.wire import rpc_mailbox as rpc
from zentalk.wire.codec import Fields, pack
from zentalk.wire.rpc import decode_call, decode_response, encode_call, encode_response

ids = st.binary(min_size=16, max_size=16).map(SendId)
u64 = st.integers(0, 2**64 - 1)
entries = st.builds(
    lambda send_id, kind, first, length: rpc.SendIdEntry(
        send_id, kind, Day(first), Day(first + length)
    ),
    ids,
    st.sampled_from(rpc.SendIdKind),
    st.integers(0, 2**31),
    st.integers(0, 2**31 - 1),
)
opens = st.builds(
    rpc.OpenCall,
    st.binary(min_size=32, max_size=32).map(MailboxId),
    u64,
    st.binary(min_size=64, max_size=64),
    st.integers(1, 65535),
)
pushes = st.builds(
    rpc.PushCall, u64, ids, st.binary(min_size=1, max_size=3000), st.integers(0, 2**32 - 1)
)
changes = st.builds(
    rpc.SendIdsCall,
    st.lists(entries, max_size=4, unique_by=lambda item: item.send_id).map(tuple),
    st.lists(ids, max_size=4).map(tuple),
)
offers = st.builds(
    rpc.PrekeysPutCall,
    st.lists(st.binary(min_size=1, max_size=50), max_size=5).map(tuple),
    st.booleans(),
)


def fields_of(body: bytes, method: str) -> Fields:
    name, fields = decode_call(body)
    assert name == method
    return fields


@given(opens, pushes, changes, offers)
def test_calls_survive_the_wire(
    opened: rpc.OpenCall, push: rpc.PushCall, change: rpc.SendIdsCall, offer: rpc.PrekeysPutCall
) -> None:
    assert rpc.decode_open(fields_of(rpc.encode_open(opened), "mail.open")) == opened
    assert rpc.decode_push(fields_of(rpc.encode_push(push), "mail.push")) == push
    assert rpc.decode_send_ids(fields_of(rpc.encode_send_ids(change), "mail.send_ids")) == change
    body = rpc.encode_prekeys_put(offer)
    assert rpc.decode_prekeys_put(fields_of(body, "mail.prekeys.put")) == offer


@given(ids, st.lists(u64, max_size=10), st.binary(min_size=32, max_size=32))
def test_small_calls_survive_the_wire(send_id: SendId, seqs: list[int], token: bytes) -> None:
    assert rpc.decode_ack(fields_of(rpc.encode_ack(seqs), "mail.ack")) == tuple(seqs)
    assert rpc.decode_state(fields_of(rpc.encode_state(send_id), "mail.state")) == send_id
    call = rpc.TokenCall(send_id, token)
    assert rpc.decode_token(fields_of(rpc.encode_token(call), "mail.token")) == call
    assert rpc.decode_token_payload(rpc.encode_token_payload(send_id, token)) == call
    take = rpc.PrekeyTakeCall(send_id, token[:16])
    body = rpc.encode_prekeys_take(take)
    assert rpc.decode_prekeys_take(fields_of(body, "mail.prekeys.take")) == take
    fields_of(rpc.encode_prekeys_count(), "mail.prekeys.count").end()


def test_answers_survive_the_wire() -> None:
    assert rpc.decode_prekeys_put_answer(decode_response(encode_response(7))) == 7
    count = rpc.decode_prekeys_count_answer(decode_response(encode_response(3, True)))
    assert count == rpc.PrekeyCount(3, last_resort_used=True)
    assert rpc.decode_prekeys_take_answer(decode_response(encode_response(b""))) == b""
    for state, difficulty in [(0, 0), (1, 0), (2, 20)]:
        answer = rpc.StateAnswer(rpc.SendIdState(state), difficulty)
        body = encode_response(*rpc.state_fields(answer))
        assert rpc.decode_state_answer(decode_response(body)) == answer


def test_a_full_refill_of_prekeys_fits_one_question() -> None:
    blobs = tuple(bytes(rpc.MAX_PREKEY_BYTES) for _ in range(rpc.MAX_PREKEYS_PER_PUT))
    decode_call(rpc.encode_prekeys_put(rpc.PrekeysPutCall(blobs, replace=True)))


def call(*fields: Any) -> Fields:
    return decode_call(encode_call("x", *fields))[1]


GOOD_ENTRY = [bytes(16), 0, 5, 5]
BAD: list[tuple[Callable[[Fields], Any], list[Any]]] = [
    (rpc.decode_open, [bytes(32), 1, bytes(64), 0]),
    (rpc.decode_open, [bytes(32), 1, bytes(64), 65536]),
    (rpc.decode_open, [bytes(31), 1, bytes(64), 1]),
    (rpc.decode_open, [bytes(32), -1, bytes(64), 1]),
    (rpc.decode_open, [bytes(32), 1, bytes(63), 1]),
    (rpc.decode_open, [bytes(32), 1, bytes(64), 1, 1]),
    (rpc.decode_push, [1, bytes(16), b"", 1]),
    (rpc.decode_push, [1, bytes(16), bytes(33000), 1]),
    (rpc.decode_ack, [[True]]),
    (rpc.decode_ack, [[-1]]),
    (rpc.decode_ack, [["1"]]),
    (rpc.decode_ack, [list(range(rpc.MAX_ACKED_SEQS + 1))]),
    (rpc.decode_ack, [1]),
    (rpc.decode_send_ids, [[[bytes(16), 3, 5, 5]], []]),
    (rpc.decode_send_ids, [[[bytes(16), 0, 6, 5]], []]),
    (rpc.decode_send_ids, [[[bytes(15), 0, 5, 5]], []]),
    (rpc.decode_send_ids, [[GOOD_ENTRY, GOOD_ENTRY], []]),
    (rpc.decode_send_ids, [[], [bytes(15)]]),
    (rpc.decode_send_ids, [[[*GOOD_ENTRY, 1]], []]),
    (rpc.decode_send_ids, [[]]),
    (rpc.decode_prekeys_put, [[b""], False]),
    (rpc.decode_prekeys_put, [[bytes(rpc.MAX_PREKEY_BYTES + 1)], False]),
    (rpc.decode_prekeys_put, [[b"x"] * (rpc.MAX_PREKEYS_PER_PUT + 1), False]),
    (rpc.decode_prekeys_put, [[b"x"], 0]),
    (rpc.decode_prekeys_take, [bytes(16), bytes(15)]),
    (rpc.decode_prekeys_take, [bytes(17), bytes(16)]),
    (rpc.decode_prekeys_put_answer, [65536]),
    (rpc.decode_state, [bytes(16), 1]),
    (rpc.decode_state_answer, [3, 0]),
    (rpc.decode_state_answer, [0, 1]),
    (rpc.decode_state_answer, [2, 0]),
    (rpc.decode_state_answer, [2, 256]),
    (rpc.decode_state_answer, [0]),
    (rpc.decode_token, [bytes(16), bytes(31)]),
]


@pytest.mark.parametrize(("decode", "fields"), BAD)
def test_what_is_out_of_bounds_is_refused(
    decode: Callable[[Fields], Any], fields: list[Any]
) -> None:
    with pytest.raises(DecodeError):
        decode(call(*fields))


@pytest.mark.parametrize("size", [0, 47, 49])
def test_token_payloads_have_one_size(size: int) -> None:
    with pytest.raises(DecodeError):
        rpc.decode_token_payload(bytes(size))


DECODERS = [
    rpc.decode_open,
    rpc.decode_push,
    rpc.decode_token,
    rpc.decode_ack,
    rpc.decode_send_ids,
    rpc.decode_prekeys_put,
    rpc.decode_prekeys_count_answer,
    rpc.decode_prekeys_take,
    rpc.decode_state,
    rpc.decode_state_answer,
]
leaves = st.none() | st.booleans() | st.integers(-5, 2**64 - 1) | st.binary(max_size=70)
values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=5), max_leaves=12)


@given(st.lists(values, max_size=5), st.sampled_from(DECODERS))
def test_k24_any_fields_give_a_value_or_a_decode_error(
    fields: list[Any], decode: Callable[[Fields], Any]
) -> None:
    with contextlib.suppress(DecodeError):
        decode(call(*fields))


def test_the_encoding_is_pinned() -> None:
    body = rpc.encode_ack([1, 2])
    assert body == pack(["mail.ack", [1, 2]]) == b"\x92\xa8mail.ack\x92\x01\x02"
