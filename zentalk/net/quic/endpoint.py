"""A port on which QUIC connections are made and accepted, and which others may use beside them.

Strangers get as little as can be: what is no Initial of version 1 for us is dropped without an
answer, an Initial costs a place of which there are few, and above a few of those an address has to
be proven first. A fault of one connection, or of aioquic, ends that connection alone.

Spec: docs/spec/link.md section 14.
"""

from __future__ import annotations

import ipaddress
from collections import deque
from contextlib import suppress

import trio
from aioquic.buffer import Buffer  # type: ignore[attr-defined]  # not in its stub
from aioquic.quic.configuration import SMALLEST_MAX_DATAGRAM_SIZE
from aioquic.quic.packet import (
    QuicHeader,
    QuicPacketType,
    QuicProtocolVersion,
    encode_quic_retry,
    pull_quic_header,
)
from aioquic.quic.retry import QuicRetryTokenHandler

from zentalk.crypto.certificate import nameless_certificate
from zentalk.crypto.types import Entropy
from zentalk.errors import ConnectFailedError
from zentalk.logs import quiet_logger
from zentalk.net.crash_isolation import contained
from zentalk.net.datagrams import Address, Datagrams
from zentalk.net.quic.beside import BesideQuic, is_quic
from zentalk.net.quic.core import QuicCore
from zentalk.net.quic.pipe import QuicPipe
from zentalk.net.quic.places import PipePlace, PipePlaces
from zentalk.net.quic.settings import (
    CONNECTION_ID_BYTES,
    DEFAULT_LIMITS,
    QuicLimits,
    client_settings,
    server_settings,
)
from zentalk.net.signal import Signal
from zentalk.net.transport import Handler, kept_if_made, run_guarded

_log = quiet_logger(__name__)


