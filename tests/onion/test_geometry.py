import pytest

from zentalk.errors import LocalProtocolError
from zentalk.onion.geometry import (
    ACK_BLOB_BYTES,
    ACK_HOPS,
    CLASSES,
    LARGE,
    MAX_HOPS,
    SMALL,
    Geometry,
)
from zentalk.wire import deposit

# docs/spec/onion.md section 4.3
TABLE = {
    SMALL: (2466, 2378, 2290, 2202, 2114),
    LARGE: (33698, 33610, 33522, 33434, 33346),
}


@pytest.mark.parametrize("geometry", TABLE)
def test_capacities_are_those_of_the_spec(geometry: Geometry) -> None:
    assert tuple(geometry.capacity(hops) for hops in range(1, MAX_HOPS + 1)) == TABLE[geometry]
    for hops in range(1, MAX_HOPS + 1):
        assert geometry.packet_bytes - geometry.capacity(hops) == 94 + 88 * (hops - 1)


def test_bodies() -> None:
    assert (SMALL.body_bytes, LARGE.body_bytes) == (2510, 33742)
    assert SMALL.rest_bytes == 2510 - 88


def test_a_compact_ack_has_330_bytes() -> None:
    # suite, epoch, ct | two headers, a delivery header, send id and token | tag | seed
    assert ACK_BLOB_BYTES == (1 + 1 + 32) + (88 + 88 + 44 + 16 + 32) + 16 + 12 == 330
    assert SMALL.ack_head_bytes(ACK_HOPS) + SMALL.ack_filler_bytes(ACK_HOPS) == 2510


def test_deposits_are_made_for_these_sizes() -> None:
    assert deposit.COMPACT_ACK_BYTES == ACK_BLOB_BYTES
    assert SMALL.capacity(MAX_HOPS) == deposit.DEPOSIT_SMALL_BYTES
    assert LARGE.capacity(MAX_HOPS) == deposit.DEPOSIT_LARGE_BYTES


@pytest.mark.parametrize("hops", [0, 6, -1])
def test_impossible_paths_have_no_capacity(hops: int) -> None:
    with pytest.raises(LocalProtocolError):
        SMALL.capacity(hops)


def test_a_class_is_known_by_the_size_of_its_packets() -> None:
    assert {2560: SMALL, 33792: LARGE} == CLASSES
