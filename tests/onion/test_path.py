from collections import Counter
from collections.abc import Iterator
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.onion.support import candidates, node_id, seeded
from zentalk.errors import LocalProtocolError, UnavailableError
from zentalk.ids import NodeId
from zentalk.onion.candidates import Candidate, CandidateSet, unsteady
from zentalk.onion.errors import NoPathError
from zentalk.onion.path import choose_path, draw_ack_path, draw_before

WEIGHTS = {"boots": 1, "subnet": 2, "avoid": 4, "family": 8}


@st.composite
def networks(draw: st.DrawFn) -> CandidateSet:
    """Three to nine relays with few families and subnets, so that rules are in each other's way."""
    names = st.sampled_from([b"", b"a", b"b", b"c"])
    return CandidateSet(
        Candidate(node_id(index), draw(names), draw(names), draw(st.integers(2, 5)))
        for index in range(draw(st.integers(3, 9)))
    )


def repeated(values: list[bytes]) -> bool:
    return any(value and values.count(value) > 1 for value in values)


def conflict(hops: tuple[Candidate, ...], name: str) -> bool:
    """Whether a middle relay shares its family or subnet with another relay of the path."""
    return any(
        getattr(one, name) and getattr(one, name) == getattr(other, name)
        for one in hops[1:-1]
        for other in hops
        if other is not one
    )


def cost(hops: tuple[Candidate, ...], avoid: frozenset[NodeId], often: frozenset[NodeId]) -> int:
    middle = [hop.node_id for hop in hops[1:-1]]
    broken = {
        "boots": any(hop in often for hop in middle),
        "subnet": conflict(hops, "subnet"),
        "avoid": any(hop in avoid for hop in middle),
        "family": conflict(hops, "family"),
    }
    return sum(WEIGHTS[rule] for rule, is_broken in broken.items() if is_broken)


@settings(max_examples=150)
@given(networks(), st.integers(3, 5), st.sets(st.integers(0, 8)), st.data())
def test_a_path_breaks_no_more_than_the_network_forces_it_to(
    relays: CandidateSet, length: int, avoided: set[int], data: st.DataObject
) -> None:
    avoid = frozenset(node_id(index) for index in avoided)
    sticky = data.draw(st.lists(st.sampled_from([relay.node_id for relay in relays]), max_size=4))
    entropy = seeded(data.draw(st.binary(max_size=4)))
    first, last = relays[0], relays[1]
    ways = [(first, *middle, last) for middle in permutations(relays[2:], length - 2)]
    if not ways:
        with pytest.raises(NoPathError):
            choose_path(relays, first.node_id, last.node_id, length=length, entropy=entropy)
        return
    path = choose_path(
        relays,
        first.node_id,
        last.node_id,
        entropy=entropy,
        length=length,
        avoid=avoid,
        middles=sticky,
    )
    by_id = {relay.node_id: relay for relay in relays}
    hops = tuple(by_id[hop] for hop in path.hops)
    often = unsteady(relays)
    assert (hops[0], hops[-1], len(set(path.hops))) == (first, last, length)
    # The lightest set of broken rules, then a sticky second hop if any such path has one.
    best = min(cost(way, avoid, often) for way in ways)
    assert cost(hops, avoid, often) == best
    could_stick = [way for way in ways if way[1].node_id in sticky]
    could_stick = [way for way in could_stick if cost(way, avoid, often) == best]
    assert not could_stick or hops[1].node_id in sticky
    # What is reported is what is so, the two ends included.
    assert path.relaxed == {
        *(["boots"] if any(hop.node_id in often for hop in hops[1:-1]) else []),
        *(["subnet"] if repeated([hop.subnet for hop in hops]) else []),
        *(["avoid"] if any(hop.node_id in avoid for hop in hops[1:-1]) else []),
        *(["family"] if repeated([hop.family for hop in hops]) else []),
        *(["sticky"] if sticky and hops[1].node_id not in sticky else []),
    }


def test_a_large_network_relaxes_nothing() -> None:
    relays = CandidateSet(
        Candidate(node_id(index), bytes([index % 20 + 1]), bytes([index % 15 + 1]))
        for index in range(60)
    )
    entropy = seeded(b"large")
    for _ in range(200):
        path = choose_path(relays, node_id(0), node_id(1), length=5, entropy=entropy)
        assert path.relaxed == frozenset()


def test_the_middle_is_uniform_over_those_allowed() -> None:
    relays = candidates(12)
    avoid = frozenset({node_id(10), node_id(11)})
    entropy = seeded(b"middle")
    counts = Counter(
        choose_path(relays, node_id(0), node_id(1), avoid=avoid, entropy=entropy).hops[1]
        for _ in range(4_000)
    )
    assert set(counts) == {node_id(index) for index in range(2, 10)}
    # 7 degrees of freedom: 1 in 1,000 above 24.3.
    assert sum((count - 500) ** 2 / 500 for count in counts.values()) < 24.3


