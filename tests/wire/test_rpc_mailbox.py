"""The `mail.*` methods: what is encoded is decoded, anything else is refused."""

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zentalk.errors import DecodeError, RefusedError
from zentalk.ids import Day, DepositId, MailboxId, PrekeyId, SendId
from zentalk.wire import rpc_mailbox as rpc
from zentalk.wire import rpc_prekeys, rpc_send_ids
from zentalk.wire.codec import Fields, pack
from zentalk.wire.deposit import decode_stamp
from zentalk.wire.rpc import decode_call, encode_call, encode_refusal, encode_response

ids = st.binary(min_size=16, max_size=16).map(SendId)
u64 = st.integers(0, 2**64 - 1)
entries = st.builds(
    lambda send_id, kind, first, length: rpc_send_ids.SendIdEntry(
        send_id, kind, Day(first), Day(first + length)
    ),
    ids,
    st.sampled_from(rpc_send_ids.SendIdKind).filter(lambda kind: kind != kind.SINK),
    st.integers(0, 2**31),
    st.integers(0, 2**31 - 1),
)
opens = st.builds(
    rpc.OpenRequest,
    st.binary(min_size=32, max_size=32).map(MailboxId),
    u64,
    st.binary(min_size=64, max_size=64),
    st.integers(1, 65535),
)
prekey_ids = st.binary(min_size=16, max_size=16).map(PrekeyId)
pushes = st.builds(
    rpc.PushNotification,
    u64,
    ids,
    st.binary(min_size=1, max_size=3000),
    st.integers(0, 2**32 - 1),
    st.binary(min_size=16, max_size=16).map(DepositId),
    st.binary(min_size=9, max_size=9).map(decode_stamp),
)
changes = st.builds(
    rpc_send_ids.SendIdsRequest,
    st.lists(entries, max_size=4, unique_by=lambda item: item.send_id).map(tuple),
    st.lists(ids, max_size=4).map(tuple),
)
offers = st.builds(
    rpc_prekeys.PrekeysPutRequest,
    st.lists(
        st.builds(rpc_prekeys.PoolPrekey, prekey_ids, st.binary(min_size=1, max_size=50)),
        max_size=5,
    ).map(tuple),
    st.lists(prekey_ids, max_size=5).map(tuple),
)


def fields_of(body: bytes, method: str) -> Fields:
    name, fields = decode_call(body)
    assert name == method
    return fields


@given(opens, pushes, changes, offers)
def test_calls_survive_the_wire(
    opened: rpc.OpenRequest,
    push: rpc.PushNotification,
    change: rpc_send_ids.SendIdsRequest,
    offer: rpc_prekeys.PrekeysPutRequest,
) -> None:
    assert (
        rpc.decode_open_request(fields_of(rpc.encode_open_request(opened), "mail.open")) == opened
    )
    assert rpc.decode_push(fields_of(rpc.encode_push(push), "mail.push")) == push
    assert (
        rpc_send_ids.decode_send_ids_request(
            fields_of(rpc_send_ids.encode_send_ids_request(change), "mail.send_ids")
        )
        == change
    )
    body = rpc_prekeys.encode_prekeys_put_request(offer)
    assert rpc_prekeys.decode_prekeys_put_request(fields_of(body, "mail.prekeys.put")) == offer


@given(ids, st.lists(u64, max_size=10), st.binary(min_size=32, max_size=32))
def test_small_calls_survive_the_wire(send_id: SendId, seqs: list[int], token: bytes) -> None:
    assert rpc.decode_seqs(fields_of(rpc.encode_ack(seqs), "mail.ack")) == tuple(seqs)
    assert rpc.decode_seqs(fields_of(rpc.encode_defer_request(seqs), "mail.defer")) == tuple(seqs)
    rpc.decode_defer_response(rpc.encode_defer_response())
    assert (
        rpc_send_ids.decode_state_request(
            fields_of(rpc_send_ids.encode_state_request(send_id), "mail.state")
        )
        == send_id
    )
    call = rpc.TokenNotification(send_id, token)
    assert rpc.decode_token(fields_of(rpc.encode_token(call), "mail.token")) == call
    assert rpc.decode_token_payload(rpc.encode_token_payload(send_id, token)) == call
    take = rpc_prekeys.PrekeysTakeRequest(send_id, token[:16], decode_stamp(token[:9]))
    body = rpc_prekeys.encode_prekeys_take_request(take)
    assert rpc_prekeys.decode_prekeys_take_request(fields_of(body, "mail.prekeys.take")) == take
    for with_ids in (False, True):
        body = rpc_prekeys.encode_prekeys_count_request(with_ids=with_ids)
        fields = fields_of(body, "mail.prekeys.count")
        assert rpc_prekeys.decode_prekeys_count_request(fields) is with_ids


