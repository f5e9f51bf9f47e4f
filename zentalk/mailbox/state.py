"""The mutable records of the mailbox core: mailboxes, send ids, sessions, mail in memory.

Spec: docs/spec/mailbox.md section 3. Only data and what follows from it; rules live in
the modules that use these records. Nothing here may show an id in a repr.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Final, NamedTuple

from zentalk.ids import DepositId, MailboxId, SendId
from zentalk.mailbox.arrivals import ArrivalList, ListChange
from zentalk.mailbox.events import Collector
from zentalk.mailbox.lanes import PushLane
from zentalk.mailbox.stored import CONTACT, SaveMailbox
from zentalk.wire.deposit import NO_STAMP, Stamp
from zentalk.wire.rpc_send_ids import SETTLED_DAYS, SendIdEntry, SendIdKind

SEQ_BLOCK: Final = 2**32
"""Sequence numbers reserved on disk by each `mail.open`: a restarted relay goes on above
them, so that a late ack can never name a newer envelope."""

RETURNED_DAYS: Final = 2
"""A mailbox that was opened on so many days is somebody's, and kept for long."""


class Held(Enum):
    """The place of an envelope of which the core keeps a record."""

    MEMORY = "memory"
    """Pushed, and in memory only."""
    WRITING = "writing"
    """In the queue of the store."""
    STORED = "stored"
    """Committed."""
    LOST = "lost"
    """The store refused it; a push may still be acked."""
    GONE = "gone"
    """Acked by the owner."""


@dataclass(slots=True, eq=False, repr=False)
class SendIdRecord:
    """A send id whose registration is committed, and what waits under it.

    `used_day` is when something last came under it or it was registered, `saved_day` what the
    store has of that. `listed` is the list of a public one, made when something first asks for it.
    """

    mailbox: MailboxState
    entry: SendIdEntry
    stored: int = 0
    writing: int = 0
    used_day: int = 0
    saved_day: int = 0
    listed: ArrivalList | None = None

    @property
    def arrivals(self) -> ArrivalList:
        """The best arrivals, of which a send id that is not public has none."""
        if self.listed is None:
            self.listed = ArrivalList()
        return self.listed

    @property
    def public(self) -> bool:
        """Whether anyone who reads the user record may deposit here."""
        return self.entry.kind is SendIdKind.PUBLIC

    def accepts_deposits(self, day: int) -> bool:
        """Whether envelopes may be deposited on that day."""
        entry = self.entry
        return entry.kind is not SendIdKind.ACK and entry.valid_from <= day <= entry.valid_until


class Letter(NamedTuple):
    """The unchanging part of an envelope that came in; hours are counted from 1970."""

    send_id: SendId
    deposit_id: DepositId
    arrived_hour: int
    expires_hour: int


@dataclass(slots=True, eq=False, repr=False)
class Mail:
    """One envelope in memory: pushed and unacked, or on its way to the store.

    `stored_seq` is where the store keeps it (another number when an older copy was replaced),
    `size_bytes` how large it was at first. `safe`: committed or acked by the owner; `counted`:
    among those deposited. `sealed` is empty once stored. `work` is its proof of work in bits,
    CONTACT under a contact's send id, `stamp` that proof and `change` its place in the list of a
    public one, until it is committed.
    """

    mailbox: MailboxState
    send: SendIdRecord | None
    letter: Letter
    seq: int
    sealed: bytes
    held: Held
    size_bytes: int = field(init=False)
    stored_seq: int = field(init=False)
    work: int = CONTACT
    stamp: Stamp = NO_STAMP
    change: ListChange | None = None
    attempts: int = 0
    safe: bool = False
    counted: bool = False
    in_flight: bool = False
    writes: int = 0
    pushed_at: float = 0.0

    def __post_init__(self) -> None:
        """Begin with the size and the place of a new envelope."""
        self.size_bytes = len(self.sealed)
        self.stored_seq = self.seq

    @property
    def public(self) -> bool:
        """Whether it came under a public send id."""
        return self.work > CONTACT

    @property
    def apart(self) -> bool:
        """Whether it has room of its own, beside what contacts send."""
        return self.work != CONTACT

    @property
    def key(self) -> bytes:
        """The key under which a repeated deposit is recognized."""
        return self.letter.send_id + self.letter.deposit_id

    def forget_if_idle(self) -> None:
        """Drop the record when nothing in memory needs it any more."""
        if not self.in_flight and self.writes == 0 and self.mailbox.live.get(self.key) is self:
            del self.mailbox.live[self.key]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Listed:
    """A deposit under a public send id: safe as long as it is listed, whoever has it."""

    arrivals: ArrivalList
    deposit_id: DepositId

    @property
    def safe(self) -> bool:
        """Whether it has a place in the list that is committed."""
        return self.arrivals.is_kept(self.deposit_id)


