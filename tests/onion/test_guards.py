from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.onion.support import candidates, node_id, seeded
from zentalk.errors import DecodeError
from zentalk.ids import DAY_SECONDS, NodeId
from zentalk.onion.candidates import Candidate
from zentalk.onion.draw import pick
from zentalk.onion.guard_state import MAX_ENTRIES, GuardEntry, GuardState, Middle
from zentalk.onion.guards import (
    GUARDS,
    LIFETIME_SECONDS,
    LIST_LIMIT,
    LIST_SIZE,
    REPLACE_AFTER_SECONDS,
    RETRY_SECONDS,
    Observations,
    middles_of,
    primary,
    retries,
    update,
)
from zentalk.onion.path import choose_path
from zentalk.wire.codec import pack, unpack

START = 1_700_000_000
QUIET = Observations()
RELAYS = candidates(40)
LIVE = frozenset(relay.node_id for relay in RELAYS)


def fresh(
    relays: Sequence[Candidate] = RELAYS, seed: bytes = b"guards", **options: object
) -> GuardState:
    return update(GuardState(), relays, QUIET, START, seeded(seed), **options)  # type: ignore[arg-type]


def listed(state: GuardState) -> list[NodeId]:
    return [entry.node_id for entry in state.entries]


def after(
    state: GuardState,
    seconds: float,
    up: Sequence[NodeId] = (),
    down: Sequence[NodeId] = (),
    relays: Sequence[Candidate] = RELAYS,
) -> GuardState:
    seen = Observations(frozenset(up), frozenset(down))
    return update(state, relays, seen, START + seconds, seeded(b"after %f" % seconds))


def watch(
    state: GuardState, days: Sequence[float], up: Sequence[NodeId], down: Sequence[NodeId]
) -> GuardState:
    for day in days:
        state = after(state, day * DAY_SECONDS, up, down)
    return state


def test_a_fresh_list_has_two_guards_and_six_substitutes() -> None:
    state = fresh()
    assert len(set(listed(state))) == LIST_SIZE
    assert primary(state, LIVE) == tuple(listed(state)[:GUARDS])


def test_nothing_changes_while_all_is_well() -> None:
    state = fresh()
    guards = primary(state, LIVE)
    for hour in range(0, 59 * 24, 5):
        state = after(state, hour * 3600, up=guards)
        assert primary(state, LIVE) == guards


def test_a_substitute_stands_in_and_steps_back() -> None:
    state = fresh()
    one, two, three, *_ = listed(state)
    state = after(state, 60, up=[two], down=[one])
    assert primary(state, LIVE) == (two, three)
    state = after(state, 120, down=[one, three])
    assert primary(state, LIVE) == (two, listed(state)[3])
    state = after(state, 180, up=[one])
    assert primary(state, LIVE) == (one, two)
    assert listed(state) == listed(fresh())


def test_a_guard_that_left_the_snapshot_is_substituted_too() -> None:
    state = fresh()
    one, two, three, *_ = listed(state)
    rest = [relay for relay in RELAYS if relay.node_id != one]
    state = after(state, 60, relays=rest)
    assert primary(state, LIVE - {one}) == (two, three)


def test_a_guard_is_replaced_after_seven_days_down_not_before() -> None:
    state = fresh()
    one, two, *_ = listed(state)
    hours = [hour / 24 for hour in range(0, 7 * 24, 6)]
    state = watch(state, hours, up=[two], down=[one])
    assert listed(state)[0] == one
    state = after(state, REPLACE_AFTER_SECONDS, up=[two], down=[one])
    assert one not in listed(state)
    assert listed(state)[:7] == listed(fresh())[1:]
    assert len(state.entries) == LIST_SIZE


def test_one_success_in_seven_days_keeps_a_guard() -> None:
    state = fresh()
    one, two, *_ = listed(state)
    state = watch(state, [0, 0.9, 1.8, 2.7, 3.6], up=[two], down=[one])
    state = after(state, 4 * DAY_SECONDS, up=[one, two])
    state = watch(state, [4.5, 5.4, 6.3, 7, 7.5, 8.2, 9, 9.9, 10.8, 11.4], up=[two], down=[one])
    assert listed(state)[0] == one
    assert listed(after(state, 11.6 * DAY_SECONDS, up=[two], down=[one]))[0] == two


