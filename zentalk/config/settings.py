"""The settings themselves: what they are called, what they may be, what they default to.

A field's description is the comment that `init` writes above it. Objects are frozen and
strict: a number in quotes is an error, not a number.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationInfo,
    field_validator,
)

from zentalk.directory.identity_work import MAX_DIFFICULTY, default_difficulty, work_bits
from zentalk.errors import DecodeError
from zentalk.ids import DAY_SECONDS
from zentalk.lifetimes import DEFAULT_TTL_SECONDS, MAX_TTL_SECONDS
from zentalk.wire.descriptor import node_id_of
from zentalk.wire.text import RelayUri, format_relay_uri, parse_relay_uri

MIB: Final = 2**20
DEFAULT_RELAY_PORT: Final = 9001
DEFAULT_RELAY_HTTP_PORT: Final = 9101
DEFAULT_API_PORT: Final = 3001


def _to_relay_uri(value: object) -> RelayUri:
    if isinstance(value, RelayUri):
        return value
    if not isinstance(value, str):
        raise ValueError("a relay URI is text in quotes")  # noqa: TRY004 - pydantic's protocol
    try:
        return parse_relay_uri(value)
    except DecodeError as error:
        raise ValueError(str(error)) from None


def _list_to_tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def _check_host(host: str) -> str:
    """Accept what can stand in a relay URI, so that every URI we print can be read back."""
    try:
        parse_relay_uri(format_relay_uri(RelayUri(bytes(32), host, 1)))
    except DecodeError:
        raise ValueError("it must be a host name, an IPv4 address or an [IPv6] address") from None
    return host


def _check_host_if_any(host: str) -> str:
    return _check_host(host) if host else host


Uris = Annotated[
    tuple[Annotated[RelayUri, PlainValidator(_to_relay_uri)], ...], BeforeValidator(_list_to_tuple)
]
Hosts = Annotated[tuple[str, ...], BeforeValidator(_list_to_tuple)]
Host = Annotated[str, AfterValidator(_check_host)]
MAX_PORT: Final = 65535
Port = Annotated[int, Field(ge=0, le=MAX_PORT)]
NetworkId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]


class Settings(BaseModel):
    """What relays and API nodes have in common; `directory` is given, never in the file."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    directory: Path = Field(exclude=True)
    network: NetworkId = Field(
        "local",
        description="Only programs with the same network id talk to each other. On `main`, rules "
        "about address ranges hold for private addresses too.",
    )
    id_difficulty: Annotated[int, Field(ge=0, le=MAX_DIFFICULTY)] = Field(
        default_factory=lambda known: default_difficulty(known.get("network", "")),
        description="Bits of proof of work that a relay's identity must have. All relays and API "
        "nodes of one network must have the same.",
    )
    bootstraps: Uris = Field((), description="Relays to ask first, as zt-relay:IDENTITY@HOST:PORT.")

    @field_validator("bootstraps", "guards", check_fields=False)
    @classmethod
    def _check_work(cls, uris: tuple[RelayUri, ...], info: ValidationInfo) -> tuple[RelayUri, ...]:
        """Refuse relays that nobody in the network would accept: a typo, or another network's."""
        wanted = info.data.get("id_difficulty", 0)
        for uri in uris:
            bits = work_bits(node_id_of(uri.identity))
            if bits < wanted:
                raise ValueError(
                    f"the identity of the relay at {uri.host}:{uri.port} is worth {bits} bits of "
                    f"work and the network '{info.data.get('network')}' asks for {wanted}; "
                    "correct the URI, or `network` or `id_difficulty`"
                )
        return uris


class RelaySettings(Settings):
    """Settings of one relay (`zentalk relay run`)."""

    host: Host = Field("127.0.0.1", description="The address to listen on, and to tell others.")
    port: Port = Field(
        DEFAULT_RELAY_PORT, description="The TCP port of the first lane; 0 takes a free one."
    )
    lanes: Annotated[int, Field(ge=1, le=16)] = Field(
        1, description="Ports to listen on, from `port` on, each with a mix key of its own."
    )
    announce_host: Annotated[str, AfterValidator(_check_host_if_any)] = Field(
        "",
        description="The address that others are told instead of `host`, behind NAT or a proxy.",
    )
    announce_port: Port = Field(
        0,
        description="The port of the first lane that others are told, 0 for the one it listens "
        "on; those of further lanes follow it.",
    )
    family: Annotated[str, Field(max_length=32, pattern=r"^[\x21-\x7e]*$")] = Field(
        "", description="The same word at all relays of one operator: no path uses two of them."
    )
    mailbox_profile: Literal["durable", "memory"] = Field(
        "durable",
        description="`durable` keeps waiting mail on disk; `memory` loses it when it stops.",
    )
    queue_ttl_seconds: Annotated[int, Field(ge=1, le=MAX_TTL_SECONDS)] = Field(
        DEFAULT_TTL_SECONDS, description="How long mail waits for its recipient at most."
    )
    sweep_seconds: Annotated[int, Field(ge=1, le=DAY_SECONDS)] = Field(
        3600, description="How often expired mail is deleted."
    )
    max_links: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        4096, description="Connections at a time; more are refused."
    )
    memory_bytes: Annotated[int, Field(ge=16 * MIB)] = Field(
        256 * MIB, description="Memory for queues, replay filters and caches together."
    )

    http: bool = Field(
        False,
        description="Whether to answer HTTP as well, for clients that poll for their mail.",
    )
    http_host: Host = Field(
        "127.0.0.1",
        description="The address that HTTP listens on. It has no TLS: put a proxy before it.",
    )
    http_port: Port = Field(
        DEFAULT_RELAY_HTTP_PORT, description="The port of HTTP; 0 takes a free one."
    )

    @field_validator("announce_port")
    @classmethod
    def _leaves_room(cls, port: int, info: ValidationInfo) -> int:
        lanes: int = info.data.get("lanes", 1)
        if port + lanes - 1 > MAX_PORT:
            raise ValueError(f"there are not {lanes} ports from {port} on, one for each lane")
        return port


class ApiSettings(Settings):
    """Settings of one person's API node (`zentalk api run`)."""

    name: Annotated[str, Field(max_length=64, pattern=r"^[^\x00-\x1f\x7f]*$")] = Field(
        "", description="Your name, as you call yourself; it is not sent to anyone by itself."
    )
    host: Host = Field("127.0.0.1", description="The address that REST listens on.")
    port: Port = Field(DEFAULT_API_PORT, description="The port of REST; 0 takes a free one.")
    allowed_hosts: Hosts = Field(
        (), description="Further host names under which a browser may reach REST."
    )
    guards: Uris = Field(
        (), description="Entry relays to use and no others; empty: two are chosen and kept."
    )
    profile: Literal["fast", "balanced", "strong"] = Field(
        "fast",
        description="How timing is hidden: `fast` not, `balanced` by a mean delay of 50 ms at each "
        "hop, `strong` by 1 s and by cover traffic at all times (25 MB an hour).",
    )
    path_hops: Annotated[int, Field(ge=3, le=5)] = Field(
        3, description="Relays that each packet passes."
    )
    message_ttl_seconds: Annotated[int, Field(ge=1, le=MAX_TTL_SECONDS)] = Field(
        DEFAULT_TTL_SECONDS, description="How long a sent message may wait at a mailbox."
    )
