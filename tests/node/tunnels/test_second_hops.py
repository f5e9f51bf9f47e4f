"""Routes of tunnels: sticky second hops, never the own guard, small networks."""

import pytest

from tests.node.descriptors import EPOCH, make_relay, make_relays
from zentalk.ids import NodeId
from zentalk.net.runtime import seeded_entropy
from zentalk.node.relays.scores import RelayScores
from zentalk.node.relays.view import RelayView, make_view
from zentalk.node.tunnels.second_hops import SecondHops, TunnelRoute

RELAYS = make_relays(12)
IDS = [relay.node_id for relay in RELAYS]
VIEW = make_view(RELAYS, EPOCH, {})
GUARDS = IDS[0:2]
STICKY = {IDS[0]: tuple(IDS[2:6]), IDS[1]: tuple(IDS[5:9])}
END = IDS[11]


@pytest.fixture
def hints() -> RelayScores:
    return RelayScores()


@pytest.fixture
def hops(hints: RelayScores) -> SecondHops:
    return SecondHops(
        middles=lambda guard: STICKY.get(guard, ()), hints=hints, entropy=seeded_entropy(b"hops")
    )


def choose_many(
    hops: SecondHops,
    end: NodeId = END,
    guards: list[NodeId] = GUARDS,
    view: RelayView = VIEW,
    now: float = 0.0,
) -> set[TunnelRoute]:
    routes = {hops.choose(end, guards, view, now) for _ in range(300)}
    assert None not in routes
    return {route for route in routes if route is not None}


def test_a_route_is_a_guard_and_one_of_its_sticky_second_hops(hops: SecondHops) -> None:
    assert choose_many(hops) == {
        TunnelRoute(guard, middle) for guard in GUARDS for middle in STICKY[guard]
    }


def test_a_tunnel_never_ends_at_the_guard_it_starts_from(hops: SecondHops) -> None:
    assert {route.guard for route in choose_many(hops, end=GUARDS[0])} == {GUARDS[1]}
    assert hops.choose(GUARDS[0], GUARDS[:1], VIEW, 0.0) is None
    assert hops.choose_lasting(GUARDS[0], GUARDS[:1], VIEW, 0.0) is None


def test_the_end_is_never_its_own_second_hop(hops: SecondHops) -> None:
    assert all(route.middle != IDS[5] for route in choose_many(hops, end=IDS[5]))


def test_without_a_connected_guard_there_is_no_route(hops: SecondHops) -> None:
    assert hops.choose(END, [], VIEW, 0.0) is None


def test_small_networks_have_the_guard_only(hops: SecondHops) -> None:
    small = make_view(RELAYS[:5], EPOCH, {})
    assert choose_many(hops, end=IDS[4], view=small) == {TunnelRoute(g, None) for g in GUARDS}
    six = make_view(RELAYS[:6], EPOCH, {})
    assert all(route.middle is not None for route in choose_many(hops, end=IDS[4], view=six))


def test_a_route_is_never_shortened_when_all_second_hops_are_gone(hops: SecondHops) -> None:
    gone = make_view([*RELAYS[:2], *RELAYS[9:], *make_relays(20)[12:]], EPOCH, {})
    assert hops.choose(END, GUARDS, gone, 0.0) is None


def test_a_second_hop_that_looks_dead_is_not_taken_while_others_live(
    hops: SecondHops, hints: RelayScores
) -> None:
    hints.unreachable(IDS[2], 0.0)
    assert all(route.middle != IDS[2] for route in choose_many(hops))


def test_a_lasting_tunnel_is_rebuilt_over_the_same_relays(hops: SecondHops) -> None:
    first = hops.choose_lasting(END, GUARDS, VIEW, 0.0)
    assert {hops.choose_lasting(END, GUARDS, VIEW, 0.0) for _ in range(100)} == {first}


def test_a_lasting_tunnel_moves_when_its_guard_or_second_hop_is_gone(
    hops: SecondHops, hints: RelayScores
) -> None:
    first = hops.choose_lasting(END, GUARDS, VIEW, 0.0)
    assert first is not None
    assert first.middle is not None
    hints.unreachable(first.middle, 0.0)
    second = hops.choose_lasting(END, GUARDS, VIEW, 0.0)
    assert second is not None
    assert second.middle != first.middle
    other = [guard for guard in GUARDS if guard != second.guard]
    third = hops.choose_lasting(END, other, VIEW, 0.0)
    assert third is not None
    assert third.guard == other[0]


@pytest.mark.parametrize("sticky", [True, False])
def test_k42_a_thousand_forced_rebuilds_meet_the_sticky_set_only(
    hints: RelayScores, sticky: bool
) -> None:
    """Control: with second hops drawn afresh, the tunnels meet every relay there is."""
    entropy = seeded_entropy(b"k42")
    hops = SecondHops(
        middles=lambda guard: STICKY[guard] if sticky else [i for i in IDS if i != guard],
        hints=hints,
        entropy=entropy,
    )
    met = set()
    for turn in range(1000):
        now = float(turn * 5)
        route = hops.choose_lasting(END, GUARDS, VIEW, now)
        assert route is not None
        assert route.middle is not None
        met.add(route.middle)
        hints.unreachable(route.middle, now)  # it fails, whoever made it fail
    hostile = set(IDS[9:11])
    assert bool(met & hostile) is not sticky
    assert sticky is (met <= {middle for guard in GUARDS for middle in STICKY[guard]})


def related_view(**changed: int) -> RelayView:
    """Relays 0, 2 and 11 (guard, its second hop, end) as given, all others unrelated."""
    relays = list(RELAYS)
    for number, how in ((int(name[1:]), how) for name, how in changed.items()):
        host = f"10.1.0.{number}" if how == 16 else f"10.{number + 2}.0.1"
        family = b"one" if how == 1 else b""
        relays[number] = make_relay(number, family=family, host=host, network="main")
    return make_view(relays, EPOCH, {})


@pytest.mark.parametrize("how", [1, 16])
def test_guard_second_hop_and_end_are_of_different_operators_and_subnets(
    hops: SecondHops, how: int
) -> None:
    """By declared family (1) and by /16; the control is any route without one."""
    assert {route.guard for route in choose_many(hops, view=related_view(n0=how, n11=how))} == {
        GUARDS[1]
    }
    routes = choose_many(hops, view=related_view(n5=how, n11=how))
    assert IDS[5] not in {route.middle for route in routes}
    assert not hops.related
    unrelated = choose_many(hops, view=related_view(n0=0, n5=0, n11=0))
    assert {route.guard for route in unrelated} == set(GUARDS)
    assert IDS[5] in {route.middle for route in unrelated}


def test_where_all_routes_have_two_relays_of_one_operator_one_is_taken_and_said(
    hops: SecondHops,
) -> None:
    view = related_view(n0=1, n1=1, n11=1)
    assert {route.guard for route in choose_many(hops, view=view)} == set(GUARDS)
    assert hops.related
