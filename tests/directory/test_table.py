import hashlib
import ipaddress
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from kademlia.routing import RoutingTable

from zentalk.directory.table import (
    CONTACTS_PER_SUBNET,
    FAILURES_TO_EVICT,
    RelayTable,
    TableAdmission,
    TableContact,
)
from zentalk.ids import NodeId

OWN = NodeId(hashlib.sha256(b"own").digest())


def ident(number: int) -> NodeId:
    return NodeId(hashlib.sha256(b"contact %d" % number).digest())


def near(prefix_bits: int, number: int) -> NodeId:
    """An id that shares that many leading bits with ours."""
    other = int.from_bytes(ident(number), "big") >> (prefix_bits + 1)
    flipped = (int.from_bytes(OWN, "big") >> (255 - prefix_bits)) ^ 1
    return NodeId((flipped << (255 - prefix_bits) | other).to_bytes(32, "big"))


def filled(count: int, *, size: int = 20, network: str = "local") -> RelayTable:
    table = RelayTable(OWN, network, now=0.0, size=size)
    for number in range(count):
        table.handshake_completed(ident(number), "127.0.0.1", 9001, now=0.0)
    return table


def brute_force(ids: list[NodeId], target: bytes, count: int) -> list[NodeId]:
    goal = int.from_bytes(target, "big")
    return sorted(ids, key=lambda item: int.from_bytes(item, "big") ^ goal)[:count]


def contents(table: RelayTable) -> list[NodeId]:
    return [NodeId(node_id) for bucket in table.buckets for node_id in bucket.nodes]


@given(
    st.lists(st.binary(min_size=32, max_size=32), max_size=300, unique=True),
    st.binary(min_size=32, max_size=32),
    st.integers(1, 40),
)
def test_nearest_is_exact(ids: list[bytes], target: bytes, count: int) -> None:
    table = RelayTable(OWN, "local", now=0.0, size=4)
    for one in ids:
        table.handshake_completed(NodeId(one), "127.0.0.1", 9001, now=0.0)
    others = [one for one in contents(table) if one != target]
    assert table.nearest(target, count) == brute_force(others, target, count)


def test_stock_neighbours_are_not_exact_which_is_why_ours_are_replaced() -> None:
    """Control: the package's own find_neighbors misses true neighbours."""
    table = filled(500)
    wrong = 0
    for number in range(100):
        target = ident(10_000 + number)
        stock = [item.id for item in RoutingTable.find_neighbors(table, TableContact(target), 20)]
        wrong += stock != brute_force(contents(table), target, 20)
    assert wrong > 10


def test_a_table_of_a_hundred_relays_knows_all_of_them() -> None:
    table = filled(100)
    assert len(table) == 100
    for number in range(100):
        assert ident(number) in table


def test_our_own_id_never_enters() -> None:
    table = filled(0)
    outcome = table.handshake_completed(OWN, "127.0.0.1", 9001, now=0.0)
    assert outcome.admission is TableAdmission.REFUSED
    assert len(table) == 0


def test_a_full_far_bucket_keeps_the_old_and_names_the_oldest() -> None:
    table = RelayTable(OWN, "local", now=0.0, size=4)
    ids = [near(0, number) for number in range(400)]
    outcomes = [table.handshake_completed(one, "127.0.0.1", 9001, now=0.0) for one in ids]
    waiting = [item for item in outcomes if item.admission is TableAdmission.WAITING]
    assert waiting
    assert all(item.oldest in table for item in waiting)
    assert len(table) <= 4 * 32


def test_three_failures_evict_and_the_next_in_line_moves_up() -> None:
    table = RelayTable(OWN, "local", now=0.0, size=2)
    for number in range(200):
        table.handshake_completed(near(0, number), "127.0.0.1", 9001, now=0.0)
    bucket = next(item for item in table.buckets if item.replacement_nodes)
    victim = NodeId(next(iter(bucket.nodes)))
    successor = NodeId(next(reversed(bucket.replacement_nodes)))
    outcomes = [table.failed(victim) for _ in range(FAILURES_TO_EVICT)]
    assert outcomes == [False, False, True]
    assert victim not in table
    assert successor in table


def test_an_answer_in_between_forgives_failures() -> None:
    table = filled(1)
    table.failed(ident(0))
    table.failed(ident(0))
    table.handshake_completed(ident(0), "127.0.0.1", 9001, now=0.0)
    assert not table.failed(ident(0))
    assert ident(0) in table


def test_failures_of_strangers_are_nothing() -> None:
    assert not filled(1).failed(ident(7))


def test_k7_two_contacts_per_subnet_and_bucket() -> None:
    table = RelayTable(OWN, "main", now=0.0)
    outcomes = [
        table.handshake_completed(near(0, number), f"198.51.100.{number}", 9001, now=0.0).admission
        for number in range(10)
    ]
    assert outcomes.count(TableAdmission.ADDED) == CONTACTS_PER_SUBNET
    assert set(outcomes[CONTACTS_PER_SUBNET:]) == {TableAdmission.REFUSED}
    other = table.handshake_completed(near(0, 99), "203.0.113.1", 9001, now=0.0)
    assert other.admission is TableAdmission.ADDED