def test_a_node_that_was_switched_off_has_seen_nothing() -> None:
    state = fresh()
    one, two, *_ = listed(state)
    state = after(state, 0, up=[two], down=[one])
    state = after(state, 20 * DAY_SECONDS, up=[two], down=[one])
    assert listed(state)[0] == one


def test_an_outage_of_the_own_network_replaces_nobody() -> None:
    state = fresh()
    everyone = listed(state)
    state = watch(state, [hour / 12 for hour in range(20 * 12)], up=[], down=list(LIVE))
    assert listed(state)[: len(everyone)] == everyone
    assert primary(state, LIVE) == tuple(everyone[:2])
    assert len(state.entries) <= LIST_LIMIT
    state = after(state, 20.1 * DAY_SECONDS, up=everyone[:2])
    assert primary(state, LIVE) == tuple(everyone[:2])


def test_a_guard_lives_sixty_days() -> None:
    state = fresh()
    guards = primary(state, LIVE)
    state = after(state, LIFETIME_SECONDS - 1, up=guards)
    assert primary(state, LIVE) == guards
    state = after(state, LIFETIME_SECONDS, up=guards)
    assert all(entry.sampled_at == START + LIFETIME_SECONDS for entry in state.entries)
    assert len(state.entries) == LIST_SIZE


def test_an_empty_snapshot_replaces_nobody() -> None:
    state = fresh()
    later = update(state, [], QUIET, START + 2 * LIFETIME_SECONDS, seeded(b"empty"))
    assert listed(later) == listed(state)


@pytest.mark.slow
def test_blocking_every_guard_leads_through_twenty_relays_at_most() -> None:
    state, used = fresh(candidates(200)), set[NodeId]()
    live = frozenset(relay.node_id for relay in candidates(200))
    for minute in range(3_000):
        now = primary(state, live)
        used.update(now)
        state = after(state, minute * 60, down=now, relays=candidates(200))
    assert len(used) == LIST_LIMIT


def test_the_list_grows_when_most_of_the_network_is_gone() -> None:
    state = fresh()
    left = [relay for relay in RELAYS if relay.node_id not in listed(state)][:3]
    live = frozenset(relay.node_id for relay in left)
    state = after(state, 60, relays=left)
    assert set(primary(state, live)) <= live
    assert len(primary(state, live)) == GUARDS


def test_pinned_guards_are_the_only_ones() -> None:
    pins = [node_id(7), node_id(3)]
    state = update(fresh(), RELAYS, QUIET, START, seeded(b"pin"), pinned=pins)
    assert primary(state, LIVE) == tuple(pins)
    seen = Observations(frozenset({pins[1]}), frozenset({pins[0]}))
    for day in range(70):
        at = START + day * DAY_SECONDS
        state = update(state, RELAYS, seen, at, seeded(b"%d" % day), pinned=pins)
    assert primary(state, LIVE) == (pins[1],)
    assert retries(state, LIVE, START + 80 * DAY_SECONDS) == (pins[0],)
    assert len(middles_of(state, pins[1])) == 4


def test_unpinning_goes_back_to_the_sampled_list() -> None:
    before = fresh()
    pin = next(relay.node_id for relay in RELAYS if relay.node_id not in listed(before))
    pinned = update(before, RELAYS, QUIET, START, seeded(b"pin"), pinned=[pin])
    assert primary(pinned, LIVE) == (pin,)
    back = update(pinned, RELAYS, QUIET, START, seeded(b"unpin"))
    assert listed(back) == listed(before)


def test_own_mailbox_relays_are_no_guards_where_others_exist() -> None:
    boxes = frozenset(node_id(index) for index in range(4))
    for seed in range(20):
        state = fresh(candidates(12), bytes([seed]), avoid=boxes)
        assert not boxes & set(listed(state))
        assert not boxes & set(middles_of(state, listed(state)[0]))
    small = fresh(candidates(5), avoid=boxes)
    assert listed(small)[0] == node_id(4)
    assert len(primary(small, LIVE)) == GUARDS


