"""What a relay does around peeling: open the link, queue, seal the next link.

Every round times the whole path and peeling alone on packets of the same make, by the CPU time of
the relay's own thread: what feeds it and takes from it runs in others. A row's ratio is the median
over rounds. The backlog is real: the relay never waits for the next byte.
"""

from __future__ import annotations

import gc
import os
import socket
import statistics
import threading
import time
from collections.abc import Callable
from typing import Any

import trio

from zentalk.crypto.ed25519 import SigningKey
from zentalk.ids import EPOCH_SECONDS, Epoch, NodeId
from zentalk.link.events import LinkOpened
from zentalk.link.handshake import LinkSettings
from zentalk.link.hello import RelayCredentials
from zentalk.link.link import Link
from zentalk.net.connection import Connection, NoHandlers
from zentalk.net.runtime import Runtime
from zentalk.onion.geometry import DEFAULT_HOPS, SMALL
from zentalk.onion.packet import DROP, DeliveryPlaintext, Forward, Hop
from zentalk.onion.peel import Peeler
from zentalk.onion.wrap import wrap
from zentalk.wire.descriptor import DescriptorBody, Lane, sign_descriptor
from zentalk.wire.frames import Packet

EPOCH = Epoch(472_223)
WALL = float(EPOCH * EPOCH_SECONDS + 60)
ROUNDS = 15
PACKETS = 1_000
WHOLE_PATH_TARGET = 1.6

Row = dict[str, Any]


def rows() -> list[Row]:
    """Each row: name, median ratio, spread (the middle half) and target."""
    packets = _wrapped()
    return [
        _row(
            "relay, backlog, cores: link open, peel, queue, link seal / peel alone",
            lambda: _cores_round(packets),
        ),
        _row(
            "relay, backlog, whole path over sockets / peel alone",
            lambda: _sockets_round(packets),
        ),
    ]


def _row(name: str, one_round: Callable[[], float]) -> Row:
    one_round()
    gc.collect()
    gc.disable()
    try:
        ratios = sorted(one_round() for _ in range(ROUNDS))
    finally:
        gc.enable()
    low, _, high = statistics.quantiles(ratios, n=4)
    return {
        "name": name,
        "ratio": statistics.median(ratios),
        "spread": [low, high],
        "target": WHOLE_PATH_TARGET,
        "rounds": ROUNDS,
    }


_MIX_SECRET = os.urandom(32)


def _peeler() -> Peeler:
    """A fresh replay filter over the same keys, so that one set of packets serves all rounds."""
    secrets = iter([_MIX_SECRET, bytes(32)])
    peeler = Peeler()
    peeler.rotate(WALL, lambda _: next(secrets))
    return peeler


def _wrapped() -> list[bytes]:
    public = _peeler().keys_for_descriptor(EPOCH)[0]
    hops = [Hop(NodeId(os.urandom(32)), public, EPOCH) for _ in range(DEFAULT_HOPS)]
    return [wrap(SMALL, hops, DeliveryPlaintext(DROP, b""), os.urandom) for _ in range(PACKETS)]


def _peel_alone(packets: list[bytes]) -> float:
    peel = _peeler().peel
    start = time.thread_time_ns()
    for packet in packets:
        peel(packet, WALL)
    return float(time.thread_time_ns() - start)


_SETTINGS = LinkSettings("local")


def _relay_link() -> tuple[Link, Link, LinkOpened]:
    """Both ends of an open link of two relays."""
    dialler, relay = SigningKey.generate(os.urandom), SigningKey.generate(os.urandom)
    body = DescriptorBody(
        "local",
        dialler.public,
        "127.0.0.1",
        (Lane(1, bytes(32), bytes(32)),),
        1,
        b"",
        1,
        "0",
        EPOCH,
        1,
    )
    hello = RelayCredentials(sign_descriptor(dialler, body).raw, dialler)
    left = Link.initiate(_SETTINGS, relay.public, hello, os.urandom)
    right = Link.respond(_SETTINGS, relay, os.urandom)
    right.receive(left.data_to_send())
    left.receive(right.data_to_send())
    (opened,) = right.receive(left.data_to_send())
    assert isinstance(opened, LinkOpened)
    return left, right, opened


def _sealed(link: Link, packets: list[bytes]) -> bytes:
    """What the neighbour's writer puts on the wire for a backlog."""
    parts: list[bytes] = []
    for packet in packets:
        while not link.traffic.send_packet(packet):
            parts.append(link.data_to_send())
    while data := link.data_to_send():
        parts.append(data)
    return b"".join(parts)


def _cores_round(packets: list[bytes]) -> float:
    source, incoming, _ = _relay_link()
    outgoing, _, _ = _relay_link()
    wire = _sealed(source, packets)
    reads = [wire[at : at + 65_536] for at in range(0, len(wire), 65_536)]
    peel = _peeler().peel
    forwarded = 0
    start = time.thread_time_ns()
    for read in reads:
        for event in incoming.receive(read):
            assert isinstance(event, Packet)
            found = peel(event.packet, WALL)
            assert isinstance(found, Forward)
            forwarded += outgoing.traffic.send_packet(found.packet)
        while outgoing.data_to_send():
            pass
    whole = float(time.thread_time_ns() - start)
    assert forwarded == len(packets)
    return whole / _peel_alone(packets)


class _Forwarder(NoHandlers):
    """The least that is a relay: peel, and hand on to the one next link."""

    def __init__(self, peeler: Peeler, expected: int) -> None:
        self._peel = peeler.peel
        self._expected = expected
        self.next: Connection | None = None
        self.forwarded = 0
        self.done = trio.Event()

    def packet_received(self, _connection: Connection, packet: bytes, /) -> None:
        found = self._peel(packet, WALL)
        if isinstance(found, Forward) and self.next is not None:
            self.forwarded += self.next.send_packet(found.packet)
        if self.forwarded == self._expected:
            self.done.set()


def _sockets_round(packets: list[bytes]) -> float:
    source, incoming, opened = _relay_link()
    outgoing, _, next_opened = _relay_link()
    wire = _sealed(source, packets)
    feeder, relay_in = socket.socketpair()
    relay_out, taker = socket.socketpair()
    feed = threading.Thread(target=feeder.sendall, args=(wire,))
    take = threading.Thread(target=_take, args=(taker,))
    handlers = _Forwarder(_peeler(), len(packets))

    async def relay() -> float:
        runtime = Runtime.real()
        ends = [
            Connection(
                link,
                link_opened,
                trio.SocketStream(trio.socket.from_stdlib_socket(end)),
                handlers,
                runtime,
            )
            for link, link_opened, end in (
                (incoming, opened, relay_in),
                (outgoing, next_opened, relay_out),
            )
        ]
        handlers.next = ends[1]
        feed.start()
        take.start()
        async with trio.open_nursery() as nursery:
            await nursery.start(lambda task_status: ends[1].run([], task_status=task_status))
            start = time.thread_time_ns()
            await nursery.start(lambda task_status: ends[0].run([], task_status=task_status))
            await handlers.done.wait()
            spent = float(time.thread_time_ns() - start)
            nursery.cancel_scope.cancel()
        return spent

    whole = trio.run(relay)
    feed.join()
    take.join()
    feeder.close()
    taker.close()
    return whole / _peel_alone(packets)


def _take(taker: socket.socket) -> None:
    while taker.recv(1 << 20):
        pass


if __name__ == "__main__":
    for row in rows():
        print(row)