@dataclass(slots=True, eq=False, repr=False)
class CollectorSession:
    """The one collector of a mailbox: what it was pushed, in the order in which it was."""

    collector: Collector
    mailbox: MailboxState
    window: int
    in_flight: dict[int, Mail] = field(default_factory=dict)
    in_flight_bytes: int = 0
    contacts: PushLane = field(default_factory=lambda: PushLane(public=False))
    strangers: PushLane = field(default_factory=lambda: PushLane(public=True))

    @property
    def lanes(self) -> tuple[PushLane, PushLane]:
        """Both orders, the one that comes first first."""
        return self.contacts, self.strangers

    def lane_of(self, mail: Mail) -> PushLane:
        """Return the order in which an envelope stands."""
        return self.strangers if mail.public else self.contacts

    def flying(self, lane: PushLane) -> list[Mail]:
        """Return what of one order is pushed and not acked, oldest push first."""
        return [mail for mail in self.in_flight.values() if mail.public is lane.public]


@dataclass(slots=True, eq=False, repr=False)
class MailboxState:
    """A mailbox that is awake: its record, its counts, and what of it is only in memory.

    `saved` is the record as the store has it, None before the first commit; `changing` are the
    send ids of changes under way; until `acks_until` an ack may wait that depends on a list of
    arrivals. `unpushed_seq` is the highest number of a contact's mail that went to the store
    without a push, `unpushed_public_seq` that of strangers'; `opening` how many registrations are
    under way. What is `public` is part of what is stored; `takes` are the prekeys given out on
    `takes_day`.
    """

    key: MailboxId
    generation: int = -1
    next_seq: int = 0
    reserved_seq: int = 0
    expires_hour: int = 0
    last_resort_used: bool = False
    opened_days: int = 0
    opened_day: int = 0
    saved: SaveMailbox | None = None
    stored: int = 0
    stored_bytes: int = 0
    writing: int = 0
    writing_bytes: int = 0
    public: int = 0
    public_bytes: int = 0
    public_writing: int = 0
    public_writing_bytes: int = 0
    prekeys: int = 0
    prekeys_writing: int = 0
    takes: int = 0
    takes_day: int = 0
    unpushed_seq: int = -1
    unpushed_public_seq: int = -1
    session: CollectorSession | None = None
    opening: int = 0
    send_ids: dict[SendId, SendIdRecord] = field(default_factory=dict)
    live: dict[bytes, Mail] = field(default_factory=dict)
    changing: list[tuple[SendIdEntry, ...]] = field(default_factory=list)
    acks_until: float = 0.0

    def leave_unpushed(self, seq: int, *, public: bool) -> None:
        """Note that what has this number is in the store, and was not pushed from memory."""
        if public:
            self.unpushed_public_seq = max(self.unpushed_public_seq, seq)
        else:
            self.unpushed_seq = max(self.unpushed_seq, seq)

    def waits(self, lane: PushLane) -> bool:
        """Tell whether something in the store is to be pushed in one order of its session."""
        return lane.cursor < (self.unpushed_public_seq if lane.public else self.unpushed_seq)

    def opened_on(self, day: int) -> bool:
        """Note that it was open on a day; True if that is a new one and still counts."""
        if self.opened_days >= SETTLED_DAYS or self.opened_day == day:
            return False
        self.opened_day = day
        self.opened_days += 1
        return True

    @property
    def came_back(self) -> bool:
        """Whether its owner opened it on a second day."""
        return self.opened_days >= RETURNED_DAYS

    @property
    def is_settled(self) -> bool:
        """Whether somebody really uses it: it was opened on enough days."""
        return self.opened_days >= SETTLED_DAYS

    def record(self) -> SaveMailbox:
        """Return the operation that saves its own record."""
        return SaveMailbox(
            self.key,
            self.generation,
            self.reserved_seq,
            self.expires_hour,
            self.last_resort_used,
            self.opened_days,
            self.opened_day,
        )

    def take_seq(self) -> int:
        """Return the next sequence number."""
        seq = self.next_seq
        self.next_seq += 1
        return seq
