"""What two contacts' nodes say over a direct link: `direct.mail`.

Spec: docs/spec/direct.md section 6. Its response says that the copy is saved. Only shapes and
bounds are checked here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from zentalk.errors import DecodeError, LocalProtocolError
from zentalk.ids import SEND_ID_BYTES, SendId
from zentalk.wire.codec import Fields
from zentalk.wire.deposit import ENVELOPE_LARGE_BYTES, envelope_class
from zentalk.wire.rpc import decode_response, encode_call, encode_response

MAIL: Final = "direct.mail"
FULL: Final = "full"
"""How a reader refuses what it has no room for now."""
NOT_YOURS: Final = "taken"
"""How a reader refuses what is under a send id that this contact was not given."""


@dataclass(frozen=True, slots=True)
class DirectMail:
    """A sealed copy, as it would go into a mailbox."""

    send_id: SendId = field(repr=False)
    envelope: bytes = field(repr=False)


def encode_mail_request(mail: DirectMail) -> bytes:
    """Encode the request `direct.mail`."""
    return encode_call(MAIL, mail.send_id, mail.envelope)


def decode_mail_request(fields: Fields) -> DirectMail:
    """Read the fields of `direct.mail`; raises DecodeError."""
    mail = DirectMail(SendId(fields.fixed(SEND_ID_BYTES)), fields.blob(ENVELOPE_LARGE_BYTES))
    fields.end()
    try:
        envelope_class(mail.envelope)
    except LocalProtocolError:
        raise DecodeError("an envelope has not the constant size of a packet class") from None
    return mail


def encode_mail_response() -> bytes:
    """Encode the response to `direct.mail`: it is saved."""
    return encode_response()


def decode_mail_response(body: bytes) -> None:
    """Read the response to `direct.mail`; raises RefusedError or DecodeError."""
    decode_response(body).end()
