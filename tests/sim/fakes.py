"""A network of lists: people whose nodes pass messages on at once, or spoil them on request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import trio

from zentalk.errors import UnavailableError
from zentalk.sim.ledger import Shown
from zentalk.sim.network import Received
from zentalk.sim.report import RelayLoad
from zentalk.store.history.models import Direction, MessageState


class FakeRelay:
    def __init__(self, name: str) -> None:
        self.name = name
        self.uri = f"uri-of-{name}"
        self.alive = True
        self.on_disk = 0

    async def kill(self) -> None:
        assert self.alive
        self.alive = False

    async def load(self) -> RelayLoad:
        return RelayLoad(1, 1, self.alive)

    async def envelopes_on_disk(self) -> int:
        assert self.alive, "nobody may count on a dead relay's disk"
        return self.on_disk


class FakeUser:
    def __init__(self, network: FakeNetwork, name: str) -> None:
        self.network = network
        self.name = name
        self.address = f"zt1{name}"
        self.running = True
        self.starts = 1
        self.log: list[Received] = []
        self.lines: dict[str, list[Shown]] = {}
        self.keys: dict[str, str] = {}
        self.pins: Sequence[str] = ()
        self.waiting: list[tuple[str, Shown]] = []
        self.changed = trio.Event()

    async def start(self) -> None:
        assert not self.running
        self.running = True
        self.starts += 1
        waiting, self.waiting = self.waiting, []
        for conversation, line in waiting:
            self.take(conversation, line)

    async def stop(self) -> None:
        self.running = False

    async def add_contact(self, address: str, name: str) -> None:
        self.lines.setdefault(address, [])

    async def send(self, address: str, text: str, key: str) -> str:
        await trio.lowlevel.checkpoint()
        if not self.running:
            raise UnavailableError(f"{self.name} does not run")
        if self.network.keys_work and key in self.keys:
            return self.keys[key]
        number = len(self.keys) + len(self.network.passed)
        message_id = self.keys[key] = f"{self.name}-{number}"
        await self.network.carry(self, address, message_id, text)
        return message_id

    async def received(self, after: int) -> tuple[int, list[Received]]:
        if not self.running:
            raise UnavailableError(f"{self.name} does not run")
        with trio.move_on_after(1):
            while len(self.log) <= after:
                await self.changed.wait()
        return max(after, len(self.log)), self.log[after:]

    async def history(self, address: str) -> list[Shown]:
        return list(self.lines[address])

    async def entries(self) -> Sequence[str]:
        return self.pins or [relay.uri for relay in self.network.relays[:2] if relay.alive]

    async def use_entries(self, uris: Sequence[str]) -> None:
        self.pins = uris

    async def unit_sizes(self) -> set[int]:
        return {2624}

    def take(self, conversation: str, line: Shown) -> None:
        """Show and announce a message, now or when the node is back."""
        if not self.running:
            self.waiting.append((conversation, line))
            return
        self.lines.setdefault(conversation, []).append(line)
        self.log.append(Received(line.id, conversation, line.text))
        self.changed.set()
        self.changed = trio.Event()


class FakeNetwork:
    """Faults are counted down: `lose` = 2 loses the next two messages, and so on."""

    def __init__(self, relays: int = 5, users: int = 2) -> None:
        self.relays = [FakeRelay(f"relay-{n}") for n in range(relays)]
        self.users = [FakeUser(self, name) for name in ("ann", "ben", "cem", "dan")[:users]]
        self.crashed: list[str] = []
        self.passed: list[str] = []
        self.keys_work = True
        self.lose = self.double = self.swap = self.alter = self.announce_twice = 0
        self.forget_after_announcing = self.lose_answer = self.refuse = 0
        self._held: tuple[FakeUser, str, Shown] | None = None

    async def carry(self, sender: FakeUser, address: str, message_id: str, text: str) -> None:
        if self._take("refuse"):
            del sender.keys[next(key for key, value in sender.keys.items() if value == message_id)]
            raise UnavailableError("not now")
        self.passed.append(message_id)
        recipient = next(user for user in self.users if user.address == address)
        lost = self._take("lose")
        state = MessageState.SENT if lost else MessageState.DELIVERED
        sender.lines.setdefault(address, []).append(Shown(message_id, Direction.OUT, text, state))
        arrives = text + "!" if self._take("alter") else text
        line = Shown(message_id, Direction.IN, arrives, MessageState.RECEIVED)
        if not lost:
            self._hand_over(recipient, sender.address, line)
        if self._take("lose_answer"):
            raise UnavailableError("the connection is gone")

    async def finish(self) -> None:
        pass

    def memory_mib(self) -> float:
        return 1.0

    def _hand_over(self, recipient: FakeUser, conversation: str, line: Shown) -> None:
        if self._held is None and self._take("swap"):
            self._held = (recipient, conversation, line)
            return
        recipient.take(conversation, line)
        if self._take("double"):
            recipient.take(conversation, replace(line, id=line.id + "-again"))
        if self._take("announce_twice"):
            recipient.log.append(Received(line.id, conversation, line.text))
        if self._take("forget_after_announcing"):
            recipient.lines[conversation].remove(line)
        if self._held is not None and self._held[0] is recipient:
            held, self._held = self._held, None
            held[0].take(held[1], held[2])

    def _take(self, fault: str) -> bool:
        left: int = getattr(self, fault)
        setattr(self, fault, max(0, left - 1))
        return left > 0
