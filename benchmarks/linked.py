"""How a large history gets to a linked node: from one database to another, without a network.

The same jobs as at a node: steps that note the rows that are there, pages that read them, and each
page into the copy with its number, every one in a transaction of its own. What a node adds to a
page is its encryption and the way. At last the replica is promoted and the link ends.
"""

from __future__ import annotations

import os
import random
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from benchmarks import history, history_node
from benchmarks.rounds import Row
from zentalk.ids import UserAddress
from zentalk.store.history import feed, links, resumption
from zentalk.store.history.links import LinkRole, LinkRow
from zentalk.store.history.schema import MIGRATIONS
from zentalk.store.sqlite import Transaction, open_database, transaction
from zentalk.wire.sync import FEED_BYTES, decode_rows

T = TypeVar("T")

_FEED: Final = bytes(FEED_BYTES)
_OWN: Final = UserAddress(b"o" * 32)
_REPLICA: Final = UserAddress(b"r" * 32)


class _Writer:
    """One database, and how long each kind of transaction has kept its writer, in milliseconds."""

    def __init__(self, path: Path) -> None:
        self.tx = open_database(path, MIGRATIONS)
        self.tx.execute("PRAGMA secure_delete = ON")
        self.held: dict[str, list[float]] = defaultdict(list)

    def write(self, name: str, job: Callable[[Transaction], T]) -> T:
        began = time.perf_counter()
        with transaction(self.tx) as tx:
            result = job(tx)
        self.held[name].append((time.perf_counter() - began) * 1e3)
        return result

    def rows(self) -> list[Row]:
        return [
            {"name": f"{name}, {what}", "value": value, "unit": "ms", "target": None}
            for name, times in self.held.items()
            for what, value in _spread(times)
        ]


def rows(count: int = history.MESSAGES) -> list[Row]:
    """Measure."""
    draw = random.Random(1)
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "first.db"
        people = [UserAddress(draw.randbytes(32)) for _ in range(history.CONVERSATIONS)]
        history.fill(path, _OWN, people, count, draw)
        return measure(path, Path(name) / "replica.db", count)


def measure(path: Path, copy: Path, count: int) -> list[Row]:
    """Return how long it takes from a history to an empty file, and what it keeps waiting."""
    first, replica = _Writer(path), _Writer(copy)
    with closing(first.tx), closing(replica.tx):
        began = time.perf_counter()
        first.write("begin a link", _link)
        size = _bytes(first.tx)
        _copy(first, replica)
        taken = time.perf_counter() - began
        grown = (_bytes(first.tx) - size) / 1e6
        replica.write("promote", _promote)
        first.write("end a link", _unlink)
        while feed.has_steps(first.tx):
            first.write("forget rows", feed.step)
        most = history_node.most_mib(os.getpid())
        return [
            {"name": f"copy {count:,} messages", "value": taken, "unit": "s", "target": None},
            *first.rows(),
            *replica.rows(),
            {"name": "what the feed takes on disk", "value": grown, "unit": "MB", "target": None},
            {"name": "memory", "value": most, "unit": "MiB", "target": history_node.MOST_MIB},
        ]


def _copy(first: _Writer, replica: _Writer) -> None:
    number = 0
    while number < feed.head(first.tx):
        if feed.has_steps(first.tx):
            first.write("note rows", feed.step)
        while number < feed.noted(first.tx):
            page = first.write("read a page", partial(feed.page, after=number))
            replica.write("take a page in", partial(_take_in, page))
            number = page.upto


def _take_in(page: feed.FeedPage, tx: Transaction) -> None:
    feed.apply(tx, decode_rows(page.rows))
    feed.set_cursor(tx, _FEED, page.upto)


def _link(tx: Transaction) -> None:
    links.insert(tx, LinkRow(_FEED, LinkRole.REPLICA, 0, 0, _REPLICA, _FEED, 0, 0, 0), b"")
    feed.begin(tx)


def _unlink(tx: Transaction) -> None:
    feed.end(tx)
    links.remove(tx, _FEED)


def _promote(tx: Transaction) -> None:
    feed.stop_following(tx)
    feed.leave_room(tx, 1_000)
    resumption.begin_anew(tx)
    resumption.put_all(tx, resumption.by_activity(tx))


def _bytes(tx: Transaction) -> int:
    (pages,), (size,) = (tx.execute(f"PRAGMA page_{what}").fetchone() for what in ("count", "size"))
    return int(pages * size)


def _spread(times: list[float]) -> list[tuple[str, float]]:
    if len(times) == 1:
        return [("once", times[0])]
    return [
        ("p99", statistics.quantiles(times, n=100, method="inclusive")[98]),
        ("longest", max(times)),
    ]
