"""Paths through NATs: one is found exactly where there can be one, whoever else sends what."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.direct.support import Between, Box, Meddling, NatKind, Side, finds_a_path, side
from zentalk.direct.path_check import KEEPALIVE_SECONDS, RETRY_SECONDS, TRIES
from zentalk.direct.reasons import WhyNot
from zentalk.direct.search import MAX_PROBES, SEARCH_AGAIN_SECONDS, SEARCH_SECONDS
from zentalk.wire.direct import PROBE_BYTES
from zentalk.wire.ip_address import Place

kinds = st.sampled_from(NatKind)
BEHIND = [kind for kind in NatKind if kind is not NatKind.NONE]
SYMMETRIC = {
    (NatKind.SYMMETRIC, NatKind.SYMMETRIC): [WhyNot.SYMMETRIC_BOTH] * 2,
    (NatKind.SYMMETRIC, NatKind.PORT_RESTRICTED): [WhyNot.SYMMETRIC_HERE, WhyNot.SYMMETRIC_THERE],
    (NatKind.PORT_RESTRICTED, NatKind.SYMMETRIC): [WhyNot.SYMMETRIC_THERE, WhyNot.SYMMETRIC_HERE],
}
"""What each side says where there can be no path."""


def both(between: Between) -> list[Side]:
    return [between.one, between.other]


def path_of(side: Side) -> Place | None:
    assert side.punch is not None
    return side.punch.path


def why_of(side: Side) -> WhyNot | None:
    assert side.punch is not None
    return side.punch.why_not


def agree(between: Between) -> bool:
    """Whether what each sends along its path reaches the other, and comes back the same way."""
    one, other = path_of(between.one), path_of(between.other)
    if one is None or other is None:
        return False
    return _reaches(between.one.box, one, between.other.box, other) and _reaches(
        between.other.box, other, between.one.box, one
    )


def _reaches(box: Box, target: Place, there: Box, back: Place) -> bool:
    if target == there.inner and target[0].startswith("192.168."):
        return back == box.inner
    source = box.outward(target)
    return source == back and there.lets_in(source, target)


def pair(one: NatKind, other: NatKind, late: float = 0.0) -> tuple[Side, Side]:
    left, right = side("left", one, 1), side("right", other, 2)
    right.starts_at = late
    return left, right


@pytest.mark.parametrize("other", NatKind)
@pytest.mark.parametrize("one", NatKind)
def test_a_path_is_found_where_theory_says(one: NatKind, other: NatKind) -> None:
    between = Between(*pair(one, other))
    between.run(SEARCH_SECONDS + 1)
    if finds_a_path(one, other):
        assert agree(between)
        assert [why_of(side) for side in both(between)] == [None, None]
    else:
        assert [path_of(side) for side in both(between)] == [None, None]
        assert [why_of(side) for side in both(between)] == SYMMETRIC[one, other]


@given(kinds, kinds, st.integers(0, 2**32), st.floats(0, 0.2), st.floats(0, 3))
def test_a_path_is_found_there_under_loss_and_however_late_the_other_is(
    one: NatKind, other: NatKind, seed: int, loss: float, late: float
) -> None:
    between = Between(*pair(one, other, late), loss=loss, seed=seed)
    between.run(SEARCH_SECONDS + late + 1)
    assert agree(between) == finds_a_path(one, other)


def test_neighbours_find_each_other_without_their_nat() -> None:
    left = side("left", NatKind.SYMMETRIC, 1, same_house=True)
    right = side("right", NatKind.SYMMETRIC, 2, same_house=True)
    between = Between(left, right)
    between.run(SEARCH_SECONDS + 1)
    assert path_of(left) == right.box.inner
    assert path_of(right) == left.box.inner


def test_one_side_opens_what_runs_over_the_path() -> None:
    left, right = pair(NatKind.FULL_CONE, NatKind.FULL_CONE)
    Between(left, right)
    assert left.punch is not None
    assert right.punch is not None
    assert left.offer.direct_key < right.offer.direct_key
    assert (left.punch.is_client, right.punch.is_client) == (True, False)
    assert left.punch.tag == right.punch.tag


# --- its life -----------------------------------------------------------------------------------


def test_a_quiet_path_is_asked_every_quarter_of_a_minute_and_stays() -> None:
    between = Between(*pair(NatKind.PORT_RESTRICTED, NatKind.PORT_RESTRICTED))
    between.run(SEARCH_SECONDS)
    before = [path_of(side) for side in both(between)]
    for here in both(between):
        here.sent.clear()
    between.run(SEARCH_SECONDS + 400 * KEEPALIVE_SECONDS)
    assert [path_of(side) for side in both(between)] == before
    for here in both(between):
        # Each asks, and answers what the other asks; the client asks once more because of that.
        assert 400 <= len(here.sent) <= 400 * 4


@pytest.mark.parametrize("other", NatKind)
@pytest.mark.parametrize("restarted", BEHIND)
def test_after_a_restart_of_a_nat_a_path_is_found_if_the_other_lets_unknown_ports_in(
    restarted: NatKind, other: NatKind
) -> None:
    """Its ports are others from then on. Where that cannot be noticed, new offers are needed."""
    if not finds_a_path(restarted, other):
        return
    between = Between(*pair(restarted, other))
    between.run(60.0)
    assert agree(between)
    between.one.box.forget()
    assert not agree(between)
    between.run(60.0 + KEEPALIVE_SECONDS + (TRIES + 1) * RETRY_SECONDS + SEARCH_AGAIN_SECONDS)
    assert agree(between) == (other not in (NatKind.PORT_RESTRICTED, NatKind.SYMMETRIC))


@pytest.mark.parametrize("closed_for", [6.0, 12.0, 20.0])
def test_a_line_that_was_closed_for_a_while_is_found_again(closed_for: float) -> None:
    left, right = pair(NatKind.PORT_RESTRICTED, NatKind.PORT_RESTRICTED)
    between = Between(left, right)
    between.run(30.0)
    left.box.closed = True
    between.at.append((30.0 + closed_for, lambda: setattr(left.box, "closed", False)))
    between.run(100.0)
    assert agree(between)


def test_a_line_that_stays_closed_ends_with_a_reason() -> None:
    left, right = pair(NatKind.FULL_CONE, NatKind.FULL_CONE)
    between = Between(left, right)
    between.run(30.0)
    left.box.closed = True
    between.run(100.0)
    for one in both(between):
        assert one.punch is not None
        assert (one.punch.path, one.punch.why_not) == (None, WhyNot.NO_ANSWER)
        assert one.punch.next_at is None
        assert one.punch.wake(200.0) == []


def test_the_other_side_was_never_there() -> None:
    left, right = pair(NatKind.FULL_CONE, NatKind.FULL_CONE, late=1000.0)
    between = Between(left, right)
    between.run(SEARCH_SECONDS + 1)
    assert why_of(left) is WhyNot.NO_ANSWER
    assert 0 < len(left.sent) <= MAX_PROBES


# --- others ------------------------------------------------------------------------------------


ELSEWHERE = "11.66.6.6"


class Recorder:
    """Sees everything, and sends it again from elsewhere, changed and unchanged, and rubbish."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self.sent = 0

    def __call__(self, data: bytes, source: Place, target: Place) -> list[Meddling]:
        """Send copies when the datagram itself has arrived."""
        changed = bytearray(data)
        changed[(self._seed + self.sent) % len(data)] ^= 1
        elsewhere = (ELSEWHERE, 6000 + self.sent % 1000)
        made = [
            (data, elsewhere, target),
            (data, source, target),
            (data, target, source),
            (bytes(changed), source, target),
            (bytes(changed), elsewhere, source),
            (b"\x0a" * PROBE_BYTES, source, target),
        ]
        self.sent += len(made)
        return [(delay, *one) for delay in (0.15, 7.0) for one in made]


