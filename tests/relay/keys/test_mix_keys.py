"""Mix keys, epochs and boots: one descriptor per (epoch, boot), keys in RAM only."""

from __future__ import annotations

import pytest

from zentalk.crypto.ed25519 import SigningKey
from zentalk.ids import EPOCH_SECONDS, Epoch
from zentalk.net.runtime import seeded_entropy
from zentalk.onion.errors import PacketRefusedError
from zentalk.onion.geometry import SMALL
from zentalk.onion.packet import DROP, Deliver, DeliveryPlaintext, Hop
from zentalk.onion.replay import Capacity
from zentalk.onion.wrap import wrap
from zentalk.relay.keys.mix_keys import (
    PUBLISH_AFTER_SECONDS,
    PUBLISH_SPREAD_SECONDS,
    ClockWatch,
    OwnKeys,
    filter_capacity,
)
from zentalk.wire.descriptor import (
    ROLE_FORWARD,
    Descriptor,
    DescriptorBody,
    Lane,
    decode_descriptor,
)

WALL = 1_700_000_000.0
KEY = SigningKey(bytes(32))


LATEST = PUBLISH_AFTER_SECONDS + PUBLISH_SPREAD_SECONDS


def make_keys(lanes: int = 1, seed: int = 0) -> OwnKeys:
    body = DescriptorBody(
        network="local",
        identity=KEY.public,
        host="relay",
        lanes=tuple(Lane(9001 + lane, bytes(32), bytes(32)) for lane in range(lanes)),
        roles=ROLE_FORWARD,
        family=b"",
        max_links=10,
        version="1",
        epoch=Epoch(0),
        boot=0,
    )
    return OwnKeys(KEY, body, seeded_entropy(b"keys%d" % seed), capacity=Capacity(100))


def packet_for(descriptor: Descriptor, epoch: int, lane: int = 0) -> bytes:
    key = descriptor.mix_key(lane, Epoch(epoch))
    assert key is not None
    hop = Hop(descriptor.node_id, key, Epoch(epoch), lane)
    return wrap(SMALL, [hop], DeliveryPlaintext(DROP, b""), seeded_entropy(bytes([lane])))


def test_the_descriptor_is_signed_and_names_each_lanes_keys() -> None:
    keys = make_keys(lanes=3)
    descriptor = keys.boot(7, WALL)
    assert decode_descriptor(descriptor.raw) == descriptor
    assert descriptor.boot == 7
    assert [lane.port for lane in descriptor.lanes] == [9001, 9002, 9003]
    assert len({lane.mix_key for lane in descriptor.lanes}) == 3
    for lane, peeler in enumerate(keys.peelers):
        packet = packet_for(descriptor, descriptor.epoch, lane)
        assert isinstance(peeler.peel(packet, WALL), Deliver)
        with pytest.raises(PacketRefusedError, match="undecryptable"):
            keys.peelers[lane - 1].peel(packet, WALL)


def test_there_is_one_descriptor_per_epoch_and_boot() -> None:
    keys = make_keys()
    first = keys.boot(1, WALL)
    assert keys.turn(WALL + 1) is None
    assert keys.turn(WALL - EPOCH_SECONDS) is None, "a clock set back must not sign a second one"
    second = keys.turn(WALL + EPOCH_SECONDS + LATEST)
    assert second is not None
    assert keys.descriptor is second
    assert (second.boot, second.epoch) == (1, first.epoch + 1)
    assert second.mix_key(0, second.epoch) == first.mix_key(0, second.epoch)
    assert keys.turn(WALL + EPOCH_SECONDS + LATEST + 1) is None


def test_keys_turn_with_the_epoch_and_the_descriptor_follows_minutes_later() -> None:
    start = (WALL // EPOCH_SECONDS + 1) * EPOCH_SECONDS
    moments = set()
    for number in range(20):
        keys = make_keys(seed=number)
        first = keys.boot(1, WALL)
        seconds = 0
        while keys.turn(start + seconds) is None:
            if not seconds:
                packet = packet_for(first, first.epoch + 1)
                assert isinstance(keys.peelers[0].peel(packet, start), Deliver)
            seconds += 60
        assert PUBLISH_AFTER_SECONDS <= seconds <= LATEST + 60
        assert keys.descriptor.epoch == first.epoch + 1
        moments.add(seconds)
    assert len(moments) > 8, "relays do not publish at the same moment"


def test_k37_a_new_boot_forgets_every_key() -> None:
    keys = make_keys()
    old = packet_for(keys.boot(1, WALL), keys.descriptor.epoch)
    peelers = keys.peelers
    new = packet_for(keys.boot(2, WALL), keys.descriptor.epoch)
    with pytest.raises(PacketRefusedError, match="undecryptable"):
        peelers[0].peel(old, WALL)
    assert isinstance(peelers[0].peel(new, WALL), Deliver)


def test_k1_a_packet_of_the_last_epoch_stays_in_its_filter() -> None:
    keys = make_keys()
    packet = packet_for(keys.boot(1, WALL), keys.descriptor.epoch)
    keys.peelers[0].peel(packet, WALL)
    keys.turn(WALL + EPOCH_SECONDS)
    with pytest.raises(PacketRefusedError, match="replay"):
        keys.peelers[0].peel(packet, WALL + EPOCH_SECONDS)


def test_a_step_of_the_wall_clock_is_noticed_and_drift_is_not() -> None:
    watch = ClockWatch(WALL, 0.0)
    assert not watch.stepped(WALL + 10.5, 10.0)
    assert not watch.stepped(WALL + 80.5, 20.0), "60 s and less are tolerated"
    assert watch.stepped(WALL + 151.0, 30.0)
    assert not watch.stepped(WALL + 161.0, 40.0)
    assert watch.stepped(WALL - 86_400, 50.0)


def test_filters_fit_the_memory() -> None:
    assert filter_capacity(256 * 2**20, 1) == (248_551, 1_506_960)
    assert filter_capacity(2**40, 1).exact == 500_000
    for memory, lanes in ((16 * 2**20, 16), (256 * 2**20, 1), (2**30, 4)):
        exact, digests = filter_capacity(memory, lanes)
        assert lanes * 3 * (exact * 90 + digests / 552 * 8192) <= memory / 2


def test_the_next_turn_is_that_of_the_epoch_or_of_the_descriptor() -> None:
    keys = make_keys()
    keys.boot(1, WALL)
    to_next = EPOCH_SECONDS - WALL % EPOCH_SECONDS
    assert keys.next_turn(WALL) == to_next
    turned = WALL + to_next
    assert keys.turn(turned) is None, "its descriptor comes later"
    wait = keys.next_turn(turned)
    assert PUBLISH_AFTER_SECONDS <= wait <= LATEST
    assert keys.turn(turned + wait - 1) is None
    assert keys.turn(turned + wait + 0.001) is not None
    assert keys.next_turn(turned + wait + 0.001) > 0
