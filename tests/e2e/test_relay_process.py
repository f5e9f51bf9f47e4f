"""Relays as own processes over TCP: start, status, restart, clear refusals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import trio

from zentalk.errors import RefusedError
from zentalk.ids import epoch_at
from zentalk.net.connection import Connection, NoHandlers
from zentalk.net.runtime import Runtime
from zentalk.net.serve import connect
from zentalk.net.tcp import TcpNetwork
from zentalk.net.tunnel import open_tunnel
from zentalk.onion.geometry import SMALL
from zentalk.onion.packet import DROP, DeliveryPlaintext, Hop
from zentalk.onion.wrap import wrap
from zentalk.wire.descriptor import Descriptor, decode_descriptor
from zentalk.wire.rpc_directory import decode_snapshot_response, encode_snapshot_request
from zentalk.wire.text import RelayUri, format_relay_uri, parse_relay_uri

pytestmark = pytest.mark.e2e

CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("ZENTALK_")}


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "zentalk", *map(str, arguments)]


def finished(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), capture_output=True, text=True, env=CLEAN, timeout=60, check=False
    )


class Programs:
    """Relay processes that end with the test."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.running: dict[str, subprocess.Popen[str]] = {}

    def folder(self, name: str) -> Path:
        return self.root / name

    def init(self, name: str, bootstraps: Sequence[str] = ()) -> str:
        options = [option for uri in bootstraps for option in ("--bootstrap", uri)]
        result = finished("relay", "init", "--dir", self.folder(name), "--port", 0, *options)
        assert result.returncode == 0, result.stderr
        return result.stdout.strip()

    def run(self, name: str) -> str:
        """Start a relay and return the URI of its ready line."""
        process = subprocess.Popen(
            command("relay", "run", "--dir", self.folder(name)),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=CLEAN,
        )
        self.running[name] = process
        assert process.stdout is not None
        line = process.stdout.readline().strip()
        assert line.startswith("ready zt-relay:"), process.communicate(timeout=30)
        return line.removeprefix("ready ")

    def end(self, name: str, number: int) -> int:
        process = self.running.pop(name)
        process.send_signal(number)
        process.communicate(timeout=30)
        return process.returncode

    def status(self, name: str) -> dict[str, object]:
        result = finished("relay", "status", "--dir", self.folder(name), "--json")
        found: dict[str, object] = json.loads(result.stdout)
        assert result.returncode == (0 if found["running"] else 1), result.stderr
        return found


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Programs]:
    made = Programs(tmp_path)
    yield made
    for process in made.running.values():
        process.kill()
        process.communicate()


async def dial(uri: RelayUri, nursery: trio.Nursery) -> Connection:
    return await connect(
        await TcpNetwork().dial(uri.host, uri.port),
        network="local",
        relay_identity=uri.identity,
        handlers=NoHandlers(),
        runtime=Runtime.real(),
        nursery=nursery,
    )


async def snapshot(connection: Connection, boots: dict[bytes, int]) -> list[Descriptor]:
    """Ask until every relay is known with at least its boot."""
    with trio.fail_after(30):
        for _ in range(300):
            answer = await connection.request(encode_snapshot_request())
            found = [decode_descriptor(raw) for raw in decode_snapshot_response(answer).whole]
            known = {item.identity: item.boot for item in found}
            if all(known.get(identity, 0) >= boot for identity, boot in boots.items()):
                return found
            await trio.sleep(0.1)
    raise AssertionError("the relays did not learn of each other")


def cover(path: Sequence[Descriptor]) -> bytes:
    runtime = Runtime.real()
    epoch = epoch_at(runtime.wall())
    hops = []
    for item in path:
        key = item.mix_key(0, epoch)
        assert key is not None
        hops.append(Hop(item.node_id, key, epoch))
    return wrap(SMALL, hops, DeliveryPlaintext(DROP, b""), runtime.entropy)


async def tunnel(client: Connection, uris: list[RelayUri], nursery: trio.Nursery) -> Connection:
    """Open a tunnel once the relays on the way know each other."""
    with trio.fail_after(30):
        while True:
            try:
                return await open_tunnel(
                    client,
                    uris,
                    network="local",
                    handlers=NoHandlers(),
                    runtime=Runtime.real(),
                    nursery=nursery,
                )
            except RefusedError:
                await trio.sleep(0.1)


def covered(programs: Programs, name: str) -> int:
    counters = programs.status(name)["counters"]
    assert isinstance(counters, dict)
    return int(counters["cover"])


def test_f1_three_relays_carry_packets_and_one_comes_back(programs: Programs) -> None:
    """F1, K37 over real processes: packets pass, also after kill -9 and a restart."""
    names = ("one", "two", "three")
    uris: list[RelayUri] = []
    for name in names:
        programs.init(name, [format_relay_uri(uri) for uri in uris])
        uris.append(parse_relay_uri(programs.run(name)))
    boots = {uri.identity: 1 for uri in uris}

    async def send(count: int) -> None:
        async with trio.open_nursery() as nursery:
            client = await dial(uris[0], nursery)
            known = {item.identity: item for item in await snapshot(client, boots)}
            path = [known[uri.identity] for uri in uris]
            # First, as whoever has just been killed may have to reach its neighbours anew.
            end = await tunnel(client, uris[1:], nursery)
            for _ in range(count):
                assert client.send_packet(cover(path))
            await snapshot(end, boots)
            nursery.cancel_scope.cancel()

    trio.run(send, 5)
    assert programs.end("two", signal.SIGKILL) == -signal.SIGKILL
    assert programs.status("two")["running"] is False
    uris[1] = parse_relay_uri(programs.run("two"))
    boots[uris[1].identity] = 2
    trio.run(send, 3)

    assert programs.end("three", signal.SIGTERM) == 0
    status = programs.status("three")
    assert (status["running"], status["state"]) == (False, "stopped")
    assert covered(programs, "three") == 8


def test_status_of_a_running_relay(programs: Programs) -> None:
    programs.init("one")
    uri = programs.run("one")
    status = programs.status("one")
    assert (status["running"], status["state"], status["uri"]) == (True, "ready", uri)
    assert status["port"] == parse_relay_uri(uri).port
    assert status["pid"] == programs.running["one"].pid


def refused(programs: Programs, *arguments: object) -> str:
    result = finished(*arguments)
    assert result.returncode != 0
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1, result.stderr
    assert "Traceback" not in result.stderr
    return result.stderr


def test_what_cannot_start_says_why_in_one_sentence(programs: Programs) -> None:
    programs.init("one")
    uri = parse_relay_uri(programs.run("one"))
    folder = programs.folder("two")
    taken = finished("relay", "init", "--dir", folder, "--port", uri.port)
    assert taken.returncode == 0
    assert f"port {uri.port}" in refused(programs, "relay", "run", "--dir", folder)
    assert "another program" in refused(programs, "relay", "run", "--dir", programs.folder("one"))

    key = folder / "identity.key"
    key.chmod(0o644)
    assert "chmod 600" in refused(programs, "relay", "run", "--dir", folder)
    key.chmod(0o600)
    content = key.read_bytes()
    key.write_bytes(content[:-5])
    assert "damaged" in refused(programs, "relay", "run", "--dir", folder)
    key.write_bytes(content)

    programs.end("one", signal.SIGTERM)
    database = programs.folder("one") / "queue.db"
    database.write_bytes(b"no database" * 500)
    assert "queue.db" in refused(programs, "relay", "run", "--dir", programs.folder("one"))
    assert database.read_bytes() == b"no database" * 500
