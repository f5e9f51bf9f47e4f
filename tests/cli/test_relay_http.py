"""A relay that answers HTTP, as its operator starts it."""

import os
import signal
import socket
import sqlite3
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import trio
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, BytesMessage, CloseConnection, Request

from tests.cli.processes import Program, init, running
from zentalk.client.relay_mailbox import RelayMailbox
from zentalk.crypto.ed25519 import SigningKey
from zentalk.errors import RefusedError
from zentalk.ids import DepositId, SendId, epoch_at
from zentalk.mailbox.http_credentials import decode_base64_any
from zentalk.mailbox.settings import MailboxSettings
from zentalk.onion.geometry import SMALL
from zentalk.onion.packet import DEPOSIT, DeliveryPlaintext, Hop
from zentalk.onion.wrap import wrap
from zentalk.relay_http.link_socket import LINK_PATH
from zentalk.store.directory_store import FILE_NAME
from zentalk.wire.deposit import ACK_BYTES, ENVELOPE_SMALL_BYTES, Deposit, encode_deposit
from zentalk.wire.descriptor import Descriptor, decode_descriptor, node_id_of
from zentalk.wire.text import parse_relay_uri

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


KEY = SigningKey(bytes(range(32)))
SEND_ID = SendId(b"s" * 16)


def with_http(
    folder: Path, port: int = 0, bootstraps: Sequence[str] = (), lines: Sequence[str] = ()
) -> None:
    """Make a relay and turn HTTP on."""
    init("relay", folder, bootstraps, "http = true", f"http_port = {port}", *lines)


def test_b8_a_relay_says_where_it_answers_and_its_operator_gets_in(tmp_path: Path) -> None:
    with_http(tmp_path / "relay")
    with running("relay", tmp_path / "relay") as relay:
        relay.ready()
        url = http_url(relay)
        with httpx.Client(base_url=url, trust_env=False) as http:
            assert http.get("/relay/stats").json()["counters"] == {}
            assert http.get("/relay/pending").status_code == 401
            assert http.post("/relay/cleanup").status_code == 401
            file = tmp_path / "relay" / "token"
            assert file.stat().st_mode & 0o777 == 0o600
            bearer = {"Authorization": f"Bearer {file.read_text('utf-8').strip()}"}
            assert http.post("/relay/cleanup", headers=bearer).status_code == 202
            assert "sweeps" in http.get("/relay/stats", headers=bearer).json()["counters"]
            assert closed_for(url, BytesMessage(bytes(64 * 1024 + 1))) == 1009
            assert relay.stop() == 0
        assert "/relay/" not in relay.errors()


def closed_for(url: str, message: BytesMessage) -> int:
    """Open the relay's WebSocket, send a message, and return with which code it is closed."""
    address = urlsplit(url)
    frames = WSConnection(ConnectionType.CLIENT)
    with socket.create_connection((address.hostname, address.port), timeout=30) as line:
        line.sendall(frames.send(Request(host=address.netloc, target=LINK_PATH)))
        while True:
            frames.receive_data(line.recv(65_536))
            for event in frames.events():
                if isinstance(event, AcceptConnection):
                    line.sendall(frames.send(message))
                elif isinstance(event, CloseConnection):
                    return int(event.code)


async def test_b8_mail_passes_real_programs_over_http_only(tmp_path: Path) -> None:
    """A proof is over the request line as the server shows it, so doubles prove too little."""
    with ExitStack() as stack:
        urls, uris = [], list[str]()
        for name in ("r1", "r2", "r3"):
            with_http(tmp_path / name, bootstraps=uris[:1])
            relay = stack.enter_context(running("relay", tmp_path / name))
            uris.append(relay.ready())
            urls.append(http_url(relay))
        ports = [parse_relay_uri(uri).port for uri in uris]
        async with (
            httpx.AsyncClient(base_url=urls[0], trust_env=False) as entry,
            httpx.AsyncClient(base_url=urls[1], trust_env=False) as middle,
            httpx.AsyncClient(base_url=urls[2], trust_env=False) as home,
        ):
            with trio.fail_after(60):
                # Each for itself reaches the others. A relay drops a packet whose next hop it does
                # not know yet, and nobody would be told: this packet is sent once.
                known = await knowing(entry, set(ports))
                for http in (middle, home):
                    await knowing(http, set(ports))
                path = [known[port] for port in ports]
                owner = RelayMailbox(home, path[-1].node_id, KEY, 1)
                await owner.register(contacts=[SEND_ID])
                sent = await entry.post("/relay/send", content=packet_over(path, b"hello"))
                assert sent.status_code == 202
                [waiting] = await owner.pending(wait_seconds=25)
                assert waiting.envelope.rstrip(b"\0") == b"hello"
                await owner.acknowledge([waiting])
                assert await owner.pending(0) == []


