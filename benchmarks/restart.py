"""A relay that was killed while 100,000 envelopes waited: how long until it is ready again.

A real process on the disk of the folder this runs in. The time holds everything: the start of
Python, the recovery of the database, counting what waits, a new boot and its keys.
"""

from __future__ import annotations

import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.rounds import Row
from zentalk.ids import Day, DepositId, MailboxId, SendId
from zentalk.mailbox.storage import ChangeSendIds, PutEnvelope, Room
from zentalk.mailbox.stored import Envelope, SaveMailbox
from zentalk.store.mailbox.earlier_files import QUEUE_FILE
from zentalk.store.mailbox.sqlite import SqliteMailboxStore
from zentalk.wire.deposit import ENVELOPE_SMALL_BYTES
from zentalk.wire.rpc_send_ids import SendIdEntry, SendIdKind

MAILBOXES = 500
CONTACTS = 40
PER_CONTACT = 5
STARTS = 5
TARGET_SECONDS = 2.0
_NEVER = 2**31


def rows() -> list[Row]:
    """One row: the median over some starts, in seconds."""
    with tempfile.TemporaryDirectory(prefix="zentalk-bench-", dir=".") as name:
        folder = Path(name) / "relay"
        _zentalk("init", folder, "--host", "127.0.0.1", "--port", "0")
        _fill(folder / QUEUE_FILE)
        seconds = [_start_and_kill(folder) for _ in range(STARTS)]
    count = MAILBOXES * CONTACTS * PER_CONTACT
    return [
        {
            "name": f"relay with {count:,} envelopes, killed: until it is ready again",
            "value": statistics.median(seconds),
            "unit": "s",
            "target": TARGET_SECONDS,
        }
    ]


def _zentalk(verb: str, folder: Path, *options: str) -> None:
    command = [sys.executable, "-m", "zentalk", "relay", verb, "--dir", str(folder), *options]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _fill(path: Path) -> None:
    store = SqliteMailboxStore(path)
    try:
        for _ in range(MAILBOXES):
            _fill_one(store, MailboxId(os.urandom(32)))
    finally:
        store.close()


def _fill_one(store: SqliteMailboxStore, mailbox: MailboxId) -> None:
    contacts = [SendId(os.urandom(16)) for _ in range(CONTACTS)]
    entries = tuple(
        SendIdEntry(send_id, SendIdKind.CONTACT, Day(0), Day(_NEVER)) for send_id in contacts
    )
    puts = [
        Envelope(
            mailbox,
            seq,
            contacts[seq % CONTACTS],
            DepositId(os.urandom(16)),
            arrived_hour=1,
            expires_hour=_NEVER,
            attempts=0,
            last_attempt_hour=0,
            sealed=os.urandom(ENVELOPE_SMALL_BYTES),
        )
        for seq in range(CONTACTS * PER_CONTACT)
    ]
    store.apply(
        [
            SaveMailbox(mailbox, 1, 2**32, _NEVER, last_resort_used=False),
            ChangeSendIds(mailbox, entries, ()),
            *(PutEnvelope(envelope, Room.FREE) for envelope in puts),
        ]
    )


def _start_and_kill(folder: Path) -> float:
    """Return how long a start took; the process is killed so that the next one recovers."""
    command = [sys.executable, "-m", "zentalk", "relay", "run", "--dir", str(folder)]
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        taken = time.perf_counter() - begun
        if not re.match(r"ready ", line):
            raise RuntimeError(f"the relay said {line!r}")
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    return taken
