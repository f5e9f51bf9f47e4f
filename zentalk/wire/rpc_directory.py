"""The directory's requests, responses and notifications (`dir.*`), both directions of each.

Spec: docs/spec/directory.md section 9. Every list has a bound; descriptors and records
are carried as the raw bytes that were signed. What to do with them is decided elsewhere. A
decoder of a request reads the fields behind the method, a decoder of a response the whole body;
decoders raise DecodeError, and those of responses RefusedError with the peer's reason.

| method | fields | response |
|---|---|---|
| dir.find | target 32 | [descriptors], at most 20 |
| dir.snapshot | | root 32 or empty, [descriptors] if the set is small |
| dir.buckets | root 32 | [hash 20] |
| dir.entries | root 32, [bucket] | [[digest 20]], one list per bucket asked for |
| dir.descriptors | [digest 20] | [descriptors] |
| dir.announce (notify) | [descriptors] | |
| dir.equivocation (notify) | descriptor, descriptor | |
| dir.record.put | record | |
| dir.record.get | blinded key 32, day | record or empty |
| dir.record.offer | [blinded key 32, day 4, sequence 8, work 1] | numbers of those wanted |
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, NamedTuple

from zentalk.errors import DecodeError
from zentalk.ids import NODE_ID_BYTES, Day
from zentalk.wire.codec import Fields
from zentalk.wire.descriptor import MAX_DESCRIPTOR_BYTES
from zentalk.wire.rpc import decode_response, encode_call, encode_response
from zentalk.wire.user_record import RECORD_BYTES

FIND: Final = "dir.find"
SNAPSHOT: Final = "dir.snapshot"
BUCKETS: Final = "dir.buckets"
ENTRIES: Final = "dir.entries"
DESCRIPTORS: Final = "dir.descriptors"
ANNOUNCE: Final = "dir.announce"
EQUIVOCATION: Final = "dir.equivocation"
RECORD_PUT: Final = "dir.record.put"
RECORD_GET: Final = "dir.record.get"
RECORD_OFFER: Final = "dir.record.offer"

MAX_FOUND: Final = 20
MAX_SNAPSHOT: Final = 10_000
"""Relays in one network, and so digests in one snapshot."""
MAX_WHOLE: Final = 128
"""A set of so many relays comes whole, at once: hashes would save little and cost turns."""
MAX_BUCKETS: Final = 1024
MAX_FETCHED: Final = 600
"""Descriptors in one response: as they are, 130 KiB, which just fits 64 cells of a tunnel."""
DIGEST_BYTES: Final = 20
ROOT_BYTES: Final = 32
MAX_ANNOUNCED: Final = 64
ANNOUNCE_BYTES: Final = 64 * 1024
MAX_OFFERED: Final = 64
_OFFER_BYTES: Final = 32 + 4 + 8 + 1
_PER_ITEM_BYTES: Final = 3
_BLINDED_KEY_BYTES: Final = 32
_MAX_DAY: Final = 2**32 - 1


def encode_find_request(target: bytes) -> bytes:
    """Ask for the relays nearest to a 32-byte target."""
    return encode_call(FIND, target)


def decode_find_request(fields: Fields) -> bytes:
    """Return the target; raises DecodeError."""
    target = fields.fixed(NODE_ID_BYTES)
    fields.end()
    return target


def encode_find_response(raws: Iterable[bytes]) -> bytes:
    """Answer with at most `MAX_FOUND` raw descriptors."""
    return encode_response(list(raws))


def decode_find_response(body: bytes) -> list[bytes]:
    """Return the raw descriptors; raises RefusedError or DecodeError."""
    return _descriptors(decode_response(body), MAX_FOUND)


class SnapshotResponse(NamedTuple):
    """A relay's set of live descriptors: its root, or with an empty root all of it."""

    root: bytes
    whole: list[bytes]


def encode_snapshot_request() -> bytes:
    """Ask for all live descriptors that a relay knows, or for their root if they are many."""
    return encode_call(SNAPSHOT)


def decode_snapshot_request(fields: Fields) -> None:
    """Check that nothing was added; raises DecodeError."""
    fields.end()


def encode_snapshot_response(root: bytes, whole: Iterable[bytes] = ()) -> bytes:
    """Answer with the root of the set, or with an empty root and all raw descriptors."""
    return encode_response(root, list(whole))


