"""What a flood costs the relay, the flooder and a stranger, and what guessing ids tells.

The relay's side is a mailbox core as a relay runs it. Work is what this machine's Python
finds; a flooder with better hardware pays less for each bit, and as much more than a stranger.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from time import perf_counter

from benchmarks.rounds import Row, Seconds, ratio_row
from zentalk.crypto import x25519
from zentalk.crypto.ed25519 import SigningKey
from zentalk.errors import AuthenticationError
from zentalk.ids import Day, DepositId, MailboxId, NodeId, SendId
from zentalk.mailbox import events
from zentalk.mailbox.commands import Apply
from zentalk.mailbox.core import MailboxCore
from zentalk.mailbox.events import Collector, Ticket
from zentalk.mailbox.proof import verify_collect
from zentalk.mailbox.settings import MailboxSettings
from zentalk.mailbox.work import MARGIN_BITS, search
from zentalk.store.mailbox.memory import MemoryMailboxStore
from zentalk.wire.deposit import ENVELOPE_SMALL_BYTES, Deposit, Stamp
from zentalk.wire.rpc_send_ids import SendIdEntry, SendIdKind

ROUNDS = 25
QUESTIONS = 2_000
TRIES = 200_000
RELAY = NodeId(b"r" * 32)
PUBLIC = SendId(b"p" * 16)
CONTACT = SendId(b"c" * 16)
MISSING = SendId(b"m" * 16)
KEY = SigningKey.generate(os.urandom)
PRICES = (MailboxSettings().work_bits, MailboxSettings().last_work_bits)


def rows() -> list[Row]:
    return [
        ratio_row("dropping a deposit without enough work / X25519", 0.5, _dropping, ROUNDS),
        *(_work_row(bits) for bits in PRICES),
        ratio_row("K9: state of an id that is missing / that exists", None, _states, ROUNDS),
        ratio_row("K9: forged open of a mailbox, missing / existing", None, _opens, ROUNDS),
    ]


class Desk:
    """A core with a mailbox whose public id asks for work; the store answers at once."""

    def __init__(self) -> None:
        self.store = MemoryMailboxStore()
        self.core = MailboxCore(
            MailboxSettings(),
            self.store.load(),
            relay=RELAY,
            wall=1_800_000_000.0,
            now=0.0,
            entropy=os.urandom,
        )
        self.numbers = count(1)
        collector = Collector(1)
        mailbox = MailboxId(KEY.public)
        self.feed(events.OpenRequested(Ticket(1), collector, mailbox, 1, 8))
        entries = tuple(
            SendIdEntry(send_id, kind, Day(0), Day(2**32 - 1))
            for send_id, kind in ((PUBLIC, SendIdKind.PUBLIC), (CONTACT, SendIdKind.CONTACT))
        )
        self.feed(events.SendIdsRequested(Ticket(2), collector, entries, ()))
        self.feed(events.CollectorLost(collector))
        for _ in range(MailboxSettings().public_quota):
            self.feed(events.DepositArrived(self.deposit()))

    def feed(self, event: events.Event) -> None:
        pending = self.core.handle(event, 0.0)
        while pending:
            command = pending.pop(0)
            if isinstance(command, Apply):
                [outcome] = self.store.apply([command.operation])
                pending += self.core.handle(events.Applied(command.number, outcome), 0.0)

    def deposit(self) -> Deposit:
        number = next(self.numbers)
        deposit_id = DepositId(number.to_bytes(16, "big"))
        return Deposit(PUBLIC, deposit_id, 86_400, None, os.urandom(ENVELOPE_SMALL_BYTES))


def _dropping(seconds: Seconds) -> float:
    desk, own = Desk(), x25519.generate(os.urandom)
    epoch = 1_800_000_000 // 3600 % 256
    junk = [
        replace(desk.deposit(), stamp=Stamp(epoch, os.urandom(8))) for _ in range(QUESTIONS)
    ]  # a stamp that must be looked at
    others = [x25519.generate(os.urandom).public for _ in range(200)]

    def drop() -> None:
        for deposit in junk:
            desk.feed(events.DepositArrived(deposit))

    def exchange() -> None:
        for other in others:
            x25519.exchange(own.secret, other)

    return seconds(drop) / len(junk) / (seconds(exchange) / len(others))


def _work_row(bits: int) -> Row:
    """How long a stranger works for a price, from the rate of this machine."""
    task = os.urandom(32)
    start = perf_counter()
    search(task, 0, 200, 0, TRIES)
    rate = TRIES / (perf_counter() - start)
    name = f"a stranger's work for one message at a price of {bits} bits"
    return {"name": name, "value": 2 ** (bits + MARGIN_BITS) / rate, "unit": "s", "target": None}


def _states(seconds: Seconds) -> float:
    desk = Desk()

    def ask(send_id: SendId) -> Callable[[], None]:
        def questions() -> None:
            for number in range(QUESTIONS):
                desk.feed(events.StateRequested(Ticket(number), send_id))

        return questions

    return seconds(ask(MISSING)) / seconds(ask(CONTACT))


def _opens(seconds: Seconds) -> float:
    """What a relay does before it looks anything up: the same for every key."""

    def ask(mailbox: bytes) -> Callable[[], None]:
        def questions() -> None:
            for _ in range(QUESTIONS // 10):
                try:
                    verify_collect(MailboxId(mailbox), bytes(32) + bytes(32), b"h" * 64, RELAY, 9)
                except AuthenticationError:
                    continue

        return questions

    return seconds(ask(SigningKey.generate(os.urandom).public)) / seconds(ask(KEY.public))
