from collections.abc import Callable

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
RAWS = [item.raw for item in descriptors(range(5))]
READERS: list[Callable[[Fields], object]] = [
    rpc.read_find,
    rpc.read_found,
    rpc.read_snapshot,
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
    (call,) = rpc.announce_calls(RAWS)
    method, fields = decode_call(call)
    assert (method, rpc.read_announce(fields)) == (rpc.ANNOUNCE, RAWS)
    method, fields = decode_call(rpc.equivocation_call(RAWS[0], RAWS[1]))
    assert (method, rpc.read_equivocation(fields)) == (rpc.EQUIVOCATION, (RAWS[0], RAWS[1]))
    method, fields = decode_call(rpc.record_put_call(bytes(RECORD_BYTES)))
    assert (method, rpc.read_record_put(fields)) == (rpc.RECORD_PUT, bytes(RECORD_BYTES))
    method, fields = decode_call(rpc.record_get_call(KEY, Day(20_000)))
    assert (method, rpc.read_record_get(fields)) == (rpc.RECORD_GET, (KEY, 20_000))
    offers = [rpc.Offered(KEY, Day(20_000 + n), 2**64 - 1 - n) for n in range(rpc.MAX_OFFERED)]
    method, fields = decode_call(rpc.record_offer_call(offers))
    assert (method, rpc.read_record_offer(fields)) == (rpc.RECORD_OFFER, offers)
    method, fields = decode_call(encode_call(rpc.RECORD_OFFER, [KEY]))
    with pytest.raises(DecodeError):
        rpc.read_record_offer(fields)


def test_what_is_answered_is_read() -> None:
    assert rpc.read_found(decode_answer(encode_answer(RAWS))) == RAWS
    assert rpc.read_snapshot(decode_answer(encode_answer(RAWS))) == RAWS
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


def test_the_largest_snapshot_fits_one_answer() -> None:
    for size in (2048, 400):
        shown = rpc.fit_snapshot(bytes(size) for _ in range(rpc.MAX_SNAPSHOT + 100))
        answer = encode_answer(shown)
        assert len(answer) <= MAX_ANSWER_BYTES
        assert rpc.read_snapshot(decode_answer(answer)) == shown
    assert rpc.fit_snapshot([]) == []


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
