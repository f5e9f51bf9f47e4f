"""The memory of nonces: complete within its bound, and never larger."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from zentalk.mesh.nonces import NonceMemory

KEY, OTHER = b"k" * 32, b"o" * 32


def nonce(number: int) -> bytes:
    return number.to_bytes(16, "big")


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 9)), max_size=60))
def test_nothing_is_forgotten_as_long_as_there_is_room(seen: list[tuple[int, int]]) -> None:
    memory = NonceMemory()
    for number, minute in seen:
        memory.see(KEY, nonce(number), minute)
    assert len(memory) == len(set(seen))
    for number, minute in seen:
        assert memory.has_seen(KEY, nonce(number), minute)
        assert not memory.has_seen(OTHER, nonce(number), minute)
    memory.forget_before(5)
    assert len(memory) == len({one for one in seen if one[1] >= 5})
    assert all(memory.has_seen(KEY, nonce(n), m) == (m >= 5) for n, m in seen)


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(0, 9)), min_size=20, unique=True))
def test_of_too_many_those_that_were_made_first_are_forgotten(seen: list[tuple[int, int]]) -> None:
    memory = NonceMemory(most=10)
    for number, minute in seen:
        memory.see(KEY, nonce(number), minute)
        assert len(memory) <= 10
    left = [minute for number, minute in seen if memory.has_seen(KEY, nonce(number), minute)]
    assert sorted(left) == sorted(minute for _, minute in seen)[-10:]
