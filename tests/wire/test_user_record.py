import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.directory.support import identity, seeded, worked
from zentalk.crypto import ed25519
from zentalk.crypto.blinding import blinded_key
from zentalk.errors import AuthenticationError, DecodeError, LocalProtocolError, RemoteProtocolError
from zentalk.ids import Day, NodeId, SendId, UserAddress
from zentalk.wire import user_record
from zentalk.wire.codec import pack
from zentalk.wire.user_record import (
    MAX_PQ_PREKEY_BYTES,
    MAX_SIGNED_PREKEY_BYTES,
    RECORD_BYTES,
    MailboxEntry,
    RecordContents,
    decode_record,
    find_record_work,
    open_record,
    record_work,
    seal_record,
)

DAY = Day(20_000)
ALICE = identity(1)
ADDRESS = UserAddress(ALICE.public)
STRANGER = UserAddress(identity(2).public)


def mailbox(number: int) -> MailboxEntry:
    return MailboxEntry(NodeId(bytes([number]) * 32), SendId(bytes([number]) * 16), bytes(32))


FULL = RecordContents(
    (mailbox(1), mailbox(2)),
    b"s" * MAX_SIGNED_PREKEY_BYTES,
    b"p" * MAX_PQ_PREKEY_BYTES,
    2**32 - 1,
)
contents = st.builds(
    RecordContents,
    mailboxes=st.lists(st.builds(mailbox, st.integers(0, 255)), max_size=2).map(tuple),
    signed_prekey=st.binary(max_size=MAX_SIGNED_PREKEY_BYTES),
    pq_prekey=st.binary(max_size=MAX_PQ_PREKEY_BYTES),
    term=st.integers(0, 2**32 - 1),
)


@given(contents, st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1))
def test_what_is_sealed_comes_out_again(inside: RecordContents, day: int, sequence: int) -> None:
    raw = seal_record(ALICE, Day(day), sequence, inside, seeded("x"))
    record = decode_record(raw)
    assert (record.day, record.sequence) == (day, sequence)
    assert record.blinded_key == blinded_key(ALICE.public, day)
    assert open_record(record, ADDRESS) == inside


def test_all_records_have_one_size() -> None:
    empty = RecordContents((), b"", b"")
    sizes = {
        len(seal_record(ALICE, Day(day), sequence, inside, seeded("x")))
        for inside in (empty, FULL)
        for day in (0, 20_000, 2**32 - 1)
        for sequence in (0, 2**64 - 1)
    }
    assert sizes == {RECORD_BYTES}


def test_two_seals_of_the_same_share_only_the_header() -> None:
    entropy = seeded("x")
    first = seal_record(ALICE, DAY, 1, FULL, entropy)
    second = seal_record(ALICE, DAY, 1, FULL, entropy)
    assert first[:45] == second[:45]
    same = sum(left == right for left, right in zip(first[45:], second[45:], strict=True))
    assert same < 40


def test_days_of_one_person_share_no_key() -> None:
    records = [
        decode_record(seal_record(ALICE, Day(DAY + n), 1, FULL, seeded("x"))) for n in (0, 1)
    ]
    assert records[0].blinded_key != records[1].blinded_key
    assert ALICE.public not in records[0].raw


def test_who_does_not_know_the_address_cannot_open_it() -> None:
    record = decode_record(seal_record(ALICE, DAY, 1, FULL, seeded("x")))
    with pytest.raises(AuthenticationError):
        open_record(record, STRANGER)


def test_k8_any_changed_bit_is_refused() -> None:
    raw = seal_record(ALICE, DAY, 1, FULL, seeded("x"))
    for index in range(len(decode_record(raw).statement)):
        broken = raw[:index] + bytes([raw[index] ^ (1 << index % 8)]) + raw[index + 1 :]
        with pytest.raises(RemoteProtocolError):
            decode_record(broken)


