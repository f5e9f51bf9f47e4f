"""Ways over UDP: one port for all contacts, on which paths are searched and QUIC runs.

The port is bound when the first offer is to be made, or the first contact to be looked for in the
local network, and not before: who has agreed to nothing has none open. Strangers who connect
to it must name a session of this moment, which only two know.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final, NamedTuple

import trio

from zentalk.config.settings import ApiSettings
from zentalk.crypto.ed25519 import SigningKey
from zentalk.direct.reasons import WhyNot
from zentalk.direct.survey import places_to_ask, version_of
from zentalk.errors import (
    ConnectFailedError,
    RemoteProtocolError,
    TransportError,
    UnavailableError,
)
from zentalk.logs import quiet_logger
from zentalk.net.crash_isolation import contained
from zentalk.net.datagrams import Address, Datagrams, UdpDatagrams
from zentalk.net.multicast import LocalGroup, join_local_groups
from zentalk.net.own_addresses import own_addresses
from zentalk.net.path_session import PathSession
from zentalk.net.punching import PathFinder
from zentalk.net.runtime import Runtime
from zentalk.net.transport import PEER_FAULTS, ByteStream, close_soon, only_faults_of
from zentalk.node.direct.parts import Relays, WaysFactory
from zentalk.node.direct.ways import OwnOffer, Use
from zentalk.wire.descriptor import Descriptor
from zentalk.wire.direct import SECRET_BYTES, TAG_BYTES, DirectOffer
from zentalk.wire.host import is_address

if TYPE_CHECKING:
    from zentalk.net.quic.endpoint import QuicEndpoint

PORT_SECONDS: Final = 5.0
"""For binding the port; a fault is tried again when the next offer is to be made."""
TAG_SECONDS: Final = 5.0
_LOG: Final = quiet_logger("zentalk.node")
WHY_NOT: Final[Mapping[str, str]] = {
    WhyNot.UNSEEN: "nothing came from them, and no relay has told this node its address: UDP may "
    "be blocked on your side, or the relays that were asked do not tell addresses",
    WhyNot.NO_CANDIDATES: "they name no address that can be reached from here: UDP may be blocked "
    "on their side, or the relays that they asked do not tell addresses",
    WhyNot.SYMMETRIC_HERE: "nothing came from them: your NAT gives each connection another port, "
    "and theirs seems to let in only whom it knows",
    WhyNot.SYMMETRIC_THERE: "nothing came from them: their NAT gives each connection another port, "
    "and yours seems to let in only whom it knows",
    WhyNot.SYMMETRIC_BOTH: "the NATs of both of you give each connection another port, so that "
    "neither can be found",
    WhyNot.ONE_WAY: "what they send arrives here, and nothing that is sent from here arrives "
    "there: their firewall lets nothing in, or yours lets nothing out",
    WhyNot.UNSTEADY: "what you send each other arrives too seldom: the line loses too much",
    WhyNot.NO_ANSWER: "nothing came from them: a firewall on one of the two sides, or their node "
    "was not there",
}

EVERYWHERE: Final = ("::", "0.0.0.0")  # noqa: S104 - contacts are to reach it
"""The second one where a machine has no IPv6."""


def ways_of(settings: ApiSettings, runtime: Runtime) -> WaysFactory | None:
    """Return what makes a node's ways over UDP; None where the library for QUIC is missing."""
    if find_spec("aioquic") is None:
        return None
    bind = partial(bind_port, settings.direct_port)
    return lambda relays: UdpWays(settings.network, runtime.for_part("direct"), relays, bind)


async def bind_port(port: int) -> Datagrams:
    """Bind a UDP port of all addresses; raises OSError."""
    for host in EVERYWHERE[:-1]:
        with suppress(OSError):
            return await UdpDatagrams.bind(host, port)
    return await UdpDatagrams.bind(EVERYWHERE[-1], port)


class _Port(NamedTuple):
    """The open port, and what runs on it."""

    endpoint: QuicEndpoint
    finder: PathFinder
    beside: Datagrams
    """It, for offers of the local network."""