def test_sticky_second_hops_are_all_used_and_no_others() -> None:
    sticky = [node_id(index) for index in (3, 4, 5, 6)]
    entropy = seeded(b"sticky")
    used = {
        choose_path(candidates(20), node_id(0), node_id(1), middles=sticky, entropy=entropy).hops[1]
        for _ in range(100)
    }
    assert used == set(sticky)


def test_dead_sticky_hops_are_replaced_and_reported() -> None:
    gone = [node_id(index) for index in (90, 91)]
    path = choose_path(candidates(5), node_id(0), node_id(1), middles=gone, entropy=seeded(b"gone"))
    assert path.relaxed == {"sticky"}


def test_three_relays_make_one_path() -> None:
    path = choose_path(
        candidates(3),
        node_id(2),
        node_id(0),
        avoid=frozenset({node_id(1)}),
        entropy=seeded(b"three"),
    )
    assert path.hops == (node_id(2), node_id(1), node_id(0))
    assert path.relaxed == {"avoid"}


@pytest.mark.parametrize("count", [0, 1, 2])
def test_fewer_than_three_relays_make_none(count: int) -> None:
    with pytest.raises(NoPathError):
        choose_path(candidates(count), node_id(0), node_id(1), entropy=seeded(b""))
    assert issubclass(NoPathError, UnavailableError)


@pytest.mark.parametrize("ends", [(0, 0), (0, 7), (7, 0)])
def test_ends_that_make_no_path(ends: tuple[int, int]) -> None:
    with pytest.raises(NoPathError):
        choose_path(candidates(5), node_id(ends[0]), node_id(ends[1]), entropy=seeded(b""))


def test_a_path_is_never_shortened() -> None:
    with pytest.raises(NoPathError):
        choose_path(candidates(4), node_id(0), node_id(1), length=5, entropy=seeded(b""))
    for length in (2, 6):
        with pytest.raises(LocalProtocolError):
            choose_path(candidates(9), node_id(0), node_id(1), length=length, entropy=seeded(b""))


def boots(steady: int, often: int) -> CandidateSet:
    return CandidateSet(
        Candidate(node_id(index), boots_last_hour=4 if index >= steady else 3)
        for index in range(steady + often)
    )


def test_relays_that_keep_booting_are_left_out_while_six_others_remain() -> None:
    relays = boots(6, 3)
    assert unsteady(relays) == {node_id(6), node_id(7), node_id(8)}
    entropy = seeded(b"boots")
    used = {choose_path(relays, node_id(0), node_id(1), entropy=entropy).hops[1] for _ in range(80)}
    assert used == {node_id(index) for index in range(2, 6)}
    assert unsteady(boots(5, 3)) == frozenset()


def test_the_search_stays_small_in_a_network_of_few_operators() -> None:
    # Two operators, a path of five: no way keeps the family rule, and finding that out must not
    # mean trying every pair of a thousand relays. Counted, not timed: draws of entropy.
    relays = CandidateSet(
        Candidate(node_id(index), family=b"ab"[index % 2 :][:1]) for index in range(1000)
    )
    draws = 0
    source = seeded(b"operators")

    def entropy(length: int) -> bytes:
        nonlocal draws
        draws += 1
        return source(length)

    path = choose_path(relays, node_id(0), node_id(1), length=5, entropy=entropy)
    assert path.relaxed == {"family"}
    assert draws < 64


class ReadOnce(CandidateSet):
    """A large network that may be gone through while its facts are worked out, and not again."""

    done = False

    def __iter__(self) -> Iterator[Candidate]:
        assert not self.done, "a path of a large network must not cost work for each relay"
        return super().__iter__()


def large_network() -> ReadOnce:
    relays = ReadOnce(
        Candidate(node_id(index), bytes([index % 50 + 1]), bytes([index % 40 + 1]))
        for index in range(200)
    )
    assert len(relays.by_id) == 200
    assert not relays.unsteady
    relays.done = True
    return relays


def test_a_path_of_a_large_network_costs_no_work_for_each_relay() -> None:
    relays, entropy = large_network(), seeded(b"once")
    avoid = frozenset({node_id(2)})
    for _ in range(100):
        path = choose_path(relays, node_id(0), node_id(1), length=5, avoid=avoid, entropy=entropy)
        assert path.relaxed == frozenset()
        ack = draw_ack_path(relays, node_id(0), [node_id(1)], entropy, without=avoid)
        assert {node_id(0), node_id(2)}.isdisjoint(ack.hops)


