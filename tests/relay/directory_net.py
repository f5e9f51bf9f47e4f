"""A network of real directory services whose links are function calls.

Links keep what matters to the directory: a dial runs the dialled relay's `relay_connected`
with the dialler's verified descriptor, each body is encoded and decoded, and everything
takes a moment of virtual time. Relays can be down, or answer what a test tells them to.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import trio

from tests.directory.support import WALL, descriptor
from zentalk.directory.descriptor_set import DescriptorSet
from zentalk.directory.observations import AddressRules, Observation, ObservedRelays
from zentalk.errors import (
    ConnectFailedError,
    LinkClosedError,
    RefusedError,
    RemoteProtocolError,
    UnavailableError,
)
from zentalk.ids import Epoch, NodeId, epoch_at
from zentalk.net.runtime import Runtime
from zentalk.relay.directory.known_relays import KnownRelays
from zentalk.relay.directory.service import open_directory
from zentalk.store.directory_store import DirectoryStore
from zentalk.wire.descriptor import Descriptor, node_id_of
from zentalk.wire.rpc import decode_call, encode_refusal
from zentalk.wire.text import RelayUri

LATENCY_SECONDS = 0.01
CONNECT_TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True)
class Far:
    """The other end of a link."""

    node_id: NodeId | None
    descriptor: Descriptor | None


@dataclass(eq=False)
class FakeLink:
    """One end of a link: `peer` is who is there, `near` who we are (None for a client)."""

    net: "Net"
    peer: Far
    near: "Member | None"
    origin: Hashable = field(default_factory=object)
    sent: list[str] = field(default_factory=list)

    async def request(self, body: bytes, timeout_seconds: float = 10) -> bytes:
        await trio.sleep(LATENCY_SECONDS)
        there = self._there()
        method, fields = decode_call(body)
        self.sent.append(method)
        self.net.calls[method] = self.net.calls.get(method, 0) + 1
        if there.answers is not None:
            return there.answers(method)
        try:
            return await there.service.requests()[method](self._back(), fields)
        except RefusedError as refusal:
            return encode_refusal(refusal.reason)
        except RemoteProtocolError:
            raise LinkClosedError("the peer closed the link") from None

    def notify(self, body: bytes) -> None:
        there = self._there()
        method, fields = decode_call(body)
        self.sent.append(method)
        self.net.calls[method] = self.net.calls.get(method, 0) + 1
        if there.answers is not None:
            return
        try:
            there.service.notifies()[method](self._back(), fields)
        except RemoteProtocolError:
            self.net.faults += 1

    def _there(self) -> "Member":
        assert self.peer.node_id is not None
        there = self.net.members[self.peer.node_id]
        near = self.near
        if not there.up or (near and (not near.up or self.net.is_cut(near, there))):
            raise LinkClosedError("the link is gone")
        return there

    def _back(self) -> "FakeLink":
        if self.near is None:
            return FakeLink(self.net, Far(None, None), None, self.origin)
        far = Far(self.near.node_id, self.near.own)
        return FakeLink(self.net, far, self.near, self.near.node_id)


class FakeLinks:
    """One relay's links: dialled once, kept."""

    def __init__(self, net: "Net", own: NodeId) -> None:
        self.net = net
        self.own = own
        self.open: dict[NodeId, FakeLink] = {}

    async def get(self, node_id: NodeId) -> FakeLink:
        if self.net.members[self.own].service.state.known.descriptor_of(node_id) is None:
            raise UnavailableError("no address of that relay is known")
        return await self._dial(node_id)

    async def dial(self, uri: RelayUri) -> FakeLink:
        return await self._dial(node_id_of(uri.identity))

    def connected(self) -> Sequence[FakeLink]:
        near = self.net.members[self.own]
        return [
            link
            for one, link in self.open.items()
            if self.net.members[one].up and not self.net.is_cut(near, self.net.members[one])
        ]

    async def _dial(self, node_id: NodeId) -> FakeLink:
        near = self.net.members[self.own]
        there = self.net.members.get(node_id)
        await trio.sleep(LATENCY_SECONDS)
        if there is not None and self.net.is_cut(near, there):
            await trio.sleep(CONNECT_TIMEOUT_SECONDS)
            raise ConnectFailedError("there", "timed out")
        if there is None or not there.up:
            raise ConnectFailedError("there", "connection refused")
        if node_id not in self.open:
            self.net.dials += 1
            self.open[node_id] = FakeLink(self.net, Far(node_id, None), near)
            near.service.reached_at(there.own.uri, there.own.host)
            back = FakeLink(self.net, Far(near.node_id, near.own), there)
            there.links.open.setdefault(near.node_id, back)
            if there.answers is None:
                there.service.relay_connected(back)
        return self.open[node_id]


