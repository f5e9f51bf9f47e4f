"""The relay descriptor: the signed record in which a relay describes itself.

Spec: docs/spec/directory.md section 2. Decoding verifies the signature over the bytes
as received, never over re-encoded ones. Whether a descriptor is current, wanted or
contradicted by another is the directory's business, not this module's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from zentalk.crypto import ed25519
from zentalk.crypto.ed25519 import SigningKey
from zentalk.crypto.hashing import blake2b_256
from zentalk.crypto.labels import Label
from zentalk.errors import DecodeError
from zentalk.ids import Epoch, NodeId
from zentalk.wire.codec import Fields, Value, pack, unpack
from zentalk.wire.host import MAX_PATH_CHARS, is_host, is_path, is_unspecified
from zentalk.wire.text import RelayUri, Scheme

MAX_DESCRIPTOR_BYTES: Final = 2048
MAX_LANES: Final = 16
MAX_HOSTS: Final = 4
MAX_HOSTS_CHARS: Final = 512
"""Characters of all hosts of a relay: a descriptor with 16 lanes keeps within its limit."""
FORMAT: Final = 1
FORMAT_OF_SEVERAL: Final = 2
"""The format of a relay with more than one host: the further ones follow at the end."""
FORMAT_WITH_DOORS: Final = 3
"""The format of a relay that takes WebSockets: further hosts, if any, and doors follow."""
MAX_DOORS: Final = 2
"""A descriptor with 16 lanes and the longest hosts keeps within its limit with so many."""

ROLE_FORWARD: Final = 1
ROLE_DIRECTORY: Final = 2
ROLE_MAILBOX: Final = 4
ROLE_SHARDS: Final = 8
_ALL_ROLES: Final = 255
_MAX_HOST_CHARS: Final = 253
_MIX_KEY_BYTES: Final = 32
_MAX_PORT: Final = 65535
_MAX_U32: Final = 2**32 - 1
_MAX_U64: Final = 2**64 - 1


@dataclass(frozen=True, slots=True)
class Lane:
    """One process of a relay: its port and mix keys of this and the next epoch."""

    port: int
    mix_key: bytes
    next_mix_key: bytes


class WebDoor(NamedTuple):
    """A port and path at which a relay's first host takes WebSockets; `secure` means TLS."""

    secure: bool
    port: int
    path: str


@dataclass(frozen=True, slots=True)
class DescriptorBody:
    """What a relay says of itself; `family` groups relays of one operator.

    `host` is dialled first, `further_hosts` in their order if it does not answer. `doors` are for
    clients whose line lets nothing but HTTP through.
    """

    network: str
    identity: bytes
    host: str
    lanes: tuple[Lane, ...]
    roles: int
    family: bytes
    max_links: int
    version: str
    epoch: Epoch
    boot: int
    further_hosts: tuple[str, ...] = ()
    doors: tuple[WebDoor, ...] = ()

    @property
    def hosts(self) -> tuple[str, ...]:
        """Where the relay listens, at the same ports everywhere; the first is dialled first."""
        return (self.host, *self.further_hosts)


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A verified descriptor: its body, the raw signed bytes and the relay's id."""

    body: DescriptorBody
    raw: bytes
    node_id: NodeId

    @property
    def network(self) -> str:
        """The network id the relay serves."""
        return self.body.network

    @property
    def identity(self) -> bytes:
        """The relay's 32-byte Ed25519 identity key."""
        return self.body.identity

    @property
    def host(self) -> str:
        """Where the relay listens: of several hosts the one to dial first."""
        return self.body.host

    @property
    def lanes(self) -> tuple[Lane, ...]:
        """The relay's lanes, at least one."""
        return self.body.lanes

    @property
    def roles(self) -> int:
        """Flags ROLE_*."""
        return self.body.roles

    @property
    def family(self) -> bytes:
        """The operator's family, empty for none."""
        return self.body.family

    @property
    def epoch(self) -> Epoch:
        """The epoch of `mix_key`; `next_mix_key` is for the one after."""
        return self.body.epoch

    @property
    def boot(self) -> int:
        """How often the relay has started; newer keys have a higher boot."""
        return self.body.boot

    @property
    def order(self) -> tuple[int, int]:
        """Newer descriptors of one relay compare higher."""
        return (self.body.boot, self.body.epoch)

    @property
    def uri(self) -> RelayUri:
        """The relay's URI, with the port of lane 0; of several hosts the one to dial first."""
        return self.uris()[0]

    def uris(self, lane: int = 0) -> tuple[RelayUri, ...]:
        """Return where to dial a lane, in the order in which to try; empty if there is none."""
        if not 0 <= lane < len(self.body.lanes):
            return ()
        port = self.body.lanes[lane].port
        return tuple(RelayUri(self.body.identity, host, port) for host in self.body.hosts)

    def door_uris(self) -> tuple[RelayUri, ...]:
        """Return where the relay takes WebSockets, in the order in which to try."""
        return tuple(
            RelayUri(
                self.body.identity,
                self.body.host,
                door.port,
                Scheme.WSS if door.secure else Scheme.WS,
                door.path,
            )
            for door in self.body.doors
        )

    def mix_key(self, lane: int, epoch: int) -> bytes | None:
        """Return the lane's mix key of an epoch, or None if it is not in here."""
        if not 0 <= lane < len(self.body.lanes):
            return None
        if epoch == self.body.epoch:
            return self.body.lanes[lane].mix_key
        if epoch == self.body.epoch + 1:
            return self.body.lanes[lane].next_mix_key
        return None


