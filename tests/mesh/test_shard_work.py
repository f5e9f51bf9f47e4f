"""Work for a shard: it counts at one holder, for one shard, on one day and its neighbours."""

from __future__ import annotations

from zentalk.ids import Day, NodeId, ShardId
from zentalk.mesh.work import search_shard, shard_challenge, shard_worth
from zentalk.wire.deposit import NO_STAMP, Stamp

HOLDER, SHARD, DAY = NodeId(b"h" * 32), ShardId(b"s" * 32), Day(20_000)
BITS = 12


def found() -> Stamp:
    stamp = search_shard(shard_challenge(HOLDER, SHARD, DAY), DAY, BITS, 0, 1_000_000)
    assert stamp is not None
    return stamp


def test_what_is_found_is_worth_what_was_asked() -> None:
    stamp = found()
    assert stamp.epoch == DAY % 256
    for today in (DAY - 1, DAY, DAY + 1):
        assert shard_worth(HOLDER, SHARD, stamp, Day(today)) >= BITS


def test_it_counts_nowhere_else() -> None:
    stamp = found()
    assert shard_worth(HOLDER, SHARD, stamp, Day(DAY + 2)) == 0
    assert shard_worth(HOLDER, SHARD, NO_STAMP, DAY) == 0
    assert shard_worth(NodeId(b"o" * 32), SHARD, stamp, DAY) < BITS
    assert shard_worth(HOLDER, ShardId(b"o" * 32), stamp, DAY) < BITS
    moved = Stamp((DAY + 1) % 256, stamp.nonce)
    assert shard_worth(HOLDER, SHARD, moved, DAY) < BITS


def test_a_search_ends() -> None:
    assert search_shard(shard_challenge(HOLDER, SHARD, DAY), DAY, 60, 0, 100) is None