class FakeProber:
    """Probes by looking who is there."""

    def __init__(self, net: "Net", own: NodeId) -> None:
        self.net = net
        self.own = own
        self.probed: list[RelayUri] = []

    async def resolve(self, uri: RelayUri) -> str:
        await trio.lowlevel.checkpoint()
        return uri.host

    async def reaches(self, uri: RelayUri, address: str) -> bool:
        self.probed.append(uri)
        await trio.sleep(LATENCY_SECONDS)
        near, there = self.net.members[self.own], self.net.members.get(node_id_of(uri.identity))
        if there is None or not there.up or self.net.is_cut(near, there):
            return False
        return there.own.uri == uri


class Member:
    """One relay: its service, links, own descriptor and whether it is up."""

    def __init__(
        self,
        net: "Net",
        number: int,
        bootstraps: Sequence[int],
        folder: Path,
        runtime: Runtime,
        **options: int,
    ) -> None:
        self.number = number
        self.runtime = runtime
        self.store = DirectoryStore(folder / f"relay-{number}")
        self.own = descriptor(number, boot=self.store.next_boot(), epoch=epoch_at(runtime.wall()))
        self.node_id = self.own.node_id
        self.links = FakeLinks(net, self.node_id)
        self.up = True
        self.answers: Callable[[str], bytes] | None = None
        self.outdated: list[int] = []
        self.prober = FakeProber(net, self.node_id)
        difficulty = options.pop("id_difficulty", 0)
        observations = self.observations = ObservedRelays(self.node_id, AddressRules())
        known = KnownRelays(
            runtime.wall,
            DescriptorSet(self.own.network, id_difficulty=difficulty, observations=observations),
            [descriptor(other).uri for other in bootstraps],
        )
        self.service = open_directory(
            runtime,
            self.store,
            self.links,
            self,
            known,
            observations=observations,
            prober=self.prober,
            **options,
        )

    @property
    def descriptor(self) -> Descriptor:
        return self.own

    def superseded(self, boot: int) -> None:
        self.outdated.append(boot)

    def observe(self, *others: Descriptor) -> None:
        """Let relays count here as if they had been reached where they say."""
        for other in others:
            self.observations.note(Observation(other.uri, other.host, self.runtime.wall()))

    def turn_epoch(self) -> None:
        """Sign the descriptor of the present epoch."""
        epoch = Epoch(epoch_at(self.runtime.wall()))
        self.own = descriptor(self.number, boot=self.own.boot, epoch=epoch)
        self.service.publish_own()

    def knows(self) -> set[NodeId]:
        live = self.service.descriptors.live(self.runtime.wall())
        return {item.node_id for item in live}


class Net:
    """All members by id, and counters."""

    def __init__(self, folder: Path, seed: int = 0) -> None:
        self.folder = folder
        self.runtime = Runtime.virtual(seed, WALL)
        self.members: dict[NodeId, Member] = {}
        self.calls: dict[str, int] = {}
        self.dials = 0
        self.faults = 0
        self.far_side: set[int] = set()

    def is_cut(self, one: Member, other: Member) -> bool:
        """Say whether the two are on different sides of a partition."""
        return (one.number in self.far_side) != (other.number in self.far_side)

    def add(self, number: int, bootstraps: Sequence[int] = (), **options: int) -> Member:
        runtime = self.runtime.for_part(f"relay {number}")
        member = Member(self, number, bootstraps, self.folder, runtime, **options)
        self.members[member.node_id] = member
        return member

    def client(self, node_id: NodeId) -> FakeLink:
        """A client's link to a relay."""
        return FakeLink(self, Far(node_id, None), None)

    def everyone_knows_everyone(self) -> bool:
        ids = {one for one, member in self.members.items() if member.up}
        return all(ids <= member.knows() for member in self.members.values() if member.up)


def start(nursery: trio.Nursery, *members: Member) -> None:
    for member in members:
        nursery.start_soon(member.service.run)


async def eventually(condition: Callable[[], bool], seconds: float = 200) -> None:
    """Wait until something is so; long enough for several comparisons with others."""
    for _ in range(int(seconds * 4)):
        if condition():
            return
        await trio.sleep(0.25)
    raise AssertionError(f"still not so after {seconds} s")


async def until(net: Net, seconds: float) -> None:
    """Wait until all know all."""
    await eventually(net.everyone_knows_everyone, seconds)


def boot_at(member: Member, one: NodeId) -> int:
    known = member.service.state.known.descriptor_of(one)
    return known.boot if known else 0


def is_excluded(member: Member, one: NodeId) -> bool:
    return member.service.descriptors.is_excluded(one)
