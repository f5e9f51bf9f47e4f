from collections.abc import Callable
from contextlib import suppress
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.directory.support import descriptors
from zentalk.errors import DecodeError, RefusedError
from zentalk.ids import Day
from zentalk.wire import rpc_directory as rpc
from zentalk.wire.codec import Fields
from zentalk.wire.rpc import (
    MAX_CALL_BYTES,
    MAX_RESPONSE_BYTES,
    decode_call,
    encode_call,
    encode_refusal,
    encode_response,
)
from zentalk.wire.user_record import RECORD_BYTES

KEY = bytes(range(32))
DIGEST = bytes(range(rpc.DIGEST_BYTES))
RAWS = [item.raw for item in descriptors(range(5))]
OF_REQUESTS: list[Callable[[Fields], object]] = [
    rpc.decode_find_request,
    rpc.decode_snapshot_request,
    rpc.decode_buckets_request,
    rpc.decode_entries_request,
    rpc.decode_descriptors_request,
    rpc.decode_announce,
    rpc.decode_equivocation,
    rpc.decode_record_put_request,
    rpc.decode_record_get_request,
    rpc.decode_record_offer_request,
]
OF_RESPONSES: list[Callable[[bytes], object]] = [
    rpc.decode_find_response,
    rpc.decode_snapshot_response,
    rpc.decode_buckets_response,
    partial(rpc.decode_entries_response, asked=3),
    partial(rpc.decode_descriptors_response, asked=3),
    rpc.decode_record_put_response,
    rpc.decode_record_get_response,
    partial(rpc.decode_record_offer_response, offered=3),
]


def test_what_is_asked_is_read() -> None:
    method, fields = decode_call(rpc.encode_find_request(KEY))
    assert (method, rpc.decode_find_request(fields)) == (rpc.FIND, KEY)
    method, fields = decode_call(rpc.encode_snapshot_request())
    fields.end()
    assert method == rpc.SNAPSHOT
    method, fields = decode_call(rpc.encode_buckets_request(KEY))
    assert (method, rpc.decode_buckets_request(fields)) == (rpc.BUCKETS, KEY)
    method, fields = decode_call(rpc.encode_entries_request(KEY, [0, 7, 1023]))
    assert (method, rpc.decode_entries_request(fields)) == (rpc.ENTRIES, (KEY, [0, 7, 1023]))
    method, fields = decode_call(rpc.encode_descriptors_request([DIGEST]))
    assert (method, rpc.decode_descriptors_request(fields)) == (rpc.DESCRIPTORS, [DIGEST])
    (call,) = rpc.encode_announces(RAWS)
    method, fields = decode_call(call)
    assert (method, rpc.decode_announce(fields)) == (rpc.ANNOUNCE, RAWS)
    method, fields = decode_call(rpc.encode_equivocation(RAWS[0], RAWS[1]))
    assert (method, rpc.decode_equivocation(fields)) == (rpc.EQUIVOCATION, (RAWS[0], RAWS[1]))
    method, fields = decode_call(rpc.encode_record_put_request(bytes(RECORD_BYTES)))
    assert (method, rpc.decode_record_put_request(fields)) == (rpc.RECORD_PUT, bytes(RECORD_BYTES))
    method, fields = decode_call(rpc.encode_record_get_request(KEY, Day(20_000)))
    assert (method, rpc.decode_record_get_request(fields)) == (rpc.RECORD_GET, (KEY, 20_000))
    offers = [rpc.Offered(KEY, Day(20_000 + n), 2**64 - 1 - n, n) for n in range(rpc.MAX_OFFERED)]
    method, fields = decode_call(rpc.encode_record_offer_request(offers))
    assert (method, rpc.decode_record_offer_request(fields)) == (rpc.RECORD_OFFER, offers)
    method, fields = decode_call(encode_call(rpc.RECORD_OFFER, [KEY]))
    with pytest.raises(DecodeError):
        rpc.decode_record_offer_request(fields)


def test_what_is_answered_is_read() -> None:
    assert rpc.decode_find_response(encode_response(RAWS)) == RAWS
    assert rpc.decode_snapshot_response(encode_response(b"", RAWS)) == (b"", RAWS)
    assert rpc.decode_snapshot_response(encode_response(KEY, [])) == (KEY, [])
    assert rpc.decode_buckets_response(encode_response([DIGEST])) == [DIGEST]
    assert rpc.decode_entries_response(encode_response([[DIGEST], []]), 2) == [(DIGEST,), ()]
    assert rpc.decode_descriptors_response(encode_response(RAWS), len(RAWS)) == RAWS
    for raw in (b"", bytes(RECORD_BYTES)):
        assert rpc.decode_record_get_response(encode_response(raw)) == raw


@pytest.mark.parametrize("wanted", [b"", b"\x00", b"\x00\x02\x03", bytes(range(4))])
def test_wanted_records_are_numbers_of_what_was_offered(wanted: bytes) -> None:
    assert rpc.decode_record_offer_response(encode_response(wanted), 4) == list(wanted)


@pytest.mark.parametrize("wanted", [b"\x04", b"\x01\x00", b"\x01\x01", bytes(65)])
def test_what_was_not_offered_cannot_be_wanted(wanted: bytes) -> None:
    with pytest.raises(DecodeError):
        rpc.decode_record_offer_response(encode_response(wanted), 4)


def test_answers_larger_than_asked_for_are_refused() -> None:
    many = [b"x"] * (rpc.MAX_FOUND + 1)
    with pytest.raises(DecodeError):
        rpc.decode_find_response(encode_response(many))
    with pytest.raises(DecodeError):
        rpc.decode_record_get_response(encode_response(b"short"))


