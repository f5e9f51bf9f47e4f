"""Routes of tunnels: sticky second hops, third hops from everywhere, small networks."""

from collections import Counter

import pytest

from tests.node.descriptors import EPOCH, make_relay, make_relays
from zentalk.ids import DAY_SECONDS, MailboxId, NodeId
from zentalk.net.runtime import seeded_entropy
from zentalk.node.relays.scores import RelayScores
from zentalk.node.relays.view import NetworkSize, make_view
from zentalk.node.tunnels import third_hops as third_hops_module
from zentalk.node.tunnels.routes import Starts, TunnelRoute, TunnelRoutes
from zentalk.node.tunnels.third_hops import DRAWN_FOR_DEAD, ThirdHops

RELAYS = make_relays(12)
IDS = [relay.node_id for relay in RELAYS]
VIEW = make_view(RELAYS, EPOCH, {})
GUARDS = IDS[0:2]
STICKY = {IDS[0]: tuple(IDS[2:6]), IDS[1]: tuple(IDS[5:9])}
END = IDS[11]
BOX, OTHER_BOX = MailboxId(bytes(32)), MailboxId(bytes([1] * 32))
STARTS = Starts(GUARDS, VIEW, 0.0)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def scores() -> RelayScores:
    return RelayScores()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def hops(scores: RelayScores, clock: Clock) -> TunnelRoutes:
    return make_routes(scores, clock)


def make_routes(scores: RelayScores, clock: Clock, *, sticky: bool = True) -> TunnelRoutes:
    entropy = seeded_entropy(b"hops")
    return TunnelRoutes(
        middles=lambda guard: STICKY.get(guard, ()) if sticky else [i for i in IDS if i != guard],
        scores=scores,
        third_hops=ThirdHops(clock, entropy),
        entropy=entropy,
    )


def choose_many(
    hops: TunnelRoutes, end: NodeId = END, starts: Starts = STARTS, turns: int = 300
) -> Counter[TunnelRoute]:
    routes = [hops.choose(end, starts) for _ in range(turns)]
    assert None not in routes
    return Counter(route for route in routes if route is not None)


def test_a_route_is_a_guard_one_of_its_sticky_second_hops_and_any_other_relay(
    hops: TunnelRoutes,
) -> None:
    found = choose_many(hops, turns=3000)
    assert {(route.guard, route.middle) for route in found} == {
        (guard, middle) for guard in GUARDS for middle in STICKY[guard]
    }
    for route in found:
        assert len({*route.relays, END}) == 4


def test_k48_third_hops_are_uniform_over_all_relays_guards_and_second_hops_too(
    hops: TunnelRoutes,
) -> None:
    thirds = Counter[NodeId | None]()
    for route, times in choose_many(hops, turns=2200).items():
        thirds[route.third] += times
    assert set(thirds) == set(IDS[:11])
    # 10 degrees of freedom: 1 in 1,000 above.
    assert sum((thirds[i] - 200) ** 2 / 200 for i in IDS[:11]) < 29.6


def test_k48_they_are_also_where_a_caller_chooses_the_guard(hops: TunnelRoutes) -> None:
    """Each of the two as often: then the other one stands in where a guard was drawn itself."""
    thirds = Counter[NodeId | None]()
    for guard, other in (GUARDS, GUARDS[::-1]):
        starts = Starts([guard], VIEW, 0.0, [other])
        for route, times in choose_many(hops, starts=starts, turns=1100).items():
            assert route.guard == guard
            thirds[route.third] += times
    assert sum((thirds[i] - 200) ** 2 / 200 for i in IDS[:11]) < 29.6


def test_with_one_guard_it_is_not_its_own_third_hop(hops: TunnelRoutes) -> None:
    found = choose_many(hops, starts=Starts(GUARDS[:1], VIEW, 0.0))
    assert {route.third for route in found} == set(IDS[1:11])


def test_a_tunnel_never_ends_at_the_guard_it_starts_from(hops: TunnelRoutes) -> None:
    assert {route.guard for route in choose_many(hops, end=GUARDS[0])} == {GUARDS[1]}
    alone = Starts(GUARDS[:1], VIEW, 0.0)
    assert hops.choose(GUARDS[0], alone) is None
    assert hops.choose_lasting(GUARDS[0], BOX, alone) is None


def test_the_end_is_never_its_own_second_or_third_hop(hops: TunnelRoutes) -> None:
    assert all(IDS[5] not in route.relays for route in choose_many(hops, end=IDS[5]))


def test_without_a_connected_guard_there_is_no_route(hops: TunnelRoutes) -> None:
    assert hops.choose(END, Starts([], VIEW, 0.0)) is None
    assert hops.choose_lasting(END, BOX, Starts([], VIEW, 0.0)) is None