def decode_snapshot_response(body: bytes) -> SnapshotResponse:
    """Return root or descriptors; raises RefusedError or DecodeError."""
    fields = decode_response(body)
    root = fields.blob(ROOT_BYTES)
    whole = _descriptors(fields, 0 if root else MAX_WHOLE)
    if root and len(root) != ROOT_BYTES:
        raise DecodeError("the root of a snapshot has the wrong size")
    return SnapshotResponse(root, whole)


def encode_buckets_request(root: bytes) -> bytes:
    """Ask for the hashes of all buckets under a root."""
    return encode_call(BUCKETS, root)


def decode_buckets_request(fields: Fields) -> bytes:
    """Return the root; raises DecodeError."""
    root = fields.fixed(ROOT_BYTES)
    fields.end()
    return root


def encode_buckets_response(hashes: Iterable[bytes]) -> bytes:
    """Answer with the hashes of all buckets, in order."""
    return encode_response(list(hashes))


def decode_buckets_response(body: bytes) -> list[bytes]:
    """Return the hashes; raises RefusedError or DecodeError."""
    fields = decode_response(body)
    hashes = fields.fixed_array(MAX_BUCKETS, DIGEST_BYTES)
    fields.end()
    return hashes


def encode_entries_request(root: bytes, buckets: Sequence[int]) -> bytes:
    """Ask for the digests in some buckets under a root; the numbers must rise."""
    return encode_call(ENTRIES, root, list(buckets))


def decode_entries_request(fields: Fields) -> tuple[bytes, list[int]]:
    """Return root and buckets; raises DecodeError, also if a bucket is named twice."""
    root = fields.fixed(ROOT_BYTES)
    wanted = fields.array(MAX_BUCKETS)
    fields.end()
    buckets = [item for item in wanted if type(item) is int and 0 <= item < MAX_BUCKETS]
    if len(buckets) != len(wanted) or any(a >= b for a, b in pairwise(buckets)):
        raise DecodeError("a request for buckets does not name them in order")
    return root, buckets


def encode_entries_response(buckets: Iterable[Iterable[bytes]]) -> bytes:
    """Answer with one list of digests for each bucket that was asked for."""
    return encode_response([list(digests) for digests in buckets])


def decode_entries_response(body: bytes, asked: int) -> list[tuple[bytes, ...]]:
    """Return the digests of the `asked` buckets; raises RefusedError or DecodeError."""
    fields = decode_response(body)
    lists = fields.array(asked)
    fields.end()
    if len(lists) != asked:
        raise DecodeError("a response lacks buckets that were asked for")
    found, room = [], MAX_SNAPSHOT
    for item in lists:
        digests = Fields([item], "a bucket").fixed_array(room, DIGEST_BYTES)
        room -= len(digests)
        found.append(tuple(digests))
    return found


def encode_descriptors_request(digests: Sequence[bytes]) -> bytes:
    """Ask for the descriptors behind at most `MAX_FETCHED` digests."""
    return encode_call(DESCRIPTORS, list(digests))


def decode_descriptors_request(fields: Fields) -> list[bytes]:
    """Return the digests; raises DecodeError, also if one is named twice."""
    digests = fields.fixed_array(MAX_FETCHED, DIGEST_BYTES)
    fields.end()
    if len(set(digests)) != len(digests):
        raise DecodeError("a request names a descriptor twice")
    return digests


def encode_descriptors_response(raws: Iterable[bytes]) -> bytes:
    """Answer with the raw descriptors that are held, in the order asked for."""
    return encode_response(list(raws))


def decode_descriptors_response(body: bytes, asked: int) -> list[bytes]:
    """Return at most as many raw descriptors as were asked for.

    Raises RefusedError or DecodeError.
    """
    return _descriptors(decode_response(body), asked)


def encode_announces(raws: Iterable[bytes]) -> list[bytes]:
    """Tell a relay of descriptors, in as many notifications as they need."""
    return [encode_call(ANNOUNCE, batch) for batch in _batches(raws, MAX_ANNOUNCED, ANNOUNCE_BYTES)]


def decode_announce(fields: Fields) -> list[bytes]:
    """Return the announced raw descriptors; raises DecodeError."""
    return _descriptors(fields, MAX_ANNOUNCED)


