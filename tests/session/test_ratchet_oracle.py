"""The key schedule against the PyPI package `doubleratchet`, key by key.

Both run the same random conversation: one-sided stretches, loss, reordering. The
package keeps its own state machine, its own chains, its own X25519 (`cryptography`,
where we use libsodium) and its own store of skipped keys; it is given our two KDFs
through its `KDF` interface and the same ratchet key pairs. Compared after every send:
message key, root key, sending chain key and length, and the header (ratchet key,
length of the previous chain, number); after every receipt: message key, receiving chain
key and length, and all skipped keys with their numbers.

Our side is the production code: KEM blocks do not fit these small envelopes, so no
KEM secret enters the root, and the root KDF's first 64 bytes (SHAKE256) are what the
package calls root and chain key; header keys come after them. Not covered, because the
package has neither: header encryption and the PQ ratchet.
"""

import random
from collections.abc import Iterator
from typing import Any

import doubleratchet
import pytest
from doubleratchet.recommended import diffie_hellman_ratchet_curve25519 as curve25519

from tests.session.support import TIGHT_BYTES, Seeded, run
from zentalk.crypto import aead, x25519
from zentalk.crypto.hashing import derive, fast_derivation
from zentalk.crypto.labels import Label
from zentalk.errors import RemoteProtocolError
from zentalk.session import chains
from zentalk.session.ratchet import Ratchet
from zentalk.wire.ratchet import MessageHeader

ROOT, BINDING = bytes(range(32)), bytes(32)


class RootKdf(doubleratchet.KDF):
    @staticmethod
    async def derive(key: bytes, data: bytes, length: int) -> bytes:
        return bytes(derive(Label.RATCHET_ROOT, key, data, length=length))


class ChainKdf(doubleratchet.KDF):
    @staticmethod
    async def derive(key: bytes, data: bytes, length: int) -> bytes:
        assert data == b""
        return fast_derivation(Label.RATCHET_CHAIN, length)(key)


class RecordingAead(doubleratchet.AEAD):
    """AES-256-GCM with the message key itself; remembers the last key it was given."""

    last_key = b""

    @classmethod
    async def encrypt(cls, plaintext: bytes, key: bytes, associated_data: bytes) -> bytes:
        cls.last_key = key
        return aead.aes_seal(key, aead.ZERO_NONCE, plaintext, associated_data)

    @classmethod
    async def decrypt(cls, ciphertext: bytes, key: bytes, associated_data: bytes) -> bytes:
        cls.last_key = key
        return aead.aes_open(key, aead.ZERO_NONCE, ciphertext, associated_data)


class OracleRatchet(doubleratchet.DoubleRatchet):
    @staticmethod
    def _build_associated_data(associated_data: bytes, header: doubleratchet.Header) -> bytes:
        counts = header.previous_sending_chain_length, header.sending_chain_length
        return associated_data + header.ratchet_pub + b"".join(n.to_bytes(8) for n in counts)


def settings_of(name: str) -> dict[str, Any]:
    """The package's settings for one party, whose n-th key pair depends on n and its name."""
    pairs = key_pairs(name)

    class OracleDh(curve25519.DiffieHellmanRatchet):
        @staticmethod
        def _generate_priv() -> bytes:
            return next(pairs)

    return {
        "diffie_hellman_ratchet_class": OracleDh,
        "root_chain_kdf": RootKdf,
        "message_chain_kdf": ChainKdf,
        "message_chain_constant": b"",
        "dos_protection_threshold": 1_000,
        "max_num_skipped_message_keys": 2_000,
        "aead": RecordingAead,
    }


def key_pairs(name: str) -> Iterator[bytes]:
    source = Seeded(f"pairs {name}")
    while True:
        yield source(x25519.KEY_BYTES)


class Party:
    """One person twice: in our ratchet and in the package's."""

    def __init__(self, name: str, ours: Ratchet, message_keys: list[bytes]) -> None:
        self.ours = ours
        self.theirs: OracleRatchet | None = None
        self.settings = settings_of(name)
        self.message_keys = message_keys
        self.steps = 0
        self._pairs, self._salts = key_pairs(name), Seeded(f"salts {name}")

    def entropy(self, length: int) -> bytes:
        if length == x25519.KEY_BYTES:
            self.steps += 1
            return next(self._pairs)
        return self._salts(length)

    def compare_sent(self, envelope: bytes, header: doubleratchet.Header) -> None:
        assert self.theirs is not None
        state, model = self.ours._state, self.theirs.model.diffie_hellman_ratchet
        chain = model.symmetric_key_ratchet.sending_chain
        assert state.sending is not None
        assert chain is not None
        opened = state.sending.header_key.open(envelope[:12], envelope[16:76], BINDING)
        assert MessageHeader.from_bytes(opened) == (
            header.ratchet_pub,
            header.previous_sending_chain_length,
            header.sending_chain_length,
            0,
        )
        assert (state.root.key, state.sending.chain) == (model.root_chain.key, chain.key)
        assert state.sending.number == chain.length
        assert self.message_keys[-1] == RecordingAead.last_key

    def compare_received(self) -> None:
        assert self.theirs is not None
        state, model = self.ours._state, self.theirs.model
        chain = model.diffie_hellman_ratchet.symmetric_key_ratchet.receiving_chain
        assert state.receiving is not None
        assert chain is not None
        assert (state.receiving.chain, state.receiving.number) == (chain.key, chain.length)
        assert self.message_keys[-1] == RecordingAead.last_key
        ours = sorted(
            (number, bytes(key))
            for keys in state.skipped.chains.values()
            for number, key in keys.items()
        )
        theirs = sorted((one.index, one.message_key) for one in model.skipped_message_keys)
        assert ours == theirs


