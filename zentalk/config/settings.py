"""The settings: their names, allowed values and defaults.

A field's description is the comment that `init` writes above it. Objects are frozen and
strict: a number in quotes is an error, not a number.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
)

from zentalk.config.places import (
    Host,
    HostOrHosts,
    HostOrHostsIfAny,
    OneOrMore,
    all_of,
    first_unspecified,
    list_to_tuple,
)
from zentalk.config.proxies import check_proxy
from zentalk.config.relay_uris import Places, Tokens, Uris
from zentalk.config.unit_types import ByteSize, Seconds
from zentalk.directory.identity_work import MAX_DIFFICULTY, default_difficulty, work_bits
from zentalk.directory.subnets import MAIN_NETWORK
from zentalk.ids import DAY_SECONDS
from zentalk.lifetimes import DEFAULT_TTL_SECONDS, MAX_TTL_SECONDS
from zentalk.wire.descriptor import MAX_DOORS, node_id_of
from zentalk.wire.host import with_brackets
from zentalk.wire.text import RelayUri, Scheme

MIB: Final = 2**20
GIB: Final = 2**30
DEFAULT_RELAY_PORT: Final = 9001
DEFAULT_RELAY_HTTP_PORT: Final = 9101
DEFAULT_API_PORT: Final = 3001


def _as_in_urls(hosts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(with_brackets(host.strip()) for host in hosts)


Hosts = Annotated[tuple[str, ...], BeforeValidator(list_to_tuple), AfterValidator(_as_in_urls)]
MAX_PORT: Final = 65535
Way: TypeAlias = Literal["any", "tcp", "websocket"]
"""The ways by which a node may connect to relays."""
Port = Annotated[int, Field(ge=0, le=MAX_PORT)]
NetworkId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]


class Settings(BaseModel):
    """Settings of both relays and API nodes; `directory` is passed in and never in the file."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    directory: Path = Field(exclude=True)
    network: NetworkId = Field(
        "local",
        description="Only programs with the same network id talk to each other. On `main`, rules "
        "about address ranges hold for private addresses too.",
    )
    id_difficulty: Annotated[int, Field(ge=0, le=MAX_DIFFICULTY)] = Field(
        default_factory=lambda known: default_difficulty(known.get("network", "")),
        description="Bits of proof of work that a relay's identity must have. Set the same value "
        "at all relays and API nodes of a network.",
    )
    private_addresses: bool = Field(
        default_factory=lambda known: known.get("network") != MAIN_NETWORK,
        description="Whether relays may have addresses of machines, houses and companies, such as "
        "127.0.0.1 and 10.0.0.1. On `main` they may not.",
        validate_default=True,
    )
    bootstraps: Uris = Field((), description="Relays to ask first, as zt-relay:IDENTITY@HOST:PORT.")

    @field_validator("private_addresses")
    @classmethod
    def _public_on_main(cls, allowed: bool, info: ValidationInfo) -> bool:
        if allowed and info.data.get("network") == MAIN_NETWORK:
            raise ValueError("on the network 'main' every relay has a public address: remove it")
        return allowed

    @field_validator("bootstraps", "guards", check_fields=False)
    @classmethod
    def _check_work(cls, uris: tuple[RelayUri, ...], info: ValidationInfo) -> tuple[RelayUri, ...]:
        """Refuse relays that nobody in the network would accept: a typo, or another network's."""
        wanted = info.data.get("id_difficulty", 0)
        for uri in uris:
            bits = work_bits(node_id_of(uri.identity))
            if bits < wanted:
                raise ValueError(
                    f"the relay at {uri.host}:{uri.port} has an identity of {bits} bits of "
                    f"work, but the network '{info.data.get('network')}' demands {wanted}; "
                    "correct the URI, `network` or `id_difficulty`"
                )
        return uris


