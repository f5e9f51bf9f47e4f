"""The Double Ratchet with header encryption, a PQ ratchet and constant envelope sizes.

A `Ratchet` never changes: `encrypt` and `decrypt` return the next one, and the caller
stores it together with the envelope or the message in one transaction. A refused
envelope therefore costs nothing but time, and that is bounded before work is done.

    envelope = salt 16 | sealed header 60 | sealed body
    sealed header = AES-256-GCM(header key, first 12 bytes of salt, header, AAD = binding)
    sealed body   = AES-256-GCM(KDF(message key, salt), body, AAD = binding | salt | sealed header)

All of it looks random to anyone without the keys, and its length is the caller's
choice, not the content's. The body's padding carries the PQ ratchet (`session.pq`).

Source: Signal's Double Ratchet specification, section 4 (header encryption), with its
deferred generation of ratchet keys: the new key pair is made when the next envelope is
sent, not when the peer's step arrives. Differences are listed in docs/design/adr-0003.
"""

from __future__ import annotations

from typing import Final

from zentalk.crypto import x25519
from zentalk.crypto.aead import NONCE_BYTES, TAG_BYTES, AesKey, aes_open, aes_seal
from zentalk.crypto.types import Entropy, Secret
from zentalk.crypto.x25519 import KeyPair
from zentalk.errors import (
    AuthenticationError,
    DecodeError,
    LocalProtocolError,
    RemoteProtocolError,
)
from zentalk.session import pq, saved
from zentalk.session.chains import (
    SALT_BYTES,
    body_key,
    chain_step,
    first_header_keys,
    next_body_key,
    root_step,
)
from zentalk.session.skipped import SkippedKeys, check_gap
from zentalk.session.state import RatchetState, ReceivingChain, Root, SendingChain
from zentalk.wire.ratchet import (
    BODY_FRONT_BYTES,
    MAX_CONTENT_BYTES,
    MESSAGE_HEADER_BYTES,
    MessageHeader,
    PqBlock,
    pack_body,
    pack_header,
    unpack_body,
)

_SEALED_HEADER_BYTES: Final = MESSAGE_HEADER_BYTES + TAG_BYTES
_FRONT_BYTES: Final = SALT_BYTES + _SEALED_HEADER_BYTES
_NO_SKIPPED: Final = SkippedKeys()

ENVELOPE_OVERHEAD_BYTES: Final = _FRONT_BYTES + BODY_FRONT_BYTES + TAG_BYTES
"""Bytes by which an envelope is longer than the longest content that it can hold."""


