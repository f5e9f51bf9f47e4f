"""Listens to real relays and nodes, and notes what they promise others and when.

ack: a relay sends the compact ack of a deposit. Its envelope is synced there, or its hash is
in the synced history of its owner.
mail.ack: a node tells its mailbox relay that it has an envelope. The hash is synced.
confirmation: a node seals the confirmation of a message. The hash of its envelope is synced.
outbox: a node seals a message. The ciphertext that it will send again is synced.

Nothing of the programs is replaced: the listeners only look on at calls.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from zentalk.crypto.hashing import blake2b_256
from zentalk.crypto.labels import Label
from zentalk.node.mailboxes.collector import Collector
from zentalk.node.mailboxes.receiver import Receiver
from zentalk.node.messages import receive
from zentalk.node.messages.compose import Composer
from zentalk.node.messages.routes import DepositTarget
from zentalk.relay.forwarding.forwarder import Forwarder
from zentalk.relay.mailbox.service import MailboxService
from zentalk.store.history import outbox, ratchets
from zentalk.store.history.schema import MIGRATIONS as HISTORY
from zentalk.store.mailbox.schema import MIGRATIONS as MAILBOX
from zentalk.store.sqlite import open_database
from zentalk.wire.content import Content
from zentalk.wire.deposit import AckRoute, decode_deposit

FRONT_BYTES = 32
"""By this much of its front an envelope is known: it lies in one piece on a page."""


@dataclass(frozen=True, eq=False)
class Promise:
    """What was promised: `saved` is in a history, or one of the copies `held` at a relay.

    A copy that a relay does not hold its owner has saved: `hash_of` gives its hash, once it
    has come to its owner.
    """

    kind: str
    saved: bytes = b""
    held: tuple[bytes, ...] = ()
    hash_of: Mapping[bytes, bytes] = field(default_factory=dict, repr=False)

    def kept(self, held: Container[bytes], saved: Container[bytes]) -> bool:
        """Tell whether what was promised is there."""
        hashes = {self.saved, *(self.hash_of.get(copy, b"") for copy in self.held)} - {b""}
        return any(copy in held for copy in self.held) or any(digest in saved for digest in hashes)


class Promises:
    """Calls `made` for every promise, at the moment it leaves, and `learned` for every hash."""

    def __init__(
        self,
        made: Callable[[Promise], None],
        learned: Callable[[bytes, bytes], None] = lambda _front, _digest: None,
    ) -> None:
        self._made = made
        self._learned = learned
        self._deposits: dict[bytes, bytes] = {}
        self._copies: dict[bytes, list[bytes]] = {}
        self._pushed: dict[tuple[int, int], bytes] = {}
        self._hashes: dict[bytes, bytes] = {}
        self._remembered: dict[bytes, bytes | None] = {}
        self._confirming: dict[bytes, tuple[bytes, ...]] = {}
        self._items: set[bytes] = set()

    def listen(self, patch: pytest.MonkeyPatch) -> None:
        """Look on from now until `patch` is undone."""
        for owner, name, before, after in (
            (MailboxService, "deposit", self._deposit, None),
            (Forwarder, "send_ack", self._ack, None),
            (Receiver, "push", self._push, None),
            (receive, "open_collected", None, self._opened),
            (ratchets, "remember", self._remember, None),
            (Collector, "acknowledge", self._acknowledge, None),
            (Composer, "encrypt_unstored", None, self._confirmation),
            (outbox, "add", None, self._added),
            (outbox, "set_envelope", self._encrypted, None),
            (DepositTarget, "seal", self._seal, None),
        ):
            _look_on(patch, owner, name, before, after)

    # --- relays ---------------------------------------------------------------------------

    def _deposit(self, _service: Any, payload: bytes) -> None:
        found = decode_deposit(payload)
        if found.ack is not None:
            self._deposits[found.ack.blob] = found.deposit_id
            self._copies.setdefault(found.deposit_id, []).append(found.envelope[:FRONT_BYTES])

    def _ack(self, _router: Any, route: AckRoute) -> None:
        copies = self._copies[self._deposits[route.blob]]
        self._made(Promise("ack", held=tuple(copies), hash_of=self._hashes))

    # --- nodes ----------------------------------------------------------------------------

    def _push(self, _receiver: Any, source: Any, seq: int, deposit: Any) -> None:
        self._pushed[id(source), seq] = deposit.envelope[:FRONT_BYTES]

    def _opened(self, inner: bytes, _row: Any, envelope: bytes) -> None:
        front, digest = envelope[:FRONT_BYTES], blake2b_256(Label.CIPHERTEXT_SEEN, inner)
        self._hashes[front] = digest
        self._learned(front, digest)

    def _remember(
        self,
        _tx: Any,
        digest: bytes,
        _contact: Any,
        message_id: bytes | None,
        *_rest: Any,
        **_named: Any,
    ) -> None:
        self._remembered[digest] = message_id

    def _acknowledge(self, collector: Any, seqs: Sequence[int]) -> None:
        for seq in seqs:
            digest = self._hashes.get(self._pushed[id(collector), seq], b"")
            if not digest or digest in self._remembered:
                self._made(Promise("mail.ack", digest))

    def _confirmation(
        self, made: Any, _composer: Any, _tx: Any, _contact: Any, content: Content
    ) -> None:
        if made is not None:
            self._confirming[made.inner] = content.confirmed

    def _added(self, item: Any, _tx: Any, **_values: Any) -> None:
        if item.envelope is not None:
            self._items.add(item.envelope)

    def _encrypted(self, _tx: Any, _item: int, envelope: bytes, _ratchet: bytes) -> None:
        self._items.add(envelope)

    def _seal(self, _target: Any, inner: bytes, _entropy: Any) -> None:
        if inner in self._items:
            self._made(Promise("outbox", inner[:FRONT_BYTES]))
        for message_id in self._confirming.get(inner, ()):
            for digest in [d for d, known in self._remembered.items() if known == message_id]:
                self._made(Promise("confirmation", digest))


def _look_on(
    patch: pytest.MonkeyPatch,
    owner: Any,
    name: str,
    before: Callable[..., None] | None,
    after: Callable[..., None] | None,
) -> None:
    original = getattr(owner, name)

    def call(*arguments: Any, **named: Any) -> Any:
        if before is not None:
            before(*arguments, **named)
        result = original(*arguments, **named)
        if after is not None:
            after(result, *arguments, **named)
        return result

    patch.setattr(owner, name, call)


def found_in(folder: Path) -> tuple[set[bytes], set[bytes]]:
    """Open every database below a folder with the real code; return fronts and hashes."""
    held: set[bytes] = set()
    saved: set[bytes] = set()
    for path in folder.glob("*/queue.db"):
        with closing(open_database(path, MAILBOX)) as database:
            held |= {
                row[0][:FRONT_BYTES] for row in database.execute("SELECT sealed FROM envelope")
            }
    for path in folder.glob("*/history.db"):
        with closing(open_database(path, HISTORY)) as database:
            saved |= {row[0] for row in database.execute("SELECT hash FROM seen")}
    return held, saved


class Order:
    """Checks each promise against what was synced before it; needs a `vfs.Recorder`'s steps."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._pending: dict[Path, list[bytes]] = {}
        self._synced: dict[Path, bytearray] = {}
        self.kept: Counter[str] = Counter()
        self.broken: Counter[str] = Counter()

    def step(self, step: Any) -> None:
        """Take a step of the log."""
        if step.kind == "write":
            self._pending.setdefault(step.path, []).append(step.data)
        elif step.kind == "sync":
            synced = self._synced.setdefault(step.path, bytearray())
            for data in self._pending.pop(step.path, []):
                synced += data

    def made(self, promise: Promise) -> None:
        """Count a promise as kept or broken."""
        kept = promise.kept(_Synced(self._synced, "queue"), _Synced(self._synced, "history.db"))
        (self.kept if kept else self.broken)[promise.kind] += 1


class _Synced:
    """Tells whether some random bytes were synced in files of a name."""

    def __init__(self, synced: Mapping[Path, bytearray], name: str) -> None:
        self._found = [data for path, data in synced.items() if path.name.startswith(name)]

    def __contains__(self, wanted: object) -> bool:
        assert isinstance(wanted, bytes)
        return any(wanted in data for data in self._found)