class RelaySettings(Settings):
    """Settings of one relay (`zentalk relay run`)."""

    host: HostOrHosts = Field(
        "127.0.0.1",
        description="The address to listen on and to announce to others, or a list of up to 4: "
        '["192.0.2.7", "2001:db8::7"]. 0.0.0.0 and :: listen on all addresses; then '
        "`announce_host` is needed.",
    )
    port: Port = Field(
        DEFAULT_RELAY_PORT, description="The TCP port of the first lane; 0 takes a free one."
    )
    lanes: Annotated[int, Field(ge=1, le=16)] = Field(
        1,
        description="The number of ports to listen on, starting at `port`, each with its own "
        "mix key.",
    )
    announce_host: HostOrHostsIfAny = Field(
        "",
        description="The address to announce instead of `host`, behind NAT or a proxy; or a list "
        "of up to 4, of which others try the first one first.",
        validate_default=True,
    )
    announce_port: Port = Field(
        0,
        description="The port to announce for the first lane; 0 announces `port`. The ports of "
        "further lanes follow it.",
    )
    family: Annotated[str, Field(max_length=32, pattern=r"^[\x21-\x7e]*$")] = Field(
        "", description="Use the same word at all your relays: no path then uses two of them."
    )
    mailbox_profile: Literal["durable", "memory"] = Field(
        "durable",
        description="`durable` keeps waiting mail on disk; `memory` loses it when the relay stops.",
    )
    queue_ttl_seconds: Annotated[Seconds, Field(ge=1, le=MAX_TTL_SECONDS)] = Field(
        DEFAULT_TTL_SECONDS,
        description='The longest time that mail waits, as seconds or "30d"; then it is deleted.',
    )
    sweep_seconds: Annotated[Seconds, Field(ge=1, le=DAY_SECONDS)] = Field(
        3600, description='The time between deletions of expired mail, as seconds or "1h".'
    )
    max_links: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        4096, description="The largest number of simultaneous connections; the relay refuses more."
    )
    memory_bytes: Annotated[ByteSize, Field(ge=16 * MIB)] = Field(
        256 * MIB,
        description='Memory for queues, replay filters and caches, as bytes or "256MiB"; near it, '
        "new work is refused.",
    )

    storage_bytes: Annotated[ByteSize, Field(ge=0)] = Field(
        GIB,
        description="Disk space for pieces of other people's files, which this relay cannot read, "
        'as bytes or "5GiB"; 0 takes none.',
    )
    storage_directory: Annotated[str, Field(pattern=r"^[^\x00]*$")] = Field(
        "",
        description="The folder for them, of this relay alone; if empty, `shards` in the relay's "
        "own folder.",
    )

    private: Annotated[
        tuple[Literal["links", "mailboxes", "storage"], ...], BeforeValidator(list_to_tuple)
    ] = Field(
        (),
        description="What only those get who have an access token (`zentalk relay access`): "
        '"links", so that nobody else is connected to this relay directly, "mailboxes", so that '
        'nobody else gets a new one, "storage", so that nobody else stores pieces of files, or '
        "several of them.",
    )

    udp: bool = Field(
        False,
        description="Also tell nodes from which address their datagrams come, at the UDP port of "
        "the first lane: contacts need that for direct connections.",
    )
    http: bool = Field(
        False,
        description="Also answer HTTP, for clients that poll for their mail.",
    )
    http_host: Host = Field(
        "127.0.0.1",
        description="The address that HTTP listens on. Without `http_certificate` it has no TLS: "
        "put a proxy in front of it.",
    )
    http_port: Port = Field(
        DEFAULT_RELAY_HTTP_PORT, description="The port for HTTP; 0 takes a free one."
    )
    http_certificate: str = Field(
        "",
        description="A PEM file with the certificate for HTTP and those above it, for TLS.",
    )
    http_key: str = Field(
        "", description="The PEM file with its key, without a passphrase.", validate_default=True
    )
    http_behind_proxy: bool = Field(
        False,
        description="Whether a proxy on this machine stands in front of HTTP. Then the last "
        "address of its X-Forwarded-For counts as the client's.",
    )
    announce_websockets: Places = Field(
        (),
        description="Where clients reach the WebSocket of `http` from outside, up to 2 of "
        "ws://HOST:PORT/relay/link and wss://HOST/relay/link, at the host that is announced first.",
        validate_default=True,
    )

    @field_validator("announce_host")
    @classmethod
    def _can_be_dialled(cls, announced: OneOrMore, info: ValidationInfo) -> OneOrMore:
        """Refuse to announce what nobody can dial."""
        host = first_unspecified(announced or info.data.get("host", ""))
        if not host:
            return announced
        here = "it" if announced else "it is missing and `host`"
        raise ValueError(
            f"{here} is {host}, which stands for all addresses of this machine, so nobody could "
            "dial it: set `announce_host` (--announce-host) to the name or address under which "
            "others reach this relay"
        )

    @field_validator("announce_port")
    @classmethod
    def _leaves_room(cls, port: int, info: ValidationInfo) -> int:
        lanes: int = info.data.get("lanes", 1)
        if port + lanes - 1 > MAX_PORT:
            raise ValueError(f"{lanes} lanes need {lanes} ports and there are fewer from {port} on")
        return port

    @field_validator("bootstraps")
    @classmethod
    def _by_tcp(cls, uris: tuple[RelayUri, ...]) -> tuple[RelayUri, ...]:
        """Refuse WebSockets: relays dial each other by TCP."""
        for uri in uris:
            if uri.scheme is not Scheme.TCP:
                raise ValueError(
                    f"{uri.place} is a WebSocket, which is for API nodes: name the relay by "
                    "HOST:PORT, as its own `ready` line does"
                )
        return uris

    @field_validator("http_key")
    @classmethod
    def _have_both(cls, key: str, info: ValidationInfo) -> str:
        """Refuse a certificate without its key, and a key without its certificate."""
        if bool(key) != bool(info.data.get("http_certificate")):
            raise ValueError("`http_certificate` and `http_key` go together: set both, or neither")
        return key

    @field_validator("announce_websockets")
    @classmethod
    def _are_doors(cls, places: tuple[RelayUri, ...], info: ValidationInfo) -> tuple[RelayUri, ...]:
        """Refuse to announce what the descriptor cannot say, or nobody serves."""
        first = all_of(info.data.get("announce_host") or info.data.get("host", ""))[0]
        if len(places) > MAX_DOORS:
            raise ValueError(f"there may be {MAX_DOORS} at most")
        if places and not info.data.get("http"):
            raise ValueError("nothing answers there: set `http` to true as well")
        if any(place.scheme is Scheme.TCP for place in places):
            raise ValueError("each must be a URL that starts with ws:// or wss://")
        if any(place.host != first for place in places):
            raise ValueError(
                f"they must be at {first}, the host that this relay announces first: clients dial "
                "no other; to use another name, announce it with `announce_host`"
            )
        return places

    @property
    def hosts(self) -> tuple[str, ...]:
        """The addresses to listen on, at least one."""
        return all_of(self.host)

    @property
    def storage_folder(self) -> Path:
        """The folder for pieces of other people's files; a relative one is below the relay's."""
        return self.directory / (self.storage_directory or "shards")

    @property
    def announced_hosts(self) -> tuple[str, ...]:
        """The addresses that others are told, at least one; they try the first one first."""
        return all_of(self.announce_host or self.host)


