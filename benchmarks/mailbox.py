"""Durable deposits: many in one transaction against one transaction each, same file, same disk.

Wall time, because the fsync is what costs. Each round times both ways one right after the other on
a fresh database in a folder of the disk that `tempfile` uses (TMPDIR chooses another; on a tmpfs an
fsync is free and the ratio says nothing). A row's ratio is the median over rounds of deposits per
second, grouped over one by one: here more is better.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from zentalk.ids import Day, DepositId, MailboxId, SendId
from zentalk.mailbox import events
from zentalk.mailbox.commands import Apply, Push
from zentalk.mailbox.core import MailboxCore
from zentalk.mailbox.settings import MailboxSettings
from zentalk.mailbox.storage import (
    ChangeSendIds,
    Envelope,
    MailboxStore,
    Operation,
    PutEnvelope,
    Room,
    SaveMailbox,
)
from zentalk.store.mailbox_memory import MemoryMailboxStore
from zentalk.store.mailbox_sqlite import SqliteMailboxStore
from zentalk.wire.deposit import ENVELOPE_SMALL_BYTES, Deposit
from zentalk.wire.rpc_mailbox import SendIdEntry, SendIdKind

GROUP = 100
SINGLES = 100
GROUPS = 20
ROUNDS = 7
TARGET = 8.0
CORE_DEPOSITS = 2000
BOB = MailboxId(b"b" * 32)
CONTACT = SendIdEntry(SendId(b"c" * 16), SendIdKind.CONTACT, Day(0), Day(2**32 - 1))

Row = dict[str, Any]


def rows() -> list[Row]:
    """The durable row, which has a target (at least), and the core's own cost for information."""
    return [_durable_row(), _core_row()]


def _durable_row() -> Row:
    with tempfile.TemporaryDirectory(prefix="zentalk-bench-") as folder:
        _durable_round(Path(folder) / "warm.db")
        rounds = [_durable_round(Path(folder) / f"{number}.db") for number in range(ROUNDS)]
    ratios = sorted(grouped / single for grouped, single in rounds)
    low, _, high = statistics.quantiles(ratios, n=4)
    return {
        "name": "durable deposits, groups of 100 / one by one",
        "ratio": statistics.median(ratios),
        "spread": [low, high],
        "target": TARGET,
        "better": "more",
        "rounds": ROUNDS,
        "per_second": {
            "grouped": round(statistics.median(grouped for grouped, _ in rounds)),
            "one_by_one": round(statistics.median(single for _, single in rounds)),
        },
    }


def _durable_round(path: Path) -> tuple[float, float]:
    """Return deposits per second, grouped and one by one."""
    store = SqliteMailboxStore(path)
    store.apply([SaveMailbox(BOB, 1, 0, 10**6, False), ChangeSendIds(BOB, (CONTACT,), ())])
    puts = [_put(seq) for seq in range(SINGLES + GROUP * GROUPS)]
    singles, rest = puts[:SINGLES], puts[SINGLES:]
    grouped = _per_second(
        store, [rest[start : start + GROUP] for start in range(0, len(rest), GROUP)]
    )
    single = _per_second(store, [[item] for item in singles])
    store.close()
    return grouped, single


def _put(seq: int) -> PutEnvelope:
    deposit_id = DepositId(seq.to_bytes(16, "big"))
    sealed = os.urandom(ENVELOPE_SMALL_BYTES)
    envelope = Envelope(BOB, seq, CONTACT.send_id, deposit_id, 1, 10**6, 0, 0, sealed)
    return PutEnvelope(envelope, Room.FREE)


def _per_second(store: MailboxStore, batches: list[list[PutEnvelope]]) -> float:
    start = time.perf_counter()
    for batch in batches:
        store.apply(batch)
    return sum(map(len, batches)) / (time.perf_counter() - start)


def _core_row() -> Row:
    """CPU of the rules for one deposit that is pushed and acked: no store, no link, no packet."""
    _core_round()
    microseconds = sorted(_core_round() for _ in range(ROUNDS))
    low, _, high = statistics.quantiles(microseconds, n=4)
    return {
        "name": "mailbox core, CPU microseconds per deposit pushed and acked",
        "ratio": statistics.median(microseconds),
        "spread": [low, high],
        "target": None,
        "better": "less",
        "rounds": ROUNDS,
    }


def _core_round() -> float:
    store = MemoryMailboxStore()
    core = MailboxCore(MailboxSettings(), store.load(), wall=1.75e9, now=0.0, entropy=os.urandom)
    feed = _feeder(core, store)
    owner = events.Collector(1)
    feed(events.OpenAsked(events.Ticket(1), owner, BOB, 1, 64))
    feed(events.SendIdsAsked(events.Ticket(2), owner, (CONTACT,), ()))
    envelope = os.urandom(ENVELOPE_SMALL_BYTES)
    deposits = [
        Deposit(CONTACT.send_id, DepositId(number.to_bytes(16, "big")), 86400, None, envelope)
        for number in range(CORE_DEPOSITS)
    ]
    start = time.process_time_ns()
    for deposit in deposits:
        (push,) = core.handle(events.DepositArrived(deposit), 1.0)
        assert isinstance(push, Push)
        core.handle(events.AckReceived(owner, (push.seq,)), 1.0)
    return (time.process_time_ns() - start) / 1000 / CORE_DEPOSITS


def _feeder(core: MailboxCore, store: MailboxStore) -> Callable[[events.Event], None]:
    def feed(event: events.Event) -> None:
        commands = core.handle(event, 0.0)
        while commands:
            later = []
            for command in commands:
                if isinstance(command, Apply):
                    later += core.handle(_applied(store, command.number, command.operation), 0.0)
            commands = later

    return feed


def _applied(store: MailboxStore, number: int, operation: Operation) -> events.Applied:
    return events.Applied(number, store.apply([operation])[0])
