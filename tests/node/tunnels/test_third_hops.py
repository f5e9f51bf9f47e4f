"""Third hops of tunnels for collection: how long a mailbox keeps one, and over restarts."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.node.descriptors import EPOCH, make_relays
from zentalk.errors import DecodeError
from zentalk.ids import DAY_SECONDS, MailboxId, NodeId
from zentalk.net.runtime import seeded_entropy
from zentalk.node.relays.view import make_view
from zentalk.node.tunnels.third_hops import (
    DRAWN_FOR_DEAD,
    MAX_MAILBOXES,
    MAX_SECONDS,
    MIN_SECONDS,
    ThirdHops,
    check,
)
from zentalk.wire.codec import Value, pack, unpack

RELAYS = make_relays(30)
VIEW = make_view(RELAYS, EPOCH, {})
END = RELAYS[0].node_id
BOX = MailboxId(bytes(32))


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def hops(clock: Clock) -> ThirdHops:
    return ThirdHops(clock, seeded_entropy(b"third"))


def test_a_mailbox_begins_with_none_and_may_draw_two_a_day(hops: ThirdHops, clock: Clock) -> None:
    assert hops.serving(BOX, END, VIEW) == ()
    first = hops.draw(BOX, END, VIEW)
    assert hops.serving(BOX, END, VIEW) == (first,)
    assert hops.may_draw(BOX, END, VIEW)
    second = hops.draw(BOX, END, VIEW)
    assert hops.serving(BOX, END, VIEW) == (second, first)
    assert not hops.may_draw(BOX, END, VIEW)
    clock.now += DAY_SECONDS - 1
    assert not hops.may_draw(BOX, END, VIEW)
    assert set(hops.serving(BOX, END, VIEW)) <= {first, second}
    assert hops.serving(BOX, END, VIEW), "they serve on while there can be no other"
    clock.now += 1
    assert hops.may_draw(BOX, END, VIEW)


def test_of_dead_ones_it_may_draw_two_more_a_day(hops: ThirdHops, clock: Clock) -> None:
    dead: set[NodeId] = set()
    for _ in range(DRAWN_FOR_DEAD):
        assert hops.may_draw(BOX, END, VIEW, dead)
        dead.add(hops.draw(BOX, END, VIEW))
    assert len(dead) == DRAWN_FOR_DEAD
    assert not hops.may_draw(BOX, END, VIEW, dead)
    clock.now += DAY_SECONDS
    assert hops.may_draw(BOX, END, VIEW, dead)


def test_one_of_two_that_is_dead_is_no_reason_for_a_third(hops: ThirdHops) -> None:
    first, _second = hops.draw(BOX, END, VIEW), hops.draw(BOX, END, VIEW)
    assert not hops.may_draw(BOX, END, VIEW, {first})


def test_each_is_kept_for_12_to_48_hours(hops: ThirdHops, clock: Clock) -> None:
    changes = []
    last: NodeId | None = None
    for _ in range(60 * 24):
        serving = hops.serving(BOX, END, VIEW)
        current = serving[0] if serving else hops.draw(BOX, END, VIEW)
        assert current != END
        if current != last:
            changes.append(clock.now)
            last = current
        clock.now += 3600
    spans = [later - earlier for earlier, later in pairwise(changes)]
    assert min(spans) >= MIN_SECONDS
    assert max(spans) <= MAX_SECONDS + 3600
    assert 36 * 3600 > sum(spans) / len(spans) > 24 * 3600


def test_one_that_is_not_live_serves_no_more_and_another_may_be_drawn(hops: ThirdHops) -> None:
    gone = {hops.draw(BOX, END, VIEW), hops.draw(BOX, END, VIEW)}
    left = make_view([relay for relay in RELAYS if relay.node_id not in gone], EPOCH, {})
    assert hops.serving(BOX, END, left) == ()
    assert hops.may_draw(BOX, END, left)
    assert not hops.may_draw(BOX, END, VIEW)


def test_a_relay_that_the_mailbox_moved_to_is_not_before_itself(hops: ThirdHops) -> None:
    drawn = hops.draw(BOX, END, VIEW)
    assert hops.serving(BOX, drawn, VIEW) == ()
    assert hops.may_draw(BOX, drawn, VIEW)


def test_they_are_the_same_after_a_restart(hops: ThirdHops, clock: Clock) -> None:
    for number in range(3):
        hops.draw(MailboxId(bytes([number] * 32)), END, VIEW)
    stored = unpack(pack(hops.value()), max_bytes=65_536)
    again = ThirdHops(clock, seeded_entropy(b"another life"), stored)
    for number in range(3):
        box = MailboxId(bytes([number] * 32))
        assert again.serving(box, END, VIEW) == hops.serving(box, END, VIEW) != ()


def test_a_clock_that_was_ahead_keeps_none_for_ever(hops: ThirdHops, clock: Clock) -> None:
    clock.now += 10**9
    hops.draw(BOX, END, VIEW)
    hops.draw(BOX, END, VIEW)
    clock.now -= 10**9
    assert not hops.may_draw(BOX, END, VIEW)
    assert hops.serving(BOX, END, VIEW)
    clock.now += MAX_SECONDS
    assert hops.may_draw(BOX, END, VIEW)
    assert hops.serving(BOX, END, VIEW) == ()


def test_the_oldest_mailboxes_are_forgotten(hops: ThirdHops) -> None:
    boxes = [MailboxId(number.to_bytes(32, "big")) for number in range(MAX_MAILBOXES + 1)]
    for box in boxes:
        hops.draw(box, END, VIEW)
    assert hops.serving(boxes[0], END, VIEW) == ()
    assert hops.serving(boxes[-1], END, VIEW)
    check(hops.value())


@given(st.recursive(st.integers() | st.binary() | st.none(), st.lists, max_leaves=8))
def test_what_was_stored_is_read_or_refused(value: Value) -> None:
    try:
        check(value)
    except DecodeError:
        return
    assert ThirdHops(lambda: 0.0, seeded_entropy(b""), value).value() == (value or [])