class UdpWays:
    """Finds paths over one UDP port, which `bind` opens; `run` must be running."""

    def __init__(
        self,
        network: str,
        runtime: Runtime,
        relays: Relays,
        bind: Callable[[], Awaitable[Datagrams]],
        join: Callable[[], Awaitable[Sequence[LocalGroup]]] = join_local_groups,
    ) -> None:
        self._network = network
        self._runtime = runtime
        self._relays = relays
        self._bind = bind
        self._join = join
        self._wanted = trio.Event()
        self._opened = trio.Event()
        self._port: _Port | None = None
        self._fault = ""
        self._expected: dict[bytes, _Guest] = {}

    async def run(self) -> None:
        """Hold the port, from the first offer on, until cancelled."""
        while True:
            await self._wanted.wait()
            self._wanted = trio.Event()
            try:
                datagrams = await self._bind()
            except OSError as error:
                reason = (error.strerror or "unknown error").lower()
                self._fault = (
                    f"the UDP port for direct connections cannot be had ({reason}): choose another "
                    "`direct_port` in config.toml"
                )
                self._opened.set()
                continue
            with contained(_LOG, "direct_port_ended_by_a_bug"):
                await self._hold(datagrams)

    async def _hold(self, datagrams: Datagrams) -> None:
        # It takes 100 ms to import, for those only who have agreed with somebody.
        from zentalk.net.quic.beside import BesideQuic  # noqa: PLC0415
        from zentalk.net.quic.endpoint import QuicEndpoint  # noqa: PLC0415

        runtime = self._runtime.for_part("direct-port")
        endpoint = QuicEndpoint(datagrams, runtime.entropy)
        async with trio.open_nursery() as nursery:
            await nursery.start(endpoint.run)
            beside = BesideQuic(endpoint.beside)
            finder = PathFinder(endpoint.beside, runtime, beside.arrived)
            await nursery.start(finder.run)
            self._port = _Port(endpoint, finder, beside)
            self._opened.set()
            try:
                await endpoint.serve(self._accepted)
            finally:
                self._port = None
                beside.close()

    async def offer(self, session: bytes) -> OwnOffer:
        """Return where this node may be reached, for one session; raises UnavailableError."""
        port = await self._open_port()
        entropy = self._runtime.entropy
        around = await port.finder.look_around(self._network, await self._some_relays())
        key = SigningKey(entropy(32))
        offer = DirectOffer(
            session=session,
            secret=entropy(SECRET_BYTES),
            direct_key=key.public,
            nat=around.places.nat,
            candidates=around.places.candidates,
        )
        return OwnOffer(offer, key, around.subnets)

    async def meet(self, own: OwnOffer, theirs: DirectOffer, use: Use) -> bool:
        """Run `use` over a stream to the other side, as long as its path holds.

        Raises UnavailableError with the reason, as a sentence.
        """
        port = await self._open_port()
        try:
            with (
                port.finder.session(own.offer, theirs, own.subnets) as session,
                self._guest(session) as guest,
            ):
                path = await session.path_after()
                stream = await self._connect(port, session, guest, path)
                return await _used(stream, session, path, use)
        except ConnectFailedError as error:
            raise UnavailableError(WHY_NOT.get(error.reason, error.reason)) from None
        except (TransportError, RemoteProtocolError) as error:
            raise UnavailableError(str(error)) from None

    async def beside(self) -> Datagrams:
        """Return the port, opened, for offers of the local network; raises UnavailableError."""
        return (await self._open_port()).beside

    async def join_lan(self) -> Sequence[LocalGroup]:
        """Return the groups of the local networks, joined; raises OSError."""
        return await self._join()

    async def _open_port(self) -> _Port:
        if self._port is None:
            if self._opened.is_set():
                self._opened = trio.Event()  # else others wait for it already
            self._wanted.set()
            with trio.move_on_after(PORT_SECONDS):
                await self._opened.wait()
        if self._port is None:
            raise UnavailableError(self._fault or "the UDP port for direct connections is not open")
        return self._port

    async def _some_relays(self) -> list[Address]:
        """Return where to ask relays, other ones each time, over all IP that this machine has."""
        known = [places for one in self._relays().values() if (places := _places_of(one))]
        known.sort(key=lambda _: self._runtime.entropy(8))
        some = {version_of(place): place for places in known for place in places}
        ways = await own_addresses(some.values())
        return places_to_ask(known, {version_of((address, 0)) for address in ways})

    @contextmanager
    def _guest(self, session: PathSession) -> Iterator[_Guest]:
        """Let the other side connect, if it is the one who does."""
        guest = _Guest()
        if not session.is_client:
            self._expected[session.tag] = guest
        try:
            yield guest
        finally:
            self._expected.pop(session.tag, None)
            guest.left.set()

    async def _connect(
        self, port: _Port, session: PathSession, guest: _Guest, path: Address
    ) -> ByteStream:
        if not session.is_client:
            return await guest.arrived()
        stream = await port.endpoint.dial(*path)
        try:
            await stream.send_all(session.tag)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise ConnectFailedError("the contact", "the connection broke") from None
        return stream

    async def _accepted(self, stream: ByteStream, _host: str) -> None:
        """Give a new connection to the session that it names; others end."""
        tag = b""
        with trio.move_on_after(TAG_SECONDS):
            while len(tag) < TAG_BYTES:
                data = await stream.receive_some(TAG_BYTES - len(tag))
                if not data:
                    return
                tag += data
        guest = self._expected.pop(tag, None)
        if guest is not None:
            guest.stream = stream
            guest.came.set()
            await guest.left.wait()


def _places_of(relay: Descriptor) -> list[Address]:
    """Return the places of a relay that are addresses: a name would be looked up."""
    hosts = [(uri.host, uri.port) for uri in relay.uris() if is_address(uri.host)]
    return [(host.strip("[]"), port) for host, port in hosts]


class _Guest:
    """Somebody who is expected to connect."""

    def __init__(self) -> None:
        self.came = trio.Event()
        self.left = trio.Event()
        self.stream: ByteStream | None = None

    async def arrived(self) -> ByteStream:
        """Return its stream; raises ConnectFailedError if it does not come."""
        with trio.move_on_after(TAG_SECONDS):
            await self.came.wait()
        if self.stream is None:
            raise ConnectFailedError("the contact", "it did not connect")
        return self.stream


async def _used(stream: ByteStream, session: PathSession, path: Address, use: Use) -> bool:
    """Use a stream until it ends, or its path does."""
    used = False
    try:
        async with trio.open_nursery() as nursery:

            async def run() -> None:
                nonlocal used
                used = await use(stream)
                nursery.cancel_scope.cancel()

            nursery.start_soon(run)
            with only_faults_of(PEER_FAULTS):
                await session.path_after(path)
            await close_soon(stream)
    finally:
        await close_soon(stream)
    return used