def test_work_belongs_to_one_record_and_is_outside_the_signature() -> None:
    raw, other = (seal_record(ALICE, DAY, n, FULL, seeded("x")) for n in (1, 2))
    done = worked(raw, 10)
    assert record_work(done) == decode_record(done).work >= 10
    assert decode_record(done).statement == decode_record(raw).statement
    assert len(done) == RECORD_BYTES
    moved = other[:-8] + done[-8:]
    assert record_work(moved) < 10
    assert decode_record(moved).sequence == 2, "still the owner's record"
    with pytest.raises(DecodeError):
        record_work(done[:-1])


def test_a_search_for_work_ends() -> None:
    raw = seal_record(ALICE, DAY, 1, FULL, seeded("x"))
    assert find_record_work(raw, 200, 0, 10) is None
    assert find_record_work(raw, 0, 3, 1) == raw[:-1] + b"\x03"


def test_k8_without_the_signature_check_a_forged_sequence_passes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Control: whoever raises the sequence would bury the owner's record."""
    raw = seal_record(ALICE, DAY, 1, FULL, seeded("x"))
    forged = raw[:37] + (2**64 - 1).to_bytes(8, "big") + raw[45:]
    with pytest.raises(AuthenticationError):
        decode_record(forged)
    monkeypatch.setattr(ed25519, "verify", lambda *args: None)
    assert decode_record(forged).sequence == 2**64 - 1


def test_k8_a_record_signed_by_someone_else_for_this_key_is_refused() -> None:
    mine = seal_record(ALICE, DAY, 1, FULL, seeded("x"))
    other = seal_record(identity(2), DAY, 1, FULL, seeded("x"))
    mixed = other[:1] + mine[1:33] + other[33:]
    with pytest.raises(AuthenticationError):
        decode_record(mixed)


@given(st.binary(max_size=4096))
def test_garbage_is_a_remote_error(raw: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        decode_record(raw)


@pytest.mark.parametrize("size", [0, RECORD_BYTES - 1, RECORD_BYTES + 1])
def test_k8_other_sizes_are_refused(size: int) -> None:
    with pytest.raises(DecodeError):
        decode_record(b"\x01" * size)


@pytest.mark.parametrize(
    "inside",
    [
        RecordContents((mailbox(1),) * 3, b"", b""),
        RecordContents((), bytes(MAX_SIGNED_PREKEY_BYTES + 1), b""),
        RecordContents((), b"", bytes(MAX_PQ_PREKEY_BYTES + 1)),
        RecordContents((MailboxEntry(NodeId(b"short"), SendId(bytes(16)), bytes(32)),), b"", b""),
    ],
)
def test_contents_out_of_bounds_are_our_own_mistake(inside: RecordContents) -> None:
    with pytest.raises(LocalProtocolError):
        seal_record(ALICE, DAY, 1, inside, seeded("x"))


def test_numbers_out_of_range_are_our_own_mistake() -> None:
    for day, sequence in ((-1, 0), (2**32, 0), (0, -1), (0, 2**64)):
        with pytest.raises(LocalProtocolError):
            seal_record(ALICE, Day(day), sequence, FULL, seeded("x"))


@pytest.mark.parametrize("padded", [b"\xff\xff" + bytes(1790), b"\x00\x01\x90\x01" + bytes(1788)])
def test_contents_with_wrong_padding_are_refused(
    monkeypatch: pytest.MonkeyPatch, padded: bytes
) -> None:
    """An owner who seals nonsense gets an error at the reader, not a crash."""
    monkeypatch.setattr(user_record, "_pad", lambda contents: padded)
    record = decode_record(seal_record(ALICE, DAY, 1, FULL, seeded("x")))
    with pytest.raises(DecodeError):
        open_record(record, ADDRESS)


def test_a_record_of_a_node_that_was_never_promoted_is_as_in_earlier_versions() -> None:
    """Those read three fields and refuse a fourth, so there is none where it would say nothing."""
    inside = RecordContents((mailbox(1),), b"signed", b"pq")
    assert user_record._encode_contents(inside) == pack(
        [[[bytes([1]) * 32, bytes([1]) * 16, bytes(32)]], b"signed", b"pq"]
    )
    with pytest.raises(DecodeError, match="term of zero"):
        user_record._decode_contents(pack([[], b"signed", b"pq", 0]))
