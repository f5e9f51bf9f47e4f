"""The ratchet against the PyPI package `doubleratchet`, 256-byte messages both ways of use.

`doubleratchet` runs with its own recommended parts (HKDF-SHA-512 root chain, HMAC-SHA-256 message
chains, X25519) and with two AEADs: its own (HKDF, AES-256-CBC, HMAC-SHA-512), and AES-256-GCM under
a key and nonce from HKDF, which is nearest to ours. It has no header encryption, no PQ ratchet and
no padding, and does less for each message than ours; its coroutines never wait and are driven
without an event loop, which costs it nothing.

Each round times both sides, one right after the other, by CPU time. A row's ratio is the median
over rounds. Both sides work on bytes: the package's header is packed and parsed as a user must do.
"""

from __future__ import annotations

import gc
import os
import statistics
import struct
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import doubleratchet
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from doubleratchet.recommended import (
    HashFunction,
    aead_aes_hmac,
    diffie_hellman_ratchet_curve25519,
    kdf_hkdf,
    kdf_separate_hmacs,
)

from zentalk.crypto import x25519
from zentalk.session.ratchet import ENVELOPE_OVERHEAD_BYTES, Ratchet

ROUNDS = 25
MESSAGES = 100
CONTENT = b"m" * 256
PADDED_BYTES = ENVELOPE_OVERHEAD_BYTES + len(CONTENT)
TARGET = 0.12
BINDING = bytes(32)

Row = dict[str, Any]
Pass = Callable[[], None]
T = TypeVar("T")
_HEADER = struct.Struct(">32sII")


def rows() -> list[Row]:
    """Each row: name, median ratio, spread (the middle half) and target (None: for information)."""
    stock, matched = _Theirs(_StockAead), _Theirs(_GcmAead)
    ours = _Ours(PADDED_BYTES)
    name = "ratchet encrypt+decrypt 256 B / doubleratchet"
    return [
        _row(name, TARGET, ours.one_way, stock.one_way),
        _row(f"{name}, AES-GCM in both", None, ours.one_way, matched.one_way),
        _row(f"{name}, a step at every message", None, ours.in_turns, stock.in_turns),
    ]


def _row(name: str, target: float | None, ours: Pass, theirs: Pass) -> Row:
    ours()
    theirs()
    gc.collect()
    gc.disable()
    try:
        ratios = [_seconds(ours) / _seconds(theirs) for _ in range(ROUNDS)]
    finally:
        gc.enable()
    low, _, high = statistics.quantiles(ratios, n=4)
    return {
        "name": name,
        "ratio": statistics.median(ratios),
        "spread": [low, high],
        "target": target,
        "rounds": ROUNDS,
    }


def _seconds(work: Pass) -> float:
    start = time.process_time_ns()
    work()
    return (time.process_time_ns() - start) / 1e9


