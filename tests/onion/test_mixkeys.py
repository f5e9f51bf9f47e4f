import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.onion.support import EPOCH, WALL, seeded
from zentalk.errors import LocalProtocolError
from zentalk.ids import EPOCH_SECONDS, Epoch, epoch_at
from zentalk.onion.mixkeys import EARLY_SECONDS, MixKeys, accepted_epoch
from zentalk.onion.peel import Peeler


@given(wall=st.floats(0, 4e9), ahead=st.integers(-300, 300))
def test_accepted_epochs(wall: float, ahead: int) -> None:
    epoch = epoch_at(wall)
    meant = accepted_epoch((epoch + ahead) & 255, wall)
    assert meant is None or (meant - epoch - ahead) % 256 == 0
    early = wall >= (epoch + 1) * EPOCH_SECONDS - EARLY_SECONDS
    accepted = {epoch - 1, epoch, epoch + 1} if early else {epoch - 1, epoch}
    if epoch + ahead in accepted:
        assert meant == epoch + ahead
    else:
        assert meant is None or meant in accepted


def test_the_edges_of_an_epoch() -> None:
    start = float((EPOCH + 1) * EPOCH_SECONDS)
    late = (EPOCH + 1) & 255
    assert accepted_epoch(late, start - 300.001) is None
    assert accepted_epoch(late, start - 300) == EPOCH + 1
    assert accepted_epoch(EPOCH & 255, start + 3599.999) == EPOCH
    assert accepted_epoch(EPOCH & 255, start + 3600) is None


def test_keys_are_published_once_and_kept_for_three_epochs() -> None:
    keys, entropy = MixKeys(), seeded(b"keys")
    keys.rotate(WALL, entropy)
    first = keys.public(EPOCH)
    following = keys.public(Epoch(EPOCH + 1))
    keys.rotate(WALL + 60, entropy)
    assert (keys.public(EPOCH), keys.public(Epoch(EPOCH + 1))) == (first, following)
    keys.rotate(WALL + 3600, entropy)
    assert (keys.public(EPOCH), keys.public(Epoch(EPOCH + 1))) == (first, following)
    keys.rotate(WALL + 7200, entropy)
    assert keys.slot(EPOCH) is None
    assert keys.public(Epoch(EPOCH + 1)) == following


def test_a_dropped_key_takes_its_filter_along_and_never_comes_back() -> None:
    keys, entropy = MixKeys(), seeded(b"keys")
    keys.rotate(WALL, entropy)
    slot = keys.slot(EPOCH)
    assert slot is not None
    slot.seen.insert(bytes(16))
    before = slot.key.pair.public
    keys.rotate(WALL + 2 * 3600, entropy)
    keys.rotate(WALL, entropy)
    again = keys.slot(EPOCH)
    assert again is not None
    assert again.key.pair.public != before


def test_a_clock_set_back_over_an_epochs_start_drops_no_published_key() -> None:
    keys, entropy = MixKeys(), seeded(b"keys")
    start = float((EPOCH + 1) * EPOCH_SECONDS)
    keys.rotate(start - 1, entropy)
    keys.rotate(start + 1, entropy)
    published = [keys.public(Epoch(EPOCH + ahead)) for ahead in (1, 2)]
    keys.rotate(start - 20, entropy)
    keys.rotate(start + 1, entropy)
    assert [keys.public(Epoch(EPOCH + ahead)) for ahead in (1, 2)] == published


@given(st.lists(st.integers(-5, 5), max_size=30))
def test_never_more_than_four_keys(steps: list[int]) -> None:
    keys, entropy, wall = MixKeys(), seeded(b"walk"), WALL
    for step in steps:
        wall += step * 1800
        keys.rotate(wall, entropy)
        epoch = epoch_at(wall)
        assert keys.slot(epoch) is not None
        assert keys.slot(Epoch(epoch + 1)) is not None
        assert len(keys._slots) <= 4


def test_descriptor_keys() -> None:
    relay = Peeler()
    relay.rotate(WALL, seeded(b"descriptor"))
    now, following = relay.keys_for_descriptor(EPOCH)
    assert now != following
    relay.rotate((EPOCH + 1) * EPOCH_SECONDS, seeded(b"later"))
    assert relay.keys_for_descriptor(Epoch(EPOCH + 1))[0] == following
    with pytest.raises(LocalProtocolError):
        relay.keys_for_descriptor(Epoch(EPOCH + 2))
