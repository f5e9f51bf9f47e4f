"""Synced, then committed, then promised: in the log of one real exchange (K11, K26).

No root, compiler or tracer is needed: this runs everywhere.
"""

from __future__ import annotations

import random
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.faults.disk import vfs
from tests.faults.disk.lives import live, without_sync
from tests.faults.disk.promises import Order, Promise, Promises, found_in
from tests.faults.disk.replay import Disk, put_back
from zentalk.errors import StorageError
from zentalk.node.mailboxes.receiver import Receiver
from zentalk.store.mailbox import sqlite

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(bool(vfs.unavailable), reason=vfs.unavailable),
]

KINDS = {"ack", "mail.ack", "confirmation", "outbox"}
CUTS = 50


@dataclass
class Listened:
    """One exchange: the log, what was promised at which step of it, and whether in order."""

    root: Path
    steps: list[vfs.Step]
    promises: list[tuple[int, Promise]]
    order: Order


def listen(root: Path) -> Listened:
    root.mkdir()
    order = Order(root)
    promises: list[tuple[int, Promise]] = []
    with vfs.recording(root) as recorder, pytest.MonkeyPatch.context() as patch:
        recorder.on_step = order.step

        def made(promise: Promise) -> None:
            promises.append((len(recorder.steps), promise))
            order.made(promise)

        Promises(made).listen(patch)
        live(root)
        return Listened(root, recorder.steps, promises, order)


@pytest.fixture(scope="module")
def listened(tmp_path_factory: pytest.TempPathFactory) -> Listened:
    return listen(tmp_path_factory.mktemp("order") / "world")


@pytest.fixture(scope="module")
def listened_without_sync(tmp_path_factory: pytest.TempPathFactory) -> Listened:
    with without_sync():
        return listen(tmp_path_factory.mktemp("careless") / "world")


# --- the order ---------------------------------------------------------------------------------


def test_k11_k26_nothing_is_promised_before_it_is_synced(listened: Listened) -> None:
    assert listened.order.broken == Counter()
    assert set(listened.order.kept) == KINDS
    assert min(listened.order.kept.values()) >= 4


def test_k26_control_without_sync_every_promise_is_early(listened_without_sync: Listened) -> None:
    order = listened_without_sync.order
    assert set(order.broken) == KINDS
    assert order.kept == Counter()


def test_k11_control_a_relay_that_commits_later_acks_early(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It answers that a batch is stored, and commits once in a while."""
    calls = 0

    @contextmanager
    def lazy(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
        nonlocal calls
        calls += 1
        if not connection.in_transaction:
            connection.execute("BEGIN IMMEDIATE")
        yield connection
        if calls % 100 == 0:
            connection.execute("COMMIT")

    monkeypatch.setattr(sqlite, "transaction", lazy)
    order = listen(tmp_path / "world").order
    assert set(order.broken) == {"ack"}


def test_k11_control_a_node_that_acknowledges_what_it_has_not_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original: Callable[..., Any] = Receiver.push

    def hasty(receiver: Receiver, source: Any, seq: int, *rest: Any) -> None:
        original(receiver, source, seq, *rest)
        source.acknowledge([seq])

    monkeypatch.setattr(Receiver, "push", hasty)
    order = listen(tmp_path / "world").order
    assert order.broken["mail.ack"] > 0


# --- the power fails ---------------------------------------------------------------------------


def lost_after(listened: Listened, cut: int, draw: random.Random, folder: Path) -> int:
    """Return how many promises made before step `cut` are broken by what the disk then holds."""
    disk = Disk()
    disk.do(listened.steps[:cut])
    put_back(disk.after_cut(draw), listened.root, folder)
    held, saved = found_in(folder)
    return sum(
        not promise.kept(held, saved)
        for at, promise in listened.promises
        # What was confirmed has left the outbox: of that only the order is checked.
        if at <= cut and promise.kind != "outbox"
    )


def lost_in_cuts(listened: Listened, folder: Path, seed: int = 1) -> int:
    draw = random.Random(seed)
    moments = [draw.randrange(len(listened.steps)) for _ in range(CUTS)]
    # Right after a promise is the worst moment: half of the cuts come there.
    moments[::2] = [draw.choice(listened.promises)[0] for _ in moments[::2]]
    return sum(
        lost_after(listened, cut, draw, folder / f"{number}") for number, cut in enumerate(moments)
    )


def test_k26_fifty_power_cuts_lose_nothing_promised(listened: Listened, tmp_path: Path) -> None:
    """Of relays and nodes together, with writes lost, torn and reordered."""
    assert lost_in_cuts(listened, tmp_path) == 0


def test_k26_control_without_sync_power_cuts_lose_mail(
    listened_without_sync: Listened, tmp_path: Path
) -> None:
    lost = 0
    try:
        lost = lost_in_cuts(listened_without_sync, tmp_path)
    except StorageError:
        return  # worse: a database that does not open any more
    assert lost > 0