class Conversation:
    """Alice and Bob, each in both implementations, and the envelopes under way."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        message_keys: list[bytes] = []

        derive_body = chains._derive_body

        def spy(key_and_salt: bytes) -> bytes:
            message_keys.append(key_and_salt[:32])
            return derive_body(key_and_salt)

        monkeypatch.setattr(chains, "_derive_body", spy)
        self.signed_prekey = x25519.from_secret(bytes(range(32, 64)))
        public = self.signed_prekey.public
        self.alice = Party("alice", Ratchet.initiate(ROOT, public, BINDING), message_keys)
        bob = Ratchet.respond(ROOT, self.signed_prekey, BINDING)
        self.bob = Party("bob", bob, message_keys)
        self.under_way: list[tuple[Party, bytes, doubleratchet.EncryptedMessage, bytes]] = []
        self.delivered = 0

    def send(self, sender: Party, content: bytes) -> None:
        sender.ours, envelope = sender.ours.encrypt(content, sender.entropy, TIGHT_BYTES)
        if sender.theirs is None:
            sender.theirs, message = run(
                OracleRatchet.encrypt_initial_message(
                    **sender.settings,
                    shared_secret=ROOT,
                    recipient_ratchet_pub=self.signed_prekey.public,
                    message=content,
                    associated_data=BINDING,
                )
            )
        else:
            message = run(sender.theirs.encrypt_message(content, BINDING))
        sender.compare_sent(envelope, message.header)
        other = self.bob if sender is self.alice else self.alice
        self.under_way.append((other, envelope, message, content))

    def deliver(self, index: int) -> None:
        receiver, envelope, message, content = self.under_way.pop(index)
        receiver.ours, ours = receiver.ours.decrypt(envelope)
        if receiver.theirs is None:
            receiver.theirs, theirs = run(
                OracleRatchet.decrypt_initial_message(
                    **receiver.settings,
                    shared_secret=ROOT,
                    own_ratchet_priv=bytes(self.signed_prekey.secret),
                    message=message,
                    associated_data=BINDING,
                )
            )
        else:
            theirs = run(receiver.theirs.decrypt_message(message, BINDING))
        assert ours == theirs == content
        receiver.compare_received()
        self.delivered += 1


@pytest.mark.parametrize("seed", range(12))
def test_every_key_of_a_lossy_conversation_is_the_same(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(seed)
    both = Conversation(monkeypatch)
    both.send(both.alice, b"first")
    both.deliver(0)
    for turn in range(200):
        choice = chance.random()
        if choice < 0.5 or not both.under_way:
            both.send(chance.choice([both.alice, both.bob]), b"%d" % turn)
        elif choice < 0.9:
            both.deliver(chance.randrange(len(both.under_way)))
        else:
            both.under_way.pop(chance.randrange(len(both.under_way)))
    assert both.delivered > 25
    assert min(both.alice.steps, both.bob.steps) > 5


def test_control_one_bit_in_the_root_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    both = Conversation(monkeypatch)
    other_root = bytes([ROOT[0] ^ 1]) + ROOT[1:]
    both.alice.ours = Ratchet.initiate(other_root, both.signed_prekey.public, BINDING)
    with pytest.raises(AssertionError):
        both.send(both.alice, b"first")


def test_what_the_oracle_refuses_we_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second copy and a gap above 1,000 are refused by both."""
    both = Conversation(monkeypatch)
    both.send(both.alice, b"first")
    _, envelope, message, _ = both.under_way[0]
    both.deliver(0)
    assert both.bob.theirs is not None
    with pytest.raises(RemoteProtocolError):
        both.bob.ours.decrypt(envelope)
    with pytest.raises(doubleratchet.DuplicateMessageException):
        run(both.bob.theirs.decrypt_message(message, BINDING))
    for _ in range(1_002):
        both.send(both.alice, b"lost")
    _, envelope, message, _ = both.under_way[-1]
    with pytest.raises(RemoteProtocolError):
        both.bob.ours.decrypt(envelope)
    with pytest.raises(doubleratchet.DoSProtectionException):
        run(both.bob.theirs.decrypt_message(message, BINDING))
    both.deliver(-2)