def test_responses_survive_the_wire() -> None:
    rpc.decode_open_response(rpc.encode_open_response())
    rpc_send_ids.decode_send_ids_response(rpc_send_ids.encode_send_ids_response())
    p, s = rpc_prekeys, rpc_send_ids
    assert p.decode_prekeys_put_response(p.encode_prekeys_put_response(7)) == 7
    count = p.PrekeysCountResponse(3, True, (PrekeyId(b"k" * 16),))
    assert p.decode_prekeys_count_response(p.encode_prekeys_count_response(count)) == count
    for taken in (p.NO_PREKEY, p.PrekeysTakeResponse(b"blob"), p.PrekeysTakeResponse(b"", 18)):
        assert p.decode_prekeys_take_response(p.encode_prekeys_take_response(taken)) == taken
    for state, difficulty, large in [(0, 0, 0), (0, 0, 20), (1, 0, 0), (2, 20, 24)]:
        response = s.StateResponse(s.SendIdState(state), difficulty, large)
        assert s.decode_state_response(s.encode_state_response(response)) == response


def test_a_refusal_is_no_response() -> None:
    for decode in RESPONSES:
        with pytest.raises(RefusedError, match="full"):
            decode(encode_refusal("full"))


def test_a_full_refill_of_prekeys_fits_one_request() -> None:
    longest = rpc_prekeys.PoolPrekey(PrekeyId(bytes(16)), bytes(rpc_prekeys.MAX_PREKEY_BYTES))
    request = rpc_prekeys.PrekeysPutRequest(
        (longest,) * rpc_prekeys.MAX_PREKEYS_PER_PUT, (longest.prekey_id,) * rpc_prekeys.MAX_POOL
    )
    decode_call(rpc_prekeys.encode_prekeys_put_request(request))


def call(*fields: Any) -> Fields:
    return decode_call(encode_call("x", *fields))[1]


GOOD_ENTRY = [bytes(16), 0, 5, 5]
BAD: list[tuple[Callable[[Fields], Any], list[Any]]] = [
    (rpc.decode_open_request, [bytes(32), 1, bytes(64), 0]),
    (rpc.decode_open_request, [bytes(32), 1, bytes(64), 65536]),
    (rpc.decode_open_request, [bytes(31), 1, bytes(64), 1]),
    (rpc.decode_open_request, [bytes(32), -1, bytes(64), 1]),
    (rpc.decode_open_request, [bytes(32), 1, bytes(63), 1]),
    (rpc.decode_open_request, [bytes(32), 1, bytes(64), 1, 1]),
    (rpc.decode_push, [1, bytes(16), b"", 1, bytes(16), bytes(9)]),
    (rpc.decode_push, [1, bytes(16), bytes(33000), 1, bytes(16), bytes(9)]),
    (rpc.decode_push, [1, bytes(16), b"sealed", 1, bytes(15), bytes(9)]),
    (rpc.decode_push, [1, bytes(16), b"sealed", 1, bytes(16), bytes(8)]),
    (rpc.decode_seqs, [[True]]),
    (rpc.decode_seqs, [[-1]]),
    (rpc.decode_seqs, [["1"]]),
    (rpc.decode_seqs, [list(range(rpc.MAX_ACKED_SEQS + 1))]),
    (rpc.decode_seqs, [1]),
    (rpc_send_ids.decode_send_ids_request, [[[bytes(16), 3, 5, 5]], []]),
    (rpc_send_ids.decode_send_ids_request, [[[bytes(16), 0, 6, 5]], []]),
    (rpc_send_ids.decode_send_ids_request, [[[bytes(15), 0, 5, 5]], []]),
    (rpc_send_ids.decode_send_ids_request, [[GOOD_ENTRY, GOOD_ENTRY], []]),
    (rpc_send_ids.decode_send_ids_request, [[], [bytes(15)]]),
    (rpc_send_ids.decode_send_ids_request, [[[*GOOD_ENTRY, 1]], []]),
    (rpc_send_ids.decode_send_ids_request, [[]]),
    (rpc_prekeys.decode_prekeys_put_request, [[[bytes(16), b""]], []]),
    (rpc_prekeys.decode_prekeys_put_request, [[[bytes(15), b"x"]], []]),
    (
        rpc_prekeys.decode_prekeys_put_request,
        [[[bytes(16), bytes(rpc_prekeys.MAX_PREKEY_BYTES + 1)]], []],
    ),
    (
        rpc_prekeys.decode_prekeys_put_request,
        [[[bytes(16), b"x"]] * (rpc_prekeys.MAX_PREKEYS_PER_PUT + 1), []],
    ),
    (rpc_prekeys.decode_prekeys_put_request, [[[bytes(16), b"x"]], [bytes(15)]]),
    (
        rpc_prekeys.decode_prekeys_put_request,
        [[], [bytes(16)] * (rpc_prekeys.MAX_POOL + 1)],
    ),
    (rpc_prekeys.decode_prekeys_count_request, [1]),
    (rpc_prekeys.decode_prekeys_take_request, [bytes(16), bytes(15), bytes(9)]),
    (rpc_prekeys.decode_prekeys_take_request, [bytes(17), bytes(16), bytes(9)]),
    (rpc_prekeys.decode_prekeys_take_request, [bytes(16), bytes(16), bytes(8)]),
    (rpc_send_ids.decode_state_request, [bytes(16), 1]),
    (rpc.decode_token, [bytes(16), bytes(31)]),
]


