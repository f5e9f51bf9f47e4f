"""The question "from which address do I come?", and a relay's answer, in datagrams.

Spec: docs/spec/direct.md section 2. The answer is never longer than the question, so that a forged
source makes no relay a weapon, and the address in it is hidden from routers that rewrite what looks
like one (RFC 8489 section 14.2). Nothing here is secret, and nothing proves who answered.

    question   kind 1 || magic 4 || network 8 || transaction 12 || zeros up to 48 bytes
    answer     kind 1 || magic 4 || network 8 || transaction 12 || port 2 || address 4 or 16

The port is XORed with the first bytes of magic || transaction, the address with all of them.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from zentalk.crypto.hashing import blake2b_256
from zentalk.crypto.labels import Label
from zentalk.errors import DecodeError
from zentalk.wire.ip_address import Place, pack_address, unpack_address

ECHO_QUESTION: Final = 0x08
"""First bytes below 0x10 that neither STUN nor QUIC nor media use (RFC 9443 section 4)."""
ECHO_ANSWER: Final = 0x09
QUESTION_BYTES: Final = 48
TRANSACTION_BYTES: Final = 12
NETWORK_TAG_BYTES: Final = 8
_MAGIC: Final = b"zt\xe9\x01"
_HEAD_BYTES: Final = 1 + len(_MAGIC) + NETWORK_TAG_BYTES + TRANSACTION_BYTES
_PORT_BYTES: Final = 2


class EchoedAddress(NamedTuple):
    """An answer: which question it is to, and the address that a relay saw it come from."""

    transaction: bytes
    place: Place


def network_tag(network: str) -> bytes:
    """Return the 8 bytes by which datagrams of one network know each other."""
    return blake2b_256(Label.ECHO_NETWORK, network.encode())[:NETWORK_TAG_BYTES]


def encode_echo_question(tag: bytes, transaction: bytes) -> bytes:
    """Return the question of 48 bytes."""
    return _head(ECHO_QUESTION, tag, transaction).ljust(QUESTION_BYTES, b"\0")


def decode_echo_question(data: bytes, tag: bytes) -> bytes:
    """Return the transaction of a question of our network; raises DecodeError."""
    transaction = _transaction(data, ECHO_QUESTION, tag)
    if len(data) != QUESTION_BYTES or any(data[_HEAD_BYTES:]):
        raise DecodeError("a question for an address is not padded as it must be")
    return transaction


def encode_echo_answer(tag: bytes, transaction: bytes, place: Place) -> bytes:
    """Return an answer of 31 or 43 bytes; raises LocalProtocolError for no address."""
    address, port = place
    return _head(ECHO_ANSWER, tag, transaction) + b"".join(
        _hidden(data, transaction)
        for data in (port.to_bytes(_PORT_BYTES, "big"), pack_address(address))
    )


def decode_echo_answer(data: bytes, tag: bytes) -> EchoedAddress:
    """Read an answer of our network; raises DecodeError."""
    transaction = _transaction(data, ECHO_ANSWER, tag)
    start = _HEAD_BYTES + _PORT_BYTES
    port = int.from_bytes(_hidden(data[_HEAD_BYTES:start], transaction), "big")
    address = unpack_address(_hidden(data[start:], transaction))
    if port == 0:
        raise DecodeError("an echoed address has no port")
    return EchoedAddress(transaction, (address, port))


def _head(kind: int, tag: bytes, transaction: bytes) -> bytes:
    return bytes((kind,)) + _MAGIC + tag + transaction


def _transaction(data: bytes, kind: int, tag: bytes) -> bytes:
    if not _HEAD_BYTES < len(data) <= QUESTION_BYTES:
        raise DecodeError("a datagram about an address is of another length")
    transaction = data[_HEAD_BYTES - TRANSACTION_BYTES : _HEAD_BYTES]
    if data[:_HEAD_BYTES] != _head(kind, tag, transaction):
        raise DecodeError("a datagram is not about an address, or of another network")
    return transaction


def _hidden(data: bytes, transaction: bytes) -> bytes:
    """Hide bytes, or show them again: what is too long for an address stays so."""
    mask = (_MAGIC + transaction).ljust(len(data), b"\0")
    return bytes(left ^ right for left, right in zip(data, mask, strict=False))
