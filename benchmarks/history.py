"""How fast a large history answers: a million messages in a thousand conversations.

The database is made with the node's own code, so its rows, indexes and search index are real; then
each query runs a thousand times as REST runs it, in this process. Times are of a warm cache, as
those of a node that runs. At last a whole node starts on that history.
"""

from __future__ import annotations

import gc
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from benchmarks import history_node
from benchmarks.rounds import Row
from zentalk.ids import MessageId, UserAddress
from zentalk.node.wiring import DATABASE_NAME
from zentalk.store.history import contacts, messages, pages, search
from zentalk.store.history.models import ContactState, Direction, MessageState
from zentalk.store.history.schema import MIGRATIONS
from zentalk.store.history.search import Wanted
from zentalk.store.sqlite import Transaction, open_database, transaction

MESSAGES: Final = 1_000_000
CONVERSATIONS: Final = 1_000
ROUNDS: Final = 1_000
BATCH: Final = 20_000
WORDS: Final = tuple(f"{a}{b}{c}" for a in "bdfgklmn" for b in "aeiou" for c in "lmnrst")
TARGET_MS: Final = 10.0


def rows(count: int = MESSAGES) -> list[Row]:
    """Measure."""
    draw = random.Random(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "node"
        own = history_node.set_up(folder)
        path = folder / DATABASE_NAME
        people = [UserAddress(draw.randbytes(32)) for _ in range(CONVERSATIONS)]
        began = time.perf_counter()
        fill(path, own, people, count, draw)
        made = time.perf_counter() - began
        size_mb = path.stat().st_size / 1e6
        began = time.perf_counter()
        tx = open_database(path, MIGRATIONS, read_only=True)
        opened = time.perf_counter() - began
        found = [
            _timed("newest page of a conversation", lambda: _page(tx, draw.choice(people))),
            _timed("page around an old message", lambda: _around(tx, count, draw)),
            _timed("search for two words", lambda: _search(tx, None, draw)),
            _timed(
                "search for two words in a conversation",
                lambda: _search(tx, draw.choice(people), draw),
            ),
            _timed("conversation list", lambda: contacts.conversations(tx)),
        ]
        tx.close()
        whole_node = history_node.rows(folder, " ".join(draw.sample(WORDS, 2)))
    return [
        *found,
        *whole_node,
        {"name": "open the history", "value": opened, "unit": "s", "target": None},
        {"name": f"make {count:,} messages", "value": made, "unit": "s", "target": None},
        {"name": "size of the file", "value": size_mb, "unit": "MB", "target": None},
    ]


def fill(
    path: Path, own: UserAddress, people: list[UserAddress], count: int, draw: random.Random
) -> None:
    """Make a history of so many messages in conversations with people."""
    connection = open_database(path, MIGRATIONS)
    with transaction(connection) as tx:
        for number, person in enumerate(people):
            contacts.insert(tx, person, f"person {number}", ContactState.CONTACT, 0.0)
    for start in range(0, count, BATCH):
        with transaction(connection) as tx:
            for number in range(start, min(start + BATCH, count)):
                _add(tx, own, people[draw.randrange(len(people))], number, draw)
    connection.close()


def _add(
    tx: Transaction, own: UserAddress, person: UserAddress, number: int, draw: random.Random
) -> None:
    mine = number % 2 == 0
    messages.insert(
        tx,
        message_id=MessageId(number.to_bytes(16, "big")),
        contact=person,
        author=own if mine else person,
        direction=Direction.OUT if mine else Direction.IN,
        kind="text",
        text=" ".join(draw.choices(WORDS, k=8)),
        state=MessageState.READ if mine else MessageState.RECEIVED,
        sender_sequence=number,
        sent_at=float(number),
        now=float(number),
        confirmed=True,
    )


def _page(tx: Transaction, person: UserAddress) -> None:
    assert pages.page(tx, person, None, 100)


def _around(tx: Transaction, count: int, draw: random.Random) -> None:
    raw = MessageId(draw.randrange(count // 2).to_bytes(16, "big"))
    line = messages.by_id(tx, raw)
    assert line is not None
    row = tx.execute("SELECT contact FROM messages WHERE seq = ?", (line.seq,)).fetchone()
    assert pages.around(tx, UserAddress(row[0]), line.seq, 100)


def _search(tx: Transaction, person: UserAddress | None, draw: random.Random) -> None:
    first, second = draw.sample(WORDS, 2)
    search.find(tx, Wanted(f"{first} {second}", person), 100)


def _timed(name: str, query: Callable[[], object], rounds: int = ROUNDS) -> Row:
    """Return the time that 99 of 100 queries stay below, in milliseconds."""
    times = []
    gc.collect()
    for _ in range(rounds):
        began = time.perf_counter()
        query()
        times.append((time.perf_counter() - began) * 1e3)
    slowest = statistics.quantiles(times, n=100)[98]
    return {"name": f"{name}, p99", "value": slowest, "unit": "ms", "target": TARGET_MS}