def encode_equivocation(first: bytes, second: bytes) -> bytes:
    """Report two descriptors that one relay signed for one epoch and boot."""
    return encode_call(EQUIVOCATION, first, second)


def decode_equivocation(fields: Fields) -> tuple[bytes, bytes]:
    """Return the two raw descriptors of a report; raises DecodeError."""
    pair = fields.blob(MAX_DESCRIPTOR_BYTES), fields.blob(MAX_DESCRIPTOR_BYTES)
    fields.end()
    return pair


def encode_record_put_request(raw: bytes) -> bytes:
    """Ask a relay to hold a user record."""
    return encode_call(RECORD_PUT, raw)


def decode_record_put_request(fields: Fields) -> bytes:
    """Return the raw record; raises DecodeError."""
    raw = fields.fixed(RECORD_BYTES)
    fields.end()
    return raw


def encode_record_put_response() -> bytes:
    """Answer that the record is held."""
    return encode_response()


def decode_record_put_response(body: bytes) -> None:
    """Return if the record is held; raises RefusedError or DecodeError."""
    decode_response(body).end()


def encode_record_get_request(blinded_key: bytes, day: Day) -> bytes:
    """Ask for the record under a blinded key (32 bytes) of a day."""
    return encode_call(RECORD_GET, blinded_key, day)


def decode_record_get_request(fields: Fields) -> tuple[bytes, Day]:
    """Return blinded key and day; raises DecodeError."""
    asked = fields.fixed(_BLINDED_KEY_BYTES), Day(fields.uint(_MAX_DAY))
    fields.end()
    return asked


def encode_record_get_response(raw: bytes) -> bytes:
    """Answer with the raw record, empty if there is none."""
    return encode_response(raw)


def decode_record_get_response(body: bytes) -> bytes:
    """Return the raw record, empty if there is none; raises RefusedError or DecodeError."""
    fields = decode_response(body)
    raw = fields.blob(RECORD_BYTES)
    fields.end()
    if raw and len(raw) != RECORD_BYTES:
        raise DecodeError("a user record in a response has the wrong size")
    return raw


@dataclass(frozen=True, slots=True)
class Offered:
    """A record that another relay holds: its key and day, how new it is, its bits of work."""

    blinded_key: bytes
    day: Day
    sequence: int
    work: int


def encode_record_offer_request(offers: Sequence[Offered]) -> bytes:
    """Ask which of at most 64 records a relay wants."""
    return encode_call(RECORD_OFFER, [_offer(item) for item in offers])


def decode_record_offer_request(fields: Fields) -> list[Offered]:
    """Return what is offered; raises DecodeError."""
    raws = fields.blob_array(MAX_OFFERED, _OFFER_BYTES)
    fields.end()
    if any(len(raw) != _OFFER_BYTES for raw in raws):
        raise DecodeError("an offer of user records is malformed")
    return [
        Offered(
            raw[:32],
            Day(int.from_bytes(raw[32:36], "big")),
            int.from_bytes(raw[36:44], "big"),
            raw[44],
        )
        for raw in raws
    ]


def encode_record_offer_response(wanted: Iterable[int]) -> bytes:
    """Answer with the numbers of the offers that are wanted, in order."""
    return encode_response(bytes(wanted))


def decode_record_offer_response(body: bytes, offered: int) -> list[int]:
    """Return which of the offers are wanted; raises RefusedError or DecodeError."""
    fields = decode_response(body)
    wanted = list(fields.blob(MAX_OFFERED))
    fields.end()
    if wanted != sorted(set(wanted)) or any(number >= offered for number in wanted):
        raise DecodeError("a response wants records that were not offered")
    return wanted


def _offer(item: Offered) -> bytes:
    numbers = item.day.to_bytes(4, "big") + item.sequence.to_bytes(8, "big")
    return item.blinded_key + numbers + bytes([min(item.work, 255)])


def _descriptors(fields: Fields, maximum: int) -> list[bytes]:
    raws = fields.blob_array(maximum, MAX_DESCRIPTOR_BYTES)
    fields.end()
    return raws


def _batches(raws: Iterable[bytes], items: int, size_bytes: int) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    filled = 0
    for raw in raws:
        cost = len(raw) + _PER_ITEM_BYTES
        if batch and (len(batch) == items or filled + cost > size_bytes):
            yield batch
            batch, filled = [], 0
        batch.append(raw)
        filled += cost
    if batch:
        yield batch
