"""E1 and B1 to B3, B5 and B6 over each way: TCP, WebSockets, and directly. Real programs, killed.

B4 and B7, which take hours, are in tests/e2e/scenarios/test_each_way.py.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.cli.processes import running
from tests.cli.test_ways import as_web, person, relays
from zentalk.client import Client, Message

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
WAYS = ["tcp", "websocket", "direct"]
PATIENCE_SECONDS = 90
MANY = 20


def until(condition: Callable[[], object], what: str) -> None:
    """Look until something is so."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < give_up, what
        time.sleep(0.1)


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[list[str], list[int]]]:
    """Relays for all ways: URIs of TCP, and ports for WebSockets."""
    with relays(tmp_path_factory.mktemp("relays"), None, "udp = true") as made:
        yield made


class Pair:
    """Two people on one way; `bob`'s program can be killed."""

    def __init__(
        self, folder: Path, way: str, net: tuple[list[str], list[int]], stack: ExitStack
    ) -> None:
        self.folder, self._stack, self._way = folder, stack, way
        uris, ports = net
        known = [as_web(*one) for one in zip(uris, ports, strict=True)]
        known = known if way == "websocket" else uris
        only = ['reach_relays_by = "websocket"'] if way == "websocket" else []
        programs = []
        for name in ("alice", "bob"):
            person(folder / name, known[:2], *only)
            programs.append(stack.enter_context(running("api", folder / name)))
        for program in programs:
            program.ready()
        self.bob_program = programs[1]
        self.alice, self.bob = self._client("alice"), self._client("bob")
        self.alices, self.bobs = self.alice.me().address, self.bob.me().address
        self.alice.add_contact(self.bobs, "other")
        self.bob.add_contact(self.alices, "one")

    def _client(self, name: str) -> Client:
        return self._stack.enter_context(Client.from_dir(self.folder / name))

    def kill_bob(self) -> None:
        """End his program at once."""
        self.bob_program.stop(signal.SIGKILL)

    def start_bob(self) -> None:
        """Start it again on its folder; it has another port."""
        self.bob_program = self._stack.enter_context(running("api", self.folder / "bob"))
        self.bob_program.ready()
        self.bob = self._client("bob")

    def connect(self) -> None:
        """Let both allow direct connections, where the way is direct, and wait for one."""
        if self._way == "direct":
            self.alice.allow_direct(self.bobs)
            self.bob.allow_direct(self.alices)
            self.until_connected()

    def until_connected(self) -> None:
        """Wait until the way is the one that is tried."""
        if self._way == "direct":
            until(lambda: self.alice.direct(self.bobs).path == "direct", "it stayed with relays")

    def state(self, message: Message) -> str:
        """Return how far a message of hers is."""
        return self.alice.message(message.id).state

    def until_state(self, message: Message, state: str, what: str) -> None:
        """Wait until a message of hers has come so far."""
        until(lambda: self.state(message) == state, what)

    def read_by_bob(self) -> list[str]:
        """Return the texts that he has."""
        page = self.bob.messages(self.alices)
        return [line.text for line in page if line.direction == "in"]


@pytest.mark.parametrize("way", WAYS)
def test_e1_b1_b2_b3_b5_b6_states_are_true_and_nothing_is_lost_or_doubled(
    tmp_path: Path, way: str, net: tuple[list[str], list[int]]
) -> None:
    with ExitStack() as stack:
        two = Pair(tmp_path, way, net, stack)
        first = two.alice.send(two.bobs, "first")
        two.until_state(first, "delivered", "B1: it never arrived")
        two.connect()
        texts = ["first"]
        last = first
        for number in range(3):
            last = two.alice.send(two.bobs, f"online {number}")
            texts.append(last.text)
            two.until_state(last, "delivered", "B1: both are there")
            assert two.read_by_bob() == texts, "E1: delivered is true"
        two.bob.mark_read(two.alices)
        two.until_state(last, "read", "E1: he has read it")
        # B6, B5: his node dies in the middle of a burst: what was not saved comes again, once.
        burst = [two.alice.send(two.bobs, f"burst {number}") for number in range(MANY)]
        two.kill_bob()
        texts += [message.text for message in burst]
        waiting = [two.alice.send(two.bobs, f"away {number}") for number in range(5)]
        texts += [message.text for message in waiting]
        two.until_state(waiting[-1], "sent", "B2: a relay keeps it")
        two.start_bob()
        two.until_state(waiting[-1], "delivered", "B2: he is back")
        until(lambda: {two.state(one) for one in burst} <= {"delivered", "read"}, "B5")
        assert two.read_by_bob() == texts, "B3: all, once, in their order"
        two.until_connected()
        last = two.alice.send(two.bobs, "last")
        two.until_state(last, "delivered", "and so it goes on")
