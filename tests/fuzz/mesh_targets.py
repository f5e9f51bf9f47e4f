"""Shards, heads, statements and what is asked of holders, from the real encoders."""

from __future__ import annotations

from tests.fuzz.target import Target, target
from tests.fuzz.wire_targets import _question, _response
from tests.wire.mesh import HEADS, IDS, PIECE, SIGNED, head_of
from zentalk.ids import NodeId
from zentalk.mesh import head as sealing
from zentalk.mesh import segments
from zentalk.wire import head, rpc_shards, shard, statement
from zentalk.wire.codec import Fields, pack, unpack, unpack_first
from zentalk.wire.deposit import Stamp
from zentalk.wire.statement import Op

MAX_BYTES = 4096
HEAD_KEY = b"k" * 32
SEGMENT = b"the last of a file" * 300


def _formats() -> list[Target]:
    made = [shard.Shard(shard.Coding.COPY, 0, bytes(1040)), PIECE]
    statements = [
        SIGNED.statement(Op.KEEP, NodeId(b"n" * 32), IDS[:1]),
        SIGNED.statement(Op.RENEW, NodeId(b"n" * 32), IDS),
    ]
    index = head_of(40 * 2**20)
    sealed = [sealing.seal_head(HEAD_KEY, one).content for one in HEADS]
    return [
        target(shard.decode_shard, list(map(shard.encode_shard, made)), again=shard.encode_shard),
        target(
            statement.decode_statement,
            list(map(statement.encode_statement, statements)),
            again=statement.encode_statement,
        ),
        target(
            statement.read_signed_statement,
            [pack(SIGNED.to_fields())],
            parse=_signed,
            again=lambda found: pack(found.to_fields()),
        ),
        target(
            head.decode_head,
            list(map(head.encode_head, HEADS)),
            again=head.encode_head,
            also=(unpack_first,),
        ),
        target(
            sealing.open_head,
            sealed,
            parse=lambda data: sealing.open_head(
                HEAD_KEY, sealing.SealedHead(shard.shard_id(data), data)
            ),
            again=lambda found: sealing.seal_head(HEAD_KEY, found).content,
        ),
        target(
            segments.open_segment,
            [segments.seal_segment(HEAD_KEY, 3, SEGMENT, last=True)],
            parse=lambda data: segments.open_segment(HEAD_KEY, 3, data, len(SEGMENT), last=True),
            again=lambda found: segments.seal_segment(HEAD_KEY, 3, found, last=True),
        ),
        target(
            head.decode_index,
            [head.encode_index(index.index * 20)],
            parse=lambda data: head.decode_index(data, 20),
            again=head.encode_index,
        ),
    ]


def _signed(data: bytes) -> statement.SignedStatement:
    fields = Fields(unpack(data, max_bytes=MAX_BYTES), "a statement")
    signed = statement.read_signed_statement(fields)
    fields.end()
    return signed


def _calls() -> list[Target]:
    r = rpc_shards
    get = r.ShardGet(IDS[0], 10, 50)
    put = r.ShardPut(SIGNED, shard.encode_shard(PIECE), Stamp(3, b"nonce678"))
    delete = statement.SignedStatement(b"k" * 32, 0, 29_000_000, b"o" * 16, b"s" * 64)
    return [
        _question(r.PRICE, r.decode_shard_price_request, r.encode_shard_price_request, 15, 26_000),
        _question(r.PUT, r.decode_shard_put_request, r.encode_shard_put_request, put),
        _question(r.GET, r.decode_shard_get_request, r.encode_shard_get_request, get),
        _question(r.LOOK, r.decode_shard_look_request, r.encode_shard_look_request, IDS),
        _question(
            r.CHANGE,
            r.decode_shard_change_request,
            r.encode_shard_change_request,
            r.ShardChange(Op.RENEW, SIGNED, IDS),
            r.ShardChange(Op.DELETE, delete, IDS[:1]),
        ),
        _response(
            r.decode_shard_price_response, r.encode_shard_price_response, r.ShardPrice(18, 720)
        ),
        _response(r.decode_shard_put_response, r.encode_shard_put_response, 480_000),
        _response(
            r.decode_shard_get_response,
            r.encode_shard_get_response,
            r.ShardRead(1000, bytes(50)),
            asked=(get,),
        ),
        _response(
            r.decode_shard_look_response, r.encode_shard_look_response, (480_000, 0), asked=(2,)
        ),
        _response(
            r.decode_shard_change_response,
            r.encode_shard_change_response,
            tuple(r.Changed),
            asked=(3,),
        ),
    ]


def mesh_targets() -> list[Target]:
    """Return all of them."""
    return [*_formats(), *_calls()]
