"""Frozen keys, pieces and segments: today's code makes what it made, and so does an oracle."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from tests.mesh import oracle
from tests.mesh.make_vectors import PATH, SECRET, bytes_of, made
from tests.mesh.support import REBUILDS
from zentalk.mesh import segments
from zentalk.mesh.erasure import ErasureCode, Rebuild
from zentalk.mesh.secrets import FileSecrets
from zentalk.mesh.segments import coded, joined, open_segment, seal_segment

VECTORS: dict[str, Any] = json.loads(PATH.read_text("utf-8"))


@pytest.mark.parametrize("rebuild", REBUILDS)
def test_the_vectors_are_what_the_generator_makes(
    rebuild: Rebuild | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = ErasureCode(10, 5, rebuild)
    monkeypatch.setattr(segments, "_code", lambda: code)
    assert made() == VECTORS


@pytest.mark.parametrize("case", VECTORS["code"], ids=lambda case: str(len(case["data"]) // 2))
def test_the_oracle_makes_the_same_pieces(case: dict[str, Any]) -> None:
    pieces = oracle.shards(bytes.fromhex(case["data"]))
    assert [piece.hex() for piece in pieces] == case["pieces"]


@pytest.mark.parametrize("case", VECTORS["segments"], ids=lambda case: str(case["length"]))
def test_the_oracle_makes_the_same_payloads_and_the_last_ten_are_read(
    case: dict[str, Any],
) -> None:
    key, data = FileSecrets(SECRET).segment_key, bytes_of(case["length"])
    sealed = seal_segment(key, case["number"], data, last=case["last"])
    payloads = oracle.shards(sealed)
    assert [hashlib.sha256(one).hexdigest() for one in payloads] == case["payloads_sha256"]
    back = joined(dict(list(enumerate(payloads))[5:]), len(data))
    assert open_segment(key, case["number"], back, len(data), last=case["last"]) == data
    assert coded(back) == payloads
