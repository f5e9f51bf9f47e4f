from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.directory.support import descriptors
from zentalk.errors import DecodeError
from zentalk.ids import Day
from zentalk.wire import rpc_directory as rpc
from zentalk.wire.codec import Fields
from zentalk.wire.rpc import (
    MAX_ANSWER_BYTES,
    MAX_CALL_BYTES,
    decode_answer,
    decode_call,
    encode_answer,
    encode_call,
)
from zentalk.wire.user_record import RECORD_BYTES

KEY = bytes(range(32))
DIGEST = bytes(range(rpc.DIGEST_BYTES))
RAWS = [item.raw for item in descriptors(range(5))]
READERS: list[Callable[[Fields], object]] = [
    rpc.read_find,
    rpc.read_found,
    rpc.read_snapshot,
    rpc.read_buckets_question,
    rpc.read_buckets,
    rpc.read_entries_question,
    rpc.read_descriptors_question,
    partial(rpc.read_entries, asked=3),
    partial(rpc.read_descriptors, asked=3),
    rpc.read_announce,
    rpc.read_equivocation,
    rpc.read_record_put,
    rpc.read_record_get,
    rpc.read_record,
    rpc.read_record_offer,
]


def test_what_is_asked_is_read() -> None:
    method, fields = decode_call(rpc.find_call(KEY))
    assert (method, rpc.read_find(fields)) == (rpc.FIND, KEY)
    method, fields = decode_call(rpc.snapshot_call())
    fields.end()
    assert method == rpc.SNAPSHOT
    method, fields = decode_call(rpc.buckets_call(KEY))
    assert (method, rpc.read_buckets_question(fields)) == (rpc.BUCKETS, KEY)
    method, fields = decode_call(rpc.entries_call(KEY, [0, 7, 1023]))
    assert (method, rpc.read_entries_question(fields)) == (rpc.ENTRIES, (KEY, [0, 7, 1023]))
    method, fields = decode_call(rpc.descriptors_call([DIGEST]))
    assert (method, rpc.read_descriptors_question(fields)) == (rpc.DESCRIPTORS, [DIGEST])
    (call,) = rpc.announce_calls(RAWS)
    method, fields = decode_call(call)
    assert (method, rpc.read_announce(fields)) == (rpc.ANNOUNCE, RAWS)
    method, fields = decode_call(rpc.equivocation_call(RAWS[0], RAWS[1]))
    assert (method, rpc.read_equivocation(fields)) == (rpc.EQUIVOCATION, (RAWS[0], RAWS[1]))
    method, fields = decode_call(rpc.record_put_call(bytes(RECORD_BYTES)))
    assert (method, rpc.read_record_put(fields)) == (rpc.RECORD_PUT, bytes(RECORD_BYTES))
    method, fields = decode_call(rpc.record_get_call(KEY, Day(20_000)))
    assert (method, rpc.read_record_get(fields)) == (rpc.RECORD_GET, (KEY, 20_000))
    offers = [rpc.Offered(KEY, Day(20_000 + n), 2**64 - 1 - n, n) for n in range(rpc.MAX_OFFERED)]
    method, fields = decode_call(rpc.record_offer_call(offers))
    assert (method, rpc.read_record_offer(fields)) == (rpc.RECORD_OFFER, offers)
    method, fields = decode_call(encode_call(rpc.RECORD_OFFER, [KEY]))
    with pytest.raises(DecodeError):
        rpc.read_record_offer(fields)


def test_what_is_answered_is_read() -> None:
    assert rpc.read_found(decode_answer(encode_answer(RAWS))) == RAWS
    assert rpc.read_snapshot(decode_answer(encode_answer(b"", RAWS))) == (b"", RAWS)
    assert rpc.read_snapshot(decode_answer(encode_answer(KEY, []))) == (KEY, [])
    assert rpc.read_buckets(decode_answer(encode_answer([DIGEST]))) == [DIGEST]
    assert rpc.read_entries(decode_answer(encode_answer([[DIGEST], []])), 2) == [(DIGEST,), ()]
    assert rpc.read_descriptors(decode_answer(encode_answer(RAWS)), len(RAWS)) == RAWS
    for raw in (b"", bytes(RECORD_BYTES)):
        assert rpc.read_record(decode_answer(encode_answer(raw))) == raw


