"""Rules for the user records that a relay holds: keeping, replacing and evicting.

Spec: docs/spec/directory.md section 7. Decides only; the bytes lie in the store. A record
reaches these rules after its signature was verified, and nothing here can be talked into
an older sequence or a day that is over.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from zentalk.ids import Day, day_at
from zentalk.wire.user_record import OuterRecord

VALID_DAYS: Final = 1
"""A record is valid on its day and this many days to either side."""
AHEAD_DAYS: Final = 8
"""Owners publish this many days ahead, so that they stay reachable while away."""
CLOCK_DAYS: Final = 1
MAX_HELD_BYTES: Final = 64 * 1024 * 1024
LEAST_WORK_BITS: Final = 12
"""Work that every record must bring: a signature is not even looked at for less."""
PUBLISHED_WORK_BITS: Final = 14
"""Work that owners put into each record: some ten milliseconds."""
MORE_WORK_BITS: Final = 4
MOST_WORK_BITS: Final = 22
"""An owner whose record finds holders full goes up to here: some seconds, once. Whoever fills
a holder up to that level pays it 34,000 times, and again for each day."""


class Refusal(Enum):
    """A reason not to hold a record; the value is the reason word of the response."""

    EXPIRED = "expired"
    TOO_EARLY = "early"
    STALE = "stale"
    NO_WORK = "work"
    NOT_HOLDER = "not-holder"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class HeldRecord:
    """A record that is held: its key and day, and its bits of work."""

    blinded_key: bytes
    day: Day
    work: int


@dataclass(frozen=True, slots=True)
class Keep:
    """Store the record, replacing one of the same key and day, after evicting `evict`."""

    record: OuterRecord
    evict: HeldRecord | None = None


@dataclass(frozen=True, slots=True)
class AlreadyHeld:
    """The very same record is there: say yes again, write nothing."""


@dataclass(frozen=True, slots=True)
class RefuseRecord:
    """Do not store it."""

    reason: Refusal


Decision = Keep | AlreadyHeld | RefuseRecord


def is_valid_on(record_day: Day, now: float) -> bool:
    """Say whether readers may use a record of a day at wall time `now`."""
    return abs(record_day - day_at(now)) <= VALID_DAYS


def first_valid_day(now: float) -> Day:
    """Return the oldest day whose records are still valid: older ones are deleted."""
    return Day(day_at(now) - VALID_DAYS)


def is_due(record_day: Day, now: float) -> bool:
    """Say whether a record of a day may be held at wall time `now`, valid already or not yet."""
    return first_valid_day(now) <= record_day <= day_at(now) + AHEAD_DAYS + CLOCK_DAYS


def decide(
    record: OuterRecord,
    now: float,
    *,
    is_holder: bool,
    held: OuterRecord | None,
    has_room: bool,
    least: HeldRecord | None,
) -> Decision:
    """Decide on a verified record.

    `held` is the record of the same key and day, if any; `has_room` says whether one more
    fits; `least` is the held record that is worth least. When there is no room, more work
    takes its place, so that whoever fills a holder pays more than each owner for each
    record; among equal work nearer days win, so that today is not crowded out by filling
    the days ahead.
    """
    if record.work < LEAST_WORK_BITS:
        return RefuseRecord(Refusal.NO_WORK)
    if not is_due(record.day, now):
        early = record.day > day_at(now)
        return RefuseRecord(Refusal.TOO_EARLY if early else Refusal.EXPIRED)
    if held is not None and held.statement == record.statement:
        return Keep(record) if record.work > held.work else AlreadyHeld()
    if not is_holder:
        return RefuseRecord(Refusal.NOT_HOLDER)
    if held is not None:
        newer = record.sequence > held.sequence
        return Keep(record) if newer else RefuseRecord(Refusal.STALE)
    if has_room:
        return Keep(record)
    if least is not None and (record.work, -record.day) > (least.work, -least.day):
        return Keep(record, evict=least)
    return RefuseRecord(Refusal.FULL)


def best(records: list[OuterRecord]) -> OuterRecord | None:
    """Return the record with the highest sequence; ties go to the larger bytes.

    The tie rule only makes readers agree: an honest owner signs one record a sequence.
    """
    return max(records, key=lambda record: (record.sequence, record.raw), default=None)
