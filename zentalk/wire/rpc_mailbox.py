"""Questions, answers and notifications of the mailbox (`mail.*`), strictly encoded.

Spec: docs/spec/mailbox.md section 9. Only shapes and bounds are checked here; whether
a proof verifies, an id exists or a quota has room is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Final

from zentalk.crypto.ed25519 import SIGNATURE_BYTES
from zentalk.errors import DecodeError
from zentalk.ids import MAILBOX_ID_BYTES, SEND_ID_BYTES, Day, MailboxId, SendId
from zentalk.wire.codec import Fields, Value
from zentalk.wire.deposit import ENVELOPE_LARGE_BYTES
from zentalk.wire.rpc import encode_call

OPEN: Final = "mail.open"
PUSH: Final = "mail.push"
TOKEN: Final = "mail.token"  # noqa: S105 (a method, not a password)
ACK: Final = "mail.ack"
SEND_IDS: Final = "mail.send_ids"
PREKEYS_PUT: Final = "mail.prekeys.put"
PREKEYS_COUNT: Final = "mail.prekeys.count"
PREKEYS_TAKE: Final = "mail.prekeys.take"
STATE: Final = "mail.state"

TOKEN_BYTES: Final = 32
QUERY_ID_BYTES: Final = 16
MAX_ACKED_SEQS: Final = 1024
"""Sequence numbers in one `mail.ack`: more than any window holds."""
MAX_SEND_ID_CHANGES: Final = 2048
"""Send ids added, and removed, by one `mail.send_ids`."""
MAX_PREKEYS_PER_PUT: Final = 100
MAX_PREKEY_BYTES: Final = 2048
"""One blob: an X25519 and an ML-KEM-768 key with ids and signature are about 1.4 KB."""
MAX_POOL: Final = 65535
MAX_U16: Final = 2**16 - 1
MAX_U32: Final = 2**32 - 1
MAX_U64: Final = 2**64 - 1


class SendIdKind(IntEnum):
    """What may be deposited under a send id."""

    CONTACT = 0
    """Envelopes of one contact."""
    PUBLIC = 1
    """Envelopes of anyone who read the user record; a smaller quota."""
    ACK = 2
    """Ack tokens only, never envelopes."""


class SendIdState(IntEnum):
    """The answer of `mail.state`; an unknown id answers ACCEPTING."""

    ACCEPTING = 0
    FULL = 1
    WORK = 2
    """Proof of work of the given difficulty is asked for."""


@dataclass(frozen=True, slots=True)
class OpenCall:
    """`mail.open`: become the one collector of a mailbox.

    `signature` covers link, relay and generation; at most `window` pushes stay unacked.
    """

    mailbox: MailboxId = field(repr=False)
    generation: int
    signature: bytes = field(repr=False)
    window: int


@dataclass(frozen=True, slots=True)
class SendIdEntry:
    """A send id to register, with the days (inclusive) on which it accepts deposits."""

    send_id: SendId = field(repr=False)
    kind: SendIdKind
    valid_from: Day
    valid_until: Day


@dataclass(frozen=True, slots=True)
class SendIdsCall:
    """`mail.send_ids`: ids to add (or change) and to remove, as one step."""

    add: tuple[SendIdEntry, ...] = field(repr=False)
    remove: tuple[SendId, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class PushCall:
    """`mail.push`: one sealed envelope on its way to the owner."""

    seq: int
    send_id: SendId = field(repr=False)
    envelope: bytes = field(repr=False)
    arrived_hour: int


@dataclass(frozen=True, slots=True)
class TokenCall:
    """`mail.token`: an ack token that arrived at an ack send id."""

    send_id: SendId = field(repr=False)
    token: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class PrekeysPutCall:
    """`mail.prekeys.put`: one-time prekeys for the pool; `replace` drops the old ones."""

    blobs: tuple[bytes, ...] = field(repr=False)
    replace: bool


@dataclass(frozen=True, slots=True)
class PrekeyTakeCall:
    """`mail.prekeys.take`: one prekey of the owner of a public send id."""

    send_id: SendId = field(repr=False)
    query_id: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class PrekeyCount:
    """The answer of `mail.prekeys.count`."""

    pool: int
    last_resort_used: bool


@dataclass(frozen=True, slots=True)
class StateAnswer:
    """The answer of `mail.state`; `difficulty` is 0 unless work is asked for."""

    state: SendIdState
    difficulty: int


def encode_open(call: OpenCall) -> bytes:
    """Encode the question `mail.open`."""
    return encode_call(OPEN, call.mailbox, call.generation, call.signature, call.window)


def decode_open(fields: Fields) -> OpenCall:
    """Read the fields of `mail.open`; raises DecodeError."""
    call = OpenCall(
        mailbox=MailboxId(fields.fixed(MAILBOX_ID_BYTES)),
        generation=fields.uint(MAX_U64),
        signature=fields.fixed(SIGNATURE_BYTES),
        window=fields.uint(MAX_U16),
    )
    fields.end()
    if call.window == 0:
        raise DecodeError("a collector's window is zero")
    return call


def encode_push(call: PushCall) -> bytes:
    """Encode the notification `mail.push`."""
    return encode_call(PUSH, call.seq, call.send_id, call.envelope, call.arrived_hour)


def decode_push(fields: Fields) -> PushCall:
    """Read the fields of `mail.push`; raises DecodeError."""
    call = PushCall(
        seq=fields.uint(MAX_U64),
        send_id=_send_id(fields),
        envelope=fields.blob(ENVELOPE_LARGE_BYTES, minimum=1),
        arrived_hour=fields.uint(MAX_U32),
    )
    fields.end()
    return call


def encode_token(call: TokenCall) -> bytes:
    """Encode the notification `mail.token`."""
    return encode_call(TOKEN, call.send_id, call.token)


def decode_token(fields: Fields) -> TokenCall:
    """Read the fields of `mail.token`; raises DecodeError."""
    call = TokenCall(_send_id(fields), fields.fixed(TOKEN_BYTES))
    fields.end()
    return call


def encode_token_payload(send_id: SendId, token: bytes) -> bytes:
    """Encode the payload of onion service 2: send id 16 || token 32."""
    return send_id + token


def decode_token_payload(payload: bytes) -> TokenCall:
    """Decode the payload of onion service 2; raises DecodeError."""
    if len(payload) != SEND_ID_BYTES + TOKEN_BYTES:
        raise DecodeError("an ack token's payload has the wrong length")
    return TokenCall(SendId(payload[:SEND_ID_BYTES]), payload[SEND_ID_BYTES:])


def encode_ack(seqs: Sequence[int]) -> bytes:
    """Encode the notification `mail.ack`."""
    return encode_call(ACK, list(seqs))


def decode_ack(fields: Fields) -> tuple[int, ...]:
    """Read the sequence numbers of `mail.ack`; raises DecodeError."""
    items = fields.array(MAX_ACKED_SEQS)
    fields.end()
    return tuple(_seq(item) for item in items)


def encode_send_ids(call: SendIdsCall) -> bytes:
    """Encode the question `mail.send_ids`."""
    add: list[list[Any]] = [
        [entry.send_id, int(entry.kind), entry.valid_from, entry.valid_until] for entry in call.add
    ]
    return encode_call(SEND_IDS, add, list(call.remove))


def decode_send_ids(fields: Fields) -> SendIdsCall:
    """Read the fields of `mail.send_ids`; raises DecodeError."""
    add = tuple(_entry(item) for item in fields.array(MAX_SEND_ID_CHANGES))
    remove = fields.fixed_array(MAX_SEND_ID_CHANGES, SEND_ID_BYTES)
    fields.end()
    if len({entry.send_id for entry in add}) != len(add):
        raise DecodeError("a send id is added twice by one call")
    return SendIdsCall(add, tuple(SendId(item) for item in remove))


def encode_prekeys_put(call: PrekeysPutCall) -> bytes:
    """Encode the question `mail.prekeys.put`."""
    return encode_call(PREKEYS_PUT, list(call.blobs), call.replace)


def decode_prekeys_put(fields: Fields) -> PrekeysPutCall:
    """Read the fields of `mail.prekeys.put`; raises DecodeError."""
    blobs = fields.blob_array(MAX_PREKEYS_PER_PUT, MAX_PREKEY_BYTES)
    call = PrekeysPutCall(tuple(blobs), fields.boolean())
    fields.end()
    if not all(blobs):
        raise DecodeError("a one-time prekey is empty")
    return call


def decode_prekeys_put_answer(fields: Fields) -> int:
    """Read the pool size that answers `mail.prekeys.put`; raises DecodeError."""
    pool = fields.uint(MAX_POOL)
    fields.end()
    return pool


def encode_prekeys_count() -> bytes:
    """Encode the question `mail.prekeys.count`."""
    return encode_call(PREKEYS_COUNT)


def decode_prekeys_count_answer(fields: Fields) -> PrekeyCount:
    """Read the answer of `mail.prekeys.count`; raises DecodeError."""
    count = PrekeyCount(fields.uint(MAX_POOL), fields.boolean())
    fields.end()
    return count


def encode_prekeys_take(call: PrekeyTakeCall) -> bytes:
    """Encode the question `mail.prekeys.take`."""
    return encode_call(PREKEYS_TAKE, call.send_id, call.query_id)


def decode_prekeys_take(fields: Fields) -> PrekeyTakeCall:
    """Read the fields of `mail.prekeys.take`; raises DecodeError."""
    call = PrekeyTakeCall(_send_id(fields), fields.fixed(QUERY_ID_BYTES))
    fields.end()
    return call


def decode_prekeys_take_answer(fields: Fields) -> bytes:
    """Read the prekey, empty if there is none; raises DecodeError."""
    blob = fields.blob(MAX_PREKEY_BYTES)
    fields.end()
    return blob


def encode_state(send_id: SendId) -> bytes:
    """Encode the question `mail.state`."""
    return encode_call(STATE, send_id)


def decode_state(fields: Fields) -> SendId:
    """Read the send id of `mail.state`; raises DecodeError."""
    send_id = _send_id(fields)
    fields.end()
    return send_id


def state_fields(answer: StateAnswer) -> list[int]:
    """Return the fields of the answer of `mail.state`, of one shape in every case."""
    return [int(answer.state), answer.difficulty]


def decode_state_answer(fields: Fields) -> StateAnswer:
    """Read the answer of `mail.state`; raises DecodeError."""
    state = SendIdState(fields.uint(SendIdState.WORK))
    difficulty = fields.uint(255)
    fields.end()
    if (difficulty > 0) != (state is SendIdState.WORK):
        raise DecodeError("a send id's state and its difficulty do not go together")
    return StateAnswer(state, difficulty)


def _send_id(fields: Fields) -> SendId:
    return SendId(fields.fixed(SEND_ID_BYTES))


def _seq(item: Value) -> int:
    if isinstance(item, bool) or not isinstance(item, int) or not 0 <= item <= MAX_U64:
        raise DecodeError("an acked sequence number is not valid")
    return item


def _entry(item: Value) -> SendIdEntry:
    fields = Fields(item, "a send id")
    entry = SendIdEntry(
        send_id=_send_id(fields),
        kind=SendIdKind(fields.uint(SendIdKind.ACK)),
        valid_from=Day(fields.uint(MAX_U32)),
        valid_until=Day(fields.uint(MAX_U32)),
    )
    fields.end()
    if entry.valid_from > entry.valid_until:
        raise DecodeError("a send id ends before it begins")
    return entry
