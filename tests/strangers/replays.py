"""K33, K50: relays that push what they have pushed before, again and again."""

from __future__ import annotations

import random
from typing import Any

import pytest
import trio

from zentalk.errors import LinkClosedError
from zentalk.ids import SendId
from zentalk.mailbox.events import Collector
from zentalk.node.mailboxes.receiver import Receiver
from zentalk.node.messages.routes import Collected
from zentalk.relay.mailbox.collectors import CollectorLink
from zentalk.relay.relay import Relay
from zentalk.wire.rpc import decode_call
from zentalk.wire.rpc_mailbox import PUSH

MOST_KEPT = 64
"""Envelopes of one owner."""


class MailboxRelay:
    """What one relay can push to its owner: it acknowledges nothing and keeps everything."""

    def __init__(self, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
        self.kept: list[tuple[SendId, bytes]] = []
        self.acknowledged = 0
        self._receiver = receiver
        self._chance = random.Random(33)
        push = Receiver.push

        def keeping(own: Receiver, source: Any, seq: int, envelope: Collected) -> None:
            if own is receiver:
                self.kept.append((envelope.send_id, envelope.envelope))
            push(own, source, seq, envelope)

        monkeypatch.setattr(Receiver, "push", keeping)

    def acknowledge(self, seqs: list[int]) -> None:
        self.acknowledged += len(seqs)

    def defer(self, seqs: list[int]) -> None:
        raise AssertionError("nothing here is a stranger's")

    def give_up(self) -> None:
        raise AssertionError("the owner could not save")

    def replayed(self) -> tuple[SendId, bytes]:
        return self._chance.choice(self._kept_once)

    def corrupted(self) -> tuple[SendId, bytes]:
        send_id, sealed = self.replayed()
        changed = bytearray(sealed)
        changed[self._chance.randrange(len(changed))] ^= 1 << self._chance.randrange(8)
        return send_id, bytes(changed)

    def misdirected(self) -> tuple[SendId, bytes]:
        (send_id, _), (_, sealed) = self.replayed(), self.replayed()
        return send_id, sealed

    async def push(self, *envelopes: tuple[SendId, bytes]) -> None:
        """Push envelopes, as many at a time as a window takes; return when they are saved."""
        for start in range(0, len(envelopes), 64):
            for seq, (send_id, sealed) in enumerate(envelopes[start : start + 64]):
                self._receiver.push(self, seq, Collected(send_id, sealed))
            await trio.sleep(0.1)

    async def flood(self, count: int) -> None:
        """Push copies, damaged ones, and ones under another send id."""
        self._kept_once = list(self.kept)
        kinds = (self.replayed, self.corrupted, self.misdirected)
        await self.push(*(kinds[number % 3]() for number in range(count)))
        assert self.acknowledged == count


class ReplayingRelay:
    """A real relay that keeps what it pushes, and pushes it again while its owner collects."""

    def __init__(self, relay: Relay, seed: int) -> None:
        self._collectors = relay.wiring.mailboxes._collectors
        self._chance = random.Random(seed)
        self._kept: dict[CollectorLink, list[bytes]] = {}
        self._notify = self._collectors._notify
        self._collectors._notify = self._keep  # type: ignore[method-assign]
        self.replayed = 0

    def _keep(self, collector: Collector, body: bytes) -> Any:
        link = self._collectors._links.get(collector)
        method, _ = decode_call(body)
        if link is not None and method == PUSH:
            kept = self._kept.setdefault(link, [])
            kept.append(body)
            del kept[:-MOST_KEPT]
        return self._notify(collector, body)

    async def run(self, every_seconds: float) -> None:
        """Push one old envelope to each owner, so often, for good."""
        while True:
            await trio.sleep(every_seconds)
            for link, kept in list(self._kept.items()):
                try:
                    link.notify(self._chance.choice(kept))
                    self.replayed += 1
                except LinkClosedError:
                    del self._kept[link]
