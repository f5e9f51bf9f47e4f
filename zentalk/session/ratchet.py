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

from zentalk.crypto import aead, x25519
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
    root_step,
)
from zentalk.session.skipped import SkippedKeys, check_gap
from zentalk.session.state import ReceivingChain, SendingChain, State
from zentalk.wire.ratchet import (
    BODY_FRONT_BYTES,
    MAX_CONTENT_BYTES,
    MAX_UINT32,
    MESSAGE_HEADER_BYTES,
    MessageHeader,
    pack_body,
    unpack_body,
)

_SEALED_HEADER_BYTES: Final = MESSAGE_HEADER_BYTES + aead.TAG_BYTES
_FRONT_BYTES: Final = SALT_BYTES + _SEALED_HEADER_BYTES
_NO_SKIPPED: Final = SkippedKeys()

ENVELOPE_OVERHEAD_BYTES: Final = _FRONT_BYTES + BODY_FRONT_BYTES + aead.TAG_BYTES
"""What an envelope is longer than the longest content it can hold."""


def max_content_bytes(padded_bytes: int) -> int:
    """Return how much content an envelope of `padded_bytes` can hold (below 0: none)."""
    return min(padded_bytes - ENVELOPE_OVERHEAD_BYTES, MAX_CONTENT_BYTES)


class Ratchet:
    """One side of a session with one contact device; immutable."""

    __slots__ = ("_state",)

    def __init__(self, state: State) -> None:
        self._state = state

    def __repr__(self) -> str:
        return "<ratchet>"

    @classmethod
    def initiate(
        cls, root: bytes, peer_signed_prekey_public: bytes, associated_data: bytes
    ) -> Ratchet:
        """Start the side that sends first, from what `pqxdh.initiate` returned."""
        ours, theirs = first_header_keys(root)
        return cls(
            State(
                associated_data=associated_data,
                root=Secret(root),
                own=None,
                peer_public=peer_signed_prekey_public,
                previous_count=0,
                sending=None,
                receiving=None,
                next_sending_header_key=ours,
                next_receiving_header_key=theirs,
                skipped=_NO_SKIPPED,
                pq=pq.FIRST_OF_INITIATOR,
            )
        )

    @classmethod
    def respond(
        cls, root: bytes, own_signed_prekey_pair: KeyPair, associated_data: bytes
    ) -> Ratchet:
        """Start the side that receives first, from what `pqxdh.respond` returned."""
        theirs, ours = first_header_keys(root)
        return cls(
            State(
                associated_data=associated_data,
                root=Secret(root),
                own=own_signed_prekey_pair,
                peer_public=b"",
                previous_count=0,
                sending=None,
                receiving=None,
                next_sending_header_key=ours,
                next_receiving_header_key=theirs,
                skipped=_NO_SKIPPED,
                pq=pq.FIRST_OF_RESPONDER,
            )
        )

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
        return self._state.peer_public != b""

    @property
    def has_received(self) -> bool:
        """Tell whether the peer has proved that it holds this session's keys."""
        return self._state.receiving is not None

    @property
    def pq_epoch(self) -> int:
        """How many KEM secrets are mixed into the root so far (that of PQXDH apart)."""
        return self._state.pq.mixed

    def pq_overdue(self) -> bool:
        """Tell whether 50 envelopes had no room: then send one more, with empty content."""
        return pq.overdue(self._state.pq)

    def encrypt(self, content: bytes, entropy: Entropy, padded_bytes: int) -> tuple[Ratchet, bytes]:
        """Return the next ratchet and an envelope of exactly `padded_bytes`.

        Raises LocalProtocolError if the content does not fit (`max_content_bytes`) or
        this is a responder that has not heard from its peer (`can_send`).
        """
        room_bytes = max_content_bytes(padded_bytes) - len(content)
        if room_bytes < 0:
            raise LocalProtocolError(f"the content does not fit {padded_bytes} bytes")
        state, own, sending = _sending(self._state, entropy)
        pq_state, block = pq.ride(state.pq, room_bytes, entropy)
        step = chain_step(sending.chain)
        salt = entropy(SALT_BYTES)
        header = MessageHeader(
            own.public, state.previous_count, sending.number, state.pq.mixed
        ).to_bytes()
        binding = state.associated_data
        front = salt + aead.aes_seal(sending.header_key, salt[: aead.NONCE_BYTES], header, binding)
        key, nonce = body_key(step.message_key, salt)
        body = pack_body(content, block, padded_bytes - _FRONT_BYTES - aead.TAG_BYTES)
        envelope = front + aead.aes_seal(key, nonce, body, binding + front)
        after = SendingChain(step.chain, sending.header_key, sending.number + 1)
        return Ratchet(state._replace(sending=after, pq=pq_state)), envelope

    def decrypt(self, envelope: bytes) -> tuple[Ratchet, bytes]:
        """Return the next ratchet and the content of an envelope.

        Raises DecodeError if it is too short, AuthenticationError if it was not made
        for this state, AlreadyReadError if its key is gone, and RemoteProtocolError if
        it skips more than 1,000 others or breaks the protocol. This ratchet stays
        usable in every case.
        """
        if len(envelope) < ENVELOPE_OVERHEAD_BYTES:
            raise DecodeError("an envelope is too short")
        state, message_key = _message_key(self._state, envelope[:_FRONT_BYTES])
        front, sealed_body = envelope[:_FRONT_BYTES], envelope[_FRONT_BYTES:]
        key, nonce = body_key(message_key, front[:SALT_BYTES])
        body = aead.aes_open(key, nonce, sealed_body, state.associated_data + front)
        content, block = unpack_body(body)
        if block is not None:
            state = state._replace(pq=pq.receive(state.pq, block))
        return Ratchet(state), content


