"""LXMF over three Reticulum relays, to compare with: each node a process, TCP on loopback only."""

from __future__ import annotations

import socket
from pathlib import Path

import trio

from benchmarks.peer_load import RELAYS, SIZE_BYTES, PeerLoad, Sent
from benchmarks.programs import Program

CONNECT_SECONDS = 3.0
"""For the interfaces, which dial in the background, to be there when announcements go out."""
ARRIVE_SECONDS = 5.0


class LxmfLoad(PeerLoad):
    """Writes from one client to the other."""

    def __init__(self, relays: list[Program], sender: Program, recipient: Program) -> None:
        super().__init__([sender, recipient, *relays])
        self._sender = sender
        self._recipient = recipient
        self._confirmed: list[str] = []

    @classmethod
    async def start(cls, root: Path, nursery: trio.Nursery) -> LxmfLoad:
        """Start relays in a row, and a client at either end."""
        ports = [_free_port() for _ in range(RELAYS)]
        relays = []
        for number, port in enumerate(ports):
            targets = ports[number - 1 : number] if number else []
            folder = _configured(root / f"lxmf-relay{number}", listen=port, connect=targets)
            relays.append(await _started(f"relay {number}", "relay", folder, nursery))
            await relays[-1].ready()
        clients, addresses = [], []
        for name, port in (("sender", ports[0]), ("recipient", ports[-1])):
            folder = _configured(root / f"lxmf-{name}", listen=None, connect=[port])
            clients.append(await _started(name, "client", folder, nursery))
            addresses.append(await clients[-1].ready())
        await trio.sleep(CONNECT_SECONDS)
        for client in clients:
            await client.ask({"command": "announce"})
        for client, address in zip(clients, reversed(addresses), strict=True):
            found = await client.ask({"command": "find", "address": address})
            if found["hops"] != RELAYS + 1:
                raise RuntimeError(f"a path of {found['hops']} hops, and not over all relays")
        return cls(relays, *clients)

    async def send(self, count: int, in_flight: int) -> Sent:
        """Let the sender send; it measures for itself."""
        answer = await self._sender.ask(
            {"command": "send", "count": count, "in_flight": in_flight, "size_bytes": SIZE_BYTES}
        )
        self._confirmed += answer["ids"]
        return Sent(answer["seconds"], answer["latencies"])

    async def verdict(self) -> tuple[int, int]:
        """Return how many confirmed messages are missing, and how many came twice."""
        received: dict[str, int] = {}
        with trio.move_on_after(ARRIVE_SECONDS):
            while not received.keys() >= set(self._confirmed):
                await trio.sleep(0.1)
                received = await self._recipient.ask({"command": "received"})
        missing = sum(message_id not in received for message_id in self._confirmed)
        return missing, sum(received.values()) - len(received)


def _configured(folder: Path, listen: int | None, connect: list[int]) -> Path:
    """Write a node's configuration; relays, which listen, forward for others."""
    lines = [
        "[reticulum]",
        f"enable_transport = {'no' if listen is None else 'yes'}",
        "share_instance = no",
        "[interfaces]",
    ]
    if listen is not None:
        lines += ["[[in]]", "type = TCPServerInterface", "enabled = yes"]
        lines += ["listen_ip = 127.0.0.1", f"listen_port = {listen}"]
    for port in connect:
        lines += ["[[out]]", "type = TCPClientInterface", "enabled = yes"]
        lines += ["target_host = 127.0.0.1", f"target_port = {port}"]
    folder.mkdir()
    (folder / "config").write_text("\n".join(lines) + "\n")
    return folder


async def _started(name: str, role: str, folder: Path, nursery: trio.Nursery) -> Program:
    words = ("-m", "benchmarks.lxmf_node", role, str(folder))
    return await Program.start(name, nursery, *words)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
