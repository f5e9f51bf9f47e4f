"""What an API node keeps of the network between two runs: guards and its last snapshot.

Spec: docs/spec/directory.md section 6. It holds which relays a person enters by, so it belongs
into the node's own database and nowhere else. The guard rules' own record is opaque here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from zentalk.errors import DecodeError
from zentalk.wire.codec import Fields, Value, pack, unpack
from zentalk.wire.descriptor import MAX_DESCRIPTOR_BYTES, Descriptor, decode_descriptor
from zentalk.wire.text import RelayUri

FORMAT: Final = 1
MAX_STATE_BYTES: Final = 16 * 1024 * 1024
MAX_RELAYS: Final = 16_384
MAX_HINTS: Final = 128
_MAX_GUARDS_BYTES: Final = 64 * 1024
_MAX_PORT: Final = 65535


@dataclass(frozen=True, slots=True)
class NetworkState:
    """One node's view: `hints` say where guards listened, `guards` is the guard rules' record."""

    network: str
    guards: Value
    hints: tuple[RelayUri, ...]
    descriptors: tuple[Descriptor, ...]


def encode_network_state(state: NetworkState) -> bytes:
    """Encode a state."""
    return pack(
        [
            FORMAT,
            state.network,
            pack(state.guards),
            [[hint.identity, hint.host, hint.port] for hint in state.hints],
            [descriptor.raw for descriptor in state.descriptors],
        ]
    )


def decode_network_state(data: bytes) -> NetworkState:
    """Decode a state and verify its descriptors.

    Raises DecodeError or AuthenticationError. Descriptors may be expired by now.
    """
    fields = Fields(unpack(data, max_bytes=MAX_STATE_BYTES), "the network state")
    if fields.uint(255) != FORMAT:
        raise DecodeError("the network state has a format that this version does not know")
    state = NetworkState(
        network=fields.text(32),
        guards=unpack(fields.blob(_MAX_GUARDS_BYTES), max_bytes=_MAX_GUARDS_BYTES),
        hints=tuple(_hint(item) for item in fields.array(MAX_HINTS)),
        descriptors=tuple(
            decode_descriptor(raw) for raw in fields.blob_array(MAX_RELAYS, MAX_DESCRIPTOR_BYTES)
        ),
    )
    fields.end()
    return state


def _hint(value: Value) -> RelayUri:
    fields = Fields(value, "a dial hint")
    hint = RelayUri(fields.fixed(32), fields.text(253), fields.uint(_MAX_PORT))
    fields.end()
    return hint
