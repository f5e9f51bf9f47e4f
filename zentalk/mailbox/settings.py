"""Quotas, times and bounds of a relay's mailboxes, validated once and frozen.

Spec: docs/spec/mailbox.md section 4. Every number a peer could push against is here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from zentalk.errors import ConfigError
from zentalk.ids import DAY_SECONDS
from zentalk.lifetimes import DEFAULT_TTL_SECONDS, mailbox_idle_seconds
from zentalk.mailbox.arrivals import PLACES_LARGE
from zentalk.wire.deposit import ENVELOPE_LARGE_BYTES
from zentalk.wire.rpc_send_ids import SURE_NEW_SEND_IDS, SURE_SEND_IDS

HOUR_SECONDS: Final = 3600
_MIB: Final = 1024 * 1024
_DAYS_OF_ID: Final = 5
"""A public send id takes deposits on four days, which begin and end within those of the mail."""
_LEAST_PUBLIC_IDS: Final = 35
_PLACE_BYTES: Final = -(-ENVELOPE_LARGE_BYTES // PLACES_LARGE)


class MailboxProfile(Enum):
    """The promise of a relay for mail that waits."""

    DURABLE = "durable"
    """On disk before it is acknowledged; a full mailbox refuses the newest."""
    MEMORY = "memory"
    """In memory only, never acknowledged; a full mailbox drops its oldest."""


@dataclass(frozen=True, slots=True)
class MailboxSettings:
    """Limits of one relay; raises ConfigError if they contradict each other."""

    profile: MailboxProfile = MailboxProfile.DURABLE
    ttl_seconds: int = DEFAULT_TTL_SECONDS
    """Longest time an envelope waits, rounded up to hours; a deposit may ask for less."""
    sweep_seconds: int = HOUR_SECONDS

    max_envelopes: int = 1000
    """Per mailbox, without public mail, which has room of its own."""
    max_mailbox_bytes: int = 16 * _MIB
    contact_quota: int = 100
    """Envelopes waiting under one contact's send id."""
    public_quota: int = 50
    """Places of one public send id; when all are taken, more work displaces less."""
    work_bits: int = 16
    """Proof of work that a public send id asks for once half its places are taken; less counts
    as none."""
    last_work_bits: int = 19
    """Proof of work that a public send id asks for its last free place."""

    max_mailboxes: int = 44_000
    """Never reached by itself: with the times to live that there are, those that are made in one
    time give way before so many are there."""
    turn_seconds: float = 120.0
    """One new mailbox for each of these, after a burst."""
    saved_turns: int = 500
    """The burst: turns that are saved up while nobody takes them."""
    mailbox_bits: int = 16
    """Proof of work that a new mailbox takes once half of the saved turns are gone."""
    full_mailbox_bits: int = 22
    """Proof of work that a new mailbox takes once no saved turn is left; then each turn goes to
    the most work."""
    max_send_ids: int = 2048
    """Per mailbox."""
    sure_send_ids: int = SURE_SEND_IDS
    """Send ids that each mailbox gets even when the relay's total is used up."""
    sure_new_send_ids: int = SURE_NEW_SEND_IDS
    """The same while a mailbox was opened on fewer than three days."""
    max_total_send_ids: int = 200_000
    """Send ids of all mailboxes together, beyond those that each is guaranteed."""
    unused_days: int = 30
    """A send id beyond what is sure gives way when nothing came under it for so long."""
    max_tokens: int = 256
    """Uncollected ack tokens per mailbox, in memory; the oldest go first."""
    max_total_tokens: int = 100_000

    max_awake: int = 512
    """Mailboxes in memory that nobody collects; the others are rows of the store."""
    max_waiting: int = 10_000
    """Deposits and tokens that wait until the mailbox of their send id is looked up."""
    answer_seconds: float = 0.1
    """Answers to those who own no mailbox leave so long after the question."""

    write_after_seconds: float = 2.0
    """An online owner has so long to ack a push before it is written."""
    lease_seconds: float = 60.0
    """A push may stay unacked for so long; then everything from it on is pushed again."""
    max_window: int = 64
    """Unacked pushes of one collector; it may ask for fewer."""
    max_window_bytes: int = 512 * 1024
    max_in_flight_bytes: int = 64 * _MIB
    """Unacked pushes of all collectors; beyond it each gets one at a time."""
    max_held_bytes: int = 32 * _MIB
    """Envelopes in memory that are not committed yet; deposits beyond it are dropped."""

    ack_delay_seconds: float = 5.0
    ack_spread: float = 0.2
    """The compact ack leaves at ack_delay_seconds * (1 +- ack_spread) after arrival."""
    max_waiting_acks: int = 50_000

    max_pool: int = 200
    """One-time prekeys per mailbox."""
    prekey_bits: int = 18
    """Proof of work for the first prekey of a day that is not free; one more for each further."""
    query_memory_seconds: float = 600.0
    """A repeated prekey query gets the same response for so long."""
    max_queries: int = 10_000

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        if self.ttl_seconds < 1 or self.sweep_seconds < 1:
            raise ConfigError("the queue TTL and the sweep interval must be at least 1 second")
        if min(self.max_envelopes, self.max_window, self.max_tokens, self.contact_quota) < 1:
            raise ConfigError("a mailbox quota must be at least 1")
        if not 8 <= self.work_bits <= self.last_work_bits <= 64:
            raise ConfigError("proof of work has 8 to 64 bits, and not fewer when fuller")
        if not 8 <= self.mailbox_bits <= self.full_mailbox_bits <= 64:
            raise ConfigError("work for a new mailbox has 8 to 64 bits, and not fewer later")
        if self.turn_seconds <= 0 or self.saved_turns < 1:
            raise ConfigError("turns for new mailboxes take time, and at least one is saved up")
        if self.max_awake < 0 or self.max_waiting < 1 or self.answer_seconds < 0:
            raise ConfigError("bounds of what is in memory must not be negative")
        earliest_ack = self.ack_delay_seconds * (1 - self.ack_spread)
        if not 0 < self.write_after_seconds < earliest_ack:
            raise ConfigError("mail must be written before its acknowledgement can be due")
        if self.lease_seconds <= self.write_after_seconds:
            raise ConfigError("the lease must be longer than the time before a write")

    def idle_seconds(self, *, came_back: bool) -> int:
        """A mailbox that nobody opened for this long is removed."""
        return mailbox_idle_seconds(self.ttl_seconds, came_back=came_back)

    @property
    def longest_ack_seconds(self) -> float:
        """The longest time between the arrival of a deposit and its ack, in seconds."""
        return self.ack_delay_seconds * (1 + self.ack_spread)

    @property
    def public_ids(self) -> int:
        """The public send ids that a mailbox may have; one more is refused `full`.

        Counted are those that are registered and those whose mail waits: mail of a day's id may
        wait for the longest time after the last of its days.
        """
        return max(_LEAST_PUBLIC_IDS, -(-self.ttl_seconds // DAY_SECONDS) + _DAYS_OF_ID)

    @property
    def public_bytes(self) -> int:
        """Room for public mail of one mailbox: every place of as many send ids."""
        return self.public_ids * self.public_quota * _PLACE_BYTES

    def sure_ids(self, *, settled: bool) -> int:
        """Return the number of send ids that a mailbox is guaranteed."""
        return self.sure_send_ids if settled else self.sure_new_send_ids

    @property
    def sends_acks(self) -> bool:
        """Whether compact acks are sent: only for mail that survives a restart."""
        return self.profile is MailboxProfile.DURABLE
