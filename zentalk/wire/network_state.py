"""What an API node keeps of the network between two runs: guards and its last snapshot.

Spec: docs/spec/directory.md section 8. It holds which relays a person enters by, so it belongs
into the node's own database and nowhere else. The records of guards and of tunnels are opaque here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from zentalk.errors import DecodeError
from zentalk.ids import NODE_ID_BYTES, NodeId
from zentalk.wire.codec import Fields, Value, pack, unpack
from zentalk.wire.descriptor import MAX_DESCRIPTOR_BYTES
from zentalk.wire.host import MAX_PATH_CHARS
from zentalk.wire.text import RelayUri, Scheme

FORMAT: Final = 3
_FORMAT_WITHOUT_SHOWN: Final = 2
"""Written before it was counted who shows relays, and still where nothing was counted."""
_FORMAT_WITHOUT_TUNNELS: Final = 1
"""Written before tunnels had third hops, and still where there is nothing to say of them."""
MAX_STATE_BYTES: Final = 64 * 1024 * 1024
"""Above what the longest lists of the longest descriptors take together."""
MAX_RELAYS: Final = 16_384
MAX_PROOFS: Final = 1024
MAX_HINTS: Final = 128
MAX_SOURCES: Final = 16
"""Sources kept of one relay: more than two refreshes ever ask."""
_MAX_TIMES: Final = 255
_FORMATS: Final = {0: _FORMAT_WITHOUT_TUNNELS, 2: _FORMAT_WITHOUT_SHOWN, 3: FORMAT}
"""By the number of fields behind those of the first format."""
_MAX_RECORD_BYTES: Final = 64 * 1024
_MAX_TIME: Final = (1 << 63) - 1
_MAX_PORT: Final = 65535
_WEB_HINT_FIELDS: Final = 5
"""Of a hint where a WebSocket is taken: those of TCP, the scheme and the path."""


class TimesShown(NamedTuple):
    """How many refreshes have shown a relay, and the sources of those that did."""

    node_id: NodeId
    times: int
    sources: tuple[NodeId, ...] = ()

    def __repr__(self) -> str:
        return "<times that a relay was shown>"


@dataclass(frozen=True, slots=True)
class NetworkState:
    """One node's view of the network `network`.

    `guards` is the guard rules' record, `hints` say where guards listened, `descriptors` are
    raw and `proofs` pairs of raw ones that one relay signed for one epoch and boot. `third_hops` is
    the record of tunnels; until the unix time `full_until` the network counts as large enough for
    full paths. `shown` counts by which refreshes relays were shown.
    """

    network: str
    guards: Value
    hints: tuple[RelayUri, ...]
    descriptors: tuple[bytes, ...]
    proofs: tuple[tuple[bytes, bytes], ...] = ()
    third_hops: Value = None
    full_until: int = 0
    shown: tuple[TimesShown, ...] = ()


def encode_network_state(state: NetworkState) -> bytes:
    """Encode a state; of lists that are too long the end is left out.

    What others can make long must never make a state that cannot be read back: with it the
    guards would be lost, and be drawn anew.
    """
    further: list[Value] = []
    if state.shown or state.third_hops is not None or state.full_until > 0:
        further = [pack(state.third_hops), state.full_until]
    if state.shown:
        further.append(
            [
                [one.node_id, one.times, [*one.sources[:MAX_SOURCES]]]
                for one in state.shown[:MAX_RELAYS]
            ]
        )
    return pack(
        [
            _FORMATS[len(further)],
            state.network,
            pack(state.guards),
            [_hint_value(hint) for hint in state.hints[:MAX_HINTS]],
            list(state.descriptors[:MAX_RELAYS]),
            [list(proof) for proof in state.proofs[:MAX_PROOFS]],
            *further,
        ]
    )


def decode_network_state(data: bytes) -> NetworkState:
    """Decode a state; raises DecodeError. What is signed in it is still to be verified."""
    fields = Fields(unpack(data, max_bytes=MAX_STATE_BYTES), "the network state")
    found = fields.uint(255)
    if found not in (FORMAT, _FORMAT_WITHOUT_SHOWN, _FORMAT_WITHOUT_TUNNELS):
        raise DecodeError("the network state has a format that this version does not know")
    state = NetworkState(
        network=fields.text(32),
        guards=_record(fields),
        hints=tuple(_hint(item) for item in fields.array(MAX_HINTS)),
        descriptors=tuple(fields.blob_array(MAX_RELAYS, MAX_DESCRIPTOR_BYTES)),
        proofs=tuple(_proof(item) for item in fields.array(MAX_PROOFS)),
        third_hops=_record(fields) if found != _FORMAT_WITHOUT_TUNNELS else None,
        full_until=fields.uint(_MAX_TIME) if found != _FORMAT_WITHOUT_TUNNELS else 0,
        shown=tuple(_shown(one) for one in fields.array(MAX_RELAYS)) if found == FORMAT else (),
    )
    fields.end()
    return state


def _shown(value: Value) -> TimesShown:
    fields = Fields(value, "a relay that was shown")
    node_id, times = NodeId(fields.fixed(NODE_ID_BYTES)), fields.uint(_MAX_TIMES)
    sources = fields.blob_array(MAX_SOURCES, NODE_ID_BYTES)
    fields.end()
    return TimesShown(node_id, times, tuple(NodeId(source) for source in sources))


def _record(fields: Fields) -> Value:
    return unpack(fields.blob(_MAX_RECORD_BYTES), max_bytes=_MAX_RECORD_BYTES)


def _hint_value(hint: RelayUri) -> list[Value]:
    place: list[Value] = [hint.identity, hint.host, hint.port]
    return place if hint.scheme is Scheme.TCP else [*place, hint.scheme.value, hint.path]


def _hint(value: Value) -> RelayUri:
    fields = Fields(value, "a dial hint")
    hint = RelayUri(fields.fixed(32), fields.text(253), fields.uint(_MAX_PORT))
    if isinstance(value, list) and len(value) == _WEB_HINT_FIELDS:
        hint = hint._replace(scheme=_web_scheme(fields), path=fields.text(MAX_PATH_CHARS))
    fields.end()
    return hint


def _web_scheme(fields: Fields) -> Scheme:
    name = fields.text(3)
    if name not in (Scheme.WS, Scheme.WSS):
        raise DecodeError("a dial hint has a scheme that is not known")
    return Scheme(name)


def _proof(value: Value) -> tuple[bytes, bytes]:
    fields = Fields(value, "a proof")
    proof = fields.blob(MAX_DESCRIPTOR_BYTES), fields.blob(MAX_DESCRIPTOR_BYTES)
    fields.end()
    return proof