@pytest.mark.parametrize("wanted", [b"", b"\x00", b"\x00\x02\x03", bytes(range(4))])
def test_wanted_records_are_numbers_of_what_was_offered(wanted: bytes) -> None:
    assert rpc.read_wanted(decode_answer(encode_answer(wanted)), 4) == list(wanted)


@pytest.mark.parametrize("wanted", [b"\x04", b"\x01\x00", b"\x01\x01", bytes(65)])
def test_what_was_not_offered_cannot_be_wanted(wanted: bytes) -> None:
    with pytest.raises(DecodeError):
        rpc.read_wanted(decode_answer(encode_answer(wanted)), 4)


def test_answers_larger_than_asked_for_are_refused() -> None:
    many = [b"x"] * (rpc.MAX_FOUND + 1)
    with pytest.raises(DecodeError):
        rpc.read_found(decode_answer(encode_answer(many)))
    with pytest.raises(DecodeError):
        rpc.read_record(decode_answer(encode_answer(b"short")))


@given(st.lists(st.integers(1, 2048), max_size=400))
def test_announcements_fit_their_limits_and_lose_nothing(sizes: list[int]) -> None:
    raws = [bytes(size) for size in sizes]
    read = []
    for call in rpc.announce_calls(raws):
        assert len(call) <= MAX_CALL_BYTES
        batch = rpc.read_announce(decode_call(call)[1])
        assert 0 < len(batch) <= rpc.MAX_ANNOUNCED
        read += batch
    assert read == raws


def test_the_largest_answers_of_a_snapshot_fit() -> None:
    fetched = [bytes(2048)] * rpc.MAX_FETCHED
    assert len(encode_answer(fetched)) <= MAX_ANSWER_BYTES
    lists = [[DIGEST] * (rpc.MAX_SNAPSHOT // rpc.MAX_BUCKETS)] * rpc.MAX_BUCKETS
    answer = encode_answer(lists)
    assert len(answer) <= MAX_ANSWER_BYTES
    assert len(rpc.read_entries(decode_answer(answer), rpc.MAX_BUCKETS)) == rpc.MAX_BUCKETS


def answer(*fields: object) -> Fields:
    return decode_answer(encode_answer(*fields))


def test_no_part_of_a_snapshot_is_larger_than_asked_for() -> None:
    digests = [DIGEST] * (rpc.MAX_SNAPSHOT + 1)
    for read in (
        lambda: rpc.read_snapshot(answer(b"", [b"x"] * (rpc.MAX_WHOLE + 1))),
        lambda: rpc.read_snapshot(answer(KEY, [b"x"])),
        lambda: rpc.read_snapshot(answer(KEY[1:], [])),
        lambda: rpc.read_buckets(answer([DIGEST] * (rpc.MAX_BUCKETS + 1))),
        lambda: rpc.read_entries(answer([[DIGEST]] * 3), 2),
        lambda: rpc.read_entries(answer([[DIGEST]]), 2),
        lambda: rpc.read_entries(answer([digests]), 1),
        lambda: rpc.read_entries(answer([digests[:5001], digests[:5000]]), 2),
        lambda: rpc.read_descriptors(answer(RAWS), len(RAWS) - 1),
    ):
        with pytest.raises(DecodeError):
            read()


@pytest.mark.parametrize("wanted", [[1, 1], [2, 1], [-1], [rpc.MAX_BUCKETS], [True], [b"1"]])
def test_buckets_are_asked_for_in_order_and_once(wanted: list[object]) -> None:
    with pytest.raises(DecodeError):
        rpc.read_entries_question(Fields([KEY, wanted], "fields"))  # type: ignore[list-item]


def test_a_descriptor_is_asked_for_once() -> None:
    with pytest.raises(DecodeError):
        rpc.read_descriptors_question(Fields([[DIGEST, DIGEST]], "fields"))


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(0, 2**33)
    | st.text(max_size=4)
    | st.binary(max_size=40),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=12,
)


@given(st.sampled_from(READERS), st.lists(values, max_size=4))
def test_fields_of_any_other_shape_are_decode_errors(
    read: Callable[[Fields], object], items: list[object]
) -> None:
    try:
        read(Fields(items, "fields"))  # type: ignore[arg-type]
    except DecodeError:
        return
    with pytest.raises(DecodeError):
        read(Fields([*items, 0], "fields"))  # type: ignore[list-item]
