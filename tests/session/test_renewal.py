"""Several ratchets of one contact: who sends, who receives, when another one is made."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zentalk.errors import LocalProtocolError
from zentalk.lifetimes import RETIRED_RATCHET_SECONDS
from zentalk.session.renewal import (
    MAX_SESSIONS,
    RENEW_INTERVAL_MAX_SECONDS,
    RENEW_INTERVAL_SECONDS,
    RENEW_QUIET_SECONDS,
    RatchetVerdict,
    RenewalLimit,
    SessionSet,
)
from zentalk.wire.ratchet import MAX_UINT32

LOW, HIGH = bytes(32), b"\xff" * 32


def sending_id(sessions: SessionSet) -> bytes:
    sends = sessions.sending()
    assert sends is not None
    return sends.ratchet_id


def test_a_first_ratchet_sends_at_once_for_there_is_no_other() -> None:
    ours = SessionSet(LOW, HIGH)
    assert ours.sending() is None
    assert ours.next_generation(0.0) == 1
    ours = ours.initiated(b"r1", 1, 0.0)
    assert sending_id(ours) == b"r1"


def test_a_renewal_of_ours_sends_only_after_its_first_authenticated_reply() -> None:
    ours = SessionSet(LOW, HIGH).initiated(b"r1", 1, 0.0).confirmed(b"r1", 1.0)
    ours = ours.initiated(b"r2", ours.next_generation(2.0), 2.0)
    assert sending_id(ours) == b"r1"
    assert [one.ratchet_id for one in ours.receiving()] == [b"r2", b"r1"]
    ours = ours.confirmed(b"r2", 3.0)
    assert sending_id(ours) == b"r2"


def test_a_renewal_of_the_peer_sends_at_once() -> None:
    theirs, verdict = SessionSet(HIGH, LOW).offered(b"r1", 1, 0.0)
    assert verdict is RatchetVerdict.SENDS
    theirs, verdict = theirs.offered(b"r2", 2, 1.0)
    assert (verdict, sending_id(theirs)) == (RatchetVerdict.SENDS, b"r2")


@pytest.mark.parametrize("generation", [0, 1, 2])
def test_a_generation_at_or_below_those_seen_is_refused(generation: int) -> None:
    sessions, _ = SessionSet(LOW, HIGH).offered(b"r1", 2, 0.0)
    after, verdict = sessions.offered(b"old", generation, 1.0)
    assert (after, verdict) == (sessions, RatchetVerdict.REFUSED)


def test_the_same_ratchet_twice_is_refused() -> None:
    sessions, _ = SessionSet(LOW, HIGH).offered(b"r1", 1, 0.0)
    assert sessions.offered(b"r1", 2, 0.0)[1] is RatchetVerdict.REFUSED


def both_begin(first: int) -> tuple[SessionSet, SessionSet]:
    """Low and high each initiate a ratchet of generation `first`, and both arrive."""
    low, high = SessionSet(LOW, HIGH), SessionSet(HIGH, LOW)
    for generation in range(1, first):
        name = b"old %d" % generation
        low = low.initiated(name, generation, 0.0).confirmed(name, 0.0)
        high, _ = high.offered(name, generation, 0.0)
    low, high = low.initiated(b"low's", first, 1.0), high.initiated(b"high's", first, 1.0)
    low, low_verdict = low.offered(b"high's", first, 2.0)
    high, high_verdict = high.offered(b"low's", first, 2.0)
    assert RatchetVerdict.REFUSED not in (low_verdict, high_verdict)
    return low, high


@pytest.mark.parametrize("first", [1, 2, 5])
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_in_a_tie_both_end_in_the_ratchet_of_the_lower_identity(
    first: int, order: tuple[int, int]
) -> None:
    sides = list(both_begin(first))
    for _ in range(3):
        for index in order:  # each sends in the ratchet of its choice; the other confirms
            used = sending_id(sides[index])
            sides[1 - index] = sides[1 - index].confirmed(used, 3.0)
    assert sending_id(sides[0]) == sending_id(sides[1]) == b"low's"
    for side in sides:
        assert {b"low's", b"high's"} <= {one.ratchet_id for one in side.receiving()}


def test_renewals_that_cross_with_different_generations_end_in_the_higher() -> None:
    low, high = SessionSet(LOW, HIGH), SessionSet(HIGH, LOW)
    low = low.initiated(b"1", 1, 0.0).confirmed(b"1", 0.0).initiated(b"2", 2, 0.0)
    high, _ = high.offered(b"1", 1, 0.0)
    high = high.initiated(b"high 2", 2, 0.0).initiated(b"high 3", 3, 0.0)
    low, _ = low.offered(b"high 3", 3, 1.0)
    high, verdict = high.offered(b"2", 2, 1.0)
    assert verdict is RatchetVerdict.SENDS
    high = high.confirmed(sending_id(low), 2.0)
    assert sending_id(low) == sending_id(high) == b"high 3"


def test_a_superseded_ratchet_receives_for_thirty_days() -> None:
    sessions, _ = SessionSet(LOW, HIGH).offered(b"r1", 1, 0.0)
    assert sessions.next_deadline() is None
    sessions, _ = sessions.offered(b"r2", 2, 100.0)
    assert sessions.next_deadline() == 100.0 + RETIRED_RATCHET_SECONDS
    assert sessions.expired(99.0 + RETIRED_RATCHET_SECONDS) is sessions
    after = sessions.expired(100.0 + RETIRED_RATCHET_SECONDS)
    assert [one.ratchet_id for one in after.receiving()] == [b"r2"]


def test_an_unconfirmed_renewal_supersedes_nothing() -> None:
    sessions, _ = SessionSet(LOW, HIGH).offered(b"r1", 1, 0.0)
    assert sessions.initiated(b"r2", 2, 5.0).next_deadline() is None


def test_a_generation_of_ours_is_above_all_that_are_known() -> None:
    sessions, _ = SessionSet(LOW, HIGH).offered(b"r1", 7, 0.0)
    with pytest.raises(LocalProtocolError):
        sessions.initiated(b"r2", 7, 1.0)
    assert sessions.next_generation(1.0) == 8


def test_a_side_that_lost_everything_is_above_what_the_other_has_seen() -> None:
    theirs, now = SessionSet(HIGH, LOW), 1_800_000_000.0
    for number in range(5):
        name, made_at = b"%d" % number, now + number
        ours = SessionSet(LOW, HIGH)  # with nothing left each time
        generation = ours.next_generation(made_at)
        theirs, verdict = theirs.offered(name, generation, made_at)
        assert (verdict, sending_id(theirs)) == (RatchetVerdict.SENDS, name)


def test_control_a_count_that_starts_over_is_refused() -> None:
    theirs, _ = SessionSet(HIGH, LOW).offered(b"r1", 1, 0.0)
    theirs, _ = theirs.offered(b"r2", 2, 1.0)
    assert theirs.offered(b"again", SessionSet(LOW, HIGH).next_generation(0.0), 2.0)[1] is (
        RatchetVerdict.REFUSED
    )


def test_the_last_generation_is_not_passed() -> None:
    sessions, _ = SessionSet(LOW, HIGH).offered(b"r1", MAX_UINT32, 0.0)
    generation = sessions.next_generation(1.0)
    assert generation == MAX_UINT32
    assert sessions.initiated(b"r2", generation, 1.0).sending() == sessions.sending()


def test_ratchets_that_were_never_answered_do_not_push_out_the_one_that_works() -> None:
    sessions, _ = SessionSet(LOW, HIGH).offered(b"works", 1, 0.0)
    for number in range(3 * MAX_SESSIONS):
        sessions = sessions.initiated(b"%d" % number, sessions.next_generation(0.0), 1.0)
    assert len(sessions.sessions) == MAX_SESSIONS
    assert sending_id(sessions) == b"works"
    assert sessions.receiving()[0].ratchet_id == b"%d" % (3 * MAX_SESSIONS - 1)


def test_a_contact_cannot_make_us_keep_ratchets_without_end() -> None:
    sessions = SessionSet(LOW, HIGH)
    for generation in range(1, 50):
        sessions, _ = sessions.offered(b"%d" % generation, generation, float(generation))
    assert len(sessions.sessions) == MAX_SESSIONS
    assert sending_id(sessions) == b"49"


@given(events=st.lists(st.tuples(st.sampled_from("ioc"), st.integers(0, 6)), max_size=30))
def test_whatever_happens_someone_sends_and_the_highest_confirmed_one_does(
    events: list[tuple[str, int]],
) -> None:
    sessions = SessionSet(LOW, HIGH)
    for at, (event, number) in enumerate(events):
        name = b"%d" % at
        if event == "i":
            sessions = sessions.initiated(name, sessions.next_generation(0.0), float(at))
        elif event == "o":
            sessions, _ = sessions.offered(name, number, float(at))
        elif sessions.sessions:
            known = sessions.receiving()
            sessions = sessions.confirmed(known[number % len(known)].ratchet_id, float(at))
        sends = sessions.sending()
        assert (sends is None) == (not sessions.sessions)
        assert sends is None or sends.superseded_at is None
        confirmed = [one.generation for one in sessions.sessions if one.confirmed]
        assert not confirmed or (sends is not None and sends.generation == max(confirmed))


def test_a_promoted_node_of_the_peer_ranks_above_whatever_the_one_before_does() -> None:
    sessions, _ = SessionSet(LOW, HIGH).offered(b"old", 1_000, 0.0)
    sessions, verdict = sessions.offered(b"new", 10, 1.0, term=1)
    assert verdict is RatchetVerdict.SENDS
    for term, generation in ((0, 2_000), (1, 9)):
        same, verdict = sessions.offered(b"later", generation, 2.0, term=term)
        assert verdict is RatchetVerdict.REFUSED
        assert same == sessions
    assert sending_id(sessions) == b"new"
    assert {one.ratchet_id for one in sessions.receiving()} == {b"new", b"old"}


def test_control_by_generation_alone_the_replaced_node_takes_over_again() -> None:
    sessions, _ = SessionSet(LOW, HIGH).offered(b"old", 1_000, 0.0)
    refused, verdict = sessions.offered(b"new", 10, 1.0)
    assert (refused, verdict) == (sessions, RatchetVerdict.REFUSED)
    sessions, _ = sessions.offered(b"new", 1_001, 1.0)
    sessions, verdict = sessions.offered(b"later", 2_000, 2.0)
    assert verdict is RatchetVerdict.SENDS


@given(st.permutations([(term, generation) for term in range(3) for generation in (5, 7)]))
def test_in_any_order_the_highest_term_ends_up_sending(order: list[tuple[int, int]]) -> None:
    sessions = SessionSet(LOW, HIGH)
    for at, (term, generation) in enumerate(order):
        name = b"%d.%d" % (term, generation)
        sessions, _ = sessions.offered(name, generation, float(at), term=term)
    assert sending_id(sessions) == b"2.7"


def test_three_distinct_undecryptable_envelopes_ask_for_a_new_ratchet() -> None:
    limit = RenewalLimit().failed(b"1").failed(b"1").failed(b"2").failed(b"2")
    assert not limit.due(0.0)
    assert limit.failed(b"3").due(0.0)


def test_a_flood_costs_no_memory_and_one_renewal_an_hour_at_most() -> None:
    limit, renewals = RenewalLimit(), []
    for minute in range(24 * 60):
        for number in range(10):
            limit = limit.failed(b"%d %d" % (minute, number))
        assert len(limit.undecryptable) <= 3
        if limit.due(60.0 * minute):
            renewals.append(60.0 * minute)
            limit = limit.renewed(60.0 * minute)
    waits = [later - earlier for earlier, later in itertools.pairwise(renewals)]
    assert waits == [RENEW_INTERVAL_SECONDS * 2**k for k in range(len(waits))]
    assert len(renewals) == 5


def test_the_interval_stops_growing_and_starts_over_after_quiet_days() -> None:
    limit, now = RenewalLimit(), 0.0
    for _ in range(12):
        limit = limit.renewed(now)
        now += limit.interval_seconds
    assert limit.interval_seconds == RENEW_INTERVAL_MAX_SECONDS
    assert limit.renewed(now + RENEW_QUIET_SECONDS).interval_seconds == RENEW_INTERVAL_SECONDS


def test_what_can_be_read_again_takes_the_suspicion_away() -> None:
    limit = RenewalLimit().failed(b"1").failed(b"2").read().failed(b"3")
    assert limit.due_at(0.0) is None
    assert limit.failed(b"4").failed(b"5").due_at(0.0) == 0.0


def test_a_clock_that_was_set_back_does_not_put_a_renewal_off_for_years() -> None:
    limit = RenewalLimit().renewed(1_000_000_000.0).failed(b"1").failed(b"2").failed(b"3")
    assert limit.due_at(1_000_000_000.0) == 1_000_000_000.0 + RENEW_INTERVAL_SECONDS
    assert limit.due(5.0)
