"""Proof of work for a shard: challenge, search, and what a stamp is worth in bits.

Spec: docs/spec/mesh.md section 10. Owners find it, and holders check it. It is bound to one shard
at one holder on one day, so nothing has to be remembered as spent: a shard is put there once. How
much is asked for is decided in `zentalk.mesh.price`.
"""

from __future__ import annotations

from typing import Final

from zentalk.crypto.hashing import blake2b_256
from zentalk.crypto.labels import Label
from zentalk.crypto.work import find_work, work_bits
from zentalk.ids import Day, NodeId, ShardId
from zentalk.wire.deposit import Stamp, stamped_epoch

_DAY_BYTES: Final = 8


def shard_challenge(holder: NodeId, shard: ShardId, day: int) -> bytes:
    """Return the 32 bytes that a nonce has to go with on a day (UTC)."""
    return blake2b_256(Label.MESH_WORK, holder, shard, day.to_bytes(_DAY_BYTES, "big"))


def shard_worth(holder: NodeId, shard: ShardId, stamp: Stamp, today: Day) -> int:
    """Return the bits that a stamp is worth for a shard; 0 if it is of another day."""
    day = stamped_epoch(stamp, today)
    if day is None:
        return 0
    return work_bits(Label.MESH_WORK_TRY, shard_challenge(holder, shard, day), stamp.nonce)


def search_shard(task: bytes, day: int, bits: int, start: int, tries: int) -> Stamp | None:
    """Try some nonces for a challenge; return the stamp of the first that is worth `bits`."""
    nonce = find_work(Label.MESH_WORK_TRY, task, bits, start, tries)
    return None if nonce is None else Stamp(day % 256, nonce)
