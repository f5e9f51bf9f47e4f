"""The stored form of a ratchet: versioned, canonical, bounded (spec: end-to-end).

`state_from_bytes(state_to_bytes(s))` equals s, and bytes that decode encode to the
same bytes again. Nothing here encrypts: whoever stores it protects it.

    [version, binding 32, root 32, own [secret 32, public 32] or [], peer public 32 or b"",
     previous count, next sending header key, next receiving header key,
     sending [chain, header key, number] or [],
     receiving [chain, header key, number, public, pq epoch] or [],
     skipped [[header key, [[number, message key], ...]], ...],
     pq [phase, mixed, seed, riding, secret, rest, unfitted]]
"""

from __future__ import annotations

from typing import Final

from zentalk.crypto import mlkem
from zentalk.crypto.aead import AesKey
from zentalk.crypto.types import Secret
from zentalk.crypto.x25519 import KeyPair
from zentalk.errors import DecodeError
from zentalk.session.pq import REST_STEPS, Phase, PqState
from zentalk.session.skipped import MAX_CHAINS, MAX_KEPT, SkippedKeys
from zentalk.session.state import RatchetState, ReceivingChain, Root, SendingChain
from zentalk.wire.codec import Fields, Value, pack, unpack
from zentalk.wire.ratchet import MAX_UINT32

STATE_VERSION: Final = 1
MAX_STATE_BYTES: Final = 131_072
"""2,000 skipped keys of 256 chains take about 90 KB, all the rest below 2 KB."""

_KEY_BYTES: Final = 32
_WHAT: Final = "a stored ratchet"
_NEXT_NUMBER_MAX: Final = MAX_UINT32 + 1

_KEM_KEY: Final = (mlkem.SEED_BYTES, mlkem.PUBLIC_BYTES, 0)
_SECRET: Final = (0, 0, _KEY_BYTES)
_PHASE_LENGTHS: Final = {
    Phase.IDLE: (0, 0, 0),
    Phase.OFFERING: _KEM_KEY,
    Phase.READY: _SECRET,
    Phase.WAITING: (0, 0, 0),
    Phase.ANSWERING: (0, mlkem.CIPHERTEXT_BYTES, _KEY_BYTES),
}
"""Lengths of seed, riding and secret in each phase."""


def state_to_bytes(state: RatchetState) -> bytes:
    """Return the canonical encoding of a state."""
    root, sending, receiving, skipped, pq = state
    return pack(
        [
            STATE_VERSION,
            root.associated_data,
            root.key,
            list(root.own or ()),
            root.peer_public,
            root.previous_count,
            root.next_sending_header_key,
            root.next_receiving_header_key,
            _packed_chain(sending),
            _packed_chain(receiving),
            [
                [header_key, [[number, key] for number, key in keys.items()]]
                for header_key, keys in skipped.chains.items()
            ],
            list(pq),
        ]
    )


def state_from_bytes(data: bytes) -> RatchetState:
    """Read an encoding; raises DecodeError if anything about it is not as written."""
    fields = Fields(unpack(data, max_bytes=MAX_STATE_BYTES), _WHAT)
    if fields.uint(MAX_UINT32) != STATE_VERSION:
        raise DecodeError(f"{_WHAT} has a version that this program does not know")
    root = Root(
        associated_data=fields.fixed(_KEY_BYTES),
        key=_secret(fields),
        own=_own(fields.array(2)),
        peer_public=fields.blob(_KEY_BYTES),
        previous_count=fields.uint(_NEXT_NUMBER_MAX),
        next_sending_header_key=_secret(fields),
        next_receiving_header_key=_secret(fields),
    )
    state = RatchetState(
        root=root,
        sending=_sending(fields.array(3)),
        receiving=_receiving(fields.array(5)),
        skipped=_skipped(fields.array(MAX_CHAINS)),
        pq=_pq(fields.array(7)),
    )
    fields.end()
    _check_together(state)
    return state


def _packed_chain(chain: SendingChain | ReceivingChain | None) -> list[bytes | int]:
    if chain is None:
        return []
    key, header_key, *rest = chain
    return [key, header_key.secret, *rest]


def _check_together(state: RatchetState) -> None:
    """Refuse combinations of parts that no sequence of steps leads to."""
    root = state.root
    started = state.receiving is not None or state.sending is not None
    shapes = {
        # own key pair, peer's key, sending chain: present?
        (True, True, True): True,
        (False, True, False): True,
        (True, False, False): not started,
    }
    shape = root.own is not None, bool(root.peer_public), state.sending is not None
    if not shapes.get(shape, False) or len(root.peer_public) not in (0, _KEY_BYTES):
        raise DecodeError(f"{_WHAT} is not consistent")


def _secret(fields: Fields) -> Secret:
    return Secret(fields.fixed(_KEY_BYTES))


def _header_key(fields: Fields) -> AesKey:
    return AesKey(fields.fixed(_KEY_BYTES))


def _own(items: list[Value]) -> KeyPair | None:
    if not items:
        return None
    fields = Fields(items, _WHAT)
    pair = KeyPair(_secret(fields), fields.fixed(_KEY_BYTES))
    fields.end()
    return pair


def _sending(items: list[Value]) -> SendingChain | None:
    if not items:
        return None
    fields = Fields(items, _WHAT)
    chain = SendingChain(_secret(fields), _header_key(fields), fields.uint(_NEXT_NUMBER_MAX))
    fields.end()
    return chain


def _receiving(items: list[Value]) -> ReceivingChain | None:
    if not items:
        return None
    fields = Fields(items, _WHAT)
    chain = ReceivingChain(
        _secret(fields),
        _header_key(fields),
        fields.uint(_NEXT_NUMBER_MAX),
        fields.fixed(_KEY_BYTES),
        fields.uint(MAX_UINT32),
    )
    fields.end()
    return chain


def _skipped(items: list[Value]) -> SkippedKeys:
    chains: dict[bytes, dict[int, Secret]] = {}
    for item in items:
        fields = Fields(item, _WHAT)
        header_key, keys = fields.fixed(_KEY_BYTES), fields.array(MAX_KEPT)
        fields.end()
        if header_key in chains or not keys:
            raise DecodeError(f"{_WHAT} lists a chain twice or without keys")
        chains[header_key] = _chain_keys(keys)
    skipped = SkippedKeys(chains)
    if skipped.count > MAX_KEPT:
        raise DecodeError(f"{_WHAT} holds too many skipped keys")
    return skipped


def _chain_keys(items: list[Value]) -> dict[int, Secret]:
    keys: dict[int, Secret] = {}
    for item in items:
        fields = Fields(item, _WHAT)
        number = fields.uint(MAX_UINT32)
        if number in keys:
            raise DecodeError(f"{_WHAT} lists a skipped key twice")
        keys[number] = _secret(fields)
        fields.end()
    return keys


def _pq(items: list[Value]) -> PqState:
    fields = Fields(items, _WHAT)
    phase, mixed = Phase(fields.uint(max(Phase))), fields.uint(MAX_UINT32)
    seed_bytes, riding_bytes, secret_bytes = _PHASE_LENGTHS[phase]
    state = PqState(
        phase,
        mixed,
        Secret(fields.fixed(seed_bytes)),
        fields.fixed(riding_bytes),
        Secret(fields.fixed(secret_bytes)),
        fields.uint(REST_STEPS if phase is Phase.IDLE else 0),
        fields.uint(MAX_UINT32),
    )
    fields.end()
    return state