def test_k7_without_the_cap_one_subnet_fills_the_bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    """Control."""
    monkeypatch.setattr("zentalk.directory.table.CONTACTS_PER_SUBNET", 10**6)
    table = RelayTable(OWN, "main", now=0.0)
    for number in range(20):
        table.handshake_completed(near(0, number), f"198.51.100.{number}", 9001, now=0.0)
    assert len(table) == 20


@pytest.mark.parametrize(
    ("network", "host", "limited"),
    [
        ("local", "127.0.0.1", False),
        ("local", "10.1.2.3", False),
        ("local", "relay-3", False),
        ("local", "198.51.100.7", False),  # a documentation range counts as private
        ("local", "8.8.8.8", True),
        ("main", "127.0.0.1", True),
        ("main", "relay.example.org", True),
        ("main", "[2001:db8::1]", True),
    ],
)
def test_subnet_caps_by_network_and_host(network: str, host: str, limited: bool) -> None:
    table = RelayTable(OWN, network, now=0.0)
    for number in range(10):
        table.handshake_completed(near(0, number), host, 9001, now=0.0)
    assert len(table) == (CONTACTS_PER_SUBNET if limited else 10)


def test_a_waiting_contact_does_not_move_up_past_its_subnets_cap() -> None:
    table = RelayTable(OWN, "main", now=0.0, size=2)
    bucket = table.buckets[0]
    for number, host in enumerate(["8.8.8.1", "9.9.9.1"]):
        table.handshake_completed(near(0, number), host, 1, now=0.0)
    waiting = TableContact(near(0, 9), "8.8.8.2", 1, "8.8.8.0/24")
    third = TableContact(near(0, 8), "8.8.8.3", 1, "8.8.8.0/24")
    bucket = next(item for item in table.buckets if near(0, 0) in item.nodes)
    bucket.nodes[third.id] = third
    bucket.replacement_nodes[waiting.id] = waiting
    bucket.remove_node(bucket.nodes[near(0, 1)])
    assert waiting.id not in bucket.nodes


def test_a_relay_that_moved_is_entered_anew() -> None:
    table = RelayTable(OWN, "main", now=0.0)
    table.handshake_completed(ident(1), "8.8.8.8", 9001, now=0.0)
    outcome = table.handshake_completed(ident(1), "9.9.9.9", 9001, now=0.0)
    assert outcome.admission is TableAdmission.ADDED
    assert len(table) == 1


def test_neglected_buckets_are_named() -> None:
    table = filled(50, size=4)
    assert table.lonely_buckets(now=3600.0) == table.buckets
    table.handshake_completed(ident(1), "127.0.0.1", 9001, now=3500.0)
    assert len(table.lonely_buckets(now=3600.0)) == len(table.buckets) - 1


class TableMachine(RuleBasedStateMachine):
    """Buckets stay a partition, sized, capped, and nearest stays exact, whatever happens."""

    def __init__(self) -> None:
        super().__init__()
        self.table = RelayTable(OWN, "main", now=0.0, size=3)
        self.now = 0.0

    @rule(number=st.integers(0, 200), bits=st.integers(0, 6), net=st.integers(0, 5))
    def meet(self, number: int, bits: int, net: int) -> None:
        self.now += 1
        host = str(ipaddress.ip_address(0x08080000 + net * 256 + number % 256))
        self.table.handshake_completed(near(bits, number), host, 9001, self.now)

    @precondition(lambda self: len(self.table) > 0)
    @rule(data=st.data(), times=st.integers(1, 3))
    def fail(self, data: st.DataObject, times: int) -> None:
        victim = data.draw(st.sampled_from(contents(self.table)))
        gone = [self.table.failed(victim) for _ in range(times)]
        assert (victim in self.table) == (True not in gone)

    @precondition(lambda self: len(self.table) > 0)
    @rule(data=st.data())
    def forget(self, data: st.DataObject) -> None:
        victim = data.draw(st.sampled_from(contents(self.table)))
        self.table.forget(victim)
        assert victim not in self.table

    @invariant()
    def buckets_are_a_partition(self) -> None:
        edges = [bucket.range for bucket in self.table.buckets]
        assert edges[0][0] == 0
        assert edges[-1][1] == 2**256 - 1
        assert all(left[1] + 1 == right[0] for left, right in itertools.pairwise(edges))

    @invariant()
    def buckets_are_sized_and_capped(self) -> None:
        for bucket in self.table.buckets:
            assert len(bucket) <= 3
            assert all(bucket.has_in_range(node) for node in bucket.nodes.values())
            subnets = [node.subnet for node in bucket.nodes.values()]
            assert all(subnets.count(item) <= CONTACTS_PER_SUBNET for item in subnets)

    @invariant()
    def nearest_is_exact(self) -> None:
        target = ident(int(self.now) + 777)
        assert self.table.nearest(target, 7) == brute_force(contents(self.table), target, 7)


TableMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
TestTableMachine = TableMachine.TestCase
