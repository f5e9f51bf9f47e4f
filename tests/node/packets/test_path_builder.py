"""Packets and acks over paths of a node: which relays they visit, and which they leave out."""

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence

import pytest

from tests.node.descriptors import EPOCH, WALL, make_relay, make_relays
from zentalk.crypto.types import Entropy
from zentalk.ids import Epoch, NodeId, SendId
from zentalk.net.runtime import seeded_entropy
from zentalk.node.packets import path_builder
from zentalk.node.packets.path_builder import PathBuilder
from zentalk.node.packets.wishes import Outlook, Wish
from zentalk.node.relays.loss_detection import LossDetector
from zentalk.node.relays.scores import RelayScores
from zentalk.node.relays.view import RelayView, make_view
from zentalk.node.tunnels.guard_selection import PathStart
from zentalk.onion.ack import expand_ack, read_ack_token
from zentalk.onion.candidates import CandidateSet
from zentalk.onion.draw import pick
from zentalk.onion.errors import NoPathError
from zentalk.onion.packet import DEPOSIT, Deliver, DeliveryPlaintext, Forward
from zentalk.onion.path import Path
from zentalk.onion.peel import Peeler
from zentalk.wire.packet_class import PacketClass

RELAYS = make_relays(12)
IDS = [relay.node_id for relay in RELAYS]
VIEW = make_view(RELAYS, EPOCH, {})
START = PathStart(IDS[0], tuple(IDS[1:5]))
HOMES = {IDS[6]: SendId(bytes(16)), IDS[7]: SendId(bytes([1] * 16))}
DROP = DeliveryPlaintext(DEPOSIT, bytes(100))


@pytest.fixture
def scores() -> RelayScores:
    return RelayScores()


@pytest.fixture
def losses() -> LossDetector:
    return LossDetector(30.0)


@pytest.fixture
def builder(scores: RelayScores, losses: LossDetector) -> PathBuilder:
    return make_builder(scores, losses=losses)


def make_builder(
    scores: RelayScores, hops: int = 4, losses: LossDetector | None = None
) -> PathBuilder:
    return PathBuilder(
        mean_delay_ms=0,
        hops=hops,
        scores=scores,
        losses=losses or LossDetector(30.0),
        entropy=seeded_entropy(b"paths"),
    )


def seen_by(builder: PathBuilder, view: RelayView) -> Outlook:
    return Outlook(view, (), builder._choice._scores.suspects(0.0), 0.0)


def draw(
    builder: PathBuilder,
    relay: NodeId = IDS[8],
    start: PathStart = START,
    view: RelayView = VIEW,
    avoid: frozenset[NodeId] = frozenset(),
) -> tuple[NodeId, ...]:
    wish = Wish(relay, (start,), avoid)
    return next(builder.packets(seen_by(builder, view), wish, DROP, PacketClass.SMALL))[1]


def second_hops(builder: PathBuilder, turns: int = 100) -> set[NodeId]:
    """The second hops of paths whose hop before the end is none of the sticky ones."""
    drawn = (draw(builder) for _ in range(turns))
    return {hops[1] for hops in drawn if hops[2] not in START.middles}


def tokens() -> Iterator[bytes]:
    yield from (number.to_bytes(32, "big") for number in range(10**6))


def test_a_view_holds_relays_with_a_key_of_its_epoch_that_forward() -> None:
    relays = [
        make_relay(0, epoch=Epoch(EPOCH - 2)),
        make_relay(1, epoch=Epoch(EPOCH - 1), lanes=2),
        make_relay(2),
        make_relay(3, epoch=Epoch(EPOCH + 1)),
        make_relay(4, roles=0),
    ]
    view = make_view(relays, EPOCH, {relays[2].node_id: 4})
    assert set(view.relays) == set(view.keys) == {relays[1].node_id, relays[2].node_id}
    assert [key for _, key in view.keys[relays[1].node_id]] == [
        lane.next_mix_key for lane in relays[1].lanes
    ]
    assert [c.boots_last_hour for c in view.candidates] == [0, 4]


def test_a_packet_is_peeled_by_the_relays_of_its_hops_in_order() -> None:
    peelers = {}
    relays = []
    for number in range(5):
        peeler = Peeler()
        peeler.rotate(WALL, seeded_entropy(b"%d" % number))
        relays.append(make_relay(number, peeler=peeler))
        peelers[relays[-1].node_id] = peeler
    view = make_view(relays, EPOCH, {})
    builder = make_builder(RelayScores(), hops=5)
    last = relays[4].node_id
    wish = Wish(last, (PathStart(relays[0].node_id, ()),), length=5)
    delivery = DeliveryPlaintext(DEPOSIT, b"x" * 2114)
    packet, hops = next(builder.packets(seen_by(builder, view), wish, delivery, PacketClass.SMALL))
    assert len(set(hops)) == 5
    for here, following in itertools.pairwise(hops):
        forward = peelers[here].peel(packet, WALL)
        assert isinstance(forward, Forward)
        assert forward.next_id == following
        packet = forward.packet
    assert peelers[last].peel(packet, WALL) == Deliver(DEPOSIT, b"x" * 2114)