def node_id_of(identity: bytes) -> NodeId:
    """Return the NodeId of a 32-byte Ed25519 identity key."""
    return NodeId(blake2b_256(Label.NODE_ID, identity))


def sign_descriptor(key: SigningKey, body: DescriptorBody) -> Descriptor:
    """Sign a body with the relay's identity key."""
    signed = pack(_to_fields(body))
    raw = pack([signed, key.sign(Label.DESCRIPTOR, signed)])
    return Descriptor(body, raw, node_id_of(body.identity))


def decode_descriptor(raw: bytes) -> Descriptor:
    """Decode and verify a descriptor.

    Raises DecodeError if it is malformed, AuthenticationError if the signature is wrong.
    """
    outer = Fields(unpack(raw, max_bytes=MAX_DESCRIPTOR_BYTES, max_items=2), "a descriptor")
    signed = outer.blob(MAX_DESCRIPTOR_BYTES)
    signature = outer.fixed(ed25519.SIGNATURE_BYTES)
    outer.end()
    body = _from_value(unpack(signed, max_bytes=MAX_DESCRIPTOR_BYTES, max_items=64))
    ed25519.verify(body.identity, Label.DESCRIPTOR, signed, signature)
    return Descriptor(body, raw, node_id_of(body.identity))


def _to_fields(body: DescriptorBody) -> list[Value]:
    further: list[Value] = list(body.further_hosts)
    doors: list[Value] = [list(door) for door in body.doors]
    return [
        FORMAT_WITH_DOORS if doors else FORMAT_OF_SEVERAL if further else FORMAT,
        body.network,
        body.identity,
        body.host,
        [[lane.port, lane.mix_key, lane.next_mix_key] for lane in body.lanes],
        body.roles,
        body.family,
        body.max_links,
        body.version,
        body.epoch,
        body.boot,
        *([further] if further or doors else []),
        *([doors] if doors else []),
    ]


def _from_value(value: Value) -> DescriptorBody:
    fields = Fields(value, "a descriptor's body")
    form = fields.uint(255)
    if form not in (FORMAT, FORMAT_OF_SEVERAL, FORMAT_WITH_DOORS):
        raise DecodeError("a descriptor has a format that this version does not know")
    body = DescriptorBody(
        network=fields.text(32),
        identity=fields.fixed(ed25519.PUBLIC_BYTES),
        host=fields.text(_MAX_HOST_CHARS),
        lanes=tuple(_lane(item) for item in fields.array(MAX_LANES)),
        roles=fields.uint(_ALL_ROLES),
        family=fields.blob(32),
        max_links=fields.uint(_MAX_U32),
        version=fields.text(32),
        epoch=Epoch(fields.uint(_MAX_U32)),
        boot=fields.uint(_MAX_U64),
        further_hosts=() if form == FORMAT else _further_hosts(fields, form),
        doors=_doors(fields) if form == FORMAT_WITH_DOORS else (),
    )
    fields.end()
    _check_hosts(body.hosts)
    if not body.lanes:
        raise DecodeError("a descriptor names no lane")
    return body


def _further_hosts(fields: Fields, form: int) -> tuple[str, ...]:
    """Read the hosts after the first: without one and without doors, 1 is the only format."""
    items = fields.array(MAX_HOSTS - 1)
    if not items and form == FORMAT_OF_SEVERAL:
        raise DecodeError("a descriptor of several hosts names one")
    further = Fields(items, "a descriptor's further hosts")
    return tuple(further.text(_MAX_HOST_CHARS) for _ in items)


def _doors(fields: Fields) -> tuple[WebDoor, ...]:
    doors = tuple(_door(item) for item in fields.array(MAX_DOORS))
    if not doors or len(set(doors)) < len(doors):
        raise DecodeError("a descriptor with doors names none, or one twice")
    return doors


def _door(value: Value) -> WebDoor:
    fields = Fields(value, "a door")
    door = WebDoor(fields.boolean(), fields.uint(_MAX_PORT), fields.text(MAX_PATH_CHARS))
    fields.end()
    if door.port == 0 or not is_path(door.path):
        raise DecodeError("a descriptor's door has no port or no path")
    return door


def _check_hosts(hosts: tuple[str, ...]) -> None:
    if not all(is_host(host) and not is_unspecified(host) for host in hosts):
        raise DecodeError("a descriptor's host is not a host name or address")
    if len(set(hosts)) < len(hosts):
        raise DecodeError("a descriptor names one host twice")
    if sum(map(len, hosts)) > MAX_HOSTS_CHARS:
        raise DecodeError("a descriptor's hosts are too long together")


def _lane(value: Value) -> Lane:
    fields = Fields(value, "a lane")
    lane = Lane(fields.uint(_MAX_PORT), fields.fixed(_MIX_KEY_BYTES), fields.fixed(_MIX_KEY_BYTES))
    fields.end()
    return lane