class Ratchet:
    """One side of a session with one contact device; immutable.

    `pq_overdue` says that 50 envelopes had no room: then send one more, with empty content.
    """

    __slots__ = ("_state", "pq_overdue")

    def __init__(self, state: RatchetState) -> None:
        self._state = state
        self.pq_overdue = state.pq.unfitted >= pq.OVERDUE_AFTER_ENVELOPES

    def __repr__(self) -> str:
        return "<ratchet>"

    @classmethod
    def initiate(
        cls, root: bytes, peer_signed_prekey_public: bytes, associated_data: bytes
    ) -> Ratchet:
        """Start the side that sends first, from what `pqxdh.initiate` returned."""
        ours, theirs = first_header_keys(root)
        start = Root(
            associated_data, Secret(root), None, peer_signed_prekey_public, 0, ours, theirs
        )
        return cls(RatchetState(start, None, None, _NO_SKIPPED, pq.FIRST_OF_INITIATOR))

    @classmethod
    def respond(
        cls, root: bytes, own_signed_prekey_pair: KeyPair, associated_data: bytes
    ) -> Ratchet:
        """Start the side that receives first, from what `pqxdh.respond` returned."""
        theirs, ours = first_header_keys(root)
        start = Root(associated_data, Secret(root), own_signed_prekey_pair, b"", 0, ours, theirs)
        return cls(RatchetState(start, None, None, _NO_SKIPPED, pq.FIRST_OF_RESPONDER))

    @classmethod
    def from_bytes(cls, data: bytes) -> Ratchet:
        """Read what `to_bytes` wrote; raises DecodeError."""
        return cls(saved.state_from_bytes(data))

    def to_bytes(self) -> bytes:
        """Return a versioned, canonical encoding. It is as secret as the session."""
        return saved.state_to_bytes(self._state)

    @property
    def can_send(self) -> bool:
        """False only for a responder that has not decrypted anything yet."""
        return self._state.root.peer_public != b""

    @property
    def unanswered(self) -> int:
        """The envelopes of the sending chain: the peer has proved nothing since its first one.

        A peer that misses more than 1,000 of them can read nothing that follows.
        """
        return self._state.sending.number if self._state.sending else 0

    @property
    def finished(self) -> int:
        """The envelopes of the sending chain before this one: the peer has read one of them."""
        return self._state.root.previous_count

    @property
    def pq_epoch(self) -> int:
        """The number of KEM secrets mixed into the root so far, without that of PQXDH."""
        return self._state.pq.mixed

    def encrypt(self, content: bytes, entropy: Entropy, padded_bytes: int) -> tuple[Ratchet, bytes]:
        """Return the next ratchet and an envelope of exactly `padded_bytes`.

        Raises LocalProtocolError if the content does not fit or
        this is a responder that has not heard from its peer (`can_send`).
        """
        room_bytes = padded_bytes - ENVELOPE_OVERHEAD_BYTES - len(content)
        if room_bytes < 0 or len(content) > MAX_CONTENT_BYTES:
            raise LocalProtocolError(f"the content does not fit {padded_bytes} bytes")
        root, sending, receiving, skipped, pq_state = self._state
        if sending is None:
            root, sending, pq_state, block = _own_step(root, pq_state, room_bytes, entropy)
        else:
            pq_state, block = pq.ride(pq_state, room_bytes, entropy)
        own, number = root.own, sending.number
        assert own is not None, "a sending chain has a key pair"
        salt, binding = entropy(SALT_BYTES), root.associated_data
        chain, key, nonce = next_body_key(sending.chain, salt)
        header = pack_header(own.public, root.previous_count, number, pq_state.mixed)
        front = salt + sending.header_key.seal(salt[:NONCE_BYTES], header, binding)
        body = pack_body(content, block, padded_bytes - _FRONT_BYTES - TAG_BYTES)
        envelope = front + aes_seal(key, nonce, body, binding + front)
        after = SendingChain(chain, sending.header_key, number + 1)
        return Ratchet(RatchetState(root, after, receiving, skipped, pq_state)), envelope

    def decrypt(self, envelope: bytes) -> tuple[Ratchet, bytes]:
        """Return the next ratchet and the content of an envelope.

        Raises DecodeError if it is too short, AuthenticationError if it was not made
        for this state, AlreadyReadError if its key is gone, and RemoteProtocolError if
        it skips more than 1,000 others or breaks the protocol. This ratchet stays
        usable in every case.
        """
        if len(envelope) < ENVELOPE_OVERHEAD_BYTES:
            raise DecodeError("an envelope is too short")
        front = envelope[:_FRONT_BYTES]
        state, key, nonce = _body_key(self._state, front[:SALT_BYTES], front[SALT_BYTES:])
        binding = state.root.associated_data
        body = aes_open(key, nonce, envelope[_FRONT_BYTES:], binding + front)
        content, block = unpack_body(body)
        if block is not None:
            state = state._replace(pq=pq.receive(state.pq, block))
        return Ratchet(state), content


def _own_step(
    root: Root, pq_state: pq.PqState, room_bytes: int, entropy: Entropy
) -> tuple[Root, SendingChain, pq.PqState, PqBlock | None]:
    """Take a ratchet step with a fresh key pair, for an envelope with so much room.

    It starts a sending chain; the block is what rides in that envelope.
    """
    if not root.peer_public:
        raise LocalProtocolError("a responder cannot send before it has received")
    own, shared = x25519.fresh_exchange(root.peer_public, entropy)
    pq_state, kem_secret, block = pq.step_and_ride(pq_state, room_bytes, entropy)
    step = root_step(root.key, shared, kem_secret)
    sending = SendingChain(step.chain, AesKey(root.next_sending_header_key), 0)
    stepped = root._replace(key=step.root, own=own, next_sending_header_key=step.header_key)
    return stepped, sending, pq_state, block


_Found = tuple[RatchetState, bytes, bytes]
"""The state after reading an envelope, AEAD key and nonce of its body."""


