"""Which user records a relay holds: rules for keeping, replacing and evicting.

Spec: docs/spec/directory.md section 7. Decides only; the bytes lie in the store. A record
reaches these rules after its signature was verified, and nothing here can be talked into
an older sequence or a day that is over.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from zentalk.ids import Day, day_at
from zentalk.wire.user_record import RECORD_BYTES, OuterRecord

VALID_DAYS: Final = 1
"""A record is valid on its day and this many days to either side."""
AHEAD_DAYS: Final = 8
"""Owners publish this many days ahead, so that they stay reachable while away."""
CLOCK_DAYS: Final = 1
MAX_HELD_BYTES: Final = 64 * 1024 * 1024


class Refusal(Enum):
    """Why a record is not held; the value is the reason word of the answer."""

    EXPIRED = "expired"
    TOO_EARLY = "early"
    STALE = "stale"
    NOT_HOLDER = "not-holder"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Held:
    """What is known of a record held: its key, day and sequence."""

    blinded_key: bytes
    day: Day
    sequence: int


@dataclass(frozen=True, slots=True)
class Keep:
    """Store the record, replacing one of the same key and day, after evicting `evict`."""

    record: OuterRecord
    evict: Held | None = None


@dataclass(frozen=True, slots=True)
class AlreadyHeld:
    """The very same record is there: say yes again, write nothing."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """Do not store it."""

    reason: Refusal


Decision = Keep | AlreadyHeld | Refuse


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
    held: bytes | None,
    held_sequence: int,
    held_bytes: int,
    furthest: Held | None,
) -> Decision:
    """Decide on a verified record.

    `held` is the raw record of the same key and day, if any, with its sequence;
    `held_bytes` is all that this relay holds; `furthest` the held record whose day is
    furthest ahead. When there is no room a record for a nearer day takes its place, so
    that nobody can crowd out today by filling the days ahead.
    """
    if not is_due(record.day, now):
        early = record.day > day_at(now)
        return Refuse(Refusal.TOO_EARLY if early else Refusal.EXPIRED)
    if held == record.raw:
        return AlreadyHeld()
    if not is_holder:
        return Refuse(Refusal.NOT_HOLDER)
    if held is not None:
        newer = record.sequence > held_sequence
        return Keep(record) if newer else Refuse(Refusal.STALE)
    if held_bytes + RECORD_BYTES <= MAX_HELD_BYTES:
        return Keep(record)
    if furthest is not None and furthest.day > record.day:
        return Keep(record, evict=furthest)
    return Refuse(Refusal.FULL)


def best(records: list[OuterRecord]) -> OuterRecord | None:
    """Return the record with the highest sequence; ties go to the larger bytes.

    The tie rule only makes readers agree: an honest owner signs one record a sequence.
    """
    return max(records, key=lambda record: (record.sequence, record.raw), default=None)
