from hypothesis import given
from hypothesis import strategies as st

from tests.directory.support import descriptor, node_id
from zentalk.directory.digests import digest_of
from zentalk.directory.waiting_pool import (
    MAX_PER_SUBNET,
    MAX_WAITING,
    WaitingDescriptor,
    WaitingPool,
)

LIAR, HONEST = node_id(500), node_id(501)


def test_k46_a_neighbour_that_brings_thousands_pushes_out_its_own() -> None:
    pool = WaitingPool("local", most=20)
    for number in range(3):
        pool.put(WaitingDescriptor(descriptor(number), HONEST))
    for number in range(100, 200):
        pool.put(WaitingDescriptor(descriptor(number), LIAR))
    assert len(pool) == 20
    assert all(pool.get(node_id(number)) for number in range(3))
    assert pool.get(node_id(199)), "the newest stay"
    assert pool.get(node_id(100)) is None


def test_k46_control_as_one_queue_the_flood_takes_all_places() -> None:
    pool = WaitingPool("local", most=20)
    for number in range(3):
        pool.put(WaitingDescriptor(descriptor(number), LIAR))
    for number in range(100, 200):
        pool.put(WaitingDescriptor(descriptor(number), LIAR))
    assert not any(pool.get(node_id(number)) for number in range(3))


def test_k46_one_range_of_addresses_has_few_places_and_shares_them_too() -> None:
    pool = WaitingPool("main")
    pool.put(WaitingDescriptor(descriptor(1, host="8.8.8.1", network="main"), HONEST))
    for number in range(100, 150):
        pool.put(WaitingDescriptor(descriptor(number, host="8.8.8.2", network="main"), LIAR))
    assert len(pool) == MAX_PER_SUBNET
    assert pool.get(node_id(1)), "brought by somebody else"


def test_the_newest_descriptor_of_a_relay_waits_once() -> None:
    pool = WaitingPool("local")
    old, new = descriptor(1), descriptor(1, boot=2)
    pool.put(WaitingDescriptor(new, HONEST, said_hello=True))
    assert pool.put(WaitingDescriptor(old, LIAR)) == []
    newest = descriptor(1, boot=3)
    assert pool.put(WaitingDescriptor(newest, LIAR)) == [new]
    assert digest_of(newest.raw) in pool
    assert digest_of(new.raw) not in pool
    assert pool.take(node_id(1)) == WaitingDescriptor(newest, LIAR, said_hello=True)
    assert pool.take(node_id(1)) is None
    assert len(pool) == 0


@given(st.lists(st.tuples(st.integers(0, 12), st.sampled_from([None, LIAR, HONEST])), max_size=60))
def test_it_never_holds_more_than_it_may_and_forgets_completely(
    steps: list[tuple[int, bytes | None]],
) -> None:
    pool = WaitingPool("local", most=5)
    for number, source in steps:
        pool.put(WaitingDescriptor(descriptor(number), source))  # type: ignore[arg-type]
        assert len(pool) <= 5
    for waiting in pool.all():
        pool.take(waiting.node_id)
    assert not pool._brought
    assert not pool._subnets
    assert not pool._digests


def test_k46_many_keys_of_one_address_push_out_their_own() -> None:
    """Whoever came from where it says it is has a share of its own in that range."""
    pool = WaitingPool("main")
    newcomer = descriptor(1, host="8.8.8.1", network="main")
    pool.put(WaitingDescriptor(newcomer, "8.8.8.1", said_hello=True, home="8.8.8.1"))
    for number in range(100, 150):
        other = descriptor(number, host="8.8.8.2", network="main")
        pool.put(WaitingDescriptor(other, "8.8.8.2", said_hello=True, home="8.8.8.2"))
    for number in range(200, 250):
        other = descriptor(number, host="8.8.8.3", network="main")
        pool.put(WaitingDescriptor(other, said_hello=True))
    assert pool.get(newcomer.node_id)


def test_k46_who_brings_a_descriptor_again_does_not_take_it_into_its_own_share() -> None:
    """Else a flooder could push out what others brought."""
    pool = WaitingPool("local", most=3)
    pool.put(WaitingDescriptor(descriptor(1), HONEST))
    for number in (10, 11):
        pool.put(WaitingDescriptor(descriptor(number), LIAR))
    pool.put(WaitingDescriptor(descriptor(1, boot=2), LIAR))
    taken = pool.take(node_id(1))
    assert taken is not None
    assert taken.source == HONEST


def test_k46_the_figures_are_those_of_the_specification() -> None:
    assert (MAX_WAITING, MAX_PER_SUBNET) == (2000, 8)
