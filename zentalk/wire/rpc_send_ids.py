"""Send ids of a mailbox (`mail.send_ids`, `mail.sinks`, `mail.state`), strictly encoded.

Spec: docs/spec/mailbox.md section 9. Only shapes and bounds are checked here; whether
an id exists or a quota has room is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Final

from zentalk.errors import DecodeError
from zentalk.ids import SEND_ID_BYTES, Day, SendId
from zentalk.wire.codec import Fields, Value
from zentalk.wire.rpc import decode_response, encode_call, encode_response
from zentalk.wire.rpc_mailbox import MAX_U32

SEND_IDS: Final = "mail.send_ids"
SINKS: Final = "mail.sinks"
STATE: Final = "mail.state"
MAX_SEND_ID_CHANGES: Final = 2048
"""Send ids added, and removed, by one `mail.send_ids`."""
PUBLIC_SEND_IDS: Final = 10
"""Public send ids that a mailbox needs: of yesterday, today and the eight days after."""
ACK_SEND_IDS: Final = 1
CONTACT_SEND_IDS: Final = 37
"""Those of contacts, and some to spare for new ones."""
SURE_SEND_IDS: Final = PUBLIC_SEND_IDS + ACK_SEND_IDS + CONTACT_SEND_IDS
"""What a node needs, and every relay guarantees to each mailbox, whatever the others have."""
SURE_NEW_SEND_IDS: Final = PUBLIC_SEND_IDS + ACK_SEND_IDS + 5
"""The same for a mailbox that was not opened on `SETTLED_DAYS` days yet."""
SETTLED_DAYS: Final = 3
MAX_DIFFICULTY: Final = 255
_LAST_DAY: Final = MAX_U32


class SendIdKind(IntEnum):
    """What may be deposited under a send id."""

    CONTACT = 0
    """Envelopes of one contact."""
    PUBLIC = 1
    """Envelopes of anyone who read the user record; a smaller quota."""
    ACK = 2
    """Ack tokens only, never envelopes."""
    SINK = 3
    """Envelopes of one contact, of which nothing is kept; only `mail.sinks` makes it."""


class SendIdState(IntEnum):
    """What `mail.state` says of a send id; an unknown one is ACCEPTING."""

    ACCEPTING = 0
    FULL = 1
    WORK = 2
    """Proof of work of the given difficulty is asked for."""


@dataclass(frozen=True, slots=True)
class SendIdEntry:
    """A send id to register, with the days (inclusive) on which it accepts deposits."""

    send_id: SendId = field(repr=False)
    kind: SendIdKind
    valid_from: Day
    valid_until: Day


@dataclass(frozen=True, slots=True)
class SendIdsRequest:
    """`mail.send_ids`: ids to add (or change) and to remove, as one step."""

    add: tuple[SendIdEntry, ...] = field(repr=False)
    remove: tuple[SendId, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class StateResponse:
    """The response to `mail.state`: what a deposit of class S meets now.

    `difficulty` is 0 unless work is asked for, `large_difficulty` the same for one of class L.
    """

    state: SendIdState
    difficulty: int
    large_difficulty: int


def encode_send_ids_request(request: SendIdsRequest) -> bytes:
    """Encode the request `mail.send_ids`."""
    add: list[list[Any]] = [
        [entry.send_id, int(entry.kind), entry.valid_from, entry.valid_until]
        for entry in request.add
    ]
    return encode_call(SEND_IDS, add, list(request.remove))


def decode_send_ids_request(fields: Fields) -> SendIdsRequest:
    """Read the fields of `mail.send_ids`; raises DecodeError."""
    add = tuple(_entry(item) for item in fields.array(MAX_SEND_ID_CHANGES))
    remove = fields.fixed_array(MAX_SEND_ID_CHANGES, SEND_ID_BYTES)
    fields.end()
    if len({entry.send_id for entry in add}) != len(add):
        raise DecodeError("a send id is added twice by one call")
    return SendIdsRequest(add, tuple(SendId(item) for item in remove))


def encode_send_ids_response() -> bytes:
    """Encode the response to `mail.send_ids`, which says nothing more."""
    return encode_response()


def decode_send_ids_response(body: bytes) -> None:
    """Read the response to `mail.send_ids`; raises RefusedError or DecodeError."""
    decode_response(body).end()


def encode_sinks_request(send_ids: Sequence[SendId]) -> bytes:
    """Encode the request `mail.sinks`: nothing that comes under these ids is wanted any more."""
    return encode_call(SINKS, list(send_ids))


def decode_sinks_request(fields: Fields) -> SendIdsRequest:
    """Read the fields of `mail.sinks` as the change that it asks for; raises DecodeError."""
    items = fields.fixed_array(MAX_SEND_ID_CHANGES, SEND_ID_BYTES)
    fields.end()
    return sinks_request(SendId(item) for item in items)


def sinks_request(send_ids: Iterable[SendId]) -> SendIdsRequest:
    """Return the change that makes send ids sinks; it does not matter if one is named twice."""
    kind, first, last = SendIdKind.SINK, Day(0), Day(_LAST_DAY)
    return SendIdsRequest(
        tuple(SendIdEntry(send_id, kind, first, last) for send_id in dict.fromkeys(send_ids)), ()
    )


def encode_state_request(send_id: SendId) -> bytes:
    """Encode the request `mail.state`."""
    return encode_call(STATE, send_id)


def decode_state_request(fields: Fields) -> SendId:
    """Read the send id of `mail.state`; raises DecodeError."""
    send_id = SendId(fields.fixed(SEND_ID_BYTES))
    fields.end()
    return send_id


def encode_state_response(response: StateResponse) -> bytes:
    """Encode the response to `mail.state`, of one shape in every case."""
    return encode_response(int(response.state), response.difficulty, response.large_difficulty)


def decode_state_response(body: bytes) -> StateResponse:
    """Read the response to `mail.state`; raises RefusedError or DecodeError."""
    fields = decode_response(body)
    state = SendIdState(fields.uint(SendIdState.WORK))
    difficulty = fields.uint(MAX_DIFFICULTY)
    large_difficulty = fields.uint(MAX_DIFFICULTY)
    fields.end()
    if (difficulty > 0) != (state is SendIdState.WORK):
        raise DecodeError("a send id's state and its difficulty do not go together")
    return StateResponse(state, difficulty, large_difficulty)


def _entry(item: Value) -> SendIdEntry:
    fields = Fields(item, "a send id")
    entry = SendIdEntry(
        send_id=SendId(fields.fixed(SEND_ID_BYTES)),
        kind=SendIdKind(fields.uint(SendIdKind.ACK)),
        valid_from=Day(fields.uint(MAX_U32)),
        valid_until=Day(fields.uint(MAX_U32)),
    )
    fields.end()
    if entry.valid_from > entry.valid_until:
        raise DecodeError("a send id ends before it begins")
    return entry
