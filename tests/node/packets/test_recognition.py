"""K48: the relay at the end of many paths cannot tell their senders apart by what is before it."""

import random
from collections import Counter
from collections.abc import Sequence

import pytest

from tests.node.packets.recognition import (
    CLASSIFIERS,
    Counts,
    Network,
    Sender,
    by_never_seen,
    by_sets,
    pooled,
    recognised,
    success,
    unevenness,
)
from zentalk.crypto.types import Entropy
from zentalk.ids import MAILBOX_ID_BYTES, MailboxId, NodeId
from zentalk.node.packets import path_builder
from zentalk.node.tunnels.third_hops import MAX_SECONDS, ThirdHops
from zentalk.onion.candidates import CandidateSet
from zentalk.onion.path import draw_before

SIGMAS = 3.0
"""Chance alone exceeds this once in 370, on either side; the seeds are fixed."""

LONG = (pytest.mark.long, pytest.mark.slow)


def two_names(
    network: Network, senders: Sequence[Sender], packets: int, hops: int = 4
) -> tuple[list[Counts], list[Counts]]:
    """What the end sees of each sender under each of two names."""
    choice = network.choice(hops)
    see = network.seen if packets <= 1000 else network.drawn
    firsts = [see(choice, sender, packets) for sender in senders]
    return firsts, [see(choice, sender, packets) for sender in senders]


def own_share(network: Network, senders: Sequence[Sender], counts: Sequence[Counts]) -> float:
    """How far from chance a sender's own guards, second hops and mailbox relays come: in sigmas."""
    seen = expected = variance = 0.0
    for sender, one in zip(senders, counts, strict=True):
        packets = sum(one)
        own = [n for node_id, n in zip(network.pool, one, strict=True) if node_id in sender.own]
        share = len(own) / len(network.pool)
        seen += sum(own)
        expected += packets * share
        variance += packets * share * (1 - share)
    return float((seen - expected) / variance**0.5)


@pytest.mark.parametrize(
    ("relays", "senders", "packets"),
    [
        (30, 400, 40),
        (100, 200, 40),
        *(pytest.param(n, 1000, 40, marks=LONG) for n in (30, 100, 1000)),
        *(pytest.param(n, 1000, 10_000, marks=LONG) for n in (30, 100, 1000)),
    ],
)
def test_k48_no_classifier_tells_senders_apart_by_the_relay_before_the_end(
    relays: int, senders: int, packets: int
) -> None:
    network = Network(relays)
    people = network.senders(senders)
    firsts, seconds = two_names(network, people, packets)
    for classify in CLASSIFIERS:
        found = success(classify, firsts, seconds, random.Random(2))
        assert abs(found) < SIGMAS, classify.__name__
    assert abs(unevenness([*firsts, *seconds])) < SIGMAS
    assert abs(unevenness([pooled([*firsts, *seconds])])) < SIGMAS
    assert abs(own_share(network, people, firsts)) < SIGMAS


def test_k48_control_with_the_sticky_hop_last_senders_are_recognised() -> None:
    network = Network(100)
    people = network.senders(200)
    firsts, seconds = two_names(network, people, 40, hops=3)
    for classify in CLASSIFIERS:
        assert success(classify, firsts, seconds, random.Random(2)) > 4 * SIGMAS, classify.__name__
    assert unevenness(firsts) > 10 * SIGMAS
    names = [
        [frozenset(i for i, n in zip(network.pool, one, strict=True) if n) for one in seen]
        for seen in (firsts, seconds)
    ]
    assert recognised(*names) > 190


