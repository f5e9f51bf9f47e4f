"""K36: the first relay of an ack says nothing about its owner's guards."""

from collections import Counter
from collections.abc import Sequence

import pytest

from tests.onion.support import candidates, node_id, seeded
from zentalk.crypto.types import Entropy
from zentalk.ids import NodeId
from zentalk.onion import path as path_module
from zentalk.onion.draw import pick
from zentalk.onion.errors import NoPathError
from zentalk.onion.path import Path, draw_ack_path

RELAYS = candidates(10)
DELIVERY = node_id(0)
MAILBOXES = (node_id(1), node_id(2))
GUARDS = (node_id(3), node_id(4))
STARTS = [relay.node_id for relay in RELAYS[1:]]
ACKS = 1_000
LIMIT = 26.1
"""8 degrees of freedom: 1 in 1,000 above."""


def draw_many(seed: bytes) -> list[Path]:
    entropy = seeded(seed)
    return [draw_ack_path(RELAYS, DELIVERY, MAILBOXES, entropy) for _ in range(ACKS)]


def unevenness(firsts: list[NodeId]) -> float:
    """Pearson's chi-square of the first relays against a uniform draw."""
    counts, expected = Counter(firsts), len(firsts) / len(STARTS)
    assert set(counts) <= set(STARTS)
    return sum((counts[start] - expected) ** 2 / expected for start in STARTS)


def test_k36_the_first_relay_of_an_ack_is_uniform() -> None:
    paths = draw_many(b"k36")
    firsts = [path.hops[0] for path in paths]
    assert unevenness(firsts) < LIMIT
    assert {*GUARDS, *MAILBOXES} <= set(firsts)
    assert all(path.relaxed == frozenset() for path in paths)


@pytest.mark.parametrize("starts", [GUARDS, [s for s in STARTS if s not in GUARDS]])
def test_k36_control_guards_first_or_guards_never_stand_out(
    starts: list[NodeId], monkeypatch: pytest.MonkeyPatch
) -> None:

    def biased(items: Sequence[NodeId], entropy: Entropy) -> NodeId:
        return pick(starts if list(items) == STARTS else items, entropy)

    monkeypatch.setattr(path_module, "pick", biased)
    assert unevenness([path.hops[0] for path in draw_many(b"k36")]) > 4 * LIMIT


def test_an_ack_ends_at_the_other_mailbox_relay_if_it_starts_at_one() -> None:
    for path in draw_many(b"ends"):
        first, middle, last = path.hops
        assert last in MAILBOXES
        assert len({first, middle, last}) == 3
        assert middle != DELIVERY
        if first in MAILBOXES:
            assert last == next(box for box in MAILBOXES if box != first)


def test_both_mailbox_relays_are_used_as_ends() -> None:
    ends = Counter(path.hops[2] for path in draw_many(b"both"))
    assert min(ends[box] for box in MAILBOXES) > 400


def test_an_ack_does_not_end_where_it_came_from_if_it_can() -> None:
    entropy = seeded(b"own")
    for _ in range(200):
        path = draw_ack_path(RELAYS, DELIVERY, (DELIVERY, node_id(1)), entropy)
        first, _, last = path.hops
        assert last == (DELIVERY if first == node_id(1) else node_id(1))
        assert first != DELIVERY


@pytest.mark.parametrize("boxes", [(1, 2), (0, 1), (2, 0)])
def test_three_relays_are_enough_and_the_delivery_relay_may_serve(boxes: tuple[int, int]) -> None:
    entropy = seeded(b"three")
    firsts = Counter[NodeId]()
    for _ in range(400):
        mailboxes = [node_id(box) for box in boxes]
        path = draw_ack_path(candidates(3), DELIVERY, mailboxes, entropy)
        assert len(set(path.hops)) == 3
        firsts[path.hops[0]] += 1
        assert ("avoid" in path.relaxed) == (path.hops[1] == DELIVERY)
    assert abs(firsts[node_id(1)] - 200) < 60
    assert firsts[DELIVERY] == 0


def test_with_one_mailbox_relay_the_first_is_another_and_that_is_said() -> None:
    entropy = seeded(b"one")
    paths = [draw_ack_path(RELAYS, DELIVERY, MAILBOXES[:1], entropy) for _ in range(300)]
    assert all(path.hops[2] == MAILBOXES[0] != path.hops[0] for path in paths)
    skewed = sum("first" in path.relaxed for path in paths)
    assert 10 < skewed < 70


def test_dead_mailbox_relays_are_no_ends() -> None:
    for mailboxes in ((), (node_id(77),)):
        with pytest.raises(NoPathError):
            draw_ack_path(RELAYS, DELIVERY, mailboxes, seeded(b""))
    path = draw_ack_path(RELAYS, DELIVERY, (node_id(77), node_id(1)), seeded(b""))
    assert path.hops[2] == node_id(1)


def test_fewer_than_three_relays_carry_no_ack() -> None:
    with pytest.raises(NoPathError):
        draw_ack_path(candidates(2), DELIVERY, MAILBOXES, seeded(b""))


def test_k36_the_first_relay_is_uniform_in_a_large_network_that_lost_some() -> None:
    relays, entropy = candidates(42), seeded(b"large acks")
    gone = frozenset(node_id(index) for index in range(22, 42))
    firsts = Counter(
        draw_ack_path(relays, DELIVERY, MAILBOXES, entropy, without=gone).hops[0]
        for _ in range(4200)
    )
    assert set(firsts) == {node_id(index) for index in range(1, 22)}
    # 20 degrees of freedom: 1 in 1,000 above.
    assert sum((count - 200) ** 2 / 200 for count in firsts.values()) < 45.3