class QuicEndpoint:
    """One port. Satisfies `Dials` and `Listener` while `run` is running; owns the datagrams."""

    def __init__(
        self, datagrams: Datagrams, entropy: Entropy, limits: QuicLimits = DEFAULT_LIMITS
    ) -> None:
        self._datagrams = datagrams
        self._entropy = entropy
        self.beside = BesideQuic(datagrams)
        """The datagrams on this port that are not QUIC's, for one other user of it."""
        self._places = PipePlaces(limits)
        self._pipes: dict[bytes, QuicPipe] = {}
        self._client_settings = client_settings()
        self._server_settings = server_settings(nameless_certificate(entropy))
        self._proofs = QuicRetryTokenHandler()
        self._accepted: deque[QuicPipe] = deque()
        self._arrived = Signal()
        self._is_serving = False
        self._running: trio.Nursery | None = None
        self._ended = trio.Event()

    @property
    def port(self) -> int:
        """The port."""
        return self._datagrams.local_port

    @property
    def connections(self) -> int:
        """The number of connections, with those that begin or end."""
        return self._places.taken

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Keep all connections going until closed or cancelled; then they end, and so does this."""
        try:
            async with trio.open_nursery() as self._running:
                task_status.started()
                with suppress(trio.ClosedResourceError):
                    await self._receive()
                self._running.cancel_scope.cancel()
        finally:
            self._running = None
            self._ended.set()
            self.beside.close()
            with trio.CancelScope(shield=True):
                await self._datagrams.aclose()

    async def dial(self, host: str, port: int) -> QuicPipe:
        """Connect to an IP address within CONNECT_SECONDS; raises ConnectFailedError.

        Whoever answers is not known before a link's handshake.
        """
        target = f"{host}:{port}"
        try:
            address = str(ipaddress.ip_address(host.strip("[]"))), port
        except ValueError:
            raise ConnectFailedError(target, "it is not an address") from None
        if self._running is None:
            raise ConnectFailedError(target, "our own port is closed")
        place = self._places.dialled()
        if place is None:
            raise ConnectFailedError(target, "there are too many connections already")
        core = QuicCore(self._client_settings)
        core.connect(address, trio.current_time())
        pipe = QuicPipe(core, address[0], self._pipes)
        self._running.start_soon(self._drive, pipe, place)
        async with kept_if_made(pipe, target):
            await pipe.opened.wait()
            if not pipe.is_open:
                raise ConnectFailedError(target, "it ended the handshake")
        return pipe

    async def serve(self, handler: Handler) -> None:
        """Run `handler` for each connection that others make, until closed or cancelled.

        While nobody serves, nothing of strangers is answered.
        """
        self._is_serving = True
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._hand_over, handler, nursery)
                await self._ended.wait()
                nursery.cancel_scope.cancel()
        finally:
            self._is_serving = False
            while self._accepted:
                self._accepted.popleft().abort()

    async def aclose(self) -> None:
        """End all connections, telling the other sides, and let go of the port."""
        if self._running is None:
            await self._datagrams.aclose()
            return
        self._running.cancel_scope.cancel()
        await self._ended.wait()

    async def _hand_over(self, handler: Handler, nursery: trio.Nursery) -> None:
        while True:
            await self._arrived.wait()
            while self._accepted:
                pipe = self._accepted.popleft()
                nursery.start_soon(run_guarded, handler, pipe, pipe.peer_host)

    async def _drive(self, pipe: QuicPipe, place: PipePlace) -> None:
        """Run a connection to its end."""
        try:
            with contained(_log, "quic_failed"), suppress(trio.ClosedResourceError):
                await pipe.run(self._datagrams.send)
        finally:
            place.leave()

    async def _drive_accepted(self, pipe: QuicPipe, place: PipePlace) -> None:
        """Run a connection that others asked for, and hand it over once it is open."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._drive, pipe, place)
            await pipe.opened.wait()
            place.opened()
            if not self._is_serving:
                pipe.abort()
            elif pipe.is_open:
                self._accepted.append(pipe)
                self._arrived.set()

    async def _receive(self) -> None:
        while True:
            data, source = await self._datagrams.receive()
            if not is_quic(data):
                self.beside.arrived(data, source)
                continue
            with contained(_log, "quic_failed"):
                await self._take(data, source)

    async def _take(self, data: bytes, source: Address) -> None:
        try:
            header = pull_quic_header(Buffer(data=data), host_cid_length=CONNECTION_ID_BYTES)
        except ValueError:
            return
        if header.version not in (None, QuicProtocolVersion.VERSION_1):
            return  # an answer would name what we speak to whoever asks
        if (pipe := self._pipes.get(header.destination_cid)) is not None:
            with contained(_log, "quic_failed", pipe.break_off):
                pipe.take(data, source)
        elif self._is_serving and _is_first(header, len(data)):
            await self._take_first(header, data, source)

    async def _take_first(self, header: QuicHeader, data: bytes, source: Address) -> None:
        """Answer whoever asks for a connection, or ask for a proof of its address first."""
        now = trio.current_time()
        original, retry_source = header.destination_cid, None
        if header.token:
            try:
                original = self._proofs.validate_token(
                    address=source,
                    destination_cid=header.destination_cid,
                    token=header.token,
                    now=now,
                )
            except ValueError:
                return  # too old, or another's; it will dial again
            retry_source = header.destination_cid
        elif self._places.wants_proof(now):
            await self._ask_for_proof(header, source)
            return
        is_proven = retry_source is not None
        place = self._places.asked(source[0], is_proven=is_proven)
        if place is None:
            return
        core = QuicCore(self._server_settings, original, retry_source)
        pipe = QuicPipe(core, source[0], self._pipes)
        is_kept = False
        try:
            # A proven one is kept whatever it says: so its source has no more than a few tries.
            is_kept = pipe.begin(data, source, header.destination_cid) or is_proven
        finally:
            if not is_kept:
                pipe.forget()
                place.leave()
                self._places.alarm(now)
        if is_kept and self._running is not None:
            self._running.start_soon(self._drive_accepted, pipe, place)

    async def _ask_for_proof(self, header: QuicHeader, source: Address) -> None:
        """Let a stranger come again with a token that only its address gets; nothing is kept."""
        name = self._entropy(CONNECTION_ID_BYTES)
        token = self._proofs.create_token(
            address=source,
            original_destination_connection_id=header.destination_cid,
            retry_source_connection_id=name,
            now=trio.current_time(),
        )
        retry = encode_quic_retry(
            version=QuicProtocolVersion.VERSION_1,
            source_cid=name,
            destination_cid=header.source_cid,
            original_destination_cid=header.destination_cid,
            retry_token=token,
        )
        await self._datagrams.send(retry, source)


def _is_first(header: QuicHeader, size: int) -> bool:
    """Whether this is how a connection begins, RFC 9000 sections 7.2 and 14.1."""
    return (
        header.packet_type is QuicPacketType.INITIAL
        and size >= SMALLEST_MAX_DATAGRAM_SIZE
        and len(header.destination_cid) >= CONNECTION_ID_BYTES
    )