async def test_b8_a_busy_relay_wants_work_for_a_mailbox_and_mail_can_be_refused(
    tmp_path: Path,
) -> None:
    """More than half of the new mailboxes that a relay saves up are taken: the next one costs."""
    with_http(tmp_path / "relay")
    with running("relay", tmp_path / "relay") as relay:
        uri = parse_relay_uri(relay.ready())
        node_id = node_id_of(uri.identity)
        url = http_url(relay)
        token = (tmp_path / "relay" / "token").read_text("utf-8").strip()
        async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
            with trio.fail_after(120):
                owner, others = RelayMailbox(http, node_id, KEY, 1), 0
                while await owner.price() == 0:
                    key = SigningKey(others.to_bytes(32, "big"))
                    await RelayMailbox(http, node_id, key, 1).open()
                    others += 1
                assert others > MailboxSettings().saved_turns // 2
                with pytest.raises(RefusedError, match="16 bits of work"):
                    await owner.register(contacts=[SEND_ID])
                await owner.open()
                await owner.register(contacts=[SEND_ID])
                [known] = (await descriptors(http)).values()
                await http.post("/relay/send", content=packet_over([known], b"stranger"))
                [waiting] = await owner.pending(wait_seconds=25)
                await owner.defer([waiting])
                await owner.acknowledge([waiting])
                await owner.sink([SEND_ID])
                await http.post("/relay/send", content=packet_over([known], b"blocked"))
                assert await owner.pending(1) == []
                counters = await exact_counters(http, token)
                while counters.get("deposited", 0) < 2:
                    await trio.sleep(0.1)
                    counters = await exact_counters(http, token)
                assert await owner.pending(0) == []
                assert counters["mailboxes_made"] == others + 1


async def exact_counters(http: httpx.AsyncClient, token: str) -> dict[str, int]:
    """Return what an operator is told."""
    bearer = {"Authorization": f"Bearer {token}"}
    found: dict[str, int] = (await http.get("/relay/stats", headers=bearer)).json()["counters"]
    return found


async def knowing(http: httpx.AsyncClient, ports: set[int]) -> dict[int, Descriptor]:
    """Wait until a relay knows those at all ports; return the relays that it knows, by port."""
    known = await descriptors(http)
    while not known.keys() >= ports:
        await trio.sleep(0.1)
        known = await descriptors(http)
    return known


async def descriptors(http: httpx.AsyncClient) -> dict[int, Descriptor]:
    """Return the relays that a relay knows, by port."""
    found = (await http.get("/relay/descriptors")).json()["descriptors"]
    known = [decode_descriptor(decode_base64_any(item)) for item in found]
    return {item.uri.port: item for item in known}


def packet_over(path: list[Descriptor], text: bytes) -> bytes:
    """Return a packet that leaves a text at the last of three relays."""
    epoch = epoch_at(time.time())
    hops = []
    for item in path:
        key = item.mix_key(0, epoch)
        assert key is not None
        hops.append(Hop(item.node_id, key, epoch, 0, 0))
    envelope = text.ljust(ENVELOPE_SMALL_BYTES, b"\0")
    deposit = Deposit(SEND_ID, DepositId(bytes(16)), 3600, None, envelope)
    payload = encode_deposit(deposit, os.urandom(ACK_BYTES))
    return wrap(SMALL, hops, DeliveryPlaintext(DEPOSIT, payload), os.urandom)


async def test_a_relay_that_is_killed_at_its_start_knows_who_it_reached_when_it_starts_again(
    tmp_path: Path,
) -> None:
    """The other is gone by then, so nobody can tell it again."""
    with_http(tmp_path / "r1")
    with running("relay", tmp_path / "r1") as r1:
        uri = r1.ready()
        url = http_url(r1)
        with_http(tmp_path / "r2", bootstraps=[uri])
        with running("relay", tmp_path / "r2") as r2:
            ports = {parse_relay_uri(uri).port, parse_relay_uri(r2.ready()).port}
            async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
                with trio.fail_after(60):
                    known = await knowing(http, ports)
                    # Else it could be killed within the same millisecond, before any disk has it.
                    while observed(tmp_path / "r1") == 0:  # noqa: ASYNC110 - another program writes
                        await trio.sleep(0.05)
            assert r1.stop(signal.SIGKILL) == -signal.SIGKILL
            assert r2.stop(signal.SIGKILL) == -signal.SIGKILL
    with running("relay", tmp_path / "r1") as again:
        again.ready()
        async with httpx.AsyncClient(base_url=http_url(again), trust_env=False) as http:
            found = {item.node_id for item in (await descriptors(http)).values()}
    assert found == {item.node_id for item in known.values()}


def observed(folder: Path) -> int:
    """Return how many relays a relay's file says were reached."""
    file = sqlite3.connect(f"{(folder / FILE_NAME).as_uri()}?mode=ro", uri=True)
    try:
        [[count]] = file.execute("SELECT count(*) FROM observation")
    finally:
        file.close()
    return int(count)


def http_url(relay: Program) -> str:
    """Return where a relay that is ready answers HTTP."""
    assert relay.process.stdout is not None
    return relay.process.stdout.readline().removeprefix("http ").strip()


def test_a_port_that_is_taken_is_said_in_a_sentence(tmp_path: Path) -> None:
    with_http(tmp_path / "one")
    with running("relay", tmp_path / "one") as first:
        first.ready()
        assert first.process.stdout is not None
        port = int(first.process.stdout.readline().rpartition(":")[2])
        with_http(tmp_path / "two", port)
        with running("relay", tmp_path / "two") as second:
            assert second.wait() == 1
            assert "stop what uses it or choose another port" in second.errors()
            assert "Traceback" not in second.errors()
