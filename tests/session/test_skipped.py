"""The store of skipped keys: bounded, oldest first out, never changed in place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zentalk.crypto.types import Secret
from zentalk.errors import RemoteProtocolError
from zentalk.session.skipped import (
    MAX_CHAINS,
    MAX_GAP,
    MAX_KEPT,
    AlreadyReadError,
    SkippedKeys,
    check_gap,
)


def keys(numbers: range) -> dict[int, Secret]:
    return {number: Secret(number.to_bytes(32)) for number in numbers}


def chain(number: int) -> bytes:
    return number.to_bytes(32)


@given(have=st.integers(0, 2**32), gap=st.integers(0, 2**32))
def test_a_gap_is_judged_by_its_length_alone(have: int, gap: int) -> None:
    if gap <= MAX_GAP:
        check_gap(have, have + gap)
    else:
        with pytest.raises(RemoteProtocolError):
            check_gap(have, have + gap)


def test_a_key_is_taken_once_and_the_old_store_still_has_it() -> None:
    store = SkippedKeys().add(chain(1), keys(range(3)))
    key, after = store.take(chain(1), 1)
    assert key == (1).to_bytes(32)
    assert (store.count, after.count) == (3, 2)
    assert store.has(chain(1), 1)
    assert not after.has(chain(1), 1)
    with pytest.raises(AlreadyReadError):
        after.take(chain(1), 1)
    with pytest.raises(AlreadyReadError):
        after.take(chain(2), 1)


def test_an_empty_chain_leaves_no_trace() -> None:
    _, after = SkippedKeys().add(chain(1), keys(range(1))).take(chain(1), 0)
    assert list(after.header_keys()) == []
    assert SkippedKeys().add(chain(1), {}).count == 0


def test_newest_chains_are_tried_first() -> None:
    store = SkippedKeys()
    for number in range(4):
        store = store.add(chain(number), keys(range(1)))
    assert list(store.header_keys()) == [chain(number) for number in (3, 2, 1, 0)]


def test_the_oldest_chain_goes_when_there_are_too_many() -> None:
    store = SkippedKeys()
    for number in range(MAX_CHAINS + 3):
        store = store.add(chain(number), keys(range(1)))
    assert len(store.chains) == store.count == MAX_CHAINS
    assert not store.has(chain(2), 0)
    assert store.has(chain(3), 0)


def test_the_oldest_keys_go_when_there_are_too_many() -> None:
    store = SkippedKeys().add(chain(1), keys(range(MAX_GAP))).add(chain(2), keys(range(MAX_GAP)))
    assert store.count == MAX_KEPT
    store = store.add(chain(3), keys(range(10)))
    assert store.count == MAX_KEPT
    assert not store.has(chain(1), 9)
    assert store.has(chain(1), 10)
    store = store.add(chain(3), keys(range(10, MAX_GAP + 10)))
    assert store.count == MAX_KEPT
    assert not store.has(chain(1), MAX_GAP - 1)
    assert store.has(chain(2), 10)


@given(
    added=st.lists(st.tuples(st.integers(0, 400), st.integers(1, 60)), max_size=60),
)
def test_the_bounds_hold_whatever_is_added(added: list[tuple[int, int]]) -> None:
    store = SkippedKeys()
    for number, count in added:
        store = store.add(chain(number), keys(range(count)))
        assert store.has(chain(number), count - 1)
    assert store.count == sum(len(one) for one in store.chains.values()) <= MAX_KEPT
    assert len(store.chains) <= MAX_CHAINS


def test_no_key_shows_in_a_repr() -> None:
    assert repr(SkippedKeys().add(chain(1), keys(range(3)))) == "<3 skipped keys>"
