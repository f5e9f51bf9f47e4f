"""F1, F2 by hand: three relays and two API nodes as own processes, used by commands only."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.cli.processes import Program, running, zentalk
from zentalk.store.key_file import load_identity

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

CANARY = "CANARY-meet-me-at-noon"


class Network(NamedTuple):
    folder: Path
    programs: dict[str, Program]
    stack: ExitStack
    addresses: dict[str, str]

    def restart(self, name: str) -> None:
        """Kill a program without warning and start it again."""
        self.programs[name].stop(signal.SIGKILL)
        self.start("api" if name in self.addresses else "relay", name)

    def start(self, program: str, name: str) -> None:
        started = self.stack.enter_context(running(program, self.folder / name))
        started.ready()
        self.programs[name] = started

    def say(self, sender: str, to: str, text: str, *options: str) -> str:
        """Send a message and return its id."""
        where = ("--dir", self.folder / sender, "--to", self.addresses[to])
        return zentalk("message", "send", *where, *options, text).stdout.split()[0]

    def heard(self, reader: str, sender: str) -> list[str]:
        """Return what a reader received from a sender, oldest first."""
        where = ("--dir", self.folder / reader, "--with", self.addresses[sender])
        lines = zentalk("message", "list", *where).stdout.splitlines()
        return [
            line.split(" < ")[1].removesuffix("  (received)") for line in lines if " < " in line
        ]


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    folder = tmp_path_factory.mktemp("network")
    with ExitStack() as stack:
        network = Network(folder, {}, stack, {})
        uris: list[str] = []
        for name in ("relay1", "relay2", "relay3"):
            known = [word for uri in uris[:1] for word in ("--bootstrap", uri)]
            zentalk("relay", "init", "--dir", folder / name, "--port", 0, *known)
            relay = stack.enter_context(running("relay", folder / name))
            uris.append(relay.ready())
            network.programs[name] = relay
        for name in ("alice", "bob"):
            known = [word for uri in uris for word in ("--bootstrap", uri)]
            made = zentalk("api", "init", "--dir", folder / name, "--port", 0, *known)
            network.addresses[name] = made.stdout.strip()
            network.start("api", name)
        for name, other in (("alice", "bob"), ("bob", "alice")):
            address = network.addresses[other]
            zentalk("contact", "add", "--dir", folder / name, address, "--name", other)
        yield network


def test_f2_messages_go_both_ways(network: Network) -> None:
    network.say("alice", "bob", CANARY, "--wait", "delivered")
    network.say("bob", "alice", f"{CANARY} again", "--wait", "delivered")
    assert network.heard("bob", "alice") == [CANARY]
    assert network.heard("alice", "bob") == [f"{CANARY} again"]


def test_b3_what_was_sent_while_bob_was_dead_arrives_in_order(network: Network) -> None:
    before = network.heard("bob", "alice")
    network.programs["bob"].stop(signal.SIGKILL)
    for number in range(2):
        network.say("alice", "bob", f"while you were away {number}")
    network.say("alice", "bob", "while you were away 2", "--wait", "sent")
    network.start("api", "bob")
    network.say("alice", "bob", "you are back", "--wait", "delivered")
    assert network.heard("bob", "alice") == [
        *before,
        *(f"while you were away {number}" for number in range(3)),
        "you are back",
    ]


def test_k23_nothing_that_others_can_see_holds_a_canary(network: Network) -> None:
    network.say("alice", "bob", CANARY, "--wait", "delivered")
    secrets = [CANARY]
    for name, address in network.addresses.items():
        folder = network.folder / name
        identity = load_identity(folder)
        token = zentalk("api", "token", "--dir", folder).stdout.strip()
        secrets += [address, address[:16], token, identity.public.hex(), bytes(identity.seed).hex()]
    for name, program in network.programs.items():
        seen = [program.errors(), program.arguments()]
        if name not in network.addresses:
            seen.append((network.folder / name / "status.json").read_text())
            where = ("--dir", network.folder / name)
            seen.append(zentalk("relay", "status", *where, "--json").stdout)
        else:
            seen.append((network.folder / name / "run.json").read_text())
        for secret in secrets:
            assert not [text for text in seen if secret in text], name


def test_programs_may_open_as_many_files_as_the_system_allows(network: Network) -> None:
    for program in network.programs.values():
        limits = Path(f"/proc/{program.process.pid}/limits").read_text()
        (line,) = [line for line in limits.splitlines() if line.startswith("Max open files")]
        soft, hard = line.split()[3:5]
        assert soft == hard
