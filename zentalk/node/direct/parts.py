"""Puts direct connections together."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeAlias

from zentalk.config.settings import ApiSettings
from zentalk.crypto.ed25519 import SigningKey
from zentalk.direct.neighbours import Neighbours
from zentalk.direct.pair_seals import PairSeals
from zentalk.ids import NodeId, UserAddress
from zentalk.net.runtime import Runtime
from zentalk.node.conversations.direct_board import DirectBoard
from zentalk.node.delivery.outbox import Outbox
from zentalk.node.direct.actions import DirectActions
from zentalk.node.direct.links import DirectLinks
from zentalk.node.direct.nearby import Nearby
from zentalk.node.direct.offering import OfferSender
from zentalk.node.direct.paths import PathLog
from zentalk.node.direct.service import DirectService
from zentalk.node.direct.ways import Ways
from zentalk.node.direct_lines import DirectLines
from zentalk.node.mailboxes.receiver import Receiver
from zentalk.node.messages.compose import Composer
from zentalk.node.profiles import PROFILES
from zentalk.store.history.database import HistoryDatabase
from zentalk.wire.descriptor import Descriptor

Relays: TypeAlias = Callable[[], Mapping[NodeId, Descriptor]]
WaysFactory: TypeAlias = Callable[[Relays], Ways]
"""Makes what finds paths; it asks the relays of the moment for its own address."""
NO_WAYS: Final = "direct connections need aioquic: pip install 'zentalk[quic]', and start again"


@dataclass(frozen=True, slots=True)
class DirectMeans:
    """What direct connections rest on: the board and lines that others know, and the ways."""

    board: DirectBoard
    lines: DirectLines
    ways: Ways | None
    own: UserAddress
    why_not: str
    """Why this node makes none; empty if it does."""
    lan_identity: SigningKey | None
    """The owner's, if contacts are to be looked for in the local network too."""


@dataclass(frozen=True, slots=True)
class DirectParts:
    """What the rest of the node sees of direct connections; `tasks` must be running."""

    actions: DirectActions
    tasks: tuple[Callable[[], Awaitable[None]], ...]


def impossible(settings: ApiSettings, *, is_replica: bool) -> str:
    """Return why this node makes no direct connections; empty if it does."""
    if is_replica:
        return "this node is a replica: allow direct connections at your first node"
    if PROFILES[settings.profile].shape is not None:
        return (
            f"the profile {settings.profile} hides when you write, and a direct connection would "
            "show it: choose another `profile` in config.toml"
        )
    if settings.proxy:
        return "this node reaches everything through a proxy, and a direct connection would not"
    return ""


def means_of(
    settings: ApiSettings,
    identity: SigningKey,
    relays: Relays,
    make_ways: WaysFactory | None,
    *,
    is_replica: bool,
) -> DirectMeans:
    """Return what direct connections of a node rest on."""
    why_not = impossible(settings, is_replica=is_replica) or (NO_WAYS if make_ways is None else "")
    ways = None if why_not or make_ways is None else make_ways(relays)
    own = UserAddress(identity.public)
    lan_identity = identity if settings.direct_lan else None
    return DirectMeans(DirectBoard(), DirectLines(), ways, own, why_not, lan_identity)


def build_direct(
    runtime: Runtime,
    database: HistoryDatabase,
    composer: Composer,
    outbox: Outbox,
    receiver: Receiver,
    means: DirectMeans,
) -> DirectParts:
    """Put direct connections together; without ways none are made."""
    here, own = runtime.for_part("direct"), means.own
    paths = PathLog(here, database)
    if means.ways is None:
        actions = DirectActions(runtime, database, composer, outbox, None, means.why_not)
        return DirectParts(actions, tasks=(paths.run,))
    nearby = _build_nearby(runtime.for_part("direct-lan"), means)
    service = DirectService(
        here,
        means.board,
        OfferSender(here, database, composer, outbox, nearby),
        DirectLinks(here, database, receiver, outbox, means.lines, paths),
        means.ways,
        lambda contact: own < contact,
    )
    actions = DirectActions(runtime, database, composer, outbox, service)
    return DirectParts(
        actions, tasks=(service.run, paths.run, *([] if nearby is None else [nearby.run]))
    )


def _build_nearby(runtime: Runtime, means: DirectMeans) -> Nearby | None:
    if means.lan_identity is None or means.ways is None:
        return None
    neighbours = Neighbours(partial(PairSeals, means.lan_identity), runtime.entropy)
    return Nearby(runtime, means.board, means.lines, means.ways, neighbours)
