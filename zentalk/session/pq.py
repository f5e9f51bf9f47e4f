"""The PQ ratchet: ML-KEM secrets mixed, one epoch at a time, into the root key.

Each epoch is one KEM exchange. One side offers a key, the other answers with a
ciphertext; both ride in the padding of ordinary envelopes, again and again until the
peer is known to have them, so that loss and reordering need no extra messages.

Only the side that offered an epoch mixes it, at its next Diffie-Hellman step: by then
it has the answer, which is the peer's confirmation. The header of every envelope of
the new chain names the epoch, and the peer, which kept the secret beside the old root
until now, mixes it when it follows that step. Diffie-Hellman steps strictly alternate,
so both sides mix the same secret at the same step whatever is lost. Then the roles
swap. The responder of the session offers epoch 1, the initiator epoch 2, and so on:
a responder's first envelope has room, an initiator's first has not.

    phase      holds           rides        leaves when                          to
    IDLE       nothing         nothing      4 own steps later, at an envelope    OFFERING
                                            with room for a key
    OFFERING   KEM seed, key   key          the ciphertext arrives               READY
    READY      epoch secret    nothing      we take a step (header names it)     WAITING, epoch+1
    WAITING    nothing         nothing      the key arrives                      ANSWERING
    ANSWERING  epoch secret    ciphertext   the peer's step names the epoch      IDLE, epoch+1

Anything that arrives in another phase or for another epoch is a late copy and ignored.
A step that names an epoch we cannot mix is refused before work is done.

The idea is that of Signal's sparse post-quantum ratchet (Triple Ratchet); it is not
wire compatible with it: no chunking, and one root instead of two.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final, NamedTuple

from zentalk.crypto import mlkem
from zentalk.crypto.types import Entropy, Secret
from zentalk.errors import RemoteProtocolError
from zentalk.session.chains import epoch_secret
from zentalk.wire.ratchet import BLOCK_ROOM_BYTES, BlockKind, PqBlock

OVERDUE_AFTER_ENVELOPES: Final = 50
"""So many envelopes without room, and the caller should send one that has room."""
REST_STEPS: Final = 4
"""Own steps between two offers: every message is confirmed, so every message is a step,
and a KEM exchange at each would double what a message costs."""
_NOTHING: Final = Secret(b"")


class Phase(IntEnum):
    """The phase of this side in the epoch after `PqState.mixed`."""

    IDLE = 0
    OFFERING = 1
    READY = 2
    WAITING = 3
    ANSWERING = 4


class PqState(NamedTuple):
    """One side of the PQ ratchet.

    `mixed` counts the epochs in the root; `seed`, `riding` and `secret` belong to the
    next one (see the table); `rest` counts our steps until the next offer, `unfitted`
    the envelopes since one had room.
    """

    phase: Phase
    mixed: int = 0
    seed: Secret = _NOTHING
    riding: bytes = b""
    secret: Secret = _NOTHING
    rest: int = 0
    unfitted: int = 0


FIRST_OF_INITIATOR: Final = PqState(Phase.WAITING)
FIRST_OF_RESPONDER: Final = PqState(Phase.IDLE)

_RIDES: Final = {
    Phase.IDLE: BlockKind.KEM_KEY,
    Phase.OFFERING: BlockKind.KEM_KEY,
    Phase.ANSWERING: BlockKind.KEM_CIPHERTEXT,
}


def ride(state: PqState, room_bytes: int, entropy: Entropy) -> tuple[PqState, PqBlock | None]:
    """Choose what the next envelope carries in `room_bytes` of padding."""
    kind = _RIDES.get(state.phase)
    if kind is None or state.rest:
        return state, None
    if room_bytes < BLOCK_ROOM_BYTES[kind]:
        return state._replace(unfitted=state.unfitted + 1), None
    if state.phase is Phase.IDLE:
        pair = mlkem.generate(entropy)
        state = state._replace(phase=Phase.OFFERING, seed=pair.seed, riding=pair.public)
    if state.unfitted:
        state = state._replace(unfitted=0)
    return state, PqBlock(kind, state.mixed + 1, state.riding)


def receive(state: PqState, block: PqBlock | None) -> PqState:
    """Take in what an authenticated envelope carried.

    Raises AuthenticationError if the peer sent a malformed key.
    """
    if block is None or block.epoch != state.mixed + 1:
        return state
    if block.kind is BlockKind.KEM_KEY and state.phase is Phase.WAITING:
        answer = mlkem.encapsulate(block.data)
        secret = epoch_secret(block.epoch, answer.shared, answer.ciphertext, block.data)
        return state._replace(phase=Phase.ANSWERING, secret=secret, riding=answer.ciphertext)
    if block.kind is BlockKind.KEM_CIPHERTEXT and state.phase is Phase.OFFERING:
        shared = mlkem.decapsulate(state.seed, block.data)
        secret = epoch_secret(block.epoch, shared, block.data, state.riding)
        return PqState(Phase.READY, state.mixed, secret=secret)
    return state


def at_own_step(state: PqState) -> tuple[PqState, bytes]:
    """Return the state after our step and the secret to mix into it (b"" for none)."""
    if state.rest:
        return state._replace(rest=state.rest - 1), b""
    if state.phase is not Phase.READY:
        return state, b""
    return PqState(Phase.WAITING, state.mixed + 1), state.secret


def step_and_ride(
    state: PqState, room_bytes: int, entropy: Entropy
) -> tuple[PqState, bytes, PqBlock | None]:
    """Do `at_own_step` for a step, and then `ride` for the envelope that it is taken for."""
    state, kem_secret = at_own_step(state)
    state, block = ride(state, room_bytes, entropy)
    return state, kem_secret, block


def at_peer_step(state: PqState, named_epoch: int) -> tuple[PqState, bytes]:
    """Return the state after the peer's step and the secret that it mixed (b"" for none).

    Raises RemoteProtocolError if the step names an epoch that we cannot mix.
    """
    if named_epoch == state.mixed:
        return state, b""
    if named_epoch == state.mixed + 1 and state.phase is Phase.ANSWERING:
        return PqState(Phase.IDLE, named_epoch, rest=REST_STEPS), state.secret
    raise RemoteProtocolError("a ratchet step names a PQ epoch that was not agreed on")
