"""A second session, written from docs/spec/end-to-end.md alone: Bob's side, in order, slow.

It shares no code with zentalk and keeps no skipped keys; it reads and writes what the frozen
conversations hold, byte for byte, header encryption and PQ ratchet included.
"""

import hashlib
from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from nacl import bindings


def derive(label: bytes, data: bytes, length: int) -> bytes:
    return hashlib.shake_256(label + data).digest(length)


def fast(label: bytes, data: bytes, length: int) -> bytes:
    return hashlib.blake2b(label + data, digest_size=length).digest()


def exchange(secret: bytes, public: bytes) -> bytes:
    pair = X25519PrivateKey.from_private_bytes(secret)
    return pair.exchange(X25519PublicKey.from_public_bytes(public))


def public_of(secret: bytes) -> bytes:
    return X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()


def kem_public(key: MLKEM768PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


def u32(value: int) -> bytes:
    return value.to_bytes(4, "big")


def agree(
    identity_seed: bytes, signed: bytes, kem_seed: bytes, one_time: bytes, header: bytes
) -> tuple[bytes, bytes]:
    """Section 2, the responder: root and binding. `one_time` is empty if none was used."""
    assert len(header) == 1_170
    assert header[0] == 1
    assert header[1_165] == bool(one_time)
    public, secret = bindings.crypto_sign_seed_keypair(identity_seed)
    own = bindings.crypto_sign_ed25519_sk_to_curve25519(secret)
    ephemeral, ciphertext = header[37:69], header[69:1_157]
    kem = MLKEM768PrivateKey.from_seed_bytes(kem_seed)
    secrets = kem.decapsulate(ciphertext)
    secrets += exchange(signed, bindings.crypto_sign_ed25519_pk_to_curve25519(header[5:37]))
    secrets += exchange(own, ephemeral) + exchange(signed, ephemeral)
    bound = public + public_of(signed) + kem_public(kem) + header
    if one_time:
        secrets += exchange(one_time, ephemeral)
        bound += public_of(one_time)
    return derive(b"zt-pqxdh-v1", secrets, 32), fast(b"zt-pqxdh-binding-v1", bound, 32)


class Responder:
    """Sections 3 to 6 from the responder's side, for one offer of its own."""

    def __init__(self, root: bytes, binding: bytes, signed: bytes) -> None:
        self.root, self.binding, self.own = root, binding, signed
        keys = derive(b"zt-ratchet-header-v1", root, 64)
        self.next_in, self.next_out = keys[:32], keys[32:]
        self.header_in = self.chain_in = self.peer = b""
        self.header_out = self.chain_out = b""
        self.sent: int | None = None
        self.read_count = self.previous = self.epoch = 0
        self.phase, self.secret = "idle", b""
        self.kem: MLKEM768PrivateKey | None = None

    def _step(self, shared: bytes, kem_secret: bytes) -> tuple[bytes, bytes]:
        out = derive(b"zt-ratchet-root-v1", self.root + shared + kem_secret, 96)
        self.root = out[:32]
        return out[32:64], out[64:]

    def write(self, content: bytes, entropy: Callable[[int], bytes], size: int) -> bytes:
        if self.sent is None:
            self.own, kem_secret, self.sent = entropy(32), b"", 0
            if self.phase == "ready":
                kem_secret, self.phase, self.epoch = self.secret, "waiting", self.epoch + 1
            self.header_out = self.next_out
            shared = exchange(self.own, self.peer)
            self.chain_out, self.next_out = self._step(shared, kem_secret)
        body = len(content).to_bytes(4, "big") + content
        if self.phase in ("idle", "offering") and size - 96 - len(content) >= 1_188:
            if self.phase == "idle":
                self.kem, self.phase = MLKEM768PrivateKey.from_seed_bytes(entropy(64)), "offering"
            assert self.kem is not None
            body = b"\1" + body[1:] + u32(self.epoch + 1) + kem_public(self.kem)
        salt = entropy(16)
        header = public_of(self.own) + u32(self.previous) + u32(self.sent) + u32(self.epoch)
        front = salt + AESGCM(self.header_out).encrypt(salt[:12], header, self.binding)
        step = fast(b"zt-ratchet-chain-v1", self.chain_out, 64)
        self.chain_out, self.sent = step[:32], self.sent + 1
        key = fast(b"zt-ratchet-message-v1", step[32:] + salt, 44)
        padded = body.ljust(size - 92, b"\0")
        return front + AESGCM(key[:32]).encrypt(key[32:], padded, self.binding + front)

    def read(self, envelope: bytes) -> bytes:
        salt, sealed, body = envelope[:16], envelope[16:76], envelope[76:]
        header = self._header(salt, sealed)
        number = int.from_bytes(header[36:40], "big")
        message_key = b""
        while self.read_count <= number:
            step = fast(b"zt-ratchet-chain-v1", self.chain_in, 64)
            self.chain_in, message_key, self.read_count = step[:32], step[32:], self.read_count + 1
        key = fast(b"zt-ratchet-message-v1", message_key + salt, 44)
        opened = AESGCM(key[:32]).decrypt(key[32:], body, self.binding + envelope[:76])
        end = 4 + int.from_bytes(opened[1:4], "big")
        if opened[0] == 2 and self.phase == "offering":
            assert self.kem is not None
            assert opened[end : end + 4] == u32(self.epoch + 1)
            ciphertext = opened[end + 4 : end + 4 + 1_088]
            shared = self.kem.decapsulate(ciphertext)
            used = u32(self.epoch + 1) + shared + ciphertext + kem_public(self.kem)
            self.secret, self.phase = derive(b"zt-ratchet-pq-v1", used, 32), "ready"
        return opened[4:end]

    def _header(self, salt: bytes, sealed: bytes) -> bytes:
        if self.header_in:
            try:
                return AESGCM(self.header_in).decrypt(salt[:12], sealed, self.binding)
            except InvalidTag:
                pass
        header = AESGCM(self.next_in).decrypt(salt[:12], sealed, self.binding)
        self.header_in, self.peer, self.read_count = self.next_in, header[:32], 0
        self.chain_in, self.next_in = self._step(exchange(self.own, self.peer), b"")
        self.previous, self.sent = self.sent or 0, None
        return header
