"""The user records that this relay holds: the record rules joined to the store.

Spec: docs/spec/directory.md section 7. Whether to keep a record is decided by
zentalk.directory.records; this module only fetches what the decision needs and carries it
out. It cannot read a record, and keeps no note of who asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

from zentalk.directory.descriptor_set import DescriptorSet
from zentalk.directory.distance import HolderMap
from zentalk.directory.records import (
    LEAST_WORK_BITS,
    MAX_HELD_BYTES,
    AlreadyHeld,
    HeldRecord,
    Refusal,
    RefuseRecord,
    decide,
    first_valid_day,
    is_due,
    is_valid_on,
)
from zentalk.errors import RefusedError
from zentalk.ids import Day, NodeId
from zentalk.net.runtime import Runtime
from zentalk.relay.directory.persistence import StoreQueue
from zentalk.store.directory_store import StoredRecord
from zentalk.wire.rpc_directory import Offered
from zentalk.wire.user_record import RECORD_BYTES, OuterRecord, decode_record, record_work

_MAX_MAPS: Final = 12
_WALK: Final = 64


class HolderMaps:
    """Holder maps per day, built again when the set of relays has changed."""

    def __init__(self, descriptors: DescriptorSet) -> None:
        self._descriptors = descriptors
        self._generation = -1
        self._maps: dict[Day, HolderMap] = {}

    def on(self, day: Day, wall: float) -> HolderMap:
        """Return the map of a day."""
        if self._generation != self._descriptors.generation or len(self._maps) > _MAX_MAPS:
            self._generation = self._descriptors.generation
            self._maps.clear()
        if day not in self._maps:
            self._maps[day] = HolderMap(self._descriptors.live(wall), day)
        return self._maps[day]


class RecordStore:
    """Puts and gets user records for anyone who asks."""

    def __init__(
        self,
        runtime: Runtime,
        queue: StoreQueue,
        descriptors: DescriptorSet,
        own: NodeId,
        *,
        max_bytes: int = MAX_HELD_BYTES,
    ) -> None:
        self._runtime = runtime
        self._store = queue.store
        self._max_records = max_bytes // RECORD_BYTES
        self._queue = queue
        self._own = own
        self._maps = HolderMaps(descriptors)

    async def put(self, raw: bytes) -> None:
        """Hold a record.

        Raises RefusedError with the rule's reason, DecodeError or AuthenticationError if it
        is not a valid record at all.
        """
        if record_work(raw) < LEAST_WORK_BITS:
            raise RefusedError(Refusal.NO_WORK.value)  # a hash, where a signature costs fifty
        record = decode_record(raw)
        now = self._runtime.wall()
        # For other days no map is made: a stranger could ask for a new one with every record.
        is_holder = is_due(record.day, now) and self._maps.on(record.day, now).accepts(
            self._own, record.blinded_key
        )
        await self._queue.run(partial(self._put_now, record, now, is_holder))

    async def get(self, blinded_key: bytes, day: Day) -> bytes:
        """Return the record of a key and day, empty if it is not held or not valid now."""
        if not is_valid_on(day, self._runtime.wall()):
            return b""
        return await self.held(blinded_key, day)

    async def wanted(self, offers: Sequence[Offered]) -> list[int]:
        """Return the numbers of those offers that this relay should hold and has not as good."""
        now = self._runtime.wall()
        ours = [
            number
            for number, offer in enumerate(offers)
            if is_due(offer.day, now)
            and self._maps.on(offer.day, now).accepts(self._own, offer.blinded_key)
        ]
        return await self._queue.run(partial(self._newer_than_held, offers, ours))

    async def held_after(self, blinded_key: bytes, day: Day) -> list[Offered]:
        """Return what the next records by (key, day) are, to walk over all that are due."""
        batch = await self._queue.run(
            partial(self._store.record_keys_after, blinded_key, day, _WALK)
        )
        return [Offered(*item) for item in batch]

    async def held(self, blinded_key: bytes, day: Day) -> bytes:
        """Return a record as it lies here, also before its day; empty if it is not held."""
        held = await self._queue.run(partial(self._store.record, blinded_key, day))
        return held.raw if held else b""

    async def expire(self) -> int:
        """Delete records whose days are over; returns how many."""
        day = first_valid_day(self._runtime.wall())
        return await self._queue.run(partial(self._store.drop_records_before, day))

    def _newer_than_held(self, offers: Sequence[Offered], numbers: Sequence[int]) -> list[int]:
        newer = []
        for number in numbers:
            offer = offers[number]
            held = self._store.record(offer.blinded_key, offer.day)
            # Work counts too: a copy that came with less of it is the first to be pushed out.
            if held is None or (held.sequence, held.work) < (offer.sequence, offer.work):
                newer.append(number)
        return newer

    def _put_now(self, record: OuterRecord, now: float, is_holder: bool) -> None:
        held = self._store.record(record.blinded_key, record.day)
        has_room = self._store.records_count() < self._max_records
        least = None if has_room else self._store.least_record()
        decision = decide(
            record,
            now,
            is_holder=is_holder,
            held=_as_outer(held) if held else None,
            has_room=has_room,
            least=HeldRecord(least.blinded_key, least.day, least.work) if least else None,
        )
        if isinstance(decision, RefuseRecord):
            raise RefusedError(decision.reason.value)
        if isinstance(decision, AlreadyHeld):
            return
        self._store.save_record(
            StoredRecord(record.blinded_key, record.day, record.sequence, record.work, record.raw),
            (decision.evict.blinded_key, decision.evict.day) if decision.evict else None,
        )


def _as_outer(record: StoredRecord) -> OuterRecord:
    """Read a record of the store, which was verified when it was put there."""
    return OuterRecord(record.blinded_key, record.day, record.sequence, record.work, record.raw)