def test_small_networks_have_the_guard_only(hops: TunnelRoutes) -> None:
    small = Starts(GUARDS, make_view(RELAYS[:5], EPOCH, {}), 0.0)
    assert set(choose_many(hops, end=IDS[4], starts=small)) == {TunnelRoute(g) for g in GUARDS}
    six = Starts(GUARDS, make_view(RELAYS[:6], EPOCH, {}), 0.0)
    assert all(len(route.relays) == 3 for route in choose_many(hops, end=IDS[4], starts=six))


def test_networks_that_were_larger_within_a_day_stay_full_while_four_relays_live() -> None:
    size = NetworkSize()
    assert make_view(RELAYS[:6], EPOCH, {}, size=size, wall=0.0).is_full
    assert make_view(RELAYS[:4], EPOCH, {}, size=size, wall=DAY_SECONDS - 1).is_full
    assert not make_view(RELAYS[:3], EPOCH, {}, size=size, wall=DAY_SECONDS - 1).is_full
    assert not make_view(RELAYS[:5], EPOCH, {}, size=size, wall=DAY_SECONDS).is_full
    # A clock that was ahead makes the memory of it no longer than a day.
    ahead = NetworkSize(1e9)
    assert ahead.is_full(5, 0.0)
    assert not ahead.is_full(5, DAY_SECONDS)


def test_a_route_is_never_shortened_when_all_second_hops_are_gone(hops: TunnelRoutes) -> None:
    gone = make_view([*RELAYS[:2], *RELAYS[9:], *make_relays(20)[12:]], EPOCH, {})
    assert hops.choose(END, Starts(GUARDS, gone, 0.0)) is None


def test_a_second_hop_that_looks_dead_is_not_taken_while_others_live(
    hops: TunnelRoutes, scores: RelayScores
) -> None:
    scores.unreachable(IDS[2], 0.0)
    assert all(route.middle != IDS[2] for route in choose_many(hops))


def test_the_other_guard_is_a_second_hop_only_while_all_others_look_dead(
    hops: TunnelRoutes, scores: RelayScores
) -> None:
    """A mailbox must not wait at a dead relay while a live one is among the sticky ones."""
    guard, (other, *sticky), third = IDS[0], STICKY[IDS[0]], IDS[9]
    starts = Starts([guard], VIEW, 0.0, [other])

    def seconds() -> list[NodeId | None]:
        return list(hops._second_hops(guard, END, third, starts))

    assert seconds() == sticky
    for dead in sticky[1:]:
        scores.unreachable(dead, 0.0)
    assert seconds() == sticky[:1]
    scores.unreachable(sticky[0], 0.0)
    assert seconds() == [other]
    scores.unreachable(other, 0.0)
    scores.unreachable(other, 0.0)
    assert seconds() == sticky[:1], "where all look dead it is one of the others"


def test_k48_a_third_hop_is_drawn_whatever_looks_dead(
    hops: TunnelRoutes, scores: RelayScores
) -> None:
    scores.unreachable(IDS[9], 0.0)
    assert any(route.third == IDS[9] for route in choose_many(hops))


def test_a_lasting_tunnel_is_rebuilt_over_the_same_relays(hops: TunnelRoutes) -> None:
    first = hops.choose_lasting(END, BOX, STARTS)
    assert {hops.choose_lasting(END, BOX, STARTS) for _ in range(100)} == {first}


def test_each_mailbox_has_a_third_hop_of_its_own(hops: TunnelRoutes) -> None:
    boxes = [MailboxId(bytes([number]) * 32) for number in range(40)]
    routes = [hops.choose_lasting(END, box, STARTS) for box in boxes]
    assert len({route.third for route in routes if route is not None}) > 5


def test_a_lasting_tunnel_moves_when_one_of_its_relays_is_gone(
    hops: TunnelRoutes, scores: RelayScores
) -> None:
    first = hops.choose_lasting(END, BOX, STARTS)
    assert first is not None
    assert first.middle is not None
    scores.unreachable(first.middle, 0.0)
    second = hops.choose_lasting(END, BOX, STARTS)
    assert second is not None
    assert (second.middle != first.middle, second.third) == (True, first.third)
    assert second.third is not None
    scores.unreachable(second.third, 0.0)
    third = hops.choose_lasting(END, BOX, STARTS)
    assert third is not None
    assert third.third != second.third
    other = [guard for guard in GUARDS if guard != third.guard]
    fourth = hops.choose_lasting(END, BOX, Starts(other, VIEW, 0.0))
    assert fourth is not None
    assert fourth.guard == other[0]


def test_a_third_hop_that_left_the_network_is_replaced_at_once(hops: TunnelRoutes) -> None:
    relays = list(RELAYS)
    for _ in range(4):
        route = hops.choose_lasting(END, BOX, Starts(GUARDS, make_view(relays, EPOCH, {}), 0.0))
        assert route is not None
        relays = [relay for relay in relays if relay.node_id != route.third]


