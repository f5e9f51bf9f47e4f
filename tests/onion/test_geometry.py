import pytest

from zentalk.errors import LocalProtocolError
from zentalk.onion.errors import PacketRefusedError
from zentalk.onion.geometry import (
    ACK_BLOB_BYTES,
    DEFAULT_HOPS,
    LARGE,
    MAX_HOPS,
    SMALL,
    Geometry,
    class_of,
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
    assert SMALL.ack_head_bytes(DEFAULT_HOPS) + SMALL.ack_filler_bytes(DEFAULT_HOPS) == 2510


def test_deposits_are_made_for_these_sizes() -> None:
    assert deposit.COMPACT_ACK_BYTES == ACK_BLOB_BYTES
    assert SMALL.capacity(MAX_HOPS) == deposit.DEPOSIT_SMALL_BYTES
    assert LARGE.capacity(MAX_HOPS) == deposit.DEPOSIT_LARGE_BYTES


@pytest.mark.parametrize("hops", [0, 6, -1])
def test_impossible_paths_have_no_capacity(hops: int) -> None:
    with pytest.raises(LocalProtocolError):
        SMALL.capacity(hops)


def test_class_of_a_size() -> None:
    assert class_of(2560) is SMALL
    assert class_of(33792) is LARGE
    for size in (0, 2559, 2561, 33791):
        with pytest.raises(PacketRefusedError, match="malformed"):
            class_of(size)
