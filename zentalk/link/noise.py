"""The Noise framework's handshake machinery for patterns over 25519 and one KEM.

Spec: docs/spec/link.md section 2; Noise specification, revision 34, section 5, and the
extension "hybrid forward secrecy" (tokens `e1` and `ekem1`). A pattern is data; this
module runs any that uses its tokens with the responder's static key known beforehand.
It must never be given a nonce or a key from outside: entropy makes the ephemerals.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from zentalk.crypto import mlkem, noise, x25519
from zentalk.crypto.aead import TAG_BYTES
from zentalk.crypto.noise import CounterCipher
from zentalk.crypto.types import Entropy, Secret
from zentalk.errors import AuthenticationError, HandshakeError, LocalProtocolError


@dataclass(frozen=True, slots=True)
class Pattern:
    """A protocol name and the tokens of its messages, the initiator's first."""

    protocol_name: str
    messages: tuple[tuple[str, ...], ...]


class SymmetricState:
    """Chaining key, transcript hash and the key in use (Noise section 5.2)."""

    __slots__ = ("_chaining_key", "_cipher", "hash")

    def __init__(self, protocol_name: str) -> None:
        name = protocol_name.encode("ascii")
        short = len(name) <= noise.HASH_BYTES
        self.hash = name.ljust(noise.HASH_BYTES, b"\0") if short else noise.noise_hash(name)
        self._chaining_key = Secret(self.hash)
        self._cipher: CounterCipher | None = None

    def mix_key(self, material: bytes) -> None:
        """Mix a shared secret into the chaining key and take a new key from it."""
        self._chaining_key, key = noise.hkdf_pair(self._chaining_key, material)
        self._cipher = CounterCipher(key[: noise.KEY_BYTES])

    def mix_hash(self, data: bytes) -> None:
        """Mix what both sides saw into the transcript hash."""
        self.hash = noise.noise_hash(self.hash, data)

    def seal(self, plaintext: bytes) -> bytes:
        """Encrypt under the transcript, once there is a key, and mix the result in."""
        sealed = plaintext if self._cipher is None else self._cipher.seal(plaintext, self.hash)
        self.mix_hash(sealed)
        return sealed

    def open(self, sealed: bytes) -> bytes:
        """Undo `seal`; raises AuthenticationError."""
        plaintext = sealed if self._cipher is None else self._cipher.open(sealed, self.hash)
        self.mix_hash(sealed)
        return plaintext

    @property
    def tag_bytes(self) -> int:
        """The bytes that `seal` adds now."""
        return 0 if self._cipher is None else TAG_BYTES

    def split(self) -> tuple[CounterCipher, CounterCipher]:
        """Return the ciphers of the initiator and of the responder."""
        first, second = noise.hkdf_pair(self._chaining_key, b"")
        return CounterCipher(first[: noise.KEY_BYTES]), CounterCipher(second[: noise.KEY_BYTES])


