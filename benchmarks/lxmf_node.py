"""A node of Reticulum as a process of its own: a relay, or an LXMF client that follows commands.

Started by `benchmarks.lxmf_network`. The library keeps all it writes in the folder given, and its
only interfaces are TCP on loopback. Prints `ready ADDRESS`, then one line of JSON per command.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import LXMF
import RNS

PATH_SECONDS = 60.0
ASK_SECONDS = 5.0
CONFIRM_SECONDS = 60.0
ID_BYTES = 8


class Client:
    """Writes to one recipient, and counts what it receives."""

    def __init__(self, folder: Path) -> None:
        identity = RNS.Identity()
        self._router = LXMF.LXMRouter(identity=identity, storagepath=str(folder))
        self._own = self._router.register_delivery_identity(identity, display_name="benchmark")
        self._router.register_delivery_callback(self._note)
        self._received: Counter[str] = Counter()
        self._to: Any = None

    @property
    def address(self) -> str:
        return str(self._own.hash.hex())

    def announce(self) -> dict[str, Any]:
        self._router.announce(self._own.hash)
        return {}

    def find(self, address: str) -> dict[str, Any]:
        """Wait for a path to somebody, who is the recipient from now on."""
        destination = bytes.fromhex(address)
        asked_at = started_at = time.monotonic()
        while not RNS.Transport.has_path(destination):
            now = time.monotonic()
            if now > started_at + PATH_SECONDS:
                raise RuntimeError("Reticulum finds no path on loopback")
            if now > asked_at + ASK_SECONDS:
                asked_at = now
                RNS.Transport.request_path(destination)
            time.sleep(0.01)
        kinds = RNS.Destination.OUT, RNS.Destination.SINGLE, "lxmf", "delivery"
        self._to = RNS.Destination(RNS.Identity.recall(destination), *kinds)
        return {"hops": RNS.Transport.hops_to(destination)}

    def send(self, count: int, in_flight: int, size_bytes: int) -> dict[str, Any]:
        """Send messages, `in_flight` at a time: the next when one was confirmed.

        Each has a thread: one alone would wait 50 ms whenever the router is busy.
        """
        left = iter(range(count))
        lock = threading.Lock()
        confirmed: list[tuple[str, float, float]] = []
        started_at = time.monotonic()

        def lane() -> None:
            for _ in _taken(left, lock):
                body = os.urandom(size_bytes)
                sent_at = time.monotonic()
                confirmed_at = self._send_one(body)
                if confirmed_at is not None:
                    confirmed.append((_id_of(body), sent_at, confirmed_at))

        lanes = [threading.Thread(target=lane) for _ in range(in_flight)]
        for thread in lanes:
            thread.start()
        for thread in lanes:
            thread.join()
        return {
            "ids": [message_id for message_id, _, _ in confirmed],
            "latencies": [end - start for _, start, end in confirmed],
            "seconds": max((end for _, _, end in confirmed), default=started_at) - started_at,
        }

    def received(self) -> dict[str, int]:
        """Return how often each message has come."""
        return dict(self._received)

    def _send_one(self, body: bytes) -> float | None:
        """Return when a message was confirmed, or None if it failed."""
        over = threading.Event()
        confirmed_at: float | None = None

        def succeed(_message: Any) -> None:
            nonlocal confirmed_at
            confirmed_at = time.monotonic()
            over.set()

        message = LXMF.LXMessage(
            self._to, self._own, content=body, title="", desired_method=LXMF.LXMessage.DIRECT
        )
        message.register_delivery_callback(succeed)
        message.register_failed_callback(lambda _message: over.set())
        self._router.handle_outbound(message)
        over.wait(CONFIRM_SECONDS)
        return confirmed_at

    def _note(self, message: Any) -> None:
        self._received[_id_of(message.content)] += 1


def _taken(left: Iterator[int], lock: threading.Lock) -> Iterator[int]:
    """Yield what no other thread has taken."""
    while True:
        with lock:
            number = next(left, None)
        if number is None:
            return
        yield number


def _id_of(body: bytes) -> str:
    return body[:ID_BYTES].hex()


def main(role: str, folder: Path) -> None:
    # The library prints as well: only what is printed to `out` is an answer.
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    RNS.Reticulum(str(folder), loglevel=RNS.LOG_ERROR)
    if role == "relay":
        print("ready", file=out)
        sys.stdin.read()
        return
    client = Client(folder)
    print(f"ready {client.address}", file=out)
    commands: dict[str, Callable[..., dict[str, Any]]] = {
        "announce": client.announce,
        "find": client.find,
        "send": client.send,
        "received": client.received,
    }
    for line in sys.stdin:
        words = json.loads(line)
        print(json.dumps(commands[words.pop("command")](**words)), file=out)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
