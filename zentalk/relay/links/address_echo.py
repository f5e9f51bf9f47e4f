"""Answers who asks from which address its datagrams come.

Spec: docs/spec/direct.md section 2. Sources of datagrams may be forged: an answer is shorter than
its question, and what one source may be sent is little. Nothing is kept of a question but a count.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import trio

from zentalk.directory.allowance import Allowance, Allowances
from zentalk.errors import DecodeError, LocalProtocolError
from zentalk.net.datagrams import Datagrams
from zentalk.relay.links.admission import place_of
from zentalk.relay.metrics import Counters, contained
from zentalk.wire.echo import decode_echo_question, encode_echo_answer, network_tag
from zentalk.wire.ip_address import Place

BURST: Final = 8
PER_SECOND: Final = 1.0
"""Answers to one source: a node asks three times and is content for long."""
ALL_BURST: Final = 400
ALL_PER_SECOND: Final = 200.0
"""Answers to all: 10 kB a second."""
REFUSED: Final = "udp"


async def echo_addresses(
    network: str,
    monotonic: Callable[[], float],
    counters: Counters,
    ports: Sequence[Datagrams],
) -> None:
    """Answer what comes at a relay's UDP ports, until they are closed or this cancelled."""
    echo = AddressEcho(network, monotonic, counters)
    async with trio.open_nursery() as nursery:
        for port in ports:
            nursery.start_soon(echo.serve, port)


class AddressEcho:
    """The echo of one relay, at all its UDP ports."""

    __slots__ = ("_all", "_counters", "_monotonic", "_sources", "_tag")

    def __init__(self, network: str, monotonic: Callable[[], float], counters: Counters) -> None:
        self._tag = network_tag(network)
        self._monotonic = monotonic
        self._counters = counters
        self._sources = Allowances(BURST, PER_SECOND)
        self._all = Allowance(ALL_BURST, ALL_PER_SECOND, monotonic())

    async def serve(self, datagrams: Datagrams) -> None:
        """Answer what comes at a port, until that is closed or this cancelled."""
        while True:
            answer = None
            try:
                data, source = await datagrams.receive()
                with contained(self._counters, "datagram_dropped_by_a_bug"):
                    answer = self.answer(data, source)
                if answer is not None:
                    await datagrams.send(answer, source)
            except trio.ClosedResourceError:
                return

    def answer(self, data: bytes, source: Place) -> bytes | None:
        """Return the answer to a datagram; None, and counted as refused, if it has none."""
        try:
            transaction = decode_echo_question(data, self._tag)
            answer = encode_echo_answer(self._tag, transaction, source)
        except (DecodeError, LocalProtocolError):
            self._counters.refuse(REFUSED)
            return None
        if not source[1] or not self._has_turn(place_of(source[0])):
            self._counters.refuse(REFUSED)
            return None
        return answer

    def _has_turn(self, place: str) -> bool:
        """Count an answer; a place beyond its share takes nothing from what is there for all."""
        now = self._monotonic()
        return self._sources.take(place, now) and self._all.take(now)