def test_retries_are_due_after_a_minute_and_only_for_what_would_be_used() -> None:
    state = fresh()
    one, two, three, four, *_ = listed(state)
    state = after(state, 0, up=[two, four], down=[one, three])
    assert retries(state, LIVE, START + RETRY_SECONDS - 1) == ()
    assert retries(state, LIVE, START + RETRY_SECONDS) == (one, three)
    state = after(state, 10, up=[three])
    assert retries(state, LIVE, START + RETRY_SECONDS + 10) == (one,)
    assert retries(after(state, 20, up=[one]), LIVE, START + 500) == ()


def test_second_hops_are_four_and_kept_one_to_fourteen_days() -> None:
    state = fresh()
    guard = listed(state)[0]
    entry = state.entries[0]
    assert len(set(middles_of(state, guard))) == 4
    assert not {guard, listed(state)[1]} & set(middles_of(state, guard))
    for middle in entry.middles:
        assert START + DAY_SECONDS <= middle.until <= START + 14 * DAY_SECONDS
    first_end = min(middle.until for middle in entry.middles)
    state = after(state, first_end - START - 1)
    assert middles_of(state, guard) == tuple(middle.node_id for middle in entry.middles)
    state = after(state, first_end - START)
    stayed = {middle for middle in entry.middles if middle.until > first_end}
    assert stayed <= set(state.entries[0].middles)
    assert len(state.entries[0].middles) == 4


def test_killing_second_hops_does_not_walk_a_guard_through_the_network() -> None:
    state = fresh()
    guard = listed(state)[0]
    sticky = middles_of(state, guard)
    rest = [relay for relay in RELAYS if relay.node_id not in sticky[:2]]
    assert middles_of(after(state, 60, relays=rest), guard) == sticky
    rest = [relay for relay in RELAYS if relay.node_id not in sticky[:3]]
    changed = middles_of(after(state, 60, relays=rest), guard)
    assert changed[0] == sticky[3]
    assert not set(sticky[:3]) & set(changed)


def test_second_hops_keep_out_of_the_guards_family_and_subnet() -> None:
    relays = [
        Candidate(node_id(index), bytes([index % 5 + 1]), bytes([index % 4 + 1]))
        for index in range(40)
    ]
    state = fresh(relays)
    by_id = {relay.node_id: relay for relay in relays}
    for entry in state.entries[:GUARDS]:
        guard = by_id[entry.node_id]
        for middle in entry.middles:
            other = by_id[middle.node_id]
            assert other.subnet != guard.subnet
            assert other.family != guard.family


@pytest.mark.parametrize("count", [3, 4, 5])
def test_small_networks_have_what_a_path_needs(count: int) -> None:
    relays = candidates(count)
    live = frozenset(relay.node_id for relay in relays)
    state = fresh(relays)
    assert len(primary(state, live)) == GUARDS
    for guard in primary(state, live):
        assert len(middles_of(state, guard)) == min(4, count - 1)


def test_a_clock_that_was_wrong_once_does_not_keep_guards_forever() -> None:
    ahead = update(GuardState(), RELAYS, QUIET, START + 10**9, seeded(b"wrong"))
    state = after(ahead, 0)
    assert {entry.sampled_at for entry in state.entries} == {START}
    state = after(state, LIFETIME_SECONDS)
    assert {entry.sampled_at for entry in state.entries} == {START + LIFETIME_SECONDS}


# K4: what an adversary who runs a part of the network gets to see.


def exposed(paths: int, users: int, hostile: Callable[[NodeId], bool], *, sticky: bool) -> float:
    """The share of users of whom at least one path began at a hostile relay."""
    relays = candidates(100)
    live = frozenset(relay.node_id for relay in relays)
    caught = 0
    for user in range(users):
        entropy = seeded(b"user %d" % user)
        state = update(GuardState(), relays, QUIET, START, entropy)
        firsts = set()
        for number in range(paths):
            now = START + number * 3600
            state = update(state, relays, QUIET, now, entropy)
            first = pick(primary(state, live) if sticky else sorted(live), entropy)
            last = pick(sorted(live - {first}), entropy)
            path = choose_path(
                relays, first, last, middles=middles_of(state, first), entropy=entropy
            )
            firsts.add(path.hops[0])
        caught += any(hostile(first) for first in firsts)
    return caught / users


