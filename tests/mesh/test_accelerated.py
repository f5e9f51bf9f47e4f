"""ISA-L gives the bytes of plain Python at every length, and is not used where it does not."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.mesh.support import ACCELERATED, needs_pyeclib
from zentalk.mesh import accelerated
from zentalk.mesh.accelerated import accelerated_rebuild
from zentalk.mesh.erasure import ErasureCode, Rebuild, plain_rebuild

LARGE = (70_000, 262_144, 1_048_592, 2_097_168)
BYTES = random.Random(7).randbytes(LARGE[-1])
PLAIN = ErasureCode(10, 5)


def fast() -> ErasureCode:
    assert ACCELERATED is not None
    return ErasureCode(10, 5, ACCELERATED)


def both_agree(length: int) -> bool:
    """Compare all pieces of some data, and what is rebuilt after five losses."""
    start = length % 1_000
    pieces = PLAIN.encode(data := BYTES[start : start + length])
    if fast().encode(data) != pieces:
        return False
    some = {index: pieces[index] for index in random.Random(length).sample(range(15), 10)}
    return fast().rebuild(some, range(15)) == dict(enumerate(pieces))


@needs_pyeclib
def test_it_is_usable_where_it_is_installed() -> None:
    assert ACCELERATED is not None


@needs_pyeclib
def test_every_length_up_to_2000() -> None:
    assert [length for length in range(1, 2_001) if not both_agree(length)] == []


@needs_pyeclib
@given(st.integers(2_001, 70_000))
def test_longer_ones(length: int) -> None:
    assert both_agree(length)


@needs_pyeclib
@pytest.mark.long
@pytest.mark.slow
def test_every_length_up_to_70000() -> None:
    assert [length for length in range(2_001, 70_001) if not both_agree(length)] == []


@needs_pyeclib
@pytest.mark.parametrize("length", LARGE)
def test_large_ones(length: int) -> None:
    assert PLAIN.encode(BYTES[:length]) == fast().encode(BYTES[:length])


@needs_pyeclib
def test_what_it_computes_from_stays_as_it_was() -> None:
    pieces = fast().encode(BYTES[:5_000])
    before = [bytes(bytearray(piece)) for piece in pieces]
    fast().rebuild({index: pieces[index] for index in range(5, 15)}, range(15))
    assert pieces == before


@needs_pyeclib
def test_threads_may_share_it() -> None:
    code, lengths = fast(), [4_000 + 7 * number for number in range(64)]

    def coded(length: int) -> bool:
        pieces = code.encode(BYTES[:length])
        return code.decode(dict(list(enumerate(pieces))[5:]))[:length] == BYTES[:length]

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(coded, lengths))


def test_without_the_library_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accelerated, "_IS_INSTALLED", False)
    assert accelerated_rebuild(10, 5) is None


@needs_pyeclib
def test_a_build_without_isa_l_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    from pyeclib.ec_iface import ECBackendNotSupported  # noqa: PLC0415  # not there everywhere

    def refuse(**_: object) -> None:
        raise ECBackendNotSupported("no ISA-L here")

    monkeypatch.setattr(accelerated, "ECDriver", refuse)
    assert accelerated_rebuild(10, 5) is None


@needs_pyeclib
@pytest.mark.parametrize("is_parity", [False, True])
def test_control_a_build_that_gives_other_bytes_is_not_used(
    monkeypatch: pytest.MonkeyPatch, is_parity: bool
) -> None:
    def wrong_build(driver: object) -> Rebuild:
        def rebuild(pieces: Mapping[int, bytes], lost: Sequence[int]) -> list[bytes]:
            right = plain_rebuild(10, 5)(pieces, lost)
            is_wrong = (lost[0] >= 10) == is_parity and len(right[0]) == 17
            return [*right[:-1], bytes(17)] if is_wrong else right

        return rebuild

    monkeypatch.setattr(accelerated, "_rebuild", wrong_build)
    assert accelerated_rebuild(10, 5) is None


def test_the_code_itself_does_not_import_it() -> None:
    code = "import sys, zentalk.mesh.erasure; sys.exit('pyeclib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