class ApiSettings(Settings):
    """Settings of one person's API node (`zentalk api run`)."""

    name: Annotated[str, Field(max_length=64, pattern=r"^[^\x00-\x1f\x7f]*$")] = Field(
        "", description="Your name. It is not sent to anyone."
    )
    host: Host = Field("127.0.0.1", description="The address that REST listens on.")
    port: Port = Field(DEFAULT_API_PORT, description="The port for REST; 0 takes a free one.")
    allowed_hosts: Hosts = Field(
        (), description="Further host names that may be used to reach REST."
    )
    requests_per_second: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        500, description="How many requests a second each token may make, your own included."
    )
    request_burst: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        5000, description="How many requests a token may make at once, after a rest."
    )
    guards: Uris = Field(
        (),
        description="The only entry relays to use. If empty, the node chooses two and keeps them.",
    )
    reach_relays_by: Way = Field(
        "any",
        description="How to connect to relays: `tcp`, `websocket` where a line lets only HTTP "
        "through, or `any`, which tries TCP first.",
    )
    direct_port: Port = Field(
        0,
        description="The UDP port for direct connections with contacts who agreed to them; 0 takes "
        "a free one. None is open before the first of them.",
    )
    direct_lan: bool = Field(
        False,
        description="Also look for these contacts in the local network, also where no relay can be "
        "reached. Others there see that somebody does, and not who or whom.",
    )
    proxy: Annotated[str, AfterValidator(check_proxy)] = Field(
        "",
        repr=False,  # it may hold a password
        description="A proxy for all relays, webhooks and push: http://HOST:PORT or "
        "socks5://HOST:PORT, with USER:PASSWORD@ if it asks. Tor is socks5://127.0.0.1:9050.",
    )
    access_tokens: Tokens = Field(
        (),
        repr=False,
        description="The tokens (zt-access-...) that operators of private relays gave you; each is "
        "shown to its own relay alone.",
    )
    profile: Literal["fast", "balanced", "strong"] = Field(
        "fast",
        description="How the node hides timing: `fast` does not, `balanced` adds a mean delay of "
        "50 ms at each hop, `strong` adds 1 s and cover traffic at all times (25 MB an hour).",
    )
    path_hops: Annotated[int, Field(ge=3, le=5)] = Field(
        4,
        description="The number of relays on each path. With 3 the last one sees one of your few "
        "second hops, and so can recognize you; networks of fewer than 6 relays have no more.",
    )
    accept_introduced: bool = Field(
        False,
        description="Whether people whom your contacts introduce become contacts with their first "
        "message, instead of requests.",
    )
    sync: Literal["relaxed", "strict"] = Field(
        "relaxed",
        description="With a linked node: `strict` tells senders that a message is delivered only "
        "once the linked node has it too, `relaxed` as soon as this one has it.",
    )
    message_ttl_seconds: Annotated[Seconds, Field(ge=1, le=MAX_TTL_SECONDS)] = Field(
        DEFAULT_TTL_SECONDS,
        description='How long a sent message may wait at a mailbox, as seconds or "30d".',
    )
    files_direct: bool = Field(
        False,
        description="Whether relays that keep your files are dialled instead of reached through "
        "tunnels: faster, and each of them sees your network address. Those of a file that "
        "somebody gave you were chosen by that person.",
    )
    files_cache_bytes: Annotated[ByteSize, Field(ge=0)] = Field(
        1024 * MIB,
        description='How much of the files that relays keep may lie here as well, such as "1GiB".',
    )
