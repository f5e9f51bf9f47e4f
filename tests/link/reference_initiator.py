"""A second initiator, written from docs/spec/link.md alone: straight-line, slow, raw libraries.

It shares no code with zentalk, so that both cannot be wrong in the same way.
"""

import hashlib
import hmac
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from nacl import bindings

NAME = b"Noise_NKhfs_25519+ML-KEM-768_ChaChaPoly_BLAKE2b"


def blake2b(data: bytes) -> bytes:
    return hashlib.blake2b(data).digest()


def hkdf(chaining_key: bytes, material: bytes) -> tuple[bytes, bytes]:
    extracted = hmac.new(chaining_key, material, hashlib.blake2b).digest()
    first = hmac.new(extracted, b"\1", hashlib.blake2b).digest()
    return first, hmac.new(extracted, first + b"\2", hashlib.blake2b).digest()


def nonce(counter: int) -> bytes:
    return bytes(4) + counter.to_bytes(8, "little")


@dataclass
class ReferenceInitiator:
    """Call `first`, then `second`, then `unit`; keys and hash are open to the test."""

    relay_identity: bytes
    network: bytes
    ephemeral: bytes
    kem_seed: bytes
    unit_bytes: int = 2_624
    version: int = 1
    hash: bytes = b""
    chaining_key: bytes = b""
    key: bytes = b""
    counter: int = 0
    send_key: bytes = b""
    receive_key: bytes = b""
    sent: int = 0
    received: int = 0

    def mix_hash(self, data: bytes) -> None:
        self.hash = blake2b(self.hash + data)

    def mix_key(self, material: bytes) -> None:
        self.chaining_key, key = hkdf(self.chaining_key, material)
        self.key, self.counter = key[:32], 0

    def seal(self, plaintext: bytes) -> bytes:
        sealed = ChaCha20Poly1305(self.key).encrypt(nonce(self.counter), plaintext, self.hash)
        self.counter += 1
        self.mix_hash(sealed)
        return sealed

    def open(self, sealed: bytes) -> bytes:
        plaintext = ChaCha20Poly1305(self.key).decrypt(nonce(self.counter), sealed, self.hash)
        self.counter += 1
        self.mix_hash(sealed)
        return plaintext

    def first(self) -> bytes:
        static = bindings.crypto_sign_ed25519_pk_to_curve25519(self.relay_identity)
        self.hash = NAME + bytes(64 - len(NAME))
        self.chaining_key = self.hash
        self.mix_hash(
            b"zt-link-prologue-v1"
            + bytes([len(NAME)])
            + NAME
            + self.version.to_bytes(2, "big")
            + bytes([len(self.network)])
            + self.network
        )
        self.mix_hash(static)
        public = bindings.crypto_scalarmult_base(self.ephemeral)
        self.mix_hash(public)
        self.mix_key(bindings.crypto_scalarmult(self.ephemeral, static))
        kem = MLKEM768PrivateKey.from_seed_bytes(self.kem_seed)
        message = public + self.seal(kem.public_key().public_bytes_raw())
        return message + self.seal(bytes(self.unit_bytes - 1_248))

    def second(self, message: bytes) -> None:
        assert len(message) == self.unit_bytes
        remote, ciphertext, payload = message[:32], message[32:1_136], message[1_136:]
        self.mix_hash(remote)
        self.mix_key(bindings.crypto_scalarmult(self.ephemeral, remote))
        kem = MLKEM768PrivateKey.from_seed_bytes(self.kem_seed)
        self.mix_key(kem.decapsulate(self.open(ciphertext)))
        assert self.open(payload) == bytes(self.unit_bytes - 1_152)
        first, second = hkdf(self.chaining_key, b"")
        self.send_key, self.receive_key = first[:32], second[:32]

    def unit(self, frames: bytes) -> bytes:
        plaintext = frames + bytes(self.unit_bytes - 17 - len(frames))
        sealed = ChaCha20Poly1305(self.send_key).encrypt(nonce(self.sent), plaintext, b"\1")
        self.sent += 1
        return b"\1" + sealed

    def record(self, frames: bytes) -> bytes:
        length = (len(frames) + 16).to_bytes(3, "big")
        sealed = ChaCha20Poly1305(self.send_key).encrypt(nonce(self.sent), frames, length)
        self.sent += 1
        return length + sealed

    def open_unit(self, unit: bytes) -> bytes:
        assert unit[0] == 1
        opened = ChaCha20Poly1305(self.receive_key).decrypt(nonce(self.received), unit[1:], b"\1")
        self.received += 1
        return opened

    def open_record(self, record: bytes) -> bytes:
        assert int.from_bytes(record[:3], "big") == len(record) - 3
        opened = ChaCha20Poly1305(self.receive_key).decrypt(
            nonce(self.received), record[3:], record[:3]
        )
        self.received += 1
        return opened
