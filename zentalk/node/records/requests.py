"""One request to one relay about a user record, through a tunnel of its own.

It must never raise because a relay is gone, lies or is silent: then it has not answered.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import trio

from zentalk.errors import RELAY_FAULTS, DecodeError, RefusedError, RemoteProtocolError
from zentalk.ids import Day, NodeId
from zentalk.node.tunnels.tunnels import TunnelOpener
from zentalk.wire.rpc_directory import (
    decode_record_get_response,
    decode_record_put_response,
    encode_record_get_request,
    encode_record_put_request,
)
from zentalk.wire.user_record import OuterRecord, decode_record

REQUEST_SECONDS: Final = 60.0
"""A backstop for one request; tunnels and responses have shorter limits of their own."""


class Reading(NamedTuple):
    """What one holder said: its record, or that it has none (`is_answer`), or nothing of use."""

    record: OuterRecord | None
    is_answer: bool


class RecordRequests:
    """Stores and reads at single holders."""

    def __init__(self, open_tunnel: TunnelOpener) -> None:
        self._open_tunnel = open_tunnel

    async def get(self, node_id: NodeId, key: bytes, day: Day) -> Reading:
        """Request a record of one holder; anything but the right valid record counts as nothing."""
        body = await self._request(node_id, encode_record_get_request(key, day))
        if body is None:
            return Reading(None, is_answer=False)
        try:
            raw = decode_record_get_response(body)
            record = decode_record(raw) if raw else None
        except (RemoteProtocolError, RefusedError):
            return Reading(None, is_answer=False)
        is_right = record is not None and (record.blinded_key, record.day) == (key, day)
        return Reading(record if is_right else None, is_answer=record is None or is_right)

    async def put(self, node_id: NodeId, raw: bytes) -> str | None:
        """Store a record; returns "" for stored, a word for refused, None for not reached."""
        body = await self._request(node_id, encode_record_put_request(raw))
        if body is None:
            return None
        try:
            decode_record_put_response(body)
        except RefusedError as refusal:
            return refusal.reason
        except DecodeError:
            return None
        return ""

    async def _request(self, node_id: NodeId, body: bytes) -> bytes | None:
        response: bytes | None = None
        with trio.move_on_after(REQUEST_SECONDS):
            try:
                async with self._open_tunnel(node_id) as link:
                    response = await link.request(body)
            except RELAY_FAULTS:
                response = None
        return response
