"""Offers, which contacts exchange before they look for a direct path, and their probes.

Spec: docs/spec/direct.md sections 3 and 4. An offer travels inside a sealed content; a probe is a
datagram. Which addresses of an offer may be probed, and whether a probe is the contact's, decides
`zentalk.direct`.

    offer      [1, session 16, secret 32, direct key 32, NAT, [candidate, ... at most 8]]
    candidate  [kind, address 4 or 16, port]
    probe      0x0a || kind 1 || tag 8 || transaction 12 || MAC 16
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, NamedTuple

from zentalk.errors import DecodeError
from zentalk.wire.codec import Fields, Value, pack, unpack
from zentalk.wire.ip_address import Place, pack_address, unpack_address

PROBE: Final = 0x0A
"""The first byte of probes; see `zentalk.wire.echo` for its neighbours."""
PROBE_BYTES: Final = 38
TAG_BYTES: Final = 8
TRANSACTION_BYTES: Final = 12
MAC_BYTES: Final = 16

VERSION: Final = 1
SESSION_BYTES: Final = 16
SECRET_BYTES: Final = 32
KEY_BYTES: Final = 32
MAX_CANDIDATES: Final = 8
MAX_OFFER_BYTES: Final = 512
_MAX_PORT: Final = 65_535
_MAX_ADDRESS_BYTES: Final = 16
_TAG_AT: Final = 2
_MAC_AT: Final = PROBE_BYTES - MAC_BYTES


class CandidateKind(IntEnum):
    """The source from which somebody knows an address of their own."""

    LOCAL = 0
    """An address of the machine."""
    ECHOED = 1
    """An address that a relay saw."""


class Nat(IntEnum):
    """The kind of way out, as far as relays' echoes tell it."""

    UNKNOWN = 0
    """Fewer than two relays answered."""
    STEADY = 1
    """Two relays saw one port: so will a contact."""
    SYMMETRIC = 2
    """Two relays saw different ports: a contact will see a third one."""


class DirectCandidate(NamedTuple):
    """An address under which somebody may be reached by UDP."""

    kind: CandidateKind
    place: Place


@dataclass(frozen=True, slots=True)
class DirectOffer:
    """The part of one side that it shows the other for one session.

    `direct_key` is the Ed25519 key of the side's end of direct connections, no key of a person.
    """

    session: bytes
    secret: bytes = field(repr=False)
    direct_key: bytes
    nat: Nat
    candidates: tuple[DirectCandidate, ...] = field(repr=False)


class ProbeKind(IntEnum):
    """The purpose of a probe."""

    ASK = 1
    """Tell me that you see this."""
    USE = 2
    """As ASK, from the side that chooses: let this be the path."""
    ANSWER = 3
    """I have seen your probe with this transaction."""


class PunchProbe(NamedTuple):
    """A probe as it was read: whose it is, its MAC says."""

    kind: ProbeKind
    tag: bytes
    transaction: bytes
    mac: bytes


def encode_offer(offer: DirectOffer) -> bytes:
    """Return an offer as it stands in a content."""
    candidates: list[Value] = [
        [int(kind), pack_address(address), port] for kind, (address, port) in offer.candidates
    ]
    return pack(
        [VERSION, offer.session, offer.secret, offer.direct_key, int(offer.nat), candidates]
    )


def decode_offer(data: bytes) -> DirectOffer:
    """Read an offer; raises DecodeError."""
    fields = Fields(unpack(data, max_bytes=MAX_OFFER_BYTES, max_items=8), "an offer")
    if fields.uint(255) != VERSION:
        raise DecodeError("an offer has a version that this one does not know")
    offer = DirectOffer(
        session=fields.fixed(SESSION_BYTES),
        secret=fields.fixed(SECRET_BYTES),
        direct_key=fields.fixed(KEY_BYTES),
        nat=Nat(fields.uint(max(Nat))),
        candidates=tuple(_candidate(item) for item in fields.array(MAX_CANDIDATES)),
    )
    fields.end()
    if len({place for _, place in offer.candidates}) < len(offer.candidates):
        raise DecodeError("an offer names one address twice")
    return offer


def _candidate(value: Value) -> DirectCandidate:
    fields = Fields(value, "a candidate")
    kind = CandidateKind(fields.uint(max(CandidateKind)))
    address, port = unpack_address(fields.blob(_MAX_ADDRESS_BYTES)), fields.uint(_MAX_PORT)
    fields.end()
    if port == 0:
        raise DecodeError("a candidate has no port")
    return DirectCandidate(kind, (address, port))


def probe_head(kind: ProbeKind, tag: bytes, transaction: bytes) -> bytes:
    """Return what a probe's MAC is made over, and stands in front of it."""
    return bytes((PROBE, kind)) + tag + transaction


def decode_probe(data: bytes) -> PunchProbe:
    """Read a probe without looking whose it is; raises DecodeError."""
    if len(data) != PROBE_BYTES or data[0] != PROBE:
        raise DecodeError("a datagram is not a probe")
    try:
        kind = ProbeKind(data[1])
    except ValueError:
        raise DecodeError("a probe is of a kind that this version does not know") from None
    tag_end = _TAG_AT + TAG_BYTES
    return PunchProbe(kind, data[_TAG_AT:tag_end], data[tag_end:_MAC_AT], data[_MAC_AT:])