def _body_key(state: RatchetState, salt: bytes, sealed_header: bytes) -> _Found:
    """Find the chain that an envelope belongs to and its place in it."""
    binding, receiving, nonce = state.root.associated_data, state.receiving, salt[:NONCE_BYTES]
    if receiving is not None:
        header = _open_header(receiving.header_key, nonce, sealed_header, binding)
        if header is not None:
            return _in_current_chain(state, receiving, header, salt)
    next_header_key = AesKey(state.root.next_receiving_header_key)
    header = _open_header(next_header_key, nonce, sealed_header, binding)
    if header is not None:
        return _in_next_chain(state, next_header_key, header, salt)
    for header_key in state.skipped.header_keys():
        header = _open_header(AesKey(header_key), nonce, sealed_header, binding)
        if header is not None:
            return _skipped(state, header_key, header.number, salt)
    raise AuthenticationError("an envelope does not belong to this ratchet")


def _open_header(
    header_key: AesKey, nonce: bytes, sealed_header: bytes, binding: bytes
) -> MessageHeader | None:
    try:
        return MessageHeader.from_bytes(header_key.open(nonce, sealed_header, binding))
    except AuthenticationError:
        return None


def _skipped(state: RatchetState, header_key: bytes, number: int, salt: bytes) -> _Found:
    message_key, skipped = state.skipped.take(header_key, number)
    return state._replace(skipped=skipped), *body_key(message_key, salt)


def _in_current_chain(
    state: RatchetState, receiving: ReceivingChain, header: MessageHeader, salt: bytes
) -> _Found:
    root, sending, _, skipped, pq_state = state
    _, header_key, next_number, public, pq_epoch = receiving
    if header.public != public or header.pq_epoch != pq_epoch:
        raise RemoteProtocolError("two envelopes of one chain name different keys")
    if header.number < next_number:
        return _skipped(state, header_key.secret, header.number, salt)
    if header.number > next_number:
        check_gap(next_number, header.number)
        receiving, skipped = _skip(receiving, header.number, skipped)
    chain, key, nonce = next_body_key(receiving.chain, salt)
    after = ReceivingChain(chain, header_key, header.number + 1, public, pq_epoch)
    return RatchetState(root, sending, after, skipped, pq_state), key, nonce


def _in_next_chain(
    state: RatchetState, header_key: AesKey, header: MessageHeader, salt: bytes
) -> _Found:
    """Follow the peer's step. Every check comes before the first derivation."""
    root, finished, skipped = state.root, state.receiving, state.skipped
    if root.own is None:
        raise RemoteProtocolError("the peer took two ratchet steps in a row")
    read = finished.number if finished else 0
    if header.previous_count < read or (finished is None and header.previous_count):
        raise RemoteProtocolError("a ratchet step names a wrong length of the chain before it")
    check_gap(read, header.previous_count)
    check_gap(0, header.number)
    pq_state, kem_secret = pq.at_peer_step(state.pq, header.pq_epoch)
    step = root_step(root.key, x25519.exchange(root.own.secret, header.public), kem_secret)
    if finished is not None:
        _, skipped = _skip(finished, header.previous_count, skipped)
    fresh = ReceivingChain(step.chain, header_key, 0, header.public, header.pq_epoch)
    fresh, skipped = _skip(fresh, header.number, skipped)
    chain, key, nonce = next_body_key(fresh.chain, salt)
    after = fresh._replace(chain=chain, number=header.number + 1)
    followed = root._replace(
        key=step.root,
        own=None,
        peer_public=header.public,
        previous_count=state.sending.number if state.sending else 0,
        next_receiving_header_key=step.header_key,
    )
    return RatchetState(followed, None, after, skipped, pq_state), key, nonce


def _skip(
    chain: ReceivingChain, number: int, skipped: SkippedKeys
) -> tuple[ReceivingChain, SkippedKeys]:
    """Advance a chain to `number` and keep the keys passed over; the gap was checked."""
    if number == chain.number:
        return chain, skipped
    fresh: dict[int, Secret] = {}
    key = chain.chain
    for position in range(chain.number, number):
        key, fresh[position] = chain_step(key)
    reached = chain._replace(chain=key, number=number)
    return reached, skipped.add(chain.header_key.secret, fresh)