def test_the_middle_of_a_large_network_is_uniform_over_those_allowed() -> None:
    relays, entropy = candidates(40), seeded(b"large middle")
    avoid = frozenset(node_id(index) for index in range(20, 40))  # half: many draws are in vain
    drawn = (
        choose_path(relays, node_id(0), node_id(1), avoid=avoid, entropy=entropy).hops[1]
        for _ in range(3600)
    )
    counts = Counter(drawn)
    assert set(counts) == {node_id(index) for index in range(2, 20)}
    # 17 degrees of freedom: 1 in 1,000 above.
    assert sum((count - 200) ** 2 / 200 for count in counts.values()) < 40.8


def test_k48_the_hop_before_the_end_is_uniform_but_for_the_relatives_of_the_end() -> None:
    for size in (12, 40):
        relays = CandidateSet(
            Candidate(node_id(index), bytes([index // 2 + 1]), b"own" if index in (0, 5) else b"")
            for index in range(size)
        )
        entropy = seeded(b"before %d" % size)
        counts = Counter(draw_before(relays, node_id(0), entropy) for _ in range(200 * (size - 3)))
        # Not the end, relay 1 in its /16, relay 5 of its operator.
        assert set(counts) == {node_id(index) for index in range(size)} - {*map(node_id, (0, 1, 5))}
        # 8 and 36 degrees of freedom: 1 in 1,000 above.
        limit = {12: 26.1, 40: 67.9}[size]
        assert sum((count - 200) ** 2 / 200 for count in counts.values()) < limit


def test_where_all_relays_are_of_one_operator_one_of_them_is_before_the_end() -> None:
    relays = CandidateSet(Candidate(node_id(index), family=b"all") for index in range(6))
    entropy = seeded(b"all")
    drawn = {draw_before(relays, node_id(0), entropy) for _ in range(100)}
    assert drawn == {node_id(index) for index in range(1, 6)}
    with pytest.raises(NoPathError):
        draw_before(relays, node_id(0), entropy, without=frozenset(drawn))
    with pytest.raises(NoPathError):
        draw_before(relays, node_id(9), entropy)


@settings(max_examples=100)
@given(networks(), st.integers(4, 5), st.data())
def test_k48_the_hop_before_the_end_stays_and_the_others_fit(
    relays: CandidateSet, length: int, data: st.DataObject
) -> None:
    """The second hop is sticky if one is left, and breaks as few rules as those leave."""
    first, last, before = relays[0], relays[1], relays[2]
    sticky = data.draw(st.lists(st.sampled_from([relay.node_id for relay in relays]), max_size=4))
    avoid = frozenset(node_id(index) for index in data.draw(st.sets(st.integers(0, 8))))
    ways = [(first, *middle, before, last) for middle in permutations(relays[3:], length - 3)]
    entropy = seeded(data.draw(st.binary(max_size=4)))
    if not ways:
        with pytest.raises(NoPathError):
            choose_path(
                relays,
                first.node_id,
                last.node_id,
                before=before.node_id,
                length=length,
                entropy=entropy,
            )
        return
    path = choose_path(
        relays,
        first.node_id,
        last.node_id,
        before=before.node_id,
        length=length,
        avoid=avoid,
        middles=sticky,
        entropy=entropy,
    )
    assert (path.hops[0], path.hops[-2:]) == (first.node_id, (before.node_id, last.node_id))
    assert len(set(path.hops)) == length
    could_stick = [way for way in ways if way[1].node_id in sticky]
    assert (path.hops[1] in sticky) is bool(could_stick)
    by_id = {relay.node_id: relay for relay in relays}
    hops = tuple(by_id[hop] for hop in path.hops)
    best = min(chosen_cost(way, avoid, unsteady(relays)) for way in could_stick or ways)
    assert chosen_cost(hops, avoid, unsteady(relays)) == best


def chosen_cost(
    hops: tuple[Candidate, ...], avoid: frozenset[NodeId], often: frozenset[NodeId]
) -> int:
    """The weight of what the chosen relays break: all but the ends and the hop before the end."""
    chosen = hops[1:-2]
    broken = {
        "boots": any(hop.node_id in often for hop in chosen),
        "avoid": any(hop.node_id in avoid for hop in chosen),
        **{
            name: any(
                getattr(one, name) and getattr(one, name) == getattr(other, name)
                for one in chosen
                for other in hops
                if other is not one
            )
            for name in ("subnet", "family")
        },
    }
    return sum(WEIGHTS[rule] for rule, is_broken in broken.items() if is_broken)


def test_what_cannot_stand_before_the_end_is_refused() -> None:
    relays = candidates(8)
    for before in (node_id(0), node_id(1), node_id(99)):
        with pytest.raises(NoPathError):
            choose_path(
                relays, node_id(0), node_id(1), before=before, length=4, entropy=seeded(b"")
            )
    with pytest.raises(LocalProtocolError):
        choose_path(relays, node_id(0), node_id(1), before=node_id(2), entropy=seeded(b""))