def race(data: bytes, source: Place, target: Place) -> list[Meddling]:
    """Be faster with a copy of everything."""
    return [(0.001, data, (ELSEWHERE, 6666), target)]


@given(kinds, kinds, st.integers(0, 2**32))
def test_what_third_parties_send_changes_nothing(one: NatKind, other: NatKind, seed: int) -> None:
    """Not the path, not whether there is one, and nothing is ever sent to the third party."""
    meddler = Recorder(seed)
    between = Between(*pair(one, other), seed=seed, meddler=meddler)
    between.run(SEARCH_SECONDS + 3 * KEEPALIVE_SECONDS)
    assert meddler.sent
    assert agree(between) == finds_a_path(one, other)
    for here in both(between):
        assert not [target for _, target in here.sent if target[0] == ELSEWHERE]


def test_control_the_recorder_is_heard_where_repetitions_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("zentalk.direct.punch.FreshNumbers.take", lambda *_, is_known: True)
    between = Between(*pair(NatKind.FULL_CONE, NatKind.FULL_CONE), meddler=Recorder(1))
    between.run(SEARCH_SECONDS + 3 * KEEPALIVE_SECONDS)
    targets = [target for here in both(between) for _, target in here.sent]
    assert [target for target in targets if target[0] == ELSEWHERE]


@pytest.mark.parametrize("other", [NatKind.NONE, NatKind.FULL_CONE, NatKind.PORT_RESTRICTED])
@pytest.mark.parametrize("one", [NatKind.NONE, NatKind.FULL_CONE, NatKind.PORT_RESTRICTED])
def test_who_is_faster_with_copies_neither_stops_nor_becomes_the_path(
    one: NatKind, other: NatKind
) -> None:
    between = Between(*pair(one, other), meddler=race)
    between.run(SEARCH_SECONDS + 3 * KEEPALIVE_SECONDS)
    assert agree(between)
    for here in both(between):
        wasted = [target for _, target in here.sent if target[0] == ELSEWHERE]
        assert len(wasted) <= len(here.sent) / 2
