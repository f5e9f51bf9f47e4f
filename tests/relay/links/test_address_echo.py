"""The echo of a relay: to whom it answers, how often, and that it is no weapon."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from zentalk.errors import ConfigError
from zentalk.net.datagrams import UdpDatagrams
from zentalk.net.memory_datagrams import DatagramNetwork
from zentalk.net.tcp import TcpNetwork
from zentalk.relay.links import address_echo as module
from zentalk.relay.links.address_echo import (
    ALL_BURST,
    ALL_PER_SECOND,
    BURST,
    PER_SECOND,
    REFUSED,
    AddressEcho,
)
from zentalk.relay.links.listeners import bind_udp
from zentalk.relay.metrics import BUG, Counters
from zentalk.wire.echo import decode_echo_answer, encode_echo_question, network_tag
from zentalk.wire.ip_address import Place

TAG = network_tag("local")
TRANSACTION = b"transaction!"
QUESTION = encode_echo_question(TAG, TRANSACTION)
SOURCE = ("11.77.1.1", 40_000)


class Now:
    """A clock that is put forward by hand."""

    def __init__(self) -> None:
        self.seconds = 100.0
        self.counters = Counters()
        self.echo = AddressEcho("local", lambda: self.seconds, self.counters)

    def answered(self, count: int, source: Place = SOURCE) -> int:
        return sum(self.echo.answer(QUESTION, source) is not None for _ in range(count))


def test_a_question_is_answered_with_the_address_it_came_from() -> None:
    for source in (SOURCE, ("2a00::7", 5000), ("10.0.0.7", 1)):
        answer = Now().echo.answer(QUESTION, source)
        assert answer is not None
        assert decode_echo_answer(answer, TAG) == (TRANSACTION, source)
        assert len(answer) < len(QUESTION)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        QUESTION[:-1],
        QUESTION + b"\0",
        b"\x09" + QUESTION[1:],
        QUESTION[:-1] + b"\1",
        encode_echo_question(network_tag("main"), TRANSACTION),
        bytes(1200),
    ],
)
def test_what_is_no_question_has_no_answer_and_is_counted(data: bytes) -> None:
    now = Now()
    assert now.echo.answer(data, SOURCE) is None
    assert now.counters.refused == {REFUSED: 1}
    assert now.answered(BURST) == BURST, "it took nothing from the source"


@pytest.mark.parametrize("source", [("11.77.1.1", 0), ("0.0.0.0", 5), ("224.0.0.1", 5), ("", 5)])
def test_nobody_is_answered_who_cannot_have_asked(source: Place) -> None:
    assert Now().answered(1, source) == 0


def test_one_source_is_answered_seldom_and_others_as_ever() -> None:
    now = Now()
    assert now.answered(100) == BURST
    assert now.answered(100, (SOURCE[0], 50_000)) == 0, "its ports are one source"
    assert now.answered(1, ("11.77.1.2", 40_000)) == 1
    now.seconds += 3
    assert now.answered(100) == 3 * PER_SECOND
    assert now.answered(BURST, ("2a00:0:1::1", 1)) == BURST
    assert now.answered(1, ("2a00:0:1:ffff::1", 1)) == 0, "an IPv6 /48 is one source"


def test_all_together_are_answered_at_a_rate() -> None:
    now = Now()
    sources = [(f"11.{n // 250}.{n % 250}.1", 5) for n in range(3 * ALL_BURST)]
    assert sum(now.answered(1, source) for source in sources) == ALL_BURST
    now.seconds += 1
    assert sum(now.answered(1, source) for source in sources) == ALL_PER_SECOND


def test_a_source_beyond_its_share_takes_nothing_from_all() -> None:
    now = Now()
    now.answered(10 * ALL_BURST)
    sources = [(f"11.78.{n // 250}.{n % 250}", 5) for n in range(ALL_BURST - BURST)]
    assert sum(now.answered(1, source) for source in sources) == ALL_BURST - BURST


async def test_a_port_answers_until_it_is_closed(
    autojump_clock: MockClock, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = DatagramNetwork()
    relay, node = net.bind("11.77.9.1", 9001), net.bind("11.77.1.1", 4000)
    counters = Counters()
    echo = AddressEcho("local", trio.current_time, counters)
    ended = trio.Event()

    async def serve() -> None:
        await echo.serve(relay)
        ended.set()

    nursery.start_soon(serve)
    await node.send(b"rubbish", ("11.77.9.1", 9001))

    def broken(_host: str) -> str:
        raise KeyError("a bug")

    with monkeypatch.context() as patch:
        patch.setattr(module, "place_of", broken)
        await node.send(QUESTION, ("11.77.9.1", 9001))
        await trio.sleep(1)
    assert counters.refused == {REFUSED: 1, BUG: 1}
    await node.send(QUESTION, ("11.77.9.1", 9001))
    data, source = await node.receive()
    assert source == ("11.77.9.1", 9001)
    assert decode_echo_answer(data, TAG) == (TRANSACTION, ("11.77.1.1", 4000))
    await relay.aclose()
    with trio.fail_after(5):
        await ended.wait()


async def test_udp_is_bound_at_every_host_or_nowhere() -> None:
    network = TcpNetwork()
    first = (await bind_udp(network, ["127.0.0.1"], 0))[0]
    port = first.local_port
    with pytest.raises(ConfigError, match=f"port {port} on 127.0.0.1 is in use"):
        await bind_udp(network, ["127.0.0.2", "127.0.0.1"], port)
    free = await UdpDatagrams.bind("127.0.0.2", port)
    await free.aclose()
    await first.aclose()
    both = await bind_udp(network, ["0.0.0.0", "[::]"], port)
    assert [datagrams.local_port for datagrams in both] == [port]
    await both[0].aclose()
