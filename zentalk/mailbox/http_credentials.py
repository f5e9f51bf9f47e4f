"""Reads who asks: an owner with a proof for this request, or the relay's operator.

`Authorization: Zentalk-Collect MAILBOX.GENERATION.NONCE.SIGNATURE`, all but the decimal
generation in base64url without padding. Nothing here knows whether a proof is any good.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from typing import Final

from zentalk.errors import DecodeError
from zentalk.ids import MailboxId
from zentalk.mailbox.http_proof import NONCE_BYTES, HttpClaim

SCHEME: Final = "Zentalk-Collect"
_PARTS: Final = 4
_KEY_BYTES: Final = 32
_SIGNATURE_BYTES: Final = 64
_MAX_DIGITS: Final = 20
_MAX_U64: Final = 2**64 - 1


@dataclass(frozen=True, slots=True)
class Credentials:
    """A claim and the signature that is to prove it."""

    claim: HttpClaim
    signature: bytes = field(repr=False)


def read_credentials(header: bytes) -> Credentials:
    """Parse an `Authorization` header, whose scheme has no case; raises DecodeError."""
    scheme, _, value = header.decode("latin-1").partition(" ")
    parts = value.strip(" ").split(".")
    if scheme.lower() != SCHEME.lower() or len(parts) != _PARTS:
        raise DecodeError(f"the header Authorization is not `{SCHEME}` with its four parts")
    mailbox, generation, nonce, signature = parts
    if not (generation.isascii() and generation.isdigit() and len(generation) <= _MAX_DIGITS):
        raise DecodeError("the generation is not a number")
    if int(generation) > _MAX_U64 or str(int(generation)) != generation:
        raise DecodeError("the generation is too large, or begins with zeros")
    claim = HttpClaim(
        MailboxId(decode_base64(mailbox, _KEY_BYTES)),
        int(generation),
        decode_base64(nonce, NONCE_BYTES),
    )
    return Credentials(claim, decode_base64(signature, _SIGNATURE_BYTES))


def format_credentials(credentials: Credentials) -> str:
    """Return the header for a claim and its signature."""
    claim = credentials.claim
    parts = (
        encode_base64(claim.mailbox),
        str(claim.generation),
        encode_base64(claim.nonce),
        encode_base64(credentials.signature),
    )
    return f"{SCHEME} {'.'.join(parts)}"


def encode_base64(data: bytes) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def decode_base64(text: str, size: int) -> bytes:
    """Return exactly `size` bytes from their only base64url form; raises DecodeError."""
    data = decode_base64_any(text)
    if len(data) != size:
        raise DecodeError(f"this is not the base64url form of {size} bytes")
    return data


def decode_base64_any(text: str) -> bytes:
    """Return bytes from their only base64url form without padding; raises DecodeError."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        raise DecodeError("this is not base64url without padding") from None
    if encode_base64(data) != text:
        raise DecodeError("this is not base64url without padding")
    return data
