"""Getting and collecting a mailbox: `mail.price`, `open`, `push`, `token`, `ack`, and the rest.

Spec: docs/spec/mailbox.md section 9. Only shapes and bounds are checked here; whether
a proof verifies or a mailbox exists is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from zentalk.crypto.ed25519 import SIGNATURE_BYTES
from zentalk.errors import DecodeError
from zentalk.ids import (
    DEPOSIT_ID_BYTES,
    MAILBOX_ID_BYTES,
    SEND_ID_BYTES,
    DepositId,
    MailboxId,
    SendId,
)
from zentalk.wire.codec import Fields, Value
from zentalk.wire.deposit import (
    ENVELOPE_LARGE_BYTES,
    NO_STAMP,
    STAMP_BYTES,
    Stamp,
    decode_stamp,
    encode_stamp,
)
from zentalk.wire.rpc import decode_response, encode_call, encode_response

OPEN: Final = "mail.open"
PRICE: Final = "mail.price"
PUSH: Final = "mail.push"
TOKEN: Final = "mail.token"  # noqa: S105 (a method, not a password)
ACK: Final = "mail.ack"
DEFER: Final = "mail.defer"
REPLACED: Final = "mail.replaced"

TOKEN_BYTES: Final = 32
MAX_ACKED_SEQS: Final = 1024
"""Sequence numbers in one `mail.ack`: more than any window holds."""
MAX_BITS: Final = 255
MAX_U16: Final = 2**16 - 1
MAX_U32: Final = 2**32 - 1
MAX_U64: Final = 2**64 - 1


@dataclass(frozen=True, slots=True)
class OpenRequest:
    """`mail.open`: become the one collector of a mailbox.

    `signature` covers link, relay and generation; at most `window` pushes stay unacked. `stamp`
    is the work for a mailbox that does not exist yet, NO_STAMP for none.
    """

    mailbox: MailboxId = field(repr=False)
    generation: int
    signature: bytes = field(repr=False)
    window: int
    stamp: Stamp = field(default=NO_STAMP, repr=False)


@dataclass(frozen=True, slots=True)
class PushNotification:
    """`mail.push`: one sealed envelope on its way to the owner, as it was deposited.

    Deposit id and stamp let the owner see for itself what work was done for it.
    """

    seq: int
    send_id: SendId = field(repr=False)
    envelope: bytes = field(repr=False)
    arrived_hour: int
    deposit_id: DepositId = field(repr=False)
    stamp: Stamp = field(default=NO_STAMP, repr=False)

    def to_fields(self) -> list[Any]:
        """Return the fields in the order in which `decode_push` reads them."""
        stamp = encode_stamp(self.stamp)
        return [self.seq, self.send_id, self.envelope, self.arrived_hour, self.deposit_id, stamp]


@dataclass(frozen=True, slots=True)
class TokenNotification:
    """`mail.token`: an ack token that arrived at an ack send id."""

    send_id: SendId = field(repr=False)
    token: bytes = field(repr=False)


def encode_open_request(request: OpenRequest) -> bytes:
    """Encode the request `mail.open`."""
    return encode_call(
        OPEN,
        request.mailbox,
        request.generation,
        request.signature,
        request.window,
        encode_stamp(request.stamp),
    )


def decode_open_request(fields: Fields) -> OpenRequest:
    """Read the fields of `mail.open`; raises DecodeError."""
    request = OpenRequest(
        mailbox=MailboxId(fields.fixed(MAILBOX_ID_BYTES)),
        generation=fields.uint(MAX_U64),
        signature=fields.fixed(SIGNATURE_BYTES),
        window=fields.uint(MAX_U16),
        stamp=decode_stamp(fields.fixed(STAMP_BYTES)),
    )
    fields.end()
    if request.window == 0:
        raise DecodeError("a collector's window is zero")
    return request


def encode_open_response() -> bytes:
    """Encode the response to `mail.open`, which says nothing more."""
    return encode_response()


def decode_open_response(body: bytes) -> None:
    """Read the response to `mail.open`; raises RefusedError or DecodeError."""
    decode_response(body).end()


def encode_price_request() -> bytes:
    """Encode the request `mail.price`: how much work does a new mailbox take now?"""
    return encode_call(PRICE)


def decode_price_request(fields: Fields) -> None:
    """Read the fields of `mail.price`, which has none; raises DecodeError."""
    fields.end()


def encode_price_response(bits: int) -> bytes:
    """Encode the response to `mail.price`, at most MAX_BITS."""
    return encode_response(min(bits, MAX_BITS))


def decode_price_response(body: bytes) -> int:
    """Return the bits of work that are asked for, 0 for none; raises RefusedError, DecodeError."""
    fields = decode_response(body)
    bits = fields.uint(MAX_BITS)
    fields.end()
    return bits


def encode_push(push: PushNotification) -> bytes:
    """Encode the notification `mail.push`."""
    return encode_call(PUSH, *push.to_fields())


def decode_push(fields: Fields) -> PushNotification:
    """Read the fields of `mail.push`, or of one push in a poll's response; raises DecodeError."""
    push = PushNotification(
        seq=fields.uint(MAX_U64),
        send_id=SendId(fields.fixed(SEND_ID_BYTES)),
        envelope=fields.blob(ENVELOPE_LARGE_BYTES, minimum=1),
        arrived_hour=fields.uint(MAX_U32),
        deposit_id=DepositId(fields.fixed(DEPOSIT_ID_BYTES)),
        stamp=decode_stamp(fields.fixed(STAMP_BYTES)),
    )
    fields.end()
    return push


