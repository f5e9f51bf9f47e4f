"""Safety numbers: 60 digits that two people compare to be sure of each other's keys.

Nothing here decides whether a contact is verified; people do, and the node remembers.
"""

from __future__ import annotations

from typing import Final

from zentalk.crypto.ed25519 import PUBLIC_BYTES
from zentalk.crypto.hashing import derive, equal
from zentalk.crypto.labels import Label
from zentalk.errors import DecodeError, LocalProtocolError

GROUPS: Final = 12
GROUP_DIGITS: Final = 5
SAFETY_NUMBER_DIGITS: Final = GROUPS * GROUP_DIGITS
QR_STARTS: Final = "zentalk-safety:"
"""What a QR code holds before the digits."""
_GROUP_BYTES: Final = 5
"""40 bits for 5 digits: the most likely digit group is 10^-7 more likely than the rest."""


def safety_number(identity: bytes, other: bytes) -> str:
    """Return the 60 digits of two 32-byte identity keys, in either order.

    Both keys go into every digit; finding two pairs with one number takes about 2^99
    hashes. Raises LocalProtocolError if a key has another length.
    """
    if len(identity) != PUBLIC_BYTES or len(other) != PUBLIC_BYTES:
        raise LocalProtocolError("a safety number needs two identity keys of 32 bytes")
    low, high = sorted((identity, other))
    digest = derive(Label.SAFETY_NUMBER, low, high, length=GROUPS * _GROUP_BYTES)
    groups = (digest[at : at + _GROUP_BYTES] for at in range(0, len(digest), _GROUP_BYTES))
    return "".join(
        f"{int.from_bytes(group, 'big') % 10**GROUP_DIGITS:0{GROUP_DIGITS}}" for group in groups
    )


def format_safety_number(number: str) -> str:
    """Return the digits in groups of five, for people to read aloud."""
    return " ".join(number[at : at + GROUP_DIGITS] for at in range(0, len(number), GROUP_DIGITS))


def qr_text(number: str) -> str:
    """Return what a QR code of the number holds; it is the same at both ends."""
    return QR_STARTS + number


def read_safety_number(text: str) -> str:
    """Return the digits of a number as it was typed or scanned.

    Raises DecodeError if there are not 60 of them; spaces and hyphens do not count.
    """
    digits = "".join(text.strip().removeprefix(QR_STARTS).replace("-", " ").split())
    if len(digits) != SAFETY_NUMBER_DIGITS or not (digits.isascii() and digits.isdigit()):
        raise DecodeError(f"a safety number has {SAFETY_NUMBER_DIGITS} digits: copy all of them")
    return digits


def safety_numbers_match(shown: str, scanned: str) -> bool:
    """Compare two numbers in constant time; spaces do not matter."""
    left, right = ("".join(text.split()).encode("utf-8") for text in (shown, scanned))
    return equal(left, right)
