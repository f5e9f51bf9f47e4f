import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.onion.support import WALL, Row, seeded
from zentalk.errors import AuthenticationError, LocalProtocolError
from zentalk.ids import NodeId
from zentalk.onion.geometry import LARGE, SMALL, Geometry
from zentalk.onion.packet import (
    DEPOSIT,
    DROP,
    MAX_DELAY_MS,
    SERVICES,
    DeliveryPlaintext,
    Forward,
    Hop,
)
from zentalk.onion.wrap import wrap

ROW = Row(5)
HOP = ROW.hops(1)[0]


@given(
    geometry=st.sampled_from([SMALL, LARGE]),
    delays=st.lists(st.integers(0, MAX_DELAY_MS), min_size=1, max_size=5),
    service=st.sampled_from(sorted(SERVICES)),
    share=st.floats(0, 1),
    seed=st.binary(max_size=8),
)
def test_what_was_wrapped_arrives(
    geometry: Geometry, delays: list[int], service: int, share: float, seed: bytes
) -> None:
    row = Row(len(delays), seed)
    payload = seeded(seed)(int(share * geometry.capacity(len(delays))))
    packet = wrap(
        geometry, row.hops(delays=delays), DeliveryPlaintext(service, payload), seeded(seed)
    )
    links, arrived = row.walk(packet)
    assert (arrived.service, arrived.payload) == (service, payload)
    assert arrived.delay_ms == delays[-1]
    assert {len(link) for link in links} == {geometry.packet_bytes}


@pytest.mark.parametrize("geometry", [SMALL, LARGE], ids=lambda g: g.packet_class.letter)
@pytest.mark.parametrize("hops", range(1, 6))
def test_capacity_is_exact(geometry: Geometry, hops: int) -> None:
    row = Row(hops)
    payload = seeded(b"full")(geometry.capacity(hops))
    packet = wrap(geometry, row.hops(), DeliveryPlaintext(DEPOSIT, payload), row.entropy)
    assert row.walk(packet)[1].payload == payload
    with pytest.raises(LocalProtocolError):
        wrap(geometry, row.hops(), DeliveryPlaintext(DEPOSIT, payload + b"x"), row.entropy)


def test_each_hop_holds_its_own_delay_and_names_the_next_lane() -> None:
    row = Row(3)
    packet = wrap(SMALL, row.hops(delays=[5, 60_000, 7]), DeliveryPlaintext(DROP, b""), row.entropy)
    first = row.relays[0].peel(packet, WALL)
    assert isinstance(first, Forward)
    assert (first.delay_ms, first.lane) == (5, 1)
    second = row.relays[1].peel(first.packet, WALL)
    assert isinstance(second, Forward)
    assert (second.delay_ms, second.lane) == (60_000, 2)


def test_the_same_entropy_gives_the_same_packet_and_other_entropy_no_common_bytes() -> None:
    hops = ROW.hops(3)
    one = wrap(SMALL, hops, DeliveryPlaintext(DEPOSIT, b"x"), seeded(b"1"))
    assert one == wrap(SMALL, hops, DeliveryPlaintext(DEPOSIT, b"x"), seeded(b"1"))
    other = wrap(SMALL, hops, DeliveryPlaintext(DEPOSIT, b"x"), seeded(b"2"))
    assert sum(a == b for a, b in zip(one, other, strict=True)) < 40


def test_every_hop_gets_a_key_pair_of_its_own() -> None:
    row = Row(3)
    packet = wrap(SMALL, row.hops(), DeliveryPlaintext(DROP, b""), row.entropy)
    links, _ = row.walk(packet)
    assert len({link[2:34] for link in links}) == 3


@pytest.mark.parametrize(
    "hop",
    [
        Hop(NodeId(b"short"), HOP.mix_key, HOP.epoch),
        Hop(HOP.node_id, HOP.mix_key[1:], HOP.epoch),
        Hop(HOP.node_id, HOP.mix_key, HOP.epoch, lane=256),
        Hop(HOP.node_id, HOP.mix_key, HOP.epoch, lane=-1),
        Hop(HOP.node_id, HOP.mix_key, HOP.epoch, delay_ms=60_001),
        Hop(HOP.node_id, HOP.mix_key, HOP.epoch, delay_ms=-1),
    ],
)
def test_a_hop_without_an_encoding_is_our_own_mistake(hop: Hop) -> None:
    with pytest.raises(LocalProtocolError):
        wrap(SMALL, [hop], DeliveryPlaintext(DROP, b""), seeded(b""))


@pytest.mark.parametrize("service", [0, 4, 256])
def test_a_service_that_does_not_exist_is_our_own_mistake(service: int) -> None:
    with pytest.raises(LocalProtocolError):
        wrap(SMALL, ROW.hops(3), DeliveryPlaintext(service, b""), seeded(b""))


@pytest.mark.parametrize("count", [0, 6])
def test_a_path_has_one_to_five_hops(count: int) -> None:
    with pytest.raises(LocalProtocolError):
        wrap(SMALL, [HOP] * count, DeliveryPlaintext(DROP, b""), seeded(b""))


def test_a_mix_key_of_low_order_is_the_relays_fault() -> None:
    with pytest.raises(AuthenticationError):
        wrap(
            SMALL,
            [Hop(HOP.node_id, bytes(32), HOP.epoch)],
            DeliveryPlaintext(DROP, b""),
            seeded(b""),
        )


def test_payloads_do_not_show() -> None:
    assert "hello" not in repr(DeliveryPlaintext(DEPOSIT, b"hello"))
    row = Row(1)
    packet = wrap(SMALL, row.hops(), DeliveryPlaintext(DEPOSIT, b"hello"), row.entropy)
    assert "hello" not in repr(row.walk(packet)[1])
