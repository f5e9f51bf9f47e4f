"""The stored network state: it comes back as it was, and damage is noticed."""

import contextlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.node.descriptors import NETWORK, make_relays
from zentalk.errors import RemoteProtocolError
from zentalk.onion.guard_state import GuardEntry, GuardState, Middle
from zentalk.wire.codec import Value
from zentalk.wire.descriptor import MAX_DESCRIPTOR_BYTES
from zentalk.wire.network_state import (
    MAX_HINTS,
    MAX_PROOFS,
    MAX_RELAYS,
    MAX_SOURCES,
    NetworkState,
    TimesShown,
    _hint,
    decode_network_state,
    encode_network_state,
)
from zentalk.wire.text import Scheme

RELAYS = make_relays(3)
GUARDS = GuardState((GuardEntry(RELAYS[0].node_id, 5, middles=(Middle(RELAYS[1].node_id, 9),)),))
RAWS = tuple(relay.raw for relay in RELAYS)
STATE = NetworkState(
    NETWORK,
    GUARDS.to_value(),
    hints=(
        RELAYS[0].uri,
        RELAYS[1].uri,
        RELAYS[1].uri._replace(port=443, scheme=Scheme.WSS, path="/relay/link"),
    ),
    descriptors=RAWS,
    proofs=((RAWS[0], RAWS[1]),),
    third_hops=[[bytes(32), [[RELAYS[2].node_id, 5, 9]]]],
    full_until=90_000,
    shown=(
        TimesShown(RELAYS[0].node_id, 2, (RELAYS[1].node_id,)),
        TimesShown(RELAYS[2].node_id, 3),
    ),
)
ENCODED = encode_network_state(STATE)


def test_a_state_comes_back_as_it_was() -> None:
    decoded = decode_network_state(ENCODED)
    assert decoded == STATE
    assert GuardState.from_value(decoded.guards) == GUARDS


def test_a_state_from_before_tunnels_had_third_hops_is_read() -> None:
    earlier = replace(STATE, third_hops=None, full_until=0, shown=())
    encoded = encode_network_state(earlier)
    assert encoded[1] == 1
    assert decode_network_state(encoded) == earlier


def test_a_state_from_before_it_was_counted_who_shows_relays_is_read() -> None:
    earlier = replace(STATE, shown=())
    encoded = encode_network_state(earlier)
    assert encoded[1] == 2
    assert decode_network_state(encoded) == earlier


@pytest.mark.parametrize("scheme", ["tcp", "wsx", ""])
def test_a_hint_with_another_scheme_is_refused(scheme: str) -> None:
    uri = RELAYS[0].uri
    hint: list[Value] = [uri.identity, uri.host, uri.port, scheme, "/relay/link"]
    with pytest.raises(RemoteProtocolError, match="scheme"):
        _hint(hint)


def test_a_newer_format_is_refused() -> None:
    with pytest.raises(RemoteProtocolError, match="format"):
        decode_network_state(ENCODED[:1] + b"\x04" + ENCODED[2:])


def test_what_others_make_too_long_is_cut_and_the_guards_stay() -> None:
    """One snapshot source alone can show any number of relays that contradict themselves."""
    longest = bytes(MAX_DESCRIPTOR_BYTES)
    state = replace(
        STATE,
        hints=STATE.hints * MAX_HINTS,
        descriptors=(longest,) * (MAX_RELAYS + 1),
        proofs=((longest, longest),) * (MAX_PROOFS + 1),
        shown=(TimesShown(RELAYS[0].node_id, 1, (RELAYS[1].node_id,) * 99),) * (MAX_RELAYS + 1),
    )
    decoded = decode_network_state(encode_network_state(state))
    assert decoded.guards == STATE.guards
    assert len(decoded.descriptors) == MAX_RELAYS
    assert len(decoded.proofs) == MAX_PROOFS
    assert len(decoded.hints) == MAX_HINTS
    assert len(decoded.shown) == MAX_RELAYS
    assert len(decoded.shown[0].sources) == MAX_SOURCES


@given(st.integers(0, len(ENCODED) - 1), st.integers(1, 255))
def test_no_damage_raises_anything_but_a_protocol_error(place: int, change: int) -> None:
    damaged = bytearray(ENCODED)
    damaged[place] ^= change
    with contextlib.suppress(RemoteProtocolError):
        decode_network_state(bytes(damaged))
