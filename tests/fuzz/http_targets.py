"""What a relay's HTTP door reads, and what its clients read of it."""

from __future__ import annotations

import json

from pydantic import ValidationError

from tests.fuzz.target import Target, target
from zentalk.client import relay_answers
from zentalk.errors import RemoteProtocolError
from zentalk.ids import MailboxId
from zentalk.mailbox import http_credentials, http_proof
from zentalk.relay_http import schemas as http_schemas


def http_targets() -> list[Target]:
    """Return all of them."""
    claim = http_proof.HttpClaim(MailboxId(b"m" * 32), 7, b"n" * 32)
    header = http_credentials.Credentials(claim, b"s" * 64)
    send_id = http_credentials.encode_base64(b"i" * 16)
    text = http_credentials.encode_base64(b"an envelope")
    nonce = http_credentials.encode_base64(b"n" * 8)
    envelope = {"number": 1, "send_id": send_id, "envelope": text, "arrived_hour": 5}
    token = {"send_id": send_id, "token": http_credentials.encode_base64(b"t" * 32)}
    pending = json.dumps({"envelopes": [envelope], "tokens": [token]})
    change = {"id": send_id, "kind": "contact", "first_day": 1, "last_day": 2}
    changes = json.dumps({"add": [change], "remove": [send_id]})
    not_unique = "JSON has many texts for one value"
    return [
        target(
            http_credentials.read_credentials,
            [http_credentials.format_credentials(header).encode()],
            again_from=_header_again,
        ),
        target(
            http_credentials.decode_base64_any,
            [text.encode()],
            parse=lambda data: http_credentials.decode_base64_any(data.decode("latin-1")),
            again=lambda found: http_credentials.encode_base64(found).encode(),
        ),
        target(
            http_credentials.decode_base64,
            [send_id.encode()],
            parse=lambda data: http_credentials.decode_base64(data.decode("latin-1"), 16),
            again=lambda found: http_credentials.encode_base64(found).encode(),
        ),
        target(relay_answers.read_pending, [pending.encode()], why_not=not_unique),
        target(
            http_schemas.send_ids_request,
            [changes.encode()],
            parse=lambda data: http_schemas.send_ids_request(
                http_schemas.SendIds.model_validate_json(data)
            ),
            why_not=not_unique,
            errors=(RemoteProtocolError, ValidationError),
        ),
        target(relay_answers.read_price, [b'{"bits": 16}'], why_not=not_unique),
        target(
            http_schemas.sinks_change,
            [json.dumps({"ids": [send_id]}).encode()],
            parse=lambda data: http_schemas.sinks_change(
                http_schemas.Sinks.model_validate_json(data)
            ),
            why_not=not_unique,
            errors=(RemoteProtocolError, ValidationError),
        ),
        target(
            http_schemas.opening_stamp,
            [json.dumps({"work": {"day": 20000, "nonce": nonce}}).encode()],
            parse=lambda data: http_schemas.opening_stamp(
                http_schemas.Opening.model_validate_json(data)
            ),
            why_not=not_unique,
            errors=(RemoteProtocolError, ValidationError),
        ),
        target(
            http_schemas.Acknowledgement.model_validate_json,
            [b'{"numbers": [1, 2, 18446744073709551615]}'],
            why_not=not_unique,
            errors=(ValidationError,),
        ),
    ]


def _header_again(found: http_credentials.Credentials, data: bytes) -> bytes:
    """Return a header as it came, but with the value made anew: its scheme has no case."""
    scheme, space, given = data.partition(b" ")
    value = http_credentials.format_credentials(found).encode().partition(b" ")[2]
    return scheme + space + given.replace(given.strip(b" "), value, 1)
