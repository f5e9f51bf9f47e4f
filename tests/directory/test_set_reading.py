"""Reading another relay's set: what is asked for, what is refused, what it costs."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.directory.support import descriptor, descriptors
from zentalk.directory import set_reading
from zentalk.directory.digests import digest_of
from zentalk.directory.set_reading import KnownSets, SetReading
from zentalk.directory.set_tree import SetTree, bucket_count, bucket_of
from zentalk.errors import DecodeError
from zentalk.wire import rpc_directory as rpc
from zentalk.wire.descriptor import Descriptor
from zentalk.wire.rpc import decode_call, encode_response

MANY = descriptors(range(300))


class Shower:
    """A relay that shows a set of more than a few; hostile ones override a method."""

    def __init__(self, shown: Sequence[Descriptor]) -> None:
        self.by_digest = {digest_of(item.raw): item.raw for item in shown}
        self.tree = SetTree((item.node_id, digest_of(item.raw)) for item in shown)
        self.asked: list[str] = []
        self.sent = 0

    def answer(self, body: bytes) -> bytes:
        method, fields = decode_call(body)
        self.asked.append(method)
        handlers: dict[str, Callable[[Any], list[Any]]] = {
            rpc.SNAPSHOT: lambda _: self.summary(),
            rpc.BUCKETS: lambda _: self.buckets(),
            rpc.ENTRIES: lambda f: self.entries(rpc.decode_entries_request(f)[1]),
            rpc.DESCRIPTORS: lambda f: self.descriptors(rpc.decode_descriptors_request(f)),
        }
        encoded = encode_response(*handlers[method](fields))
        self.sent += len(encoded)
        return encoded

    def summary(self) -> list[Any]:
        return [self.tree.root, []]

    def buckets(self) -> list[Any]:
        return [list(self.tree.hashes)]

    def entries(self, wanted: list[int]) -> list[Any]:
        return [[list(self.tree.buckets[index]) for index in wanted]]

    def descriptors(self, digests: list[bytes]) -> list[Any]:
        return [[self.by_digest[digest] for digest in digests if digest in self.by_digest]]


def reader(held: Sequence[Descriptor]) -> tuple[KnownSets, set[bytes]]:
    known = {digest_of(item.raw) for item in held}
    own = {item.node_id: digest_of(item.raw) for item in held}
    return KnownSets(own, known.__contains__), known


def read(shower: Shower, known: KnownSets, reading: SetReading | None = None) -> list[bytes]:
    reading = reading or SetReading(known)
    fetched: list[bytes] = []
    while (call := reading.next_call()) is not None:
        fetched += reading.take(shower.answer(call))
    return fetched


def changed(count: int, of: Sequence[Descriptor] = MANY) -> list[Descriptor]:
    """The same set with the first few at a later boot."""
    return [*(descriptor(number, boot=2) for number in range(count)), *of[count:]]


def test_equal_sets_cost_one_question() -> None:
    shower = Shower(MANY)
    known, _ = reader(MANY)
    reading = SetReading(known)
    assert read(shower, known, reading) == []
    assert shower.asked == [rpc.SNAPSHOT]
    assert reading.digests == {digest_of(item.raw) for item in MANY}


def test_a_first_reading_brings_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rpc, "MAX_FETCHED", 200)
    shower = Shower(MANY)
    known, _ = reader([])
    assert sorted(read(shower, known)) == sorted(item.raw for item in MANY)
    assert shower.asked == [rpc.SNAPSHOT, rpc.BUCKETS, rpc.ENTRIES, *[rpc.DESCRIPTORS] * 2]


def test_only_what_changed_is_brought() -> None:
    shower = Shower(changed(3))
    known, _ = reader(MANY)
    reading = SetReading(known)
    fetched = read(shower, known, reading)
    assert sorted(fetched) == sorted(item.raw for item in changed(3)[:3])
    assert reading.digests == {digest_of(item.raw) for item in changed(3)}
    whole = Shower(changed(3))
    read(whole, reader([])[0])
    assert shower.sent < whole.sent / 20


def test_without_the_readers_own_buckets_the_lists_are_read_in_full(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Control: it is the comparison of buckets that makes a change cheap."""
    shower, compared = Shower(changed(3)), Shower(changed(3))
    read(compared, reader(MANY)[0])
    monkeypatch.setattr(KnownSets, "prepare", lambda self, count: None)
    known, _ = reader(MANY)
    read(shower, known)
    assert shower.sent > 3 * compared.sent


def test_what_one_source_told_is_not_asked_of_the_next() -> None:
    first, second = Shower(changed(5)), Shower(changed(5))
    known, have = reader(MANY)
    for raw in read(first, known):
        have.add(digest_of(raw))
    reading = SetReading(known)
    assert read(second, known, reading) == []
    assert second.asked == [rpc.SNAPSHOT]
    assert len(reading.digests) == len(MANY)


def test_a_source_that_waited_asks_nothing_that_was_told_meanwhile() -> None:
    known, have = reader(MANY)
    first, second = Shower(changed(5)), Shower(changed(5))
    waiting = SetReading(known)
    call = waiting.next_call()
    assert call is not None
    waiting.take(second.answer(call))
    assert waiting.next_call() is not None
    for raw in read(first, known):
        have.add(digest_of(raw))
    assert waiting.next_call() is None
    assert len(waiting.digests) == len(MANY)