def test_an_ack_ends_at_an_own_mailbox_relay_with_its_token() -> None:
    peelers = {}
    relays = []
    for number in range(4):
        peeler = Peeler()
        peeler.rotate(WALL, seeded_entropy(b"%d" % number))
        relays.append(make_relay(number, peeler=peeler))
        peelers[relays[-1].node_id] = peeler
    view = make_view(relays, EPOCH, {})
    home, token = relays[3].node_id, bytes(range(32))
    builder = make_builder(RelayScores())
    route, hops = builder.ack(
        seen_by(builder, view), relays[0].node_id, {home: SendId(b"s" * 16)}, token
    )
    assert (route.first, home) == (hops[0], hops[-1])
    here = route.first
    packet = expand_ack(route.blob)
    for _ in range(2):
        forward = peelers[here].peel(packet, WALL)
        assert isinstance(forward, Forward)
        here, packet = forward.next_id, forward.packet
    assert here == home
    deliver = peelers[home].peel(packet, WALL)
    assert isinstance(deliver, Deliver)
    assert read_ack_token(deliver.payload) == (b"s" * 16, token)


def test_second_hops_are_the_sticky_ones(builder: PathBuilder) -> None:
    seen = Counter(draw(builder)[1] for _ in range(200))
    assert set(seen) == set(START.middles)


def test_a_suspect_second_hop_is_left_out_while_others_remain(
    builder: PathBuilder, scores: RelayScores
) -> None:
    for dead in START.middles[:3]:
        scores.unreachable(dead, 0.0)
    assert second_hops(builder) == {START.middles[3]}


def test_k42_losses_never_bring_in_a_second_hop_from_elsewhere(
    builder: PathBuilder, scores: RelayScores
) -> None:
    for dead in START.middles:
        scores.unreachable(dead, 0.0)
    assert {draw(builder)[1] for _ in range(200)} <= set(START.middles)


def test_k42_control_suspects_taken_out_of_the_sticky_set_walk_to_other_second_hops(
    builder: PathBuilder,
) -> None:
    outside = {draw(builder, start=PathStart(IDS[0], ()))[1] for _ in range(200)}
    assert outside - set(START.middles)


def test_the_delivery_relay_is_never_the_second_hop_too(builder: PathBuilder) -> None:
    for _ in range(50):
        hops = draw(builder, relay=START.middles[0])
        assert len(set(hops)) == 4


def test_longer_paths_leave_suspects_out_of_their_other_hops(scores: RelayScores) -> None:
    builder = make_builder(scores, hops=5)
    scores.unreachable(IDS[9], 0.0)
    scores.unreachable(IDS[10], 0.0)
    for _ in range(50):
        hops = draw(builder)
        assert hops[1] in START.middles
        assert {IDS[9], IDS[10]}.isdisjoint(hops[:3])


def test_a_path_is_never_shortened(builder: PathBuilder) -> None:
    two = make_view(RELAYS[:2], EPOCH, {})
    with pytest.raises(NoPathError):
        draw(builder, relay=IDS[1], view=two)
    with pytest.raises(NoPathError):
        builder.ack(seen_by(builder, two), IDS[0], {IDS[1]: SendId(bytes(16))}, bytes(32))


def spread_of_first_relays(builder: PathBuilder) -> float:
    """Chi-squared over the 11 relays other than the delivery relay."""
    token = tokens()
    seen = Counter(
        builder.ack(seen_by(builder, VIEW), IDS[8], HOMES, next(token))[0].first
        for _ in range(2200)
    )
    return sum((seen[i] - 200) ** 2 / 200 for i in IDS if i != IDS[8])


def test_k36_first_relays_of_acks_are_uniform_guards_included(builder: PathBuilder) -> None:
    """29.6 is exceeded by chance once in a thousand (10 degrees of freedom)."""
    assert spread_of_first_relays(builder) < 29.6


@pytest.mark.parametrize("names", ["guard starts the ack", "guard never starts the ack"])
def test_k36_control_any_other_draw_names_the_guard(
    builder: PathBuilder, monkeypatch: pytest.MonkeyPatch, names: str
) -> None:
    def draw_ack_path(
        candidates: CandidateSet,
        delivery: NodeId,
        mailboxes: Sequence[NodeId],
        entropy: Entropy,
        **_: object,
    ) -> Path:
        others = [c.node_id for c in candidates if c.node_id not in (delivery, IDS[0])]
        first = IDS[0] if names == "guard starts the ack" else pick(others, entropy)
        last = next(home for home in mailboxes if home != first)
        middle = next(i for i in IDS if i not in (first, last))
        return Path((first, middle, last), frozenset())

    monkeypatch.setattr(path_builder, "draw_ack_path", draw_ack_path)
    assert spread_of_first_relays(builder) > 29.6


