"""The parts of a ratchet, as plain values: nothing here computes.

A side either has a sending chain (and the key pair `own` that belongs to it) or has
just followed the peer's step and has neither; then its next envelope takes a step with
a fresh key pair. The responder starts with its signed prekey as `own` and no chain: it
can follow a step but not send.
"""

from __future__ import annotations

from typing import NamedTuple

from zentalk.crypto.aead import AesKey
from zentalk.crypto.types import Secret
from zentalk.crypto.x25519 import KeyPair
from zentalk.session.pq import PqState
from zentalk.session.skipped import SkippedKeys


class SendingChain(NamedTuple):
    """Our current chain; `number` is that of the next envelope."""

    chain: Secret
    header_key: AesKey
    number: int


class ReceivingChain(NamedTuple):
    """The peer's current chain; `number` is that of the next envelope in order."""

    chain: Secret
    header_key: AesKey
    number: int
    public: bytes
    pq_epoch: int


class Root(NamedTuple):
    """The part of a ratchet that changes only when a side takes a step.

    `peer_public` is the key that our next step uses (b"" before the responder has
    heard anything); `previous_count` is the length of our last finished chain.
    """

    associated_data: bytes
    key: Secret
    own: KeyPair | None
    peer_public: bytes
    previous_count: int
    next_sending_header_key: Secret
    next_receiving_header_key: Secret


class RatchetState(NamedTuple):
    """One side of a ratchet; see the module's text for what may be None together."""

    root: Root
    sending: SendingChain | None
    receiving: ReceivingChain | None
    skipped: SkippedKeys
    pq: PqState
