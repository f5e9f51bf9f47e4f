"""Writes tests/vectors/mesh.json: `python -m tests.mesh.make_vectors`.

Only for a new case. If it changes an existing one, files that lie at holders can be read no more.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from zentalk.ids import NodeId
from zentalk.mesh.erasure import ErasureCode
from zentalk.mesh.secrets import FileSecrets, ShareSecrets, lease_key
from zentalk.mesh.segments import coded, filled_bytes, seal_segment

PATH = Path(__file__).parent.parent / "vectors" / "mesh.json"
SECRET = bytes(range(32))
LENGTHS = (0, 1, 4_096, 4_097, 5_120, 5_121, 6_144, 7_168, 7_169, 8_192, 8_193, 10_240, 10_241)
LARGE_LENGTHS = (100_000, 1_000_000, 1_048_575, 1_048_576, 1_048_577, 2_000_000, 2_097_152)
SEGMENTS = ((0, 0, True), (0, 11, True), (3, 5_000, True), (0, 2**20, False), (2_047, 2**21, True))


def bytes_of(length: int) -> bytes:
    """Return bytes that any language makes: the start of SHAKE256 of nothing."""
    return hashlib.shake_256(b"").digest(length)


def secrets_case() -> dict[str, str]:
    share, file, holder = ShareSecrets(SECRET), FileSecrets(SECRET), NodeId(b"h" * 32)
    return {
        "secret": SECRET.hex(),
        "head_key": share.head_key.hex(),
        "head_place": share.head_place.hex(),
        "segment_key": file.segment_key.hex(),
        "index_key": file.index_key.hex(),
        "shard_place": file.shard_place.hex(),
        "holder": holder.hex(),
        "lease_seed": lease_key(SECRET, holder).seed.hex(),
        "lease_key": lease_key(SECRET, holder).public.hex(),
    }


def code_case(length: int) -> dict[str, Any]:
    data = bytes_of(length)
    return {"data": data.hex(), "pieces": [one.hex() for one in ErasureCode(10, 5).encode(data)]}


def segment_case(number: int, length: int, last: bool) -> dict[str, Any]:
    key = FileSecrets(SECRET).segment_key
    sealed = seal_segment(key, number, bytes_of(length), last=last)
    return {
        "number": number,
        "length": length,
        "last": last,
        "sealed_length": len(sealed),
        "sealed_sha256": hashlib.sha256(sealed).hexdigest(),
        "tag": sealed[-16:].hex(),
        "payload_length": len(coded(sealed)[0]),
        "payloads_sha256": [hashlib.sha256(one).hexdigest() for one in coded(sealed)],
    }


def made() -> dict[str, Any]:
    return {
        "version": 1,
        "secrets": secrets_case(),
        "size_classes": [[one, filled_bytes(one)] for one in LENGTHS + LARGE_LENGTHS],
        "code": [code_case(length) for length in (1, 10, 11, 95)],
        "segments": [segment_case(*one) for one in SEGMENTS],
    }


def main() -> None:
    PATH.write_text(json.dumps(made(), indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
