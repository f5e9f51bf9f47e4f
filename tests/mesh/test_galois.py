"""The field against long multiplication and division, and its matrices against their definition."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.mesh import oracle
from zentalk.errors import LocalProtocolError
from zentalk.mesh.galois import ORDER, generator, inverse, inverted, product, times

ELEMENTS = range(ORDER)


def test_products_are_those_of_polynomials() -> None:
    for left in ELEMENTS:
        assert bytes(product(left, right) for right in ELEMENTS) == oracle.row_of_products(left)


def test_the_oracle_knows_products_from_the_standard_of_aes_only_by_their_polynomial() -> None:
    """It is not the field of AES (0x11b): there 2 times 0x80 is 0x1b."""
    assert oracle.product(2, 0x80) == 0x1D
    assert oracle.product(0x53, 0xCA) != 1


def test_each_element_but_0_has_an_inverse() -> None:
    assert all(oracle.product(one, inverse(one)) == 1 for one in ELEMENTS[1:])
    with pytest.raises(LocalProtocolError):
        inverse(0)


def test_parity_comes_from_the_coefficients_of_the_specification() -> None:
    rows = generator(10, 5)
    assert rows[:10] == tuple(tuple(int(i == j) for j in range(10)) for i in range(10))
    for i, row in enumerate(rows[10:]):
        assert row == tuple(oracle.inverse((10 + i) ^ j) for j in range(10))


@pytest.mark.parametrize(("data", "parity"), [(0, 1), (1, 0), (-1, 5), (200, 57)])
def test_a_code_that_the_field_has_no_room_for_is_refused(data: int, parity: int) -> None:
    with pytest.raises(LocalProtocolError, match="256"):
        generator(data, parity)


@given(st.data(), st.integers(1, 12), st.integers(1, 12))
def test_an_inverse_undoes_its_matrix(data: st.DataObject, size: int, parity: int) -> None:
    rows = generator(size, parity)
    chosen = data.draw(st.permutations(range(size + parity)))[:size]
    matrix = [rows[at] for at in chosen]
    back = inverted(matrix)
    unit = [tuple(int(i == j) for j in range(size)) for i in range(size)]
    assert [times(row, back) for row in matrix] == unit
    assert [times(row, matrix) for row in back] == unit


def test_control_a_matrix_without_an_inverse_is_noticed() -> None:
    """Two parity rows that are alike: some losses of five cannot be undone."""
    rows = [*generator(10, 5)[:14], generator(10, 5)[13]]
    lost = 0
    for given_rows in combinations(range(15), 10):
        try:
            inverted([rows[at] for at in given_rows])
        except LocalProtocolError:
            lost += 1
    assert 0 < lost < 3_003
