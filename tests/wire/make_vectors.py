"""Writes tests/vectors/mesh-wire.json: `python -m tests.wire.make_vectors`.

Only for a new case. If it changes an existing one, the format has changed: files that are in the
mesh could not be read any more.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.wire.mesh import HEADS, IDS, PIECE, SIGNED
from zentalk.crypto.hashing import sha256
from zentalk.ids import NodeId
from zentalk.wire import rpc_shards as rpc
from zentalk.wire.deposit import Stamp
from zentalk.wire.head import encode_head
from zentalk.wire.shard import Coding, Shard, encode_shard, shard_id
from zentalk.wire.statement import Op, SignedStatement, encode_statement

PATH = Path(__file__).parent.parent / "vectors" / "mesh-wire.json"
HOLDER = NodeId(b"n" * 32)
SHARDS = (PIECE, Shard(Coding.PIECE, 0, b"x"), Shard(Coding.COPY, 0, b"sealed head"))
DELETE = SignedStatement(b"k" * 32, 0, 28_800_000, b"o" * 16, b"s" * 64)
STATEMENTS = (
    SIGNED.statement(Op.KEEP, HOLDER, IDS[:1]),
    SIGNED.statement(Op.RENEW, HOLDER, IDS),
    DELETE.statement(Op.DELETE, HOLDER, IDS[1:]),
)
CALLS = {
    "price": rpc.encode_shard_price_request(26_000),
    "put": rpc.encode_shard_put_request(
        rpc.ShardPut(SIGNED, encode_shard(PIECE), Stamp(3, b"nonce678"))
    ),
    "get": rpc.encode_shard_get_request(rpc.ShardGet(IDS[0], 10, 50)),
    "look": rpc.encode_shard_look_request(IDS),
    "renew": rpc.encode_shard_change_request(rpc.ShardChange(Op.RENEW, SIGNED, IDS)),
    "delete": rpc.encode_shard_change_request(rpc.ShardChange(Op.DELETE, DELETE, IDS[1:])),
    "price response": rpc.encode_shard_price_response(rpc.ShardPrice(18, 720)),
    "put response": rpc.encode_shard_put_response(480_000),
    "get response": rpc.encode_shard_get_response(rpc.ShardRead(1000, b"r" * 50)),
    "look response": rpc.encode_shard_look_response((480_000, 0)),
    "change response": rpc.encode_shard_change_response(tuple(rpc.Changed)),
}


def everything() -> dict[str, Any]:
    """Return what is frozen; of heads, which are long, the hash."""
    shards = list(map(encode_shard, SHARDS))
    return {
        "version": 1,
        "shards": [{"bytes": one.hex(), "id": shard_id(one).hex()} for one in shards],
        "statements": [encode_statement(one).hex() for one in STATEMENTS],
        "heads": [
            {
                "size": one.size,
                "bytes": len(encode_head(one)),
                "sha256": sha256(encode_head(one)).hex(),
            }
            for one in HEADS
        ],
        "calls": {name: body.hex() for name, body in CALLS.items()},
    }


def main() -> None:
    """Write the file."""
    PATH.write_text(json.dumps(everything(), indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