@pytest.mark.slow
def test_k4_exposure_stays_that_of_two_guards() -> None:
    bad = {node_id(index) for index in range(20)}
    # 10,000 paths in all; 1 - (1 - 0.2)^2 = 0.36 with a standard deviation of 0.034.
    share = exposed(50, 200, bad.__contains__, sticky=True)
    assert abs(share - 0.36) < 4 * 0.034


def test_k4_control_without_guards_nearly_every_user_is_exposed() -> None:
    bad = {node_id(index) for index in range(20)}
    # 1 - (1 - 0.2)^50 = 0.99999
    assert exposed(50, 40, bad.__contains__, sticky=False) > 0.95


# Storing.


def test_a_state_comes_back_from_the_store() -> None:
    state = after(fresh(), 60, up=[listed(fresh())[1]], down=[listed(fresh())[0]])
    stored = pack(state.to_value())
    assert GuardState.from_value(unpack(stored, max_bytes=64_000)) == state


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-1, 2**64) | st.binary(max_size=33),
        lambda inner: st.lists(inner, max_size=8),
        max_leaves=30,
    )
)
def test_fuzz_a_stored_state_is_read_or_refused(value: object) -> None:
    try:
        state = GuardState.from_value(value)  # type: ignore[arg-type]
    except DecodeError:
        return
    assert GuardState.from_value(state.to_value()) == state


def test_a_stored_state_is_bounded_and_names_no_relay_twice() -> None:
    twice = GuardState((GuardEntry(node_id(1), 0), GuardEntry(node_id(1), 5)))
    many = GuardState(tuple(GuardEntry(node_id(index), 0) for index in range(MAX_ENTRIES + 1)))
    wide = GuardState((GuardEntry(node_id(1), 0, middles=(Middle(node_id(2), 0),) * 5),))
    for state in (twice, many, wide):
        with pytest.raises(DecodeError):
            GuardState.from_value(state.to_value())
    with pytest.raises(DecodeError):
        GuardState.from_value([2, []])


class GuardMachine(RuleBasedStateMachine):
    """Any history of outages, absences, restarts and time."""

    @initialize(count=st.integers(3, 30), seed=st.binary(max_size=4))
    def begin(self, count: int, seed: bytes) -> None:
        self.all = candidates(count)
        self.live = list(self.all)
        self.entropy = seeded(seed)
        self.now = START
        self.state = update(GuardState(), self.all, QUIET, START, self.entropy)
        self.replaced_wrongly = False

    @rule(
        seconds=st.sampled_from([0, 1, 60, 3600, DAY_SECONDS, 5 * DAY_SECONDS]),
        up=st.sets(st.integers(0, 29)),
        down=st.sets(st.integers(0, 29)),
    )
    def watch(self, seconds: int, up: set[int], down: set[int]) -> None:
        self.now += seconds
        seen = Observations(frozenset(map(node_id, up)), frozenset(map(node_id, down)))
        before = self.state
        self.state = update(before, self.live, seen, self.now, self.entropy)
        for entry in before.entries:
            if entry.node_id in listed(self.state):
                continue
            old = self.now - entry.sampled_at >= LIFETIME_SECONDS
            down_long = self.now - entry.down_since >= REPLACE_AFTER_SECONDS
            self.replaced_wrongly |= not (old or (entry.down_since and down_long))

    @rule(gone=st.sets(st.integers(0, 29)))
    def leave(self, gone: set[int]) -> None:
        out = set(map(node_id, gone))
        self.live = [relay for relay in self.all if relay.node_id not in out]

    @rule()
    def restart(self) -> None:
        stored = pack(self.state.to_value())
        assert GuardState.from_value(unpack(stored, max_bytes=64_000)) == self.state

    @invariant()
    def bounded_and_usable(self) -> None:
        names = listed(self.state)
        assert len(set(names)) == len(names) <= MAX_ENTRIES
        assert not self.replaced_wrongly
        live = frozenset(relay.node_id for relay in self.live)
        now = primary(self.state, live)
        assert len(set(now)) == len(now) <= GUARDS
        assert set(now) <= live & set(names)
        for entry in self.state.entries:
            assert len(entry.middles) <= 4
            assert entry.node_id not in {middle.node_id for middle in entry.middles}


TestGuardMachine = GuardMachine.TestCase
