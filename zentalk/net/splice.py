"""Joins two byte streams: what a relay does for a tunnel that passes through it.

Each direction reads only after it has written, so the credit of one side becomes the
credit of the other and nothing piles up in between.
"""

from __future__ import annotations

import trio

from zentalk.net.transport import PEER_FAULTS, READ_BYTES, ByteStream


async def splice(a: ByteStream, b: ByteStream) -> None:
    """Copy both ways until one side ends or breaks, then close both. Never raises for that."""
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_copy, a, b, nursery.cancel_scope)
            nursery.start_soon(_copy, b, a, nursery.cancel_scope)
    finally:
        with trio.CancelScope(shield=True), trio.move_on_after(1):
            await a.aclose()
            await b.aclose()


async def _copy(source: ByteStream, target: ByteStream, scope: trio.CancelScope) -> None:
    try:
        while data := await source.receive_some(READ_BYTES):
            await target.send_all(data)
    except PEER_FAULTS:
        pass
    scope.cancel()
