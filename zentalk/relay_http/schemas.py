"""The JSON bodies of the door, in and out. Docs: docs/reference/relay-http.md."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from zentalk.crypto.work import NONCE_BYTES
from zentalk.errors import DecodeError
from zentalk.ids import SEND_ID_BYTES, Day, SendId
from zentalk.mailbox.http_credentials import decode_base64, encode_base64
from zentalk.wire.deposit import NO_STAMP, Stamp
from zentalk.wire.rpc_mailbox import (
    MAX_ACKED_SEQS,
    MAX_U32,
    MAX_U64,
    PushNotification,
    TokenNotification,
)
from zentalk.wire.rpc_send_ids import SendIdEntry, SendIdKind, SendIdsRequest, sinks_request

MAX_CHANGES = 256
"""Send ids in one request, so that it fits the largest body."""
STAMP_EPOCHS = 256
"""A stamp names the day modulo this."""
_KINDS = {"contact": SendIdKind.CONTACT, "public": SendIdKind.PUBLIC, "ack": SendIdKind.ACK}


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Acknowledgement(_In):
    """Numbers of envelopes that are saved."""

    numbers: Annotated[
        list[Annotated[int, Field(ge=0, le=MAX_U64)]], Field(max_length=MAX_ACKED_SEQS)
    ]


class NewSendId(_In):
    """A send id to register, and the days on which it takes deposits."""

    id: str
    kind: Literal["contact", "public", "ack"]
    first_day: Annotated[int, Field(ge=0, le=MAX_U32)] = 0
    last_day: Annotated[int, Field(ge=0, le=MAX_U32)] = MAX_U32


class SendIds(_In):
    """Send ids to add (or change) and to remove, as one step."""

    add: Annotated[list[NewSendId], Field(max_length=MAX_CHANGES)] = []
    remove: Annotated[list[str], Field(max_length=MAX_CHANGES)] = []


def send_ids_request(body: SendIds) -> SendIdsRequest:
    """Return the same as a request on a link; raises DecodeError."""
    entries = []
    for item in body.add:
        if item.first_day > item.last_day:
            raise DecodeError("first_day is after last_day")
        kind, first, last = _KINDS[item.kind], Day(item.first_day), Day(item.last_day)
        entries.append(SendIdEntry(_send_id(item.id), kind, first, last))
    if len({entry.send_id for entry in entries}) != len(entries):
        raise DecodeError("a send id is added twice")
    return SendIdsRequest(tuple(entries), tuple(_send_id(text) for text in body.remove))


class Sinks(_In):
    """Send ids under which nothing is wanted any more."""

    ids: Annotated[list[str], Field(max_length=MAX_CHANGES)]


class Work(_In):
    """Proof of work for a mailbox: the day (unix time / 86,400) it was done for, and the nonce."""

    day: Annotated[int, Field(ge=0, le=MAX_U32)]
    nonce: str


class Opening(_In):
    """A wish to collect, with work if the mailbox is new and the relay asks for some."""

    work: Work | None = None


def sinks_change(body: Sinks) -> SendIdsRequest:
    """Return the same as `mail.sinks` on a link; raises DecodeError."""
    return sinks_request(_send_id(text) for text in body.ids)


def opening_stamp(body: Opening) -> Stamp:
    """Return the work as `mail.open` carries it on a link; raises DecodeError."""
    if body.work is None:
        return NO_STAMP
    return Stamp(body.work.day % STAMP_EPOCHS, decode_base64(body.work.nonce, NONCE_BYTES))


def _send_id(text: str) -> SendId:
    return SendId(decode_base64(text, SEND_ID_BYTES))


def pending_view(
    pushes: Sequence[PushNotification], tokens: Sequence[TokenNotification]
) -> dict[str, Any]:
    """Return the answer of GET /relay/pending."""
    return {
        "envelopes": [
            {
                "number": push.seq,
                "send_id": encode_base64(push.send_id),
                "envelope": encode_base64(push.envelope),
                "arrived_hour": push.arrived_hour,
            }
            for push in pushes
        ],
        "tokens": [
            {"send_id": encode_base64(token.send_id), "token": encode_base64(token.token)}
            for token in tokens
        ],
    }