class _Ours:
    """Two sides in the middle of a conversation; each pass goes on where the last ended."""

    def __init__(self, padded_bytes: int) -> None:
        root, signed_prekey = os.urandom(32), x25519.generate(os.urandom)
        self._padded_bytes = padded_bytes
        self._alice = Ratchet.initiate(root, signed_prekey.public, BINDING)
        self._bob = Ratchet.respond(root, signed_prekey, BINDING)
        self.in_turns()

    def one_way(self) -> None:
        alice, bob, size = self._alice, self._bob, self._padded_bytes
        for _ in range(MESSAGES):
            alice, envelope = alice.encrypt(CONTENT, os.urandom, size)
            bob, _content = bob.decrypt(envelope)
        self._alice, self._bob = alice, bob

    def in_turns(self) -> None:
        alice, bob, size = self._alice, self._bob, self._padded_bytes
        for _ in range(MESSAGES // 2):
            alice, envelope = alice.encrypt(CONTENT, os.urandom, size)
            bob, _content = bob.decrypt(envelope)
            bob, envelope = bob.encrypt(CONTENT, os.urandom, size)
            alice, _content = alice.decrypt(envelope)
        self._alice, self._bob = alice, bob


class _RootKdf(kdf_hkdf.KDF):
    @staticmethod
    def _get_hash_function() -> HashFunction:
        return HashFunction.SHA_512

    @staticmethod
    def _get_info() -> bytes:
        return b"root"


class _ChainKdf(kdf_separate_hmacs.KDF):
    @staticmethod
    def _get_hash_function() -> HashFunction:
        return HashFunction.SHA_256


class _StockAead(aead_aes_hmac.AEAD):
    @staticmethod
    def _get_hash_function() -> HashFunction:
        return HashFunction.SHA_512

    @staticmethod
    def _get_info() -> bytes:
        return b"message"


class _MessageKdf(kdf_hkdf.KDF):
    @staticmethod
    def _get_hash_function() -> HashFunction:
        return HashFunction.SHA_256

    @staticmethod
    def _get_info() -> bytes:
        return b"message"


class _GcmAead(doubleratchet.AEAD):
    """Key and nonce from the message key and 16 random bytes, as in our envelopes."""

    @staticmethod
    async def encrypt(plaintext: bytes, key: bytes, associated_data: bytes) -> bytes:
        salt = os.urandom(16)
        out = await _MessageKdf.derive(salt, key, 44)
        return salt + AESGCM(out[:32]).encrypt(out[32:], plaintext, associated_data)

    @staticmethod
    async def decrypt(ciphertext: bytes, key: bytes, associated_data: bytes) -> bytes:
        out = await _MessageKdf.derive(ciphertext[:16], key, 44)
        try:
            return AESGCM(out[:32]).decrypt(out[32:], ciphertext[16:], associated_data)
        except InvalidTag:
            raise doubleratchet.AuthenticationFailedException from None


class _DoubleRatchet(doubleratchet.DoubleRatchet):
    @staticmethod
    def _build_associated_data(associated_data: bytes, header: doubleratchet.Header) -> bytes:
        return associated_data + _HEADER.pack(*header)


class _Theirs:
    """The same conversation in the package."""

    def __init__(self, aead: type[doubleratchet.AEAD]) -> None:
        root, signed_prekey = os.urandom(32), x25519.generate(os.urandom)
        settings: dict[str, Any] = {
            "diffie_hellman_ratchet_class": diffie_hellman_ratchet_curve25519.DiffieHellmanRatchet,
            "root_chain_kdf": _RootKdf,
            "message_chain_kdf": _ChainKdf,
            "message_chain_constant": b"\x02\x01",
            "dos_protection_threshold": 1_000,
            "max_num_skipped_message_keys": 2_000,
            "aead": aead,
            "shared_secret": root,
            "associated_data": BINDING,
        }
        self._alice, first = _run(
            _DoubleRatchet.encrypt_initial_message(
                recipient_ratchet_pub=signed_prekey.public, message=CONTENT, **settings
            )
        )
        self._bob, _content = _run(
            _DoubleRatchet.decrypt_initial_message(
                own_ratchet_priv=bytes(signed_prekey.secret), message=first, **settings
            )
        )

    def one_way(self) -> None:
        for _ in range(MESSAGES):
            self._pass_on(self._alice, self._bob)

    def in_turns(self) -> None:
        for _ in range(MESSAGES // 2):
            self._pass_on(self._alice, self._bob)
            self._pass_on(self._bob, self._alice)

    @staticmethod
    def _pass_on(sender: _DoubleRatchet, receiver: _DoubleRatchet) -> None:
        sent = _run(sender.encrypt_message(CONTENT, BINDING))
        wire = _HEADER.pack(*sent.header) + sent.ciphertext
        header = doubleratchet.Header(*_HEADER.unpack_from(wire))
        received = doubleratchet.EncryptedMessage(header, wire[_HEADER.size :])
        _run(receiver.decrypt_message(received, BINDING))


def _run(coroutine: Coroutine[Any, Any, T]) -> T:
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]  # StopIteration carries Any
    raise AssertionError("doubleratchet waited for something")
