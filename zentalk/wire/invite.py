"""Invites as people copy them: an address, and a secret that lets its finder in.

`zentalk:` + address (59) + `#` + base32(secret 16 || check 3): 99 characters in one canonical form.
The check covers the address too, so that neither half of one link fits another. The code that links
two nodes of one owner is written in the same way behind `zentalk-link:`, as it opens far more.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import Final

from zentalk.crypto.hashing import blake2b_256, equal
from zentalk.crypto.labels import Label
from zentalk.errors import DecodeError
from zentalk.ids import TICKET_BYTES, UserAddress
from zentalk.wire.text import format_address, parse_address

INVITE_STARTS: Final = "zentalk:"
LINK_CODE_STARTS: Final = "zentalk-link:"
MAX_LINK_BYTES: Final = 120
_CHECK_BYTES: Final = 3
_SECRET_CHARS: Final = 31
_SEPARATOR: Final = "#"


@dataclass(frozen=True, slots=True)
class InviteLink:
    """Whom to write to, and the 16-byte secret to show; neither stands in its repr."""

    address: UserAddress = field(repr=False)
    secret: bytes = field(repr=False)


def format_invite(invite: InviteLink) -> str:
    """Return the link of an invite."""
    return _format(INVITE_STARTS, invite)


def format_link_code(code: InviteLink) -> str:
    """Return the code that makes another node the replica of this owner's."""
    return _format(LINK_CODE_STARTS, code)


def _format(starts: str, invite: InviteLink) -> str:
    raw = invite.secret + _check(invite.address, invite.secret)
    secret = base64.b32encode(raw).decode("ascii").rstrip("=").lower()
    return f"{starts}{format_address(invite.address)}{_SEPARATOR}{secret}"


def parse_invite(text: str) -> InviteLink:
    """Read an invite link; raises DecodeError with a sentence for the user."""
    if not text.startswith(INVITE_STARTS):
        raise DecodeError(f"an invite link starts with {INVITE_STARTS}")
    return _parse(text[len(INVITE_STARTS) :], "invite link")


def parse_link_code(text: str) -> InviteLink:
    """Read the code of `zentalk api link`; raises DecodeError with a sentence for the user."""
    if not text.startswith(LINK_CODE_STARTS):
        raise DecodeError(
            f"a code that links two nodes starts with {LINK_CODE_STARTS}: get one with"
            " `zentalk api link` at the node that is to be followed"
        )
    return _parse(text[len(LINK_CODE_STARTS) :], "code")


def _parse(text: str, what: str) -> InviteLink:
    address_text, separator, secret_text = text.partition(_SEPARATOR)
    if not separator:
        raise DecodeError(f"this {what} is cut off: copy all of it, also what follows the #")
    address = parse_address(address_text)
    raw = _decode(secret_text)
    if raw is None or not equal(raw[TICKET_BYTES:], _check(address, raw[:TICKET_BYTES])):
        raise DecodeError(f"this {what} is cut off or has a typing error: copy it again")
    return InviteLink(address, raw[:TICKET_BYTES])


def parse_address_or_invite(text: str) -> InviteLink:
    """Read an address or an invite link; an address alone has an empty secret."""
    if text.startswith(INVITE_STARTS):
        return parse_invite(text)
    return InviteLink(parse_address(text), b"")


def _check(address: UserAddress, secret: bytes) -> bytes:
    return blake2b_256(Label.INVITE_CHECK, address, secret)[:_CHECK_BYTES]


def _decode(text: str) -> bytes | None:
    """Decode what stands behind the #; None unless it is canonical and of the right length."""
    if not re.fullmatch(rf"[a-z2-7]{{{_SECRET_CHARS}}}", text):
        return None
    try:
        raw = base64.b32decode(text.upper() + "=")
    except binascii.Error:
        return None
    canonical = base64.b32encode(raw).decode("ascii").rstrip("=").lower()
    return raw if canonical == text and len(raw) == TICKET_BYTES + _CHECK_BYTES else None
