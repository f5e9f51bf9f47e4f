"""An open link: frames both ways, after the handshake.

Spec: docs/spec/link.md sections 4 to 8. Puts together the record layer, the outbox,
the streams and the calls of one link, and decides which frame is whose. It must never
let one of them wait for another.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from zentalk.crypto.noise import CounterCipher
from zentalk.errors import DecodeError, LocalProtocolError
from zentalk.link.events import Event, PeerLeft
from zentalk.link.geometry import DRAIN_BYTES, UNIT_OVERHEAD_BYTES, cell_bytes
from zentalk.link.outbox import (
    CALLS,
    CONTROL,
    FLOW_QUANTUM_BYTES,
    FLOWS_OF_A_LINK,
    PACKETS,
    UNLIMITED,
    Account,
    FrameQueue,
)
from zentalk.link.records import RecordOpener, RecordSealer, UnitOpener, UnitSealer
from zentalk.link.rpc import LARGE_PIECE_BYTES, LONG_CELLS, Calls, split_message
from zentalk.link.streams import (
    CLIENT_STREAMS,
    FLOWS_PER_STREAM,
    RELAY_STREAMS,
    StreamTable,
)
from zentalk.wire.frames import (
    DATA_OVERHEAD_BYTES,
    PACKET_LARGE_BYTES,
    PACKET_SMALL_BYTES,
    RPC_NOTIFY,
    RPC_OVERHEAD_BYTES,
    RPC_REQUEST,
    RPC_RESPONSE,
    Bye,
    Close,
    Credit,
    Data,
    Frame,
    Hello,
    Open,
    Opened,
    Packet,
    Ping,
    Pong,
    Refused,
    Rpc,
    encode_frame,
    parse_frames,
)

CONTROL_QUEUE_BYTES: Final = 4_096
"""Pongs that wait: a peer that pings without reading is cut off."""
CLIENT_PACKET_QUEUE_BYTES: Final = 512 * 1024
RELAY_PACKET_QUEUE_BYTES: Final = 2 * 1024 * 1024
CALL_QUEUE_BYTES: Final = 32 * 1024 * 1024
"""Hard bound; programs wait or give up long before, see `calls_queued_bytes`."""

_PACKET_HEADERS: Final = {
    size: bytes([Packet.TYPE]) + size.to_bytes(3, "big")
    for size in (PACKET_SMALL_BYTES, PACKET_LARGE_BYTES)
}


class Traffic:
    """The traffic of an open link; `fixed_units` tells clients' and inner links from relays'."""

    def __init__(
        self,
        ciphers: tuple[CounterCipher, CounterCipher],
        *,
        initiator: bool,
        fixed_units: bool,
        depth: int,
        account: Account = UNLIMITED,
    ) -> None:
        sending, receiving = ciphers
        self.fixed_units = fixed_units
        self._depth = depth
        self._account = account
        self._partial_bytes = 0
        self._sealer = UnitSealer(sending, depth) if fixed_units else RecordSealer(sending)
        self._opener = UnitOpener(receiving, depth) if fixed_units else RecordOpener(receiving)
        limit = CLIENT_STREAMS if fixed_units else RELAY_STREAMS
        self._outbox = FrameQueue(FLOWS_OF_A_LINK + FLOWS_PER_STREAM * limit, account)
        self._calls = Calls(padded=fixed_units)
        frame_bytes = cell_bytes(depth) - UNIT_OVERHEAD_BYTES if fixed_units else FLOW_QUANTUM_BYTES
        self._call_piece_bytes = frame_bytes - RPC_OVERHEAD_BYTES
        self._packet_queue_bytes = (
            CLIENT_PACKET_QUEUE_BYTES if fixed_units else RELAY_PACKET_QUEUE_BYTES
        )
        self.streams = StreamTable(
            self._outbox,
            initiator=initiator,
            piece_bytes=frame_bytes - DATA_OVERHEAD_BYTES,
            own_limit=limit if initiator or not fixed_units else 0,
            peer_limit=limit if not initiator or not fixed_units else 0,
            account=account,
        )

    # In.

    def receive(self, data: bytes) -> list[Event]:
        """Take bytes of the peer and return what happened; raises RemoteProtocolError."""
        events: list[Event] = []
        for record in self._opener.feed(data):
            for frame in parse_frames(record):
                if type(frame) is Packet:
                    self._check_packet()
                    events.append(frame)
                elif (event := _HANDLERS[type(frame)](self, frame)) is not None:
                    events.append(event)
        self._count_partial()
        return events

    def _count_partial(self) -> None:
        """Count what is here of a unit and of a message that have not arrived whole."""
        held = self._opener.held_bytes + self._calls.held_bytes
        grown = held - self._partial_bytes
        if grown > 0 and not self._account.has_room(grown):
            raise DecodeError("there is no memory left for what this peer begins and does not end")
        self._partial_bytes = held
        if grown > 0:
            self._account.add(grown)
        else:
            self._account.release(-grown)

    @property
    def units_opened(self) -> int:
        """The number of units or records that have arrived whole."""
        return self._opener.opened

    @property
    def is_mid_unit(self) -> bool:
        """Whether a unit or record has arrived in part."""
        return self._opener.held_bytes > 0

    def release(self) -> None:
        """Forget what is held for the peer: the link has ended."""
        self._outbox.release()
        self.streams.release()
        self._account.release(self._partial_bytes)
        self._partial_bytes = 0

    def _check_packet(self) -> None:
        if self._depth:
            raise DecodeError("a packet came through a tunnel")

    def _on_stream(self, frame: Frame) -> Event | None:
        return self.streams.receive(frame)

    def _on_rpc(self, frame: Rpc) -> Event | None:
        return self._calls.receive(frame)

    def _on_ping(self, frame: Ping) -> None:
        if not self._outbox.put(CONTROL, encode_frame(Pong(frame.number)), CONTROL_QUEUE_BYTES):
            raise DecodeError("the peer pings and does not read the pongs")

    def _on_pong(self, _frame: Pong) -> None:
        """Any byte that arrives shows that the peer lives, so nothing is left to do."""

    def _on_hello(self, _frame: Hello) -> None:
        raise DecodeError("a hello came after the first unit")

    def _on_bye(self, frame: Bye) -> PeerLeft:
        return PeerLeft(frame.reason)

    # Out.

    @property
    def has_data(self) -> bool:
        """Whether `data_to_send` would return something."""
        return bool(self._outbox)

    def data_to_send(self) -> bytes:
        """Return the next drain, sealed: about 96 KiB at most, empty if nothing waits.

        Raises RemoteProtocolError if the peer has made the streams overrun.
        """
        self.streams.check_overrun()
        frames = self._outbox.take(DRAIN_BYTES)
        return self._sealer.seal(frames) if frames else b""

    def send_packet(self, packet: bytes) -> bool:
        """Queue an onion packet; False, and not queued, if the link has too many waiting.

        Raises LocalProtocolError if it has not the size of a class, or inside a tunnel.
        """
        header = _PACKET_HEADERS.get(len(packet))
        if header is None or self._depth:
            raise LocalProtocolError("only packets of class S or L travel, and never in tunnels")
        return self._outbox.put(PACKETS, header + packet, self._packet_queue_bytes)

    def has_packet_room(self, size_bytes: int) -> bool:
        """Tell whether `send_packet` would queue a packet of that size; it changes nothing."""
        frame_bytes = len(_PACKET_HEADERS[size_bytes]) + size_bytes
        return self._outbox.queued_bytes(PACKETS) + frame_bytes <= self._packet_queue_bytes

    def request(self, body: bytes) -> int:
        """Queue a request and return its call id; the response comes as ResponseReceived.

        Raises LocalProtocolError if it is too long.
        """
        call_id = self._calls.new_request()
        self._put_message(RPC_REQUEST, call_id, body)
        return call_id

    def forget(self, call_id: int) -> None:
        """Stop waiting for a response."""
        self._calls.forget(call_id)

    def has_room(self, size_bytes: int) -> bool:
        """Tell whether memory allows for a response or notification of that size."""
        return self._account.has_room(size_bytes)

    def respond(self, call_id: int, body: bytes) -> None:
        """Queue the response to a request; raises LocalProtocolError if it is too long."""
        self._put_message(RPC_RESPONSE, call_id, body)

    def notify(self, body: bytes) -> None:
        """Queue a notification; raises LocalProtocolError if it is too long."""
        self._put_message(RPC_NOTIFY, 0, body)

    def ping(self, number: int) -> None:
        """Queue a ping."""
        self._outbox.put(CONTROL, encode_frame(Ping(number)), CONTROL_QUEUE_BYTES)

    def leave(self, reason: str) -> None:
        """Queue word of why this side ends the link."""
        self._outbox.put(CONTROL, encode_frame(Bye(reason)), CONTROL_QUEUE_BYTES)

    @property
    def calls_queued_bytes(self) -> int:
        """The bytes of requests, responses and notifications that wait to be sent."""
        return self._outbox.queued_bytes(CALLS)

    @property
    def unit_sizes(self) -> set[int]:
        """Sizes of the units sealed and opened; empty on links of two relays."""
        if isinstance(self._sealer, UnitSealer) and isinstance(self._opener, UnitOpener):
            return self._sealer.sizes | self._opener.sizes
        return set()

    def _put_message(self, kind: int, call_id: int, body: bytes) -> None:
        size = self._call_piece_bytes
        if self.fixed_units and not self._depth and len(body) > LONG_CELLS * size:
            size = LARGE_PIECE_BYTES
        pieces = split_message(kind, call_id, body, size, padded=self.fixed_units)
        for piece in pieces:
            if not self._outbox.put(CALLS, encode_frame(piece), CALL_QUEUE_BYTES):
                raise LocalProtocolError("too many calls wait on one link")


_HANDLERS: Final[dict[type, Callable[[Traffic, Any], Event | None]]] = {
    **dict.fromkeys((Open, Opened, Refused, Data, Credit, Close), Traffic._on_stream),  # noqa: SLF001
    Rpc: Traffic._on_rpc,  # noqa: SLF001 - the table of this class's own handlers
    Ping: Traffic._on_ping,  # noqa: SLF001
    Pong: Traffic._on_pong,  # noqa: SLF001
    Hello: Traffic._on_hello,  # noqa: SLF001
    Bye: Traffic._on_bye,  # noqa: SLF001
}