def _sending(state: State, entropy: Entropy) -> tuple[State, KeyPair, SendingChain]:
    """Return a state that has a sending chain, taking a step of our own if it has none."""
    if state.sending is not None and state.own is not None:
        if state.sending.number > MAX_UINT32:
            raise LocalProtocolError("a chain is used up: nothing came back for too long")
        return state, state.own, state.sending
    if not state.peer_public:
        raise LocalProtocolError("a responder cannot send before it has received")
    own = x25519.generate(entropy)
    pq_state, kem_secret = pq.at_own_step(state.pq)
    step = root_step(state.root, x25519.exchange(own.secret, state.peer_public), kem_secret)
    sending = SendingChain(step.chain, state.next_sending_header_key, 0)
    stepped = state._replace(
        root=step.root,
        own=own,
        sending=sending,
        next_sending_header_key=step.header_key,
        pq=pq_state,
    )
    return stepped, own, sending


def _message_key(state: State, front: bytes) -> tuple[State, bytes]:
    """Find the chain that an envelope belongs to; return state and key after reading it."""
    receiving = state.receiving
    if receiving is not None:
        header = _open_header(state, receiving.header_key, front)
        if header is not None:
            return _in_current_chain(state, receiving, header)
    header = _open_header(state, state.next_receiving_header_key, front)
    if header is not None:
        return _in_next_chain(state, header)
    for header_key in state.skipped.header_keys():
        header = _open_header(state, header_key, front)
        if header is not None:
            message_key, skipped = state.skipped.take(header_key, header.number)
            return state._replace(skipped=skipped), message_key
    raise AuthenticationError("an envelope does not belong to this ratchet")


def _open_header(state: State, header_key: bytes, front: bytes) -> MessageHeader | None:
    nonce, sealed = front[: aead.NONCE_BYTES], front[SALT_BYTES:]
    try:
        opened = aead.aes_open(header_key, nonce, sealed, state.associated_data)
    except AuthenticationError:
        return None
    return MessageHeader.from_bytes(opened)


def _in_current_chain(
    state: State, receiving: ReceivingChain, header: MessageHeader
) -> tuple[State, bytes]:
    if (header.public, header.pq_epoch) != (receiving.public, receiving.pq_epoch):
        raise RemoteProtocolError("two envelopes of one chain name different keys")
    if header.number < receiving.number:
        message_key, skipped = state.skipped.take(receiving.header_key, header.number)
        return state._replace(skipped=skipped), message_key
    check_gap(receiving.number, header.number)
    reached, skipped = _skip(receiving, header.number, state.skipped)
    return _take_next(state, reached, skipped)


def _in_next_chain(state: State, header: MessageHeader) -> tuple[State, bytes]:
    """Follow the peer's step. Every check comes before the first derivation."""
    if state.own is None:
        raise RemoteProtocolError("the peer took two ratchet steps in a row")
    finished = state.receiving
    if header.previous_count < (finished.number if finished else 0):
        raise RemoteProtocolError("a ratchet step shortens the chain before it")
    if finished is None and header.previous_count:
        raise RemoteProtocolError("a first ratchet step names a chain before it")
    check_gap(finished.number if finished else 0, header.previous_count)
    check_gap(0, header.number)
    pq_state, kem_secret = pq.at_peer_step(state.pq, header.pq_epoch)
    step = root_step(state.root, x25519.exchange(state.own.secret, header.public), kem_secret)
    skipped = state.skipped
    if finished is not None:
        _, skipped = _skip(finished, header.previous_count, skipped)
    fresh = ReceivingChain(
        step.chain, state.next_receiving_header_key, 0, header.public, header.pq_epoch
    )
    reached, skipped = _skip(fresh, header.number, skipped)
    followed = state._replace(
        root=step.root,
        own=None,
        peer_public=header.public,
        previous_count=state.sending.number if state.sending else 0,
        sending=None,
        next_receiving_header_key=step.header_key,
        pq=pq_state,
    )
    return _take_next(followed, reached, skipped)


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
    return reached, skipped.add(chain.header_key, fresh)


def _take_next(state: State, chain: ReceivingChain, skipped: SkippedKeys) -> tuple[State, bytes]:
    step = chain_step(chain.chain)
    after = ReceivingChain(
        step.chain, chain.header_key, chain.number + 1, chain.public, chain.pq_epoch
    )
    return state._replace(receiving=after, skipped=skipped), step.message_key