def test_sources_read_beside_each_other_bring_different_parts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One is slow and has lost its turn: what it brings meanwhile is not brought twice."""
    monkeypatch.setattr(rpc, "MAX_FETCHED", 25)
    known, have = reader([])
    showers = [Shower(MANY) for _ in range(3)]
    readings = [SetReading(known) for _ in showers]
    going = True
    while going:
        going = False
        for shower, reading in zip(showers, readings, strict=True):
            if (call := reading.next_call()) is not None:
                have |= {digest_of(raw) for raw in reading.take(shower.answer(call))}
                going = True
    assert have == {digest_of(item.raw) for item in MANY}
    asked = sum(shower.asked.count(rpc.DESCRIPTORS) for shower in showers)
    assert asked <= len(MANY) / 25 + 2


def test_sets_cut_into_different_numbers_of_buckets_are_compared_all_the_same() -> None:
    few, more = MANY[:250], MANY[:270]
    assert bucket_count(len(few)) < bucket_count(len(more))
    shower = Shower(more)
    known, _ = reader(few)
    assert sorted(read(shower, known)) == sorted(item.raw for item in more[250:])


def test_a_reading_for_one_relay_reads_one_bucket() -> None:
    shower = Shower(MANY)
    known, _ = reader([])
    wanted = MANY[7]
    fetched = read(shower, known, SetReading(known, wanted.node_id))
    assert wanted.raw in fetched
    assert len(fetched) == len(shower.tree.buckets[bucket_of(wanted.node_id, 32)]) < 40


def test_a_small_set_comes_whole() -> None:
    class Small(Shower):
        def summary(self) -> list[Any]:
            return [b"", list(self.by_digest.values())]

    shower = Small(MANY[:20])
    known, _ = reader([])
    assert sorted(read(shower, known)) == sorted(item.raw for item in MANY[:20])
    assert shower.asked == [rpc.SNAPSHOT]


@given(st.sets(st.integers(0, 299)), st.sets(st.integers(0, 299), min_size=1))
def test_whatever_the_sets_the_reader_learns_exactly_the_other(
    held: set[int], shown: set[int]
) -> None:
    shower = Shower([MANY[number] for number in sorted(shown)])
    known, _ = reader([MANY[number] for number in sorted(held)])
    reading = SetReading(known)
    fetched = read(shower, known, reading)
    assert reading.digests == set(shower.by_digest)
    assert sorted(fetched) == sorted(MANY[number].raw for number in shown - held)


# hostile relays


class WrongRoot(Shower):
    def summary(self) -> list[Any]:
        return [bytes(32), []]


class ManyBuckets(Shower):
    def buckets(self) -> list[Any]:
        return [[*self.tree.hashes, bytes(rpc.DIGEST_BYTES)]]


class OtherEntries(Shower):
    def entries(self, wanted: list[int]) -> list[Any]:
        (lists,) = super().entries(wanted)
        return [[[digest_of(MANY[0].raw)], *lists[1:]]]


class FewEntries(Shower):
    def entries(self, wanted: list[int]) -> list[Any]:
        (lists,) = super().entries(wanted)
        return [lists[:-1]]


class Withholding(Shower):
    def descriptors(self, digests: list[bytes]) -> list[Any]:
        return [super().descriptors(digests)[0][:1]]


class Unasked(Shower):
    def descriptors(self, digests: list[bytes]) -> list[Any]:
        return [[*super().descriptors(digests)[0][1:], descriptor(999).raw]]


class Twice(Shower):
    def descriptors(self, digests: list[bytes]) -> list[Any]:
        return [super().descriptors(digests)[0][:1] * len(digests)]


class Endless(Shower):
    """Lists more relays than a network may have, in buckets that do hash to the root."""

    def __init__(self, shown: Sequence[Descriptor]) -> None:
        super().__init__(shown)
        made_up = ((item.to_bytes(32, "big"), item.to_bytes(20, "big")) for item in range(10_001))
        self.tree = SetTree(made_up, 1)  # type: ignore[arg-type]


HOSTILE = [
    WrongRoot, ManyBuckets, OtherEntries, FewEntries, Withholding, Unasked, Twice, Endless,
]  # fmt: skip


@pytest.mark.parametrize("kind", HOSTILE)
def test_k31_a_source_that_contradicts_itself_is_refused(kind: type[Shower]) -> None:
    shower = kind(MANY)
    known, _ = reader([])
    with pytest.raises(DecodeError):
        read(shower, known)
    assert len(shower.asked) <= 4


def test_k31_control_without_the_check_other_entries_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """Control: a source could show each reader other entries under one root."""
    shower = OtherEntries(MANY)
    honest = {bucket: shower.tree.hashes[at] for at, bucket in enumerate(shower.tree.buckets)}
    first = (digest_of(MANY[0].raw),)
    monkeypatch.setattr(
        set_reading, "hash_bucket", lambda digests: honest.get(digests, shower.tree.hashes[0])
    )
    known, _ = reader([])
    reading = SetReading(known)
    read(shower, known, reading)
    assert set(first) <= reading.digests
    assert reading.digests != set(shower.by_digest)


def test_a_refused_bucket_teaches_the_next_reading_nothing() -> None:
    known, _ = reader([])
    with pytest.raises(DecodeError):
        read(OtherEntries(MANY), known)
    reading = SetReading(known)
    read(Shower(MANY), known, reading)
    assert reading.digests == {digest_of(item.raw) for item in MANY}


def test_a_few_descriptors_that_were_replaced_meanwhile_are_no_fault() -> None:
    shower = Shower(MANY)
    gone = [shower.by_digest.popitem() for _ in range(20)]
    known, _ = reader([])
    fetched = read(shower, known)
    assert len(fetched) == len(MANY) - len(gone)


def test_a_full_network_is_cut_into_buckets_of_ten() -> None:
    assert bucket_count(1) == 1
    assert bucket_count(16) == 1
    assert bucket_count(17) == 2
    assert bucket_count(rpc.MAX_SNAPSHOT) == rpc.MAX_BUCKETS == 1024
