from hypothesis import given
from hypothesis import strategies as st

from tests.directory.support import descriptor, descriptors
from zentalk.directory.distance import (
    ACCEPT_NEAREST,
    HOLDERS_PER_POINT,
    POINTS,
    HolderMap,
    day_position,
    holder_points,
    xor_distance,
)
from zentalk.directory.subnets import narrow_subnet, wide_subnet
from zentalk.ids import Day

DAY = Day(20_000)


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_xor_is_a_metric(left: bytes, right: bytes) -> None:
    assert xor_distance(left, right) == xor_distance(right, left)
    assert (xor_distance(left, right) == 0) == (left == right)


def test_points_and_positions_change_with_every_input() -> None:
    key, other = bytes(32), b"\x01" * 32
    one = descriptor(1).node_id
    points = {*holder_points(key, DAY), *holder_points(key, Day(DAY + 1))}
    points |= {*holder_points(other, DAY)}
    assert len(points) == 3 * POINTS
    assert day_position(one, DAY) != day_position(one, Day(DAY + 1))
    assert day_position(one, DAY) != day_position(descriptor(2).node_id, DAY)


def test_holders_are_the_nearest_by_position_at_each_point() -> None:
    relays = descriptors(range(100))
    key = b"\x07" * 32
    holders = HolderMap(relays, DAY).holders(key)
    for point, chosen in zip(holder_points(key, DAY), holders, strict=True):
        ranked = sorted(
            (xor_distance(day_position(relay.node_id, DAY), point), relay.node_id)
            for relay in relays
        )
        assert chosen == tuple(node_id for _, node_id in ranked[:HOLDERS_PER_POINT])


def test_holders_come_from_different_networks_and_families_where_possible() -> None:
    hosts = [f"{20 + number}.{number}.0.1" for number in range(100)]
    relays = [
        descriptor(number, host=host, family=b"big" if number % 3 == 0 else b"")
        for number, host in enumerate(hosts)
    ]
    by_id = {relay.node_id: relay for relay in relays}
    for seed in range(20):
        key = bytes([seed]) * 32
        mapped = HolderMap(relays, DAY)
        for point, chosen in zip(holder_points(key, DAY), mapped.holders(key), strict=True):
            near = sorted(by_id, key=lambda one: xor_distance(day_position(one, DAY), point))[
                :ACCEPT_NEAREST
            ]
            assert set(chosen) <= set(near), "publishers only go where holders accept"
            family = [one for one in chosen if by_id[one].family]
            passed_over = [one for one in near if one not in chosen and not by_id[one].family]
            assert len(family) <= 1 or not passed_over


def test_one_network_alone_still_gets_all_its_holders() -> None:
    relays = [descriptor(number, host=f"8.8.0.{number}") for number in range(50)]
    holders = HolderMap(relays, DAY).holders(bytes(32))
    assert [len(point) for point in holders] == [HOLDERS_PER_POINT] * POINTS


def test_few_relays_hold_everything() -> None:
    relays = descriptors(range(3))
    mapped = HolderMap(relays, DAY)
    ids = {relay.node_id for relay in relays}
    assert all(set(point) == ids for point in mapped.holders(bytes(32)))
    assert all(mapped.accepts(one, bytes(32)) for one in ids)
    assert HolderMap([], DAY).holders(bytes(32)) == ((),) * POINTS


def test_a_holder_accepts_what_any_publisher_with_a_similar_snapshot_sends() -> None:
    relays = descriptors(range(100))
    full = HolderMap(relays, DAY)
    without_some = HolderMap(relays[3:], DAY)
    accepted = total = 0
    for seed in range(40):
        key = bytes([seed]) * 32
        for one in {one for point in without_some.holders(key) for one in point}:
            total += 1
            accepted += full.accepts(one, key)
    assert accepted == total


def test_acceptance_is_within_the_nearest_eight_of_a_point_only() -> None:
    relays = descriptors(range(100))
    mapped = HolderMap(relays, DAY)
    accepting = [relay for relay in relays if mapped.accepts(relay.node_id, bytes(32))]
    assert HOLDERS_PER_POINT * POINTS * 0.7 < len(accepting) <= ACCEPT_NEAREST * POINTS


def test_subnets() -> None:
    assert narrow_subnet("8.8.8.8", "local") == narrow_subnet("8.8.8.9", "local") != ""
    assert wide_subnet("8.8.8.8", "local") == wide_subnet("8.8.9.9", "local") != ""
    assert narrow_subnet("8.8.8.8", "local") != narrow_subnet("8.8.9.8", "local")
    assert wide_subnet("::ffff:8.8.8.8", "main") == wide_subnet("8.8.8.8", "main")
    assert wide_subnet("[2001:db8:1::1]", "main") == wide_subnet("2001:db8:2::1", "main")
    assert narrow_subnet("[2001:db8:1::1]", "main") != narrow_subnet("2001:db8:2::1", "main")
    assert wide_subnet("a.example.org", "main") == wide_subnet("b.EXAMPLE.org.", "main") != ""
    assert wide_subnet("a.example.org", "local") == ""
    assert wide_subnet("192.168.1.1", "local") == "" != wide_subnet("192.168.1.1", "main")


@given(st.integers(0, 40), st.binary(min_size=32, max_size=32))
def test_the_nearest_found_are_those_of_brute_force(count: int, key: bytes) -> None:
    relays = descriptors(range(count))
    mapped = HolderMap(relays, DAY)
    for point in holder_points(key, DAY):
        ranked = sorted(relays, key=lambda one: xor_distance(day_position(one.node_id, DAY), point))
        assert mapped._nearest(point) == [one.node_id for one in ranked[:ACCEPT_NEAREST]]
