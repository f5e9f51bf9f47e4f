"""A mailbox core and its shell in miniature: the store runs when told, the clock is a number.

`Desk` executes commands as the relay's service would, but nothing happens by itself:
`commit` runs the store, `pass_time` moves the clock. What the core did is in lists.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import astuple, is_dataclass, replace
from typing import Any

from zentalk.errors import StorageError
from zentalk.ids import DAY_SECONDS, Day, DepositId, MailboxId, NodeId, PrekeyId, SendId
from zentalk.mailbox import events
from zentalk.mailbox.commands import (
    Apply,
    CloseCollector,
    Command,
    Push,
    PushToken,
    Refuse,
    Respond,
    Result,
    SendAck,
)
from zentalk.mailbox.core import MailboxCore
from zentalk.mailbox.events import Collector, Ticket
from zentalk.mailbox.look_ups import BEFORE_ALL, DueOutcome, FindMailbox, FoundOutcome, ListDue
from zentalk.mailbox.settings import MailboxSettings
from zentalk.mailbox.storage import MailboxStore, Operation, Outcome
from zentalk.mailbox.stored import Envelope, StoredMailbox
from zentalk.mailbox.work import challenge, epoch_at, search
from zentalk.store.mailbox.memory import MemoryMailboxStore
from zentalk.wire.deposit import COMPACT_ACK_BYTES, AckRoute, Deposit
from zentalk.wire.rpc_prekeys import PoolPrekey
from zentalk.wire.rpc_send_ids import SendIdEntry, SendIdKind

START_WALL = 1_750_000_000.0
HOUR = 3600
TODAY = Day(int(START_WALL // DAY_SECONDS))
ALWAYS = 2**32 - 1
RELAY = NodeId(b"this relay's node id, 32 bytes..")


def mailbox_id(name: str) -> MailboxId:
    return MailboxId(hashlib.sha256(name.encode()).digest())


def send_id(name: str) -> SendId:
    return SendId(hashlib.sha256(name.encode()).digest()[:16])


def deposit_id(number: int) -> DepositId:
    return DepositId(number.to_bytes(16, "big"))


def route(number: int) -> AckRoute:
    return AckRoute(NodeId(bytes(32)), 0, number.to_bytes(COMPACT_ACK_BYTES, "big"))


def number_of(ack: AckRoute) -> int:
    return int.from_bytes(ack.blob, "big")


def entry(
    name: str,
    kind: SendIdKind = SendIdKind.CONTACT,
    valid_from: int = 0,
    valid_until: int = ALWAYS,
) -> SendIdEntry:
    return SendIdEntry(send_id(name), kind, Day(valid_from), Day(valid_until))


def deposit(
    number: int,
    to: str = "bob",
    *,
    body: bytes | None = None,
    ttl_seconds: int = 30 * DAY_SECONDS,
    ack: int | None = None,
) -> Deposit:
    """Deposit `number`; its envelope names it, its ack route too (another with `ack`)."""
    sealed = b"envelope %d" % number if body is None else body
    return Deposit(
        send_id(to),
        deposit_id(number),
        ttl_seconds,
        route(number if ack is None else ack),
        sealed,
    )


def stamped(
    made: Deposit, bits: int, wall: float, relay: NodeId = RELAY, *, hours: int = 0
) -> Deposit:
    """Do the work for a deposit."""
    epoch = epoch_at(wall) + hours
    found = search(challenge(relay, made, epoch), epoch, bits, 0, 1 << (bits + 8))
    assert found is not None
    return replace(made, stamp=found)


def paid(desk: Desk, number: int, bits: int, to: str = "public", **more: Any) -> Deposit:
    """Deposit an envelope with that much work done for it."""
    made = deposit(number, to, **more)
    if bits:
        made = stamped(made, bits, desk.wall)
    desk.feed(events.DepositArrived(made))
    return made


def asked(desk: Desk, name: str = "public") -> tuple[int, int, int]:
    """What `mail.state` answers: state, and bits for each class."""
    ticket = Ticket(desk.number())
    desk.feed(events.StateRequested(ticket, send_id(name)))
    answer = desk.result(ticket)
    assert isinstance(answer, tuple)
    return answer[0], answer[1], answer[2]


def pool_prekeys(*blobs: bytes) -> tuple[PoolPrekey, ...]:
    """One-time prekeys with the ids that an owner might give them."""
    return tuple(PoolPrekey(key_id(blob), blob) for blob in blobs)


def key_id(blob: bytes) -> PrekeyId:
    return PrekeyId(hashlib.sha256(blob).digest()[:16])


def envelope(seq: int, box: str = "bob", to: str = "bob", **changes: Any) -> Envelope:
    whole = Envelope(
        mailbox_id(box),
        seq,
        send_id(to),
        deposit_id(seq),
        arrived_hour=100,
        expires_hour=200,
        attempts=0,
        last_attempt_hour=0,
        sealed=b"envelope %d" % seq,
    )
    return replace(whole, **changes)


def counting_entropy() -> Callable[[int], bytes]:
    """Entropy whose n-th draw is known: bytes spread evenly, never the same twice."""
    drawn = 0

    def draw(size: int) -> bytes:
        nonlocal drawn
        drawn += 1
        return hashlib.shake_256(drawn.to_bytes(8, "big")).digest(size)

    return draw


class FailingStore:
    """A store that fails on demand, changing nothing."""

    def __init__(self, store: MailboxStore) -> None:
        self.store = store
        self.fails: Callable[[Operation], bool] = lambda operation: False
        self.error = StorageError("the disk is gone")
        self.load = store.load
        self.memory_bytes = store.memory_bytes
        self.close = store.close

    def apply(self, operations: Any) -> list[Outcome]:
        if any(self.fails(operation) for operation in operations):
            raise self.error
        return self.store.apply(operations)


class Desk:
    """A core, its store, and what came out. Commits happen at once unless `by_hand`.

    Answers to strangers come at once, and `evenly` at their time.
    """

    def __init__(
        self,
        settings: MailboxSettings | None = None,
        store: MailboxStore | None = None,
        *,
        wall: float = START_WALL,
        by_hand: bool = False,
        evenly: bool = False,
    ) -> None:
        settings = settings or MailboxSettings()
        self.settings = settings if evenly else replace(settings, answer_seconds=0.0)
        self.failing = FailingStore(store or MemoryMailboxStore())
        self.now = 0.0
        self.wall = wall
        self.by_hand = by_hand
        self.queue: deque[Apply] = deque()
        self.operations: list[Operation] = []
        self.pushes: list[Push] = []
        self.tokens: list[PushToken] = []
        self.closed: list[Collector] = []
        self.acks: list[tuple[float, int]] = []
        self.answers: dict[Ticket, tuple[Any, ...] | str] = {}
        self.answered_at: dict[Ticket, float] = {}
        self._numbers = 0
        self._committing = False
        self.core = self._start()

    def _start(self) -> MailboxCore:
        core = MailboxCore(
            self.settings,
            self.failing.load(),
            relay=RELAY,
            wall=self.wall,
            now=self.now,
            entropy=counting_entropy(),
        )
        self.core = core
        self.feed(events.DeadlineReached())
        return core

    def restart(self, *, wall: float | None = None) -> None:
        """The process dies: memory and queued operations are gone, the store is not."""
        self.queue.clear()
        self.wall = self.wall if wall is None else wall
        self._start()

    # --- what happens --------------------------------------------------------------------

    def feed(self, event: events.Event) -> list[Command]:
        commands = self.core.handle(event, self.now)
        for command in commands:
            self._execute(command)
        if not self.by_hand and not self._committing:
            self._committing = True
            try:
                self.commit()
            finally:
                self._committing = False
        return commands

    def _execute(self, command: Command) -> None:
        match command:
            case Apply():
                self.queue.append(command)
            case Push():
                self.pushes.append(command)
            case PushToken():
                self.tokens.append(command)
            case CloseCollector():
                self.closed.append(command.collector)
            case SendAck():
                self.acks.append((self.now, number_of(command.route)))
            case Respond():
                self.answers[command.ticket] = fields_of(command.result)
                self.answered_at[command.ticket] = self.now
            case Refuse():
                self.answers[command.ticket] = command.reason
                self.answered_at[command.ticket] = self.now

    def commit(self, count: int | None = None) -> None:
        """Let the store execute queued operations, each as a transaction of its own."""
        while self.queue and (count is None or count > 0):
            command = self.queue.popleft()
            self.operations.append(command.operation)
            try:
                outcome = self.failing.apply([command.operation])[0]
            except StorageError:
                self.feed(events.ApplyFailed(command.number))
            else:
                self.feed(events.Applied(command.number, outcome))
            if count is not None:
                count -= 1

    def pass_time(self, seconds: float, *, wall_too: bool = True) -> None:
        """Move the clock, stopping at every deadline on the way."""
        end = self.now + seconds
        while self.core.next_deadline() <= end:
            step = max(self.core.next_deadline(), self.now) - self.now
            self._move(step, wall_too=wall_too)
            self.feed(events.DeadlineReached())
        self._move(end - self.now, wall_too=wall_too)

    def _move(self, seconds: float, *, wall_too: bool) -> None:
        self.now += seconds
        if wall_too:
            self.wall += seconds

    # --- who asks ------------------------------------------------------------------------

    def number(self) -> int:
        self._numbers += 1
        return self._numbers

    def result(self, ticket: Ticket) -> tuple[Any, ...] | str | None:
        """The fields of a response, the reason of a refusal, or None if there is neither yet."""
        return self.answers.get(ticket)

    def open(
        self, box: str = "bob", generation: int = 1, window: int = 64
    ) -> tuple[Collector, Ticket]:
        collector, ticket = Collector(self.number()), Ticket(self.number())
        self.feed(events.OpenRequested(ticket, collector, mailbox_id(box), generation, window))
        return collector, ticket

    def collect(self, box: str = "bob", generation: int = 1, window: int = 64) -> Collector:
        """Open a mailbox, which must succeed."""
        collector, ticket = self.open(box, generation, window)
        if self.by_hand:
            self.commit()
        assert self.result(ticket) == ()
        return collector

    def register(self, collector: Collector, *entries: SendIdEntry) -> None:
        ticket = Ticket(self.number())
        self.feed(events.SendIdsRequested(ticket, collector, entries, ()))
        if self.by_hand:
            self.commit()
        assert self.result(ticket) == ()

    def mailbox(self, *entries: SendIdEntry, window: int = 64) -> Collector:
        """Bob's mailbox with his send ids (by default one contact's), and he is online."""
        collector = self.collect("bob", 1, window)
        self.register(collector, *(entries or (entry("bob"),)))
        return collector

    def lose(self, collector: Collector) -> None:
        self.feed(events.CollectorLost(collector))

    def deposit(self, number: int, to: str = "bob", **more: Any) -> None:
        self.feed(events.DepositArrived(deposit(number, to, **more)))

    def ack(self, collector: Collector, *seqs: int) -> None:
        self.feed(events.AckReceived(collector, seqs))

    def ack_all(self, collector: Collector) -> None:
        """Save and ack whatever is pushed, until nothing more comes."""
        while seqs := self.take_pushes(collector):
            self.ack(collector, *(push.seq for push in seqs))

    # --- what can be seen ----------------------------------------------------------------

    def take_pushes(self, collector: Collector) -> list[Push]:
        taken = [push for push in self.pushes if push.collector == collector]
        self.pushes = [push for push in self.pushes if push.collector != collector]
        return taken

    def stored(self) -> int:
        return stored(self.failing)

    def acked_numbers(self) -> list[int]:
        return [number for _, number in self.acks]


def fields_of(result: Result) -> tuple[Any, ...]:
    """What a response consists of."""
    if is_dataclass(result):
        return astuple(result)
    return () if result is None else (result,)


def bodies(pushes: Iterable[Push]) -> list[bytes]:
    return [push.sealed for push in pushes]


def numbers(pushes: Iterable[Push]) -> list[int]:
    return [int(push.sealed.split()[1]) for push in pushes]


def stored(store: MailboxStore) -> int:
    """How many envelopes a store holds."""
    return store.load().totals.envelopes


def boxes(store: MailboxStore) -> tuple[StoredMailbox, ...]:
    """All that is stored of mailboxes, but their envelopes."""
    inner = store.store if isinstance(store, FailingStore) else store
    (due,) = inner.apply([ListDue(BEFORE_ALL, 10**6, 2**62, 0)])
    assert isinstance(due, DueOutcome)
    found = inner.apply([FindMailbox(key) for key in due.mailboxes])
    return tuple(box for box in map(_stored, found) if box is not None)


def box_of(store: MailboxStore, name: str = "bob") -> StoredMailbox:
    """What is stored of one mailbox, which must exist."""
    (found,) = store.apply([FindMailbox(mailbox_id(name))])
    box = _stored(found)
    assert box is not None
    return box


def _stored(outcome: Outcome) -> StoredMailbox | None:
    assert isinstance(outcome, FoundOutcome)
    return outcome.stored
