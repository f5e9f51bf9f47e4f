"""Any ten of fifteen: each way of losing five is undone, and what cannot be is said."""

from __future__ import annotations

import random
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.mesh import oracle
from tests.mesh.support import REBUILDS
from zentalk.errors import DecodeError, LocalProtocolError, UnavailableError
from zentalk.mesh.erasure import ErasureCode, TooFewShardsError


@pytest.fixture(scope="module", params=REBUILDS)
def code(request: pytest.FixtureRequest) -> ErasureCode:
    return ErasureCode(10, 5, request.param)


def filled(data: bytes) -> bytes:
    return data + bytes(-len(data) % 10)


def test_all_3003_ways_of_losing_five(code: ErasureCode) -> None:
    data = random.Random(1).randbytes(237)
    pieces = code.encode(data)
    tried = 0
    for there in combinations(range(15), 10):
        some = {index: pieces[index] for index in there}
        assert code.rebuild(some, range(15)) == dict(enumerate(pieces))
        assert code.decode(some) == filled(data)
        tried += 1
    assert tried == 3_003


@given(data=st.binary(min_size=1, max_size=600))
def test_pieces_are_those_of_the_specification(code: ErasureCode, data: bytes) -> None:
    assert code.encode(data) == oracle.shards(data)


@given(data=st.data(), whole=st.binary(min_size=1, max_size=300))
def test_some_are_rebuilt_from_any_ten_or_more(
    code: ErasureCode, data: st.DataObject, whole: bytes
) -> None:
    pieces = code.encode(whole)
    there = data.draw(st.lists(st.integers(0, 14), min_size=10, max_size=15, unique=True))
    wanted = data.draw(st.lists(st.integers(0, 14), unique=True))
    found = code.rebuild({index: pieces[index] for index in there}, wanted)
    assert found == {index: pieces[index] for index in wanted}


@pytest.mark.parametrize("there", range(10))
def test_fewer_than_ten_are_an_error_that_counts_them(code: ErasureCode, there: int) -> None:
    pieces = dict(list(enumerate(code.encode(b"text")))[15 - there :])
    with pytest.raises(TooFewShardsError, match=f"only {there} of the 10 shards") as caught:
        code.decode(pieces)
    assert (caught.value.have, caught.value.need) == (there, 10)
    assert isinstance(caught.value, UnavailableError)


def test_a_piece_of_another_length_is_refused(code: ErasureCode) -> None:
    pieces = dict(enumerate(code.encode(b"some text")))
    for wrong in (b"", b"xx"):
        with pytest.raises(DecodeError, match="not of one length"):
            code.decode(pieces | {12: wrong})
    with pytest.raises(DecodeError):
        code.decode(dict.fromkeys(range(15), b""))


@pytest.mark.parametrize("index", [-1, 15])
def test_an_index_that_no_piece_has_is_a_bug_of_the_caller(code: ErasureCode, index: int) -> None:
    pieces = dict(enumerate(code.encode(b"some text")))
    with pytest.raises(LocalProtocolError, match="0 to 14"):
        code.rebuild(pieces, [index])
    with pytest.raises(LocalProtocolError, match="0 to 14"):
        code.decode(pieces | {index: b"x"})


def test_nothing_is_not_coded(code: ErasureCode) -> None:
    with pytest.raises(LocalProtocolError):
        code.encode(b"")


def test_control_an_altered_piece_is_not_noticed_here(code: ErasureCode) -> None:
    """That is why ids are compared before, and a seal opened after."""
    pieces = code.encode(b"some text")
    altered = {index: pieces[index] for index in range(5, 15)} | {11: b"?"}
    assert code.decode(altered) != filled(b"some text")


@pytest.mark.parametrize(("data", "parity"), [(1, 1), (1, 5), (3, 2), (16, 16), (2, 30)])
def test_codes_of_other_sizes(data: int, parity: int) -> None:
    code = ErasureCode(data, parity)
    chance = random.Random(data)
    pieces = code.encode(whole := chance.randbytes(101))
    for _ in range(20):
        there = chance.sample(range(data + parity), data)
        assert code.decode({index: pieces[index] for index in there})[:101] == whole
