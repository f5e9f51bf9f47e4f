import pytest

from tests.directory.support import WALL, identity, seeded, worked
from zentalk.directory.records import (
    AHEAD_DAYS,
    CLOCK_DAYS,
    LEAST_WORK_BITS,
    AlreadyHeld,
    Decision,
    HeldRecord,
    Keep,
    Refusal,
    RefuseRecord,
    best,
    decide,
    first_valid_day,
    is_valid_on,
)
from zentalk.ids import DAY_SECONDS, Day, day_at
from zentalk.wire.user_record import (
    OuterRecord,
    RecordContents,
    decode_record,
    seal_record,
)

TODAY = day_at(WALL)
EMPTY = RecordContents((), b"", b"")


def record(
    day: int = TODAY,
    sequence: int = 1,
    owner: int = 1,
    salt: str = "",
    bits: int = LEAST_WORK_BITS,
) -> OuterRecord:
    raw = seal_record(identity(owner), Day(day), sequence, EMPTY, seeded(f"{salt} {sequence}"))
    return decode_record(worked(raw, bits) if bits else raw)


def ask(
    new: OuterRecord,
    held: OuterRecord | None = None,
    *,
    is_holder: bool = True,
    has_room: bool = True,
    least: HeldRecord | None = None,
    now: float = WALL,
) -> Decision:
    return decide(
        new,
        now,
        is_holder=is_holder,
        held=held,
        has_room=has_room,
        least=least,
    )


def test_a_record_is_kept_from_the_day_before_to_eight_days_ahead() -> None:
    kept = [offset for offset in range(-4, 15) if isinstance(ask(record(TODAY + offset)), Keep)]
    assert kept == list(range(-1, AHEAD_DAYS + CLOCK_DAYS + 1))


def test_k8_old_sequences_and_other_bytes_of_the_same_are_refused() -> None:
    held = record(sequence=5)
    assert ask(record(sequence=4), held) == RefuseRecord(Refusal.STALE)
    assert ask(record(sequence=5, salt="other"), held) == RefuseRecord(Refusal.STALE)
    newer = record(sequence=6)
    assert ask(newer, held) == Keep(newer)


def test_k8_expired_and_far_off_days_are_refused() -> None:
    assert ask(record(TODAY - 2)) == RefuseRecord(Refusal.EXPIRED)
    assert ask(record(TODAY + 30)) == RefuseRecord(Refusal.TOO_EARLY)
    later = WALL + 2 * DAY_SECONDS
    assert ask(record(TODAY), now=later) == RefuseRecord(Refusal.EXPIRED)


def test_k8_without_the_sequence_rule_a_rollback_goes_through() -> None:
    """Control: decide as if nothing were held, and the old record replaces the new one."""
    old = record(sequence=4)
    assert ask(old, held=None) == Keep(old)


def test_the_same_record_again_is_yes_without_a_write() -> None:
    held = record(sequence=5)
    assert ask(held, held) == AlreadyHeld()
    assert ask(held, held, is_holder=False) == AlreadyHeld()


def test_only_holders_hold() -> None:
    assert ask(record(), is_holder=False) == RefuseRecord(Refusal.NOT_HOLDER)


def test_in_a_full_store_more_work_wins_and_among_equals_nearer_days() -> None:
    today = record(TODAY)
    far = HeldRecord(bytes(32), Day(TODAY + 8), today.work)
    less = HeldRecord(bytes(32), TODAY, today.work - 1)
    same, more = (HeldRecord(bytes(32), TODAY, today.work + n) for n in (0, 1))
    for least in (far, less):
        assert ask(today, has_room=False, least=least) == Keep(today, evict=least)
    for least in (same, more, HeldRecord(bytes(32), Day(TODAY - 1), today.work)):
        assert ask(today, has_room=False, least=least) == RefuseRecord(Refusal.FULL)
    newer = record(TODAY, 9)
    assert ask(newer, today, has_room=False, least=more) == Keep(newer), "takes no more room"


def test_too_little_work_is_refused_whatever_else_holds() -> None:
    lazy = record(bits=0)
    assert lazy.work < LEAST_WORK_BITS
    assert ask(lazy) == RefuseRecord(Refusal.NO_WORK)
    assert isinstance(ask(record()), Keep), "control"


def test_work_can_be_added_to_a_held_record_but_not_taken_away() -> None:
    plain, better = record(), record(bits=LEAST_WORK_BITS + 6)
    assert plain.statement == better.statement
    assert better.work > plain.work
    assert ask(better, plain) == Keep(better)
    assert ask(plain, better) == AlreadyHeld()


@pytest.mark.parametrize(
    ("offset", "valid"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)]
)
def test_valid_a_day_to_either_side(offset: int, valid: bool) -> None:
    assert is_valid_on(Day(TODAY + offset), WALL) is valid
    assert first_valid_day(WALL) == TODAY - 1


def test_the_highest_sequence_wins_and_all_readers_agree_on_a_tie() -> None:
    low, high, tied = record(sequence=1), record(sequence=3), record(sequence=3, salt="tie")
    assert best([]) is None
    assert best([low, high]) == high
    assert best([high, low, tied]) == best([tied, high, low])