class HandshakeState:
    """One side of one handshake (Noise section 5.3).

    The initiator gives `remote_static`, the responder its own pair `static`. After an
    error from `read` the handshake is over and must be dropped.
    """

    __slots__ = (
        "_entropy",
        "_ephemeral",
        "_initiator",
        "_kem_pair",
        "_pattern",
        "_remote_ephemeral",
        "_remote_kem",
        "_remote_static",
        "_static",
        "_step",
        "_symmetric",
    )

    def __init__(
        self,
        pattern: Pattern,
        prologue: bytes,
        entropy: Entropy,
        *,
        static: x25519.KeyPair | None = None,
        remote_static: bytes | None = None,
    ) -> None:
        known = static.public if static is not None else remote_static
        if known is None:
            raise LocalProtocolError("a handshake needs the responder's static key")
        self._pattern, self._entropy = pattern, entropy
        self._initiator = static is None
        self._static, self._remote_static = static, remote_static
        self._ephemeral: x25519.KeyPair | None = None
        self._remote_ephemeral: bytes | None = None
        self._kem_pair: mlkem.EphemeralKey | None = None
        self._remote_kem: bytes | None = None
        self._step = 0
        self._symmetric = SymmetricState(pattern.protocol_name)
        self._symmetric.mix_hash(prologue)
        self._symmetric.mix_hash(known)

    @property
    def done(self) -> bool:
        """Whether all messages of the pattern have been exchanged."""
        return self._step == len(self._pattern.messages)

    @property
    def hash(self) -> bytes:
        """The 64-byte transcript hash; final once `done`."""
        return self._symmetric.hash

    def write(self, payload: bytes) -> bytes:
        """Return the next message of this side, with a payload."""
        parts = [_WRITERS[token](self) for token in self._tokens(writing=True)]
        return b"".join((*parts, self._symmetric.seal(payload)))

    def read(self, message: bytes) -> bytes:
        """Return the payload of the other side's next message; raises HandshakeError."""
        try:
            for token in self._tokens(writing=False):
                message = _READERS[token](self, message)
            return self._symmetric.open(message)
        except AuthenticationError:
            raise HandshakeError(
                "the handshake failed: other suite, version, network or key, or changed on the way"
            ) from None

    def split(self) -> tuple[CounterCipher, CounterCipher]:
        """Return the ciphers for sending and receiving; only once `done`."""
        if not self.done:
            raise LocalProtocolError("a handshake gives keys only when it is done")
        first, second = self._symmetric.split()
        return (first, second) if self._initiator else (second, first)

    def _tokens(self, *, writing: bool) -> tuple[str, ...]:
        if self.done or writing is not (self._initiator == (self._step % 2 == 0)):
            raise LocalProtocolError("a handshake message is out of turn")
        self._step += 1
        return self._pattern.messages[self._step - 1]

    # Tokens, as this side writes them.

    def _write_e(self) -> bytes:
        self._ephemeral = x25519.generate(self._entropy)
        self._symmetric.mix_hash(self._ephemeral.public)
        return self._ephemeral.public

    def _write_e1(self) -> bytes:
        self._kem_pair = mlkem.EphemeralKey(self._entropy)
        return self._symmetric.seal(self._kem_pair.public)

    def _write_ekem1(self) -> bytes:
        shared, ciphertext = mlkem.encapsulate(_have(self._remote_kem))
        sealed = self._symmetric.seal(ciphertext)
        self._symmetric.mix_key(shared)
        return sealed

    # Tokens, as this side reads them: each returns the rest of the message.

    def _read_e(self, message: bytes) -> bytes:
        self._remote_ephemeral, rest = _cut(message, x25519.KEY_BYTES)
        self._symmetric.mix_hash(self._remote_ephemeral)
        return rest

    def _read_e1(self, message: bytes) -> bytes:
        sealed, rest = _cut(message, mlkem.PUBLIC_BYTES + self._symmetric.tag_bytes)
        self._remote_kem = self._symmetric.open(sealed)
        return rest

    def _read_ekem1(self, message: bytes) -> bytes:
        sealed, rest = _cut(message, mlkem.CIPHERTEXT_BYTES + self._symmetric.tag_bytes)
        pair = self._kem_pair
        if pair is None:
            raise LocalProtocolError("a pattern has ekem1 before e1")
        self._symmetric.mix_key(pair.decapsulate(self._symmetric.open(sealed)))
        return rest

    # Tokens without bytes.

    def _mix_es(self) -> None:
        if self._static is None:
            self._mix_dh(self._ephemeral, _have(self._remote_static))
        else:
            self._mix_dh(self._static, _have(self._remote_ephemeral))

    def _mix_ee(self) -> None:
        self._mix_dh(self._ephemeral, _have(self._remote_ephemeral))

    def _mix_dh(self, pair: x25519.KeyPair | None, public: bytes) -> None:
        if pair is None:
            raise LocalProtocolError("a pattern uses an ephemeral key before it is made")
        self._symmetric.mix_key(x25519.exchange(pair.secret, public))


def _silent_write(
    mix: Callable[[HandshakeState], None],
) -> Callable[[HandshakeState], bytes]:
    def write(state: HandshakeState) -> bytes:
        mix(state)
        return b""

    return write


def _silent_read(
    mix: Callable[[HandshakeState], None],
) -> Callable[[HandshakeState, bytes], bytes]:
    def read(state: HandshakeState, message: bytes) -> bytes:
        mix(state)
        return message

    return read


def _have(value: bytes | None) -> bytes:
    if value is None:
        raise LocalProtocolError("a pattern uses a key before it is known")
    return value


def _cut(message: bytes, size: int) -> tuple[bytes, bytes]:
    if len(message) < size:
        raise AuthenticationError("a handshake message is cut off")
    return message[:size], message[size:]


_WRITERS: Final[dict[str, Callable[[HandshakeState], bytes]]] = {
    "e": HandshakeState._write_e,  # noqa: SLF001 - the table of this class's own tokens
    "e1": HandshakeState._write_e1,  # noqa: SLF001
    "ekem1": HandshakeState._write_ekem1,  # noqa: SLF001
    "es": _silent_write(HandshakeState._mix_es),  # noqa: SLF001
    "ee": _silent_write(HandshakeState._mix_ee),  # noqa: SLF001
}
_READERS: Final[dict[str, Callable[[HandshakeState, bytes], bytes]]] = {
    "e": HandshakeState._read_e,  # noqa: SLF001
    "e1": HandshakeState._read_e1,  # noqa: SLF001
    "ekem1": HandshakeState._read_ekem1,  # noqa: SLF001
    "es": _silent_read(HandshakeState._mix_es),  # noqa: SLF001
    "ee": _silent_read(HandshakeState._mix_ee),  # noqa: SLF001
}
