"""Frozen shards, statements, heads and calls: today's code writes and reads the bytes of then."""

import json
from typing import Any

from tests.wire import make_vectors
from zentalk.wire.shard import decode_shard, shard_id
from zentalk.wire.statement import decode_statement

VECTORS: dict[str, Any] = json.loads(make_vectors.PATH.read_text("utf-8"))


def test_what_is_written_today_is_what_was_written_then() -> None:
    assert make_vectors.everything() == VECTORS


def test_what_was_written_then_is_read_today() -> None:
    for case, made in zip(VECTORS["shards"], make_vectors.SHARDS, strict=True):
        data = bytes.fromhex(case["bytes"])
        assert decode_shard(data) == made
        assert shard_id(data).hex() == case["id"]
    for case, statement in zip(VECTORS["statements"], make_vectors.STATEMENTS, strict=True):
        assert decode_statement(bytes.fromhex(case)) == statement
