"""Which address of a relay is tried first."""

from zentalk.net.reached import MAX_KEPT, LastReached
from zentalk.wire.text import RelayUri

ADDRESSES = [RelayUri(bytes(32), host, 9001) for host in ("a", "b", "c")]


def test_the_order_is_kept_but_for_the_one_that_answered() -> None:
    reached = LastReached()
    assert reached.in_order(ADDRESSES) == ADDRESSES
    reached.answered(ADDRESSES[2])
    assert [uri.host for uri in reached.in_order(ADDRESSES)] == ["c", "a", "b"]
    reached.answered(ADDRESSES[0])
    assert reached.in_order(ADDRESSES) == ADDRESSES


def test_an_address_that_is_named_no_more_is_not_tried() -> None:
    reached = LastReached()
    reached.answered(ADDRESSES[2])
    assert reached.in_order(ADDRESSES[:2]) == ADDRESSES[:2]


def test_what_is_remembered_is_bounded() -> None:
    reached = LastReached()
    for number in range(MAX_KEPT + 1):
        reached.answered(RelayUri(number.to_bytes(32), "b", 1))
    first, last = (
        [RelayUri(number.to_bytes(32), host, 1) for host in "ab"] for number in (0, MAX_KEPT)
    )
    assert reached.in_order(first) == first
    assert reached.in_order(last) == last[::-1]
