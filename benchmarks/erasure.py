"""The erasure code of files in plain Python and by ISA-L, beside the package `zfec`, in one run.

One sealed segment of 2 MiB, whole: cut into ten pieces and five more computed; and joined after the
first five were lost, the worst case, as each of them has to be computed. `zfec` (10 of 15, written
in C) gets and gives the same bytes, cut and joined by Python.

Rates are of the segment's bytes, MB are 10^6 bytes, times are CPU times. Ratios are of rates: at
least 1 is as fast as `zfec`.
"""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable
from typing import NamedTuple

from benchmarks.rounds import Row, Seconds, Work, cpu_seconds, ratio_row, skipped_row
from zentalk.mesh.accelerated import accelerated_rebuild
from zentalk.mesh.erasure import ErasureCode
from zentalk.mesh.segments import sealed_bytes
from zentalk.wire.head import LARGE_SEGMENT_BYTES

DATA, PARITY = 10, 5
ROUNDS = 25
SEGMENTS = 8
"""Coded for one time: the clock for CPU time is coarse on some machines."""
LENGTH = sealed_bytes(LARGE_SEGMENT_BYTES)
PLAIN_TARGET = 0.5
ISA_L_TARGET = 1.5
NO_ISA_L = "no pyeclib here: pip install 'zentalk[mesh]'"
NO_ZFEC = "no zfec here; see `make bench`"


class Coder(NamedTuple):
    """Both ways of one implementation; each goes one way with one segment."""

    encode: Callable[[], object]
    decode: Callable[[], object]


def rows() -> list[Row]:
    """Rates of each implementation, and what ours are in terms of the rate of `zfec`."""
    segment = os.urandom(LENGTH)
    plain, isa_l, zfec = _ours(ErasureCode(DATA, PARITY), segment), _isa_l(segment), _zfec(segment)
    return [
        *_rates("plain Python", plain, ""),
        *_rates("ISA-L", isa_l, NO_ISA_L),
        *_rates("zfec", zfec, NO_ZFEC),
        *_ratios("plain Python", plain, zfec, PLAIN_TARGET, NO_ZFEC),
        *_ratios("ISA-L", isa_l, zfec, ISA_L_TARGET, NO_ISA_L if isa_l is None else NO_ZFEC),
    ]


def _rates(name: str, coder: Coder | None, missing: str) -> list[Row]:
    encode, decode = f"10 + 5, {name}: encode", f"10 + 5, {name}: decode after five losses"
    if coder is None:
        return [skipped_row(row, None, missing) for row in (encode, decode)]
    return [_rate(encode, coder.encode), _rate(decode, coder.decode)]


def _rate(name: str, code: Callable[[], object]) -> Row:
    work = _work(code)
    work()
    spent = statistics.median(cpu_seconds(work) for _ in range(ROUNDS))
    rate = SEGMENTS * LENGTH / spent / 1e6
    return {"name": name, "value": rate, "unit": "MB/s", "target": None}


def _ratios(
    name: str, ours: Coder | None, theirs: Coder | None, target: float, missing: str
) -> list[Row]:
    encode, decode = f"rate of {name} / zfec: encode", f"rate of {name} / zfec: decode"
    if ours is None or theirs is None:
        return [skipped_row(row, target, missing, at_least=True) for row in (encode, decode)]
    return [
        _ratio(encode, ours.encode, theirs.encode, target),
        _ratio(decode, ours.decode, theirs.decode, target),
    ]


def _ratio(
    name: str, ours: Callable[[], object], theirs: Callable[[], object], target: float
) -> Row:
    def one_round(seconds: Seconds) -> float:
        return seconds(_work(theirs)) / seconds(_work(ours))

    return ratio_row(name, target, one_round, ROUNDS, at_least=True)


def _work(code: Callable[[], object]) -> Work:
    def repeated() -> None:
        for _ in range(SEGMENTS):
            code()

    return repeated


def _isa_l(segment: bytes) -> Coder | None:
    rebuild = accelerated_rebuild(DATA, PARITY)
    return None if rebuild is None else _ours(ErasureCode(DATA, PARITY, rebuild), segment)


def _ours(code: ErasureCode, segment: bytes) -> Coder:
    left = dict(list(enumerate(code.encode(segment)))[PARITY:])
    assert code.decode(left)[:LENGTH] == segment
    return Coder(lambda: code.encode(segment), lambda: code.decode(left))


def _zfec(segment: bytes) -> Coder | None:
    try:
        import zfec  # noqa: PLC0415
    except ImportError:
        return None
    encoder, decoder = zfec.Encoder(DATA, DATA + PARITY), zfec.Decoder(DATA, DATA + PARITY)
    piece = -(-LENGTH // DATA)
    filled = segment.ljust(DATA * piece, b"\0")

    def encode() -> list[bytes]:
        pieces = [filled[at : at + piece] for at in range(0, DATA * piece, piece)]
        made: list[bytes] = encoder.encode(pieces)
        return made

    left, numbers = encode()[PARITY:], list(range(PARITY, DATA + PARITY))

    def decode() -> bytes:
        return b"".join(decoder.decode(left, numbers))

    assert decode() == filled
    return Coder(encode, decode)