@given(st.lists(st.integers(1, 2048), max_size=400))
def test_announcements_fit_their_limits_and_lose_nothing(sizes: list[int]) -> None:
    raws = [bytes(size) for size in sizes]
    read = []
    for call in rpc.encode_announces(raws):
        assert len(call) <= MAX_CALL_BYTES
        batch = rpc.decode_announce(decode_call(call)[1])
        assert 0 < len(batch) <= rpc.MAX_ANNOUNCED
        read += batch
    assert read == raws


def test_the_largest_answers_of_a_snapshot_fit() -> None:
    fetched = [bytes(2048)] * rpc.MAX_FETCHED
    assert len(encode_response(fetched)) <= MAX_RESPONSE_BYTES
    lists = [[DIGEST] * (rpc.MAX_SNAPSHOT // rpc.MAX_BUCKETS)] * rpc.MAX_BUCKETS
    answer = encode_response(lists)
    assert len(answer) <= MAX_RESPONSE_BYTES
    assert len(rpc.decode_entries_response(answer, rpc.MAX_BUCKETS)) == rpc.MAX_BUCKETS


def test_no_part_of_a_snapshot_is_larger_than_asked_for() -> None:
    digests = [DIGEST] * (rpc.MAX_SNAPSHOT + 1)
    for read in (
        lambda: rpc.decode_snapshot_response(encode_response(b"", [b"x"] * (rpc.MAX_WHOLE + 1))),
        lambda: rpc.decode_snapshot_response(encode_response(KEY, [b"x"])),
        lambda: rpc.decode_snapshot_response(encode_response(KEY[1:], [])),
        lambda: rpc.decode_buckets_response(encode_response([DIGEST] * (rpc.MAX_BUCKETS + 1))),
        lambda: rpc.decode_entries_response(encode_response([[DIGEST]] * 3), 2),
        lambda: rpc.decode_entries_response(encode_response([[DIGEST]]), 2),
        lambda: rpc.decode_entries_response(encode_response([digests]), 1),
        lambda: rpc.decode_entries_response(encode_response([digests[:5001], digests[:5000]]), 2),
        lambda: rpc.decode_descriptors_response(encode_response(RAWS), len(RAWS) - 1),
    ):
        with pytest.raises(DecodeError):
            read()


@pytest.mark.parametrize("wanted", [[1, 1], [2, 1], [-1], [rpc.MAX_BUCKETS], [True], [b"1"]])
def test_buckets_are_asked_for_in_order_and_once(wanted: list[object]) -> None:
    with pytest.raises(DecodeError):
        rpc.decode_entries_request(Fields([KEY, wanted], "fields"))  # type: ignore[list-item]


def test_a_descriptor_is_asked_for_once() -> None:
    with pytest.raises(DecodeError):
        rpc.decode_descriptors_request(Fields([[DIGEST, DIGEST]], "fields"))


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(0, 2**33)
    | st.text(max_size=4)
    | st.binary(max_size=40),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=12,
)


@given(st.sampled_from(OF_REQUESTS), st.lists(values, max_size=4))
def test_requests_of_any_other_shape_are_decode_errors(
    read: Callable[[Fields], object], items: list[object]
) -> None:
    with suppress(DecodeError):
        read(Fields(items, "fields"))  # type: ignore[arg-type]


@given(st.sampled_from(OF_RESPONSES), st.lists(values, max_size=4))
def test_responses_of_any_other_shape_are_decode_errors(
    read: Callable[[bytes], object], items: list[object]
) -> None:
    with suppress(DecodeError):
        read(encode_response(*items))


RESPONSES: list[tuple[bytes, Callable[[bytes], object], object, tuple[object, ...]]] = [
    (rpc.encode_find_response(RAWS), rpc.decode_find_response, RAWS, (RAWS,)),
    (rpc.encode_snapshot_response(KEY), rpc.decode_snapshot_response, (KEY, []), (KEY, [])),
    (
        rpc.encode_snapshot_response(b"", RAWS),
        rpc.decode_snapshot_response,
        (b"", RAWS),
        (b"", RAWS),
    ),
    (rpc.encode_buckets_response((DIGEST,)), rpc.decode_buckets_response, [DIGEST], ([DIGEST],)),
    (
        rpc.encode_entries_response([(DIGEST,), ()]),
        partial(rpc.decode_entries_response, asked=2),
        [(DIGEST,), ()],
        ([[DIGEST], []],),
    ),
    (
        rpc.encode_descriptors_response(RAWS),
        partial(rpc.decode_descriptors_response, asked=5),
        RAWS,
        (RAWS,),
    ),
    (rpc.encode_record_put_response(), rpc.decode_record_put_response, None, ()),
    (rpc.encode_record_get_response(b""), rpc.decode_record_get_response, b"", (b"",)),
    (
        rpc.encode_record_offer_response([0, 2]),
        partial(rpc.decode_record_offer_response, offered=3),
        [0, 2],
        (b"\x00\x02",),
    ),
]


@pytest.mark.parametrize(("body", "read", "found", "fields"), RESPONSES)
def test_what_is_answered_is_read_and_has_the_fields_of_the_table(
    body: bytes, read: Callable[[bytes], object], found: object, fields: tuple[object, ...]
) -> None:
    assert read(body) == found
    assert body == encode_response(*fields)


@pytest.mark.parametrize("read", OF_RESPONSES)
def test_every_response_may_be_a_refusal(read: Callable[[bytes], object]) -> None:
    with pytest.raises(RefusedError) as refused:
        read(encode_refusal("busy"))
    assert refused.value.reason == "busy"
