"""Statements and leases: what a holder takes, and that repeats and forgeries change nothing."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zentalk.crypto.ed25519 import SigningKey
from zentalk.errors import LocalProtocolError, RefusedError
from zentalk.ids import NodeId, ShardId
from zentalk.mesh.leases import (
    HOUR_SECONDS,
    LEAST_TOMBSTONE_HOURS,
    RENEWAL_HOURS,
    WINDOW_MINUTES,
    KeptShard,
    LeaseSigner,
    check_nonce,
    check_statement,
    hour_at,
    judge_change,
    longest_expiry,
    put_expiry,
    renewal_hour,
    renewed_expiry,
    tombstone_expiry,
)
from zentalk.mesh.nonces import NonceMemory
from zentalk.net.runtime import seeded_entropy
from zentalk.wire.rpc_shards import MAX_LEASE_HOURS, Changed
from zentalk.wire.statement import Op, SignedStatement

WALL = 1_800_000_000.0
HOUR = hour_at(WALL)
HOLDER, OTHER_HOLDER = NodeId(b"h" * 32), NodeId(b"o" * 32)
ENTROPY = seeded_entropy(b"leases")
OWNER, STRANGER = SigningKey.generate(ENTROPY), SigningKey.generate(ENTROPY)
SHARDS = tuple(ShardId(bytes([number]) * 32) for number in range(4))
SIGNER = LeaseSigner(OWNER, HOLDER, ENTROPY)


def refusal(signed: SignedStatement, wall: float = WALL, holder: NodeId = HOLDER) -> str:
    """Return how a put of the first shard is refused, empty if it is not."""
    try:
        check_statement(signed.statement(Op.KEEP, holder, SHARDS[:1]), signed, wall)
    except RefusedError as error:
        return error.reason
    return ""


def test_what_an_owner_signs_is_taken() -> None:
    assert refusal(SIGNER.keep(SHARDS[0], longest_expiry(WALL), WALL)) == ""
    for op, signed in (
        (Op.RENEW, SIGNER.renew(SHARDS, longest_expiry(WALL), WALL)),
        (Op.DELETE, SIGNER.delete(SHARDS, WALL)),
    ):
        check_statement(signed.statement(op, HOLDER, SHARDS), signed, WALL)


@pytest.mark.parametrize(
    ("minutes", "reason"),
    [
        (-WINDOW_MINUTES - 1, "clock"),
        (-WINDOW_MINUTES, ""),
        (WINDOW_MINUTES, ""),
        (WINDOW_MINUTES + 1, "clock"),
    ],
)
def test_a_statement_is_fresh_for_a_quarter_of_an_hour(minutes: int, reason: str) -> None:
    signed = SIGNER.keep(SHARDS[0], longest_expiry(WALL), WALL)
    assert refusal(signed, WALL + 60 * minutes) == reason


def test_an_hour_that_is_past_is_refused() -> None:
    assert refusal(SIGNER.keep(SHARDS[0], HOUR, WALL)) == "clock"
    assert refusal(SIGNER.keep(SHARDS[0], HOUR + 1, WALL)) == ""


def test_a_statement_for_another_holder_or_shard_or_op_does_not_verify() -> None:
    signed = SIGNER.keep(SHARDS[0], longest_expiry(WALL), WALL)
    assert refusal(signed, holder=OTHER_HOLDER) == "signer"
    for op, shards in ((Op.KEEP, SHARDS[1:2]), (Op.RENEW, SHARDS[:1])):
        with pytest.raises(RefusedError, match="signer"):
            check_statement(signed.statement(op, HOLDER, shards), signed, WALL)


@pytest.mark.parametrize(
    "change",
    [
        {"lease_key": STRANGER.public},
        {"expiry_hour": HOUR + 1},
        {"made_minute": int(WALL // 60) + 1},
        {"nonce": bytes(16)},
        {"signature": bytes(64)},
        {"lease_key": bytes(32)},
    ],
)
def test_whatever_is_altered_does_not_verify(change: dict[str, object]) -> None:
    signed = SIGNER.keep(SHARDS[0], longest_expiry(WALL), WALL)
    assert refusal(replace(signed, **change)) == "signer"  # type: ignore[arg-type]


def test_a_statement_counts_once() -> None:
    nonces = NonceMemory()
    signed = SIGNER.delete(SHARDS, WALL)
    check_nonce(nonces, signed, WALL)
    nonces.see(signed.lease_key, signed.nonce, signed.made_minute)
    with pytest.raises(RefusedError, match="replay"):
        check_nonce(nonces, signed, WALL + 60 * WINDOW_MINUTES)
    check_nonce(nonces, SIGNER.delete(SHARDS, WALL), WALL)


def test_what_may_not_be_said_is_not_signed() -> None:
    with pytest.raises(LocalProtocolError):
        SIGNER.renew((), longest_expiry(WALL), WALL)


def test_the_first_who_puts_a_shard_has_its_lease() -> None:
    asked = longest_expiry(WALL)
    mine = SIGNER.keep(SHARDS[0], asked, WALL)
    theirs = LeaseSigner(STRANGER, HOLDER, ENTROPY).keep(SHARDS[0], asked, WALL)
    assert put_expiry(None, mine, HOUR) == asked
    kept = KeptShard(OWNER.public, HOUR + 5)
    assert put_expiry(kept, mine, HOUR) == asked
    with pytest.raises(RefusedError, match="exists"):
        put_expiry(kept, theirs, HOUR)
    assert put_expiry(kept, theirs, HOUR + 5) == asked


def test_a_deleted_id_is_refused_until_its_lease_would_have_ended_and_for_a_while_at_least() -> (
    None
):
    signed = SIGNER.keep(SHARDS[0], longest_expiry(WALL), WALL)
    for ends, refused in ((HOUR + 50, HOUR + 50), (HOUR + 1, HOUR + LEAST_TOMBSTONE_HOURS)):
        expiry = tombstone_expiry(KeptShard(OWNER.public, ends), HOUR)
        assert expiry == refused
        with pytest.raises(RefusedError, match="deleted"):
            put_expiry(KeptShard(b"", expiry, deleted=True), signed, expiry - 1)
        put_expiry(KeptShard(b"", expiry, deleted=True), signed, expiry)


@given(st.integers(0, 2**32 - 1), st.integers(1, MAX_LEASE_HOURS), st.integers(1, 3000))
def test_a_lease_is_never_longer_than_the_longest_nor_shortened(
    asked: int, longest: int, running: int
) -> None:
    signed = replace(SIGNER.keep(SHARDS[0], HOUR + 9, WALL), expiry_hour=asked)
    assert put_expiry(None, signed, HOUR, longest) <= HOUR + longest
    kept = KeptShard(OWNER.public, HOUR + running)
    for expiry in (
        put_expiry(kept, signed, HOUR, longest),
        renewed_expiry(kept, asked, HOUR, longest),
    ):
        assert kept.expiry_hour <= expiry <= max(kept.expiry_hour, HOUR + longest)


def test_a_change_says_what_becomes_of_each_or_changes_nothing() -> None:
    mine, deleted = KeptShard(OWNER.public, HOUR + 1), KeptShard(b"", HOUR + 1, deleted=True)
    over = KeptShard(STRANGER.public, HOUR)
    assert judge_change([mine, None, deleted, over], OWNER.public, HOUR) == (
        Changed.DONE,
        Changed.NOT_HERE,
        Changed.DELETED_BEFORE,
        Changed.NOT_HERE,
    )
    with pytest.raises(RefusedError, match="signer"):
        judge_change([mine, KeptShard(STRANGER.public, HOUR + 1)], OWNER.public, HOUR)


@pytest.mark.parametrize(("longest", "after"), [(MAX_LEASE_HOURS, RENEWAL_HOURS), (24, 6), (1, 0)])
def test_leases_are_renewed_after_a_week_or_a_quarter(longest: int, after: int) -> None:
    assert renewal_hour(HOUR + longest, longest) == HOUR + after


# --- repeats ---------------------------------------------------------------------------------


@dataclass
class Holder:
    """A holder that remembers no nonce at all."""

    kept: dict[ShardId, KeptShard] = field(default_factory=dict)

    def do(self, op: Op, signed: SignedStatement, shards: tuple[ShardId, ...], wall: float) -> bool:
        """Return whether a statement was carried out for all it names."""
        hour = hour_at(wall)
        try:
            check_statement(signed.statement(op, HOLDER, shards), signed, wall)
            if op is Op.KEEP:
                expiry = put_expiry(self.kept.get(shards[0]), signed, hour)
                self.kept[shards[0]] = KeptShard(signed.lease_key, expiry)
                return True
            found = [self.kept.get(shard) for shard in shards]
            changed = judge_change(found, signed.lease_key, hour)
        except RefusedError:
            return False
        for shard, one, what in zip(shards, found, changed, strict=True):
            if one is not None and what is Changed.DONE:
                self.kept[shard] = (
                    KeptShard(b"", tombstone_expiry(one, hour), deleted=True)
                    if op is Op.DELETE
                    else KeptShard(one.lease_key, renewed_expiry(one, signed.expiry_hour, hour))
                )
        return set(changed) == {Changed.DONE}

    def live(self, wall: float) -> dict[ShardId, int]:
        """Return the leases that run; what they end at."""
        return {
            shard: one.expiry_hour
            for shard, one in self.kept.items()
            if not one.deleted and one.expiry_hour > hour_at(wall)
        }


steps = st.lists(
    st.tuples(
        st.sampled_from(Op),
        st.integers(0, len(SHARDS) - 1),
        st.integers(1, 40),  # hours that a lease shall run
        st.integers(0, 40),  # minutes until the next step
        st.lists(st.integers(0, 30), max_size=3),  # earlier steps that are repeated then
    ),
    max_size=25,
)


@given(steps)
def test_whoever_repeats_what_was_done_changes_nothing_even_if_no_nonce_is_remembered(
    todo: list[tuple[Op, int, int, int, list[int]]],
) -> None:
    quiet, repeated = Holder(), Holder()
    past: list[tuple[Op, SignedStatement, tuple[ShardId, ...]]] = []
    wall = WALL
    for op, at, hours, minutes, again in todo:
        shards, until = SHARDS[at : at + 1], hour_at(wall) + hours
        signed = (
            SIGNER.keep(shards[0], until, wall)
            if op is Op.KEEP
            else SIGNER.renew(shards, until, wall)
            if op is Op.RENEW
            else SIGNER.delete(shards, wall)
        )
        done = quiet.do(op, signed, shards, wall)
        assert repeated.do(op, signed, shards, wall) == done
        if done:
            past.append((op, signed, shards))
        wall += 60 * minutes
        for number in again if past else ():
            repeated.do(*past[number % len(past)], wall)
        assert repeated.live(wall) == quiet.live(wall)


def test_what_found_nothing_to_change_cannot_be_repeated_when_there_is_something() -> None:
    holder, nonces = Holder(), NonceMemory()
    deleting = SIGNER.delete(SHARDS[:1], WALL)
    assert not holder.do(Op.DELETE, deleting, SHARDS[:1], WALL)
    nonces.see(deleting.lease_key, deleting.nonce, deleting.made_minute)
    assert holder.do(Op.KEEP, SIGNER.keep(SHARDS[0], HOUR + 9, WALL), SHARDS[:1], WALL)
    with pytest.raises(RefusedError, match="replay"):
        check_nonce(nonces, deleting, WALL)
    assert holder.do(Op.DELETE, deleting, SHARDS[:1], WALL)  # which is what the nonce is for


def test_control_with_a_tombstone_that_ends_with_the_lease_a_repeat_deletes_what_came_later() -> (
    None
):
    """The last minutes of a lease: it is deleted, put anew in the next hour, and lost."""
    wall = (HOUR + 1) * HOUR_SECONDS - 120.0
    holder = Holder({SHARDS[0]: KeptShard(OWNER.public, HOUR + 1)})
    deleting = SIGNER.delete(SHARDS[:1], wall)
    holder.do(Op.DELETE, deleting, SHARDS[:1], wall)
    holder.kept[SHARDS[0]] = KeptShard(b"", HOUR + 1, deleted=True)  # what the rule forbids
    later = wall + 180
    holder.do(Op.KEEP, SIGNER.keep(SHARDS[0], HOUR + 9, later), SHARDS[:1], later)
    assert holder.live(later)
    holder.do(Op.DELETE, deleting, SHARDS[:1], later)
    assert not holder.live(later)