@pytest.mark.parametrize("witnesses", [1, 2])
def test_a_mailbox_whose_third_hops_all_died_has_another_and_in_the_control_none(
    hops: TunnelRoutes, scores: RelayScores, witnesses: int
) -> None:
    """Control: on one neighbour's word it goes on with the two that it has."""
    thirds = set()
    for _ in range(3):
        route = hops.choose_lasting(END, BOX, STARTS)
        assert route is not None
        assert route.third is not None
        thirds.add(route.third)
        for neighbour in IDS[2 : 2 + witnesses]:
            scores.unreachable(route.third, 0.0, by=neighbour)
    assert len(thirds) == (3 if witnesses == 2 else 2)


DAYS, TURNS = 6, 1000


@pytest.mark.parametrize("broken", ["nothing", "sticky second hops", "kept third hops"])
def test_k42_forced_rebuilds_meet_the_sticky_set_and_two_new_third_hops_a_day(
    scores: RelayScores, clock: Clock, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    """Every tunnel is dropped at once, for weeks, and every relay of it looks dead then.

    Controls: with second hops drawn afresh, and with third hops that any failure replaces, the
    tunnels meet every relay there is.
    """
    relays = make_relays(60)
    view = make_view(relays, EPOCH, {})
    hops = make_routes(scores, clock, sticky=broken != "sticky second hops")
    if broken == "kept third hops":
        monkeypatch.setattr(third_hops_module, "DRAWN_A_DAY", 10**6)
    seconds, met, first_met = set(), set(), Counter[int]()
    for turn in range(DAYS * TURNS):
        clock.now = now = turn * DAY_SECONDS / TURNS
        route = hops.choose_lasting(END, BOX, Starts(GUARDS, view, now))
        assert route is not None
        assert route.middle is not None
        assert route.third is not None
        seconds.add(route.middle)
        if route.third not in met:
            first_met[turn // TURNS] += 1
        met.add(route.third)
        for relay in route.relays[1:]:
            scores.unreachable(relay, now)
    sticky = {middle for guard in GUARDS for middle in STICKY[guard]}
    assert (seconds <= sticky) is (broken != "sticky second hops")
    assert (max(first_met.values()) <= 2) is (broken != "kept third hops")
    if broken == "nothing":
        assert len(met) <= 2 * DAYS


@pytest.mark.parametrize("bounded", [True, False])
def test_k42_two_relays_that_call_every_third_hop_dead_bring_in_two_more_a_day(
    scores: RelayScores, clock: Clock, monkeypatch: pytest.MonkeyPatch, bounded: bool
) -> None:
    """Control: without a bound for dead ones they bring in every relay there is."""
    if not bounded:
        monkeypatch.setattr(third_hops_module, "DRAWN_FOR_DEAD", 10**6)
    view = make_view(make_relays(60), EPOCH, {})
    hops, met = make_routes(scores, clock), set()
    for turn in range(500):
        clock.now = now = 10.0 * turn
        route = hops.choose_lasting(END, BOX, Starts(GUARDS, view, now))
        assert route is not None
        assert route.third is not None
        met.add(route.third)
        for liar in IDS[2:4]:
            scores.unreachable(route.third, now, by=liar)
    assert (len(met) <= DRAWN_FOR_DEAD) is bounded


def related_view(**changed: int) -> Starts:
    """Relays 0, 2, 5 and 11 (guard, second hops, end) as given, all others unrelated."""
    relays = list(RELAYS)
    for number, how in ((int(name[1:]), how) for name, how in changed.items()):
        host = f"10.1.0.{number}" if how == 16 else f"10.{number + 2}.0.1"
        family = b"one" if how == 1 else b""
        relays[number] = make_relay(number, family=family, host=host, network="main")
    return Starts(GUARDS, make_view(relays, EPOCH, {}), 0.0)


@pytest.mark.parametrize("how", [1, 16])
def test_the_relays_of_a_tunnel_are_of_different_operators_and_subnets(
    hops: TunnelRoutes, how: int
) -> None:
    """By declared family (1) and by /16; the control is any route without one."""
    guard_and_end = choose_many(hops, starts=related_view(n0=how, n11=how))
    assert {r.guard for r in guard_and_end if r.third != GUARDS[1]} == {GUARDS[1]}
    assert IDS[0] not in {route.third for route in guard_and_end}
    routes = choose_many(hops, starts=related_view(n5=how, n11=how))
    assert IDS[5] not in {hop for route in routes for hop in route.relays}
    third_and_guard = choose_many(hops, starts=related_view(n0=how, n9=how))
    assert {route.guard for route in third_and_guard if route.third == IDS[9]} == {GUARDS[1]}
    assert not hops.related
    unrelated = choose_many(hops, starts=related_view(n0=0, n5=0, n11=0))
    assert {route.guard for route in unrelated} == set(GUARDS)
    assert IDS[5] in {route.middle for route in unrelated}


def test_where_all_routes_have_two_relays_of_one_operator_one_is_taken_and_said(
    hops: TunnelRoutes,
) -> None:
    starts = related_view(n0=1, n1=1, n11=1)
    assert {route.guard for route in choose_many(hops, starts=starts)} == set(GUARDS)
    assert hops.related