def test_k48_control_keeping_own_relays_away_from_the_end_names_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The rule that other middle relays keep: those never seen are the guards and mailboxes."""
    network = Network(30)
    people = network.senders(60)
    kept_out: frozenset[NodeId] = frozenset()

    def avoiding(
        candidates: CandidateSet,
        last: NodeId,
        entropy: Entropy,
        *,
        without: frozenset[NodeId] = frozenset(),
    ) -> NodeId:
        return draw_before(candidates, last, entropy, without=without | kept_out)

    monkeypatch.setattr(path_builder, "draw_before", avoiding)
    choice, firsts, seconds = network.choice(), list[Counts](), list[Counts]()
    for sender in people:
        kept_out = sender.wish.avoid
        firsts.append(network.seen(choice, sender, 300))
        seconds.append(network.seen(choice, sender, 300))
        never = {i for i, n in zip(network.pool, seconds[-1], strict=True) if not n}
        assert kept_out - {network.end} <= never
    assert success(by_never_seen, firsts, seconds, random.Random(2)) > 2 * SIGMAS
    assert success(by_sets, firsts, seconds, random.Random(2)) > 2 * SIGMAS
    assert unevenness(firsts) > 2 * SIGMAS


def test_k48_a_guard_at_the_end_is_passed_by_the_other_guard_only_and_that_is_said() -> None:
    """What stays: a packet to one guard starts at the other, which cannot be before the end too."""
    network = Network(30)
    sender = network.sender()
    guards = [start.guard for start in sender.outlook.starts]
    wish = sender.wish._replace(relay=guards[0], starts=sender.wish.starts[1:])
    choice = network.choice()
    paths = [next(choice.paths(sender.outlook, wish)) for _ in range(600)]
    assert {path.hops[-2] for path in paths} == set(network.ids) - set(guards)
    assert any("drawn" in path.relaxed for path in paths)
    assert not all("drawn" in path.relaxed for path in paths)


def test_k48_cover_of_a_guard_that_a_tick_chose_has_every_relay_before_its_end() -> None:
    network = Network(30)
    choice, counts = network.choice(), list[Counts]()
    for sender in network.senders(150):
        seen = Counter[NodeId]()
        for turn in range(40):
            wish = sender.wish._replace(starts=[sender.outlook.starts[turn % 2]])
            path = next(choice.paths(sender.outlook, wish))
            assert path.hops[0] == wish.starts[0].guard
            seen[path.hops[-2]] += 1
        counts.append([seen[node_id] for node_id in network.pool])
    assert abs(unevenness(counts)) < SIGMAS
    assert abs(unevenness([pooled(counts)])) < SIGMAS


@pytest.mark.parametrize("own", [False, True])
def test_k35_k48_two_relays_do_not_find_one_owner_by_the_ends_of_its_tunnels(own: bool) -> None:
    """A month of third hops at each of two relays. Control: one set for both mailboxes."""
    network = Network(60)
    owners, days = 150, 30
    boxes = [MailboxId(bytes([number]) * MAILBOX_ID_BYTES) for number in range(2)]
    firsts, seconds = list[Counts](), list[Counts]()
    for _ in range(owners):
        now = 0.0
        hops = ThirdHops(lambda: now, network.random.randbytes)  # noqa: B023 - used in this turn
        seen = [Counter[NodeId](), Counter[NodeId]()]
        while now < days * 86_400:
            for number, end in enumerate(network.ids[:2]):
                box = boxes[0 if own else number]
                serving = hops.serving(box, end, network.view)
                third = serving[0] if serving else hops.draw(box, end, network.view)
                seen[number][third] += 1
            now += MAX_SECONDS / 16
        firsts.append([seen[0][node_id] for node_id in network.ids])
        seconds.append([seen[1][node_id] for node_id in network.ids])
    found = [success(classify, firsts, seconds, random.Random(2)) for classify in CLASSIFIERS]
    assert (min(found) > 2 * SIGMAS) if own else (max(map(abs, found)) < SIGMAS)


RECOGNISED = {
    (30, 40): 4,
    (30, 400): 808,
    (100, 40): 53,
    (100, 400): 1000,
    (1000, 40): 126,
    (1000, 400): 1000,
}
"""Of 1,000 senders, by relays and packets under each name, with one relay in twenty hostile."""


@pytest.mark.parametrize(
    ("relays", "packets"), [pytest.param(*case, marks=LONG) for case in RECOGNISED]
)
def test_k48_what_colluding_third_hops_find_is_what_the_threat_model_says(
    relays: int, packets: int
) -> None:
    """They tell the end the second hop: "at chance" is said of one relay."""
    network = Network(relays)
    people, choice = network.senders(1000), network.choice()
    hostile = frozenset(network.random.sample(network.pool, max(1, relays // 20)))
    names = [
        [network.colluders_see(choice, sender, packets, hostile) for sender in people]
        for _ in range(2)
    ]
    assert abs(recognised(*names) - RECOGNISED[relays, packets]) <= 50