@pytest.mark.parametrize(("decode", "fields"), BAD)
def test_what_is_out_of_bounds_is_refused(
    decode: Callable[[Fields], Any], fields: list[Any]
) -> None:
    with pytest.raises(DecodeError):
        decode(call(*fields))


RESPONSES: list[Callable[[bytes], Any]] = [
    rpc.decode_open_response,
    rpc_send_ids.decode_send_ids_response,
    rpc_send_ids.decode_state_response,
    rpc_prekeys.decode_prekeys_put_response,
    rpc_prekeys.decode_prekeys_count_response,
    rpc_prekeys.decode_prekeys_take_response,
]
BAD_RESPONSES: list[tuple[Callable[[bytes], Any], list[Any]]] = [
    (rpc.decode_open_response, [0]),
    (rpc_send_ids.decode_send_ids_response, [0]),
    (rpc_prekeys.decode_prekeys_put_response, [rpc_prekeys.MAX_POOL + 1]),
    (rpc_prekeys.decode_prekeys_count_response, [1, 1, []]),
    (rpc_prekeys.decode_prekeys_count_response, [1, True, [bytes(15)]]),
    (rpc_prekeys.decode_prekeys_take_response, [bytes(rpc_prekeys.MAX_PREKEY_BYTES + 1), 0]),
    (rpc_prekeys.decode_prekeys_take_response, [b"a key", 18]),
    (rpc_send_ids.decode_state_response, [3, 0, 0]),
    (rpc_send_ids.decode_state_response, [0, 1, 0]),
    (rpc_send_ids.decode_state_response, [2, 0, 0]),
    (rpc_send_ids.decode_state_response, [0, 0, 256]),
    (rpc_send_ids.decode_state_response, [2, 256]),
    (rpc_send_ids.decode_state_response, [0]),
]


@pytest.mark.parametrize(("decode", "fields"), BAD_RESPONSES)
def test_a_response_that_is_out_of_bounds_is_refused(
    decode: Callable[[bytes], Any], fields: list[Any]
) -> None:
    with pytest.raises(DecodeError):
        decode(encode_response(*fields))


@pytest.mark.parametrize("size", [0, 47, 49])
def test_token_payloads_have_one_size(size: int) -> None:
    with pytest.raises(DecodeError):
        rpc.decode_token_payload(bytes(size))


DECODERS = [
    rpc.decode_open_request,
    rpc.decode_push,
    rpc.decode_token,
    rpc.decode_seqs,
    rpc_send_ids.decode_send_ids_request,
    rpc_prekeys.decode_prekeys_put_request,
    rpc_prekeys.decode_prekeys_count_request,
    rpc_prekeys.decode_prekeys_take_request,
    rpc_send_ids.decode_state_request,
]
leaves = st.none() | st.booleans() | st.integers(-5, 2**64 - 1) | st.binary(max_size=70)
values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=5), max_leaves=12)


@given(st.lists(values, max_size=5), st.sampled_from(DECODERS))
def test_k24_any_fields_give_a_value_or_a_decode_error(
    fields: list[Any], decode: Callable[[Fields], Any]
) -> None:
    with contextlib.suppress(DecodeError):
        decode(call(*fields))


@given(st.lists(values, max_size=5), st.sampled_from(RESPONSES))
def test_k24_any_fields_of_a_response_give_a_value_or_a_decode_error(
    fields: list[Any], decode: Callable[[bytes], Any]
) -> None:
    with contextlib.suppress(DecodeError):
        decode(encode_response(*fields))


def test_the_encoding_is_pinned() -> None:
    body = rpc.encode_ack([1, 2])
    assert body == pack(["mail.ack", [1, 2]]) == b"\x92\xa8mail.ack\x92\x01\x02"