def test_acks_avoid_relays_that_look_dead_and_end_at_the_other_mailbox(
    builder: PathBuilder, scores: RelayScores
) -> None:
    scores.unreachable(IDS[7], 0.0)
    scores.unreachable(IDS[11], 0.0)
    token = tokens()
    for _ in range(100):
        _, path = builder.ack(seen_by(builder, VIEW), IDS[8], HOMES, next(token))
        assert path[-1] == IDS[6]
        assert {IDS[7], IDS[11]}.isdisjoint(path)


def test_acks_use_relays_that_look_dead_when_there_are_no_others(
    builder: PathBuilder, scores: RelayScores
) -> None:
    for dead in IDS[6:8]:
        scores.unreachable(dead, 0.0)
    _, path = builder.ack(seen_by(builder, VIEW), IDS[8], HOMES, bytes(32))
    assert path[-1] in HOMES


def test_lanes_are_drawn_uniformly() -> None:
    relays = [make_relay(number, lanes=2) for number in range(4)]
    view = make_view(relays, EPOCH, {})
    builder = make_builder(RelayScores())
    lanes = Counter(
        builder.ack(
            seen_by(builder, view), relays[0].node_id, {relays[1].node_id: SendId(bytes(16))}, t
        )[0].lane
        for t, _ in zip(tokens(), range(200), strict=False)
    )
    assert set(lanes) == {0, 1}
    assert min(lanes.values()) > 60


def test_where_the_rules_leave_only_dead_relays_a_kept_out_one_serves(
    builder: PathBuilder, scores: RelayScores
) -> None:
    guard, dead, home, other_guard, end = IDS[:5]
    view = make_view(RELAYS[:5], EPOCH, {})
    start = PathStart(guard, (dead, home, other_guard, end))
    avoid = frozenset({home, other_guard})

    def middles(*alive: NodeId) -> set[NodeId]:
        drawn = (
            next(
                builder.packets(
                    seen_by(builder, view),
                    Wish(end, (start,), avoid, lambda: alive),
                    DROP,
                    PacketClass.SMALL,
                )
            )[1][1]
            for _ in range(40)
        )
        return set(drawn)

    assert middles() == {dead}, "nothing speaks against it yet"
    scores.unreachable(dead, 0.0)
    assert middles() == {home, other_guard}
    assert builder.relaxed == {"avoid"}
    # Everything that was lost together with it looks dead as well; a live link is better known.
    scores.unreachable(home, 0.0)
    scores.unreachable(other_guard, 0.0)
    assert middles() == {dead}, "without any hint of life the rule holds"
    assert middles(guard, other_guard) == {other_guard}


def test_a_larger_network_keeps_the_rule_while_one_relay_looks_alive(
    builder: PathBuilder, scores: RelayScores
) -> None:
    for relay in (*IDS[1:3], *IDS[5:]):
        scores.unreachable(relay, 0.0)
    avoid = frozenset({IDS[3]})
    paths = [draw(builder, avoid=avoid) for _ in range(40)]
    assert {hops[1] for hops in paths if hops[2] != IDS[4]} == {IDS[4]}


def lose(losses: LossDetector, *bad: NodeId) -> None:
    """Let packets over these relays get lost, and none elsewhere."""
    for number, relay in enumerate(bad):
        for turn in range(40):
            lost, kept = bytes([number, turn, 0]), bytes([number, turn, 1])
            losses.sent(lost, (IDS[0], relay, IDS[8]), 0.0)
            losses.sent(kept, (IDS[0], IDS[5], IDS[8]), 0.0)
            losses.returned(kept, 0.0)
    losses.tick(30.0, IDS)
    assert losses.lossy == set(bad)


def test_a_relay_that_loses_packets_is_no_second_hop_while_two_others_are(
    builder: PathBuilder, losses: LossDetector
) -> None:
    lose(losses, IDS[1], IDS[2])
    assert second_hops(builder) == {IDS[3], IDS[4]}


def test_k42_naming_relays_never_brings_in_a_second_hop_from_elsewhere(
    builder: PathBuilder, losses: LossDetector
) -> None:
    lose(losses, *START.middles)
    assert {draw(builder)[1] for _ in range(200)} <= set(START.middles)
    assert len(second_hops(builder)) == 2


def test_a_relay_that_loses_packets_is_on_no_ack_and_in_no_longer_path(
    scores: RelayScores, losses: LossDetector
) -> None:
    lose(losses, IDS[9], IDS[10])
    builder = make_builder(scores, hops=5, losses=losses)
    token = tokens()
    for _ in range(100):
        assert {IDS[9], IDS[10]}.isdisjoint(draw(builder)[:3]), "but for the hop before the end"
        _, path = builder.ack(seen_by(builder, VIEW), IDS[8], HOMES, next(token))
        assert {IDS[9], IDS[10]}.isdisjoint(path)


def test_control_before_anything_was_lost_they_are_used(scores: RelayScores) -> None:
    builder = make_builder(scores, hops=5)
    token = tokens()
    seen: set[NodeId] = set()
    for _ in range(200):
        _, path = builder.ack(seen_by(builder, VIEW), IDS[8], HOMES, next(token))
        seen |= {*draw(builder), *path}
    assert {IDS[9], IDS[10], *START.middles} <= seen