def encode_token(token: TokenNotification) -> bytes:
    """Encode the notification `mail.token`."""
    return encode_call(TOKEN, token.send_id, token.token)


def decode_token(fields: Fields) -> TokenNotification:
    """Read the fields of `mail.token`; raises DecodeError."""
    token = TokenNotification(SendId(fields.fixed(SEND_ID_BYTES)), fields.fixed(TOKEN_BYTES))
    fields.end()
    return token


def encode_replaced() -> bytes:
    """Encode the notification `mail.replaced`, the last one on a collector's link."""
    return encode_call(REPLACED)


def encode_token_payload(send_id: SendId, token: bytes) -> bytes:
    """Encode the payload of onion service 2: send id 16 || token 32."""
    return send_id + token


def decode_token_payload(payload: bytes) -> TokenNotification:
    """Decode the payload of onion service 2; raises DecodeError."""
    if len(payload) != SEND_ID_BYTES + TOKEN_BYTES:
        raise DecodeError("an ack token's payload has the wrong length")
    return TokenNotification(SendId(payload[:SEND_ID_BYTES]), payload[SEND_ID_BYTES:])


def encode_ack(seqs: Sequence[int]) -> bytes:
    """Encode the notification `mail.ack`."""
    return encode_call(ACK, list(seqs))


def encode_defer_request(seqs: Sequence[int]) -> bytes:
    """Encode the request `mail.defer`: there is no room for these now."""
    return encode_call(DEFER, list(seqs))


def encode_defer_response() -> bytes:
    """Encode the response to `mail.defer`, which says nothing more."""
    return encode_response()


def decode_defer_response(body: bytes) -> None:
    """Read the response to `mail.defer`; raises RefusedError or DecodeError."""
    decode_response(body).end()


def decode_seqs(fields: Fields) -> tuple[int, ...]:
    """Read the sequence numbers of `mail.ack` or `mail.defer`; raises DecodeError."""
    items = fields.array(MAX_ACKED_SEQS)
    fields.end()
    return tuple(_seq(item) for item in items)


def _seq(item: Value) -> int:
    if isinstance(item, bool) or not isinstance(item, int) or not 0 <= item <= MAX_U64:
        raise DecodeError("an acked sequence number is not valid")
    return item
