"""The counters of a relay: events by kind and refusals by reason, never who or what.

Counters carry no ids, sizes or times of single packets. Everything a relay drops, it
drops in silence and counts here, the crashes of single links and packets too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from zentalk.logs import quiet_logger
from zentalk.mailbox.core import MailboxStats
from zentalk.net import crash_isolation

BUG: Final = "bug"
"""The reason under which a link or packet is counted that met a bug."""
_REFUSED: Final = "refused_"
_OF_SEVERAL: Final = ("refused", "mailbox", "storage")
_LOG: Final = quiet_logger("zentalk.relay")


@dataclass(slots=True)
class Counters:
    """Running totals since the start; only the relay's own parts add to them.

    Deposits and tokens are not among them: only the mailbox knows which of them it took.
    """

    forwarded: int = 0
    cover: int = 0
    acks_sent: int = 0
    delayed: int = 0
    streams_spliced: int = 0
    streams_ended_here: int = 0
    connections_accepted: int = 0
    links_dialled: int = 0
    refused: Counter[str] = field(default_factory=Counter)

    def refuse(self, reason: str, count: int = 1) -> None:
        """Count something dropped or declined, by a fixed word."""
        self.refused[reason] += count


@dataclass(frozen=True, slots=True)
class RelayStats:
    """One relay's counters and gauges at one moment.

    `deposited`, `repeats`, `tokens` and `mailbox` are what the mailbox service counted, `storage`
    what the shard service did. `refused` maps a fixed word to a count, the refusals of these among
    them as `mailbox-...` and `storage-...`. `dialled_by`
    counts the relays that made a link to this one within the last hour, `access_tokens_used` the
    tokens of which there are links now.
    """

    forwarded: int = 0
    deposited: int = 0
    repeats: int = 0
    tokens: int = 0
    cover: int = 0
    acks_sent: int = 0
    delayed: int = 0
    streams_spliced: int = 0
    streams_ended_here: int = 0
    connections_accepted: int = 0
    links_dialled: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)
    connections: int = 0
    relay_links: int = 0
    dialled_by: int = 0
    streams: int = 0
    queued_bytes: int = 0
    memory_bytes: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    relays_known: int = 0
    access_tokens: int = 0
    access_tokens_used: int = 0
    boot: int = 0
    mailbox: Mapping[str, int] = field(default_factory=dict)
    storage: Mapping[str, int] = field(default_factory=dict)

    @property
    def delivered(self) -> int:
        """The number of packets whose path ended here and that were taken."""
        return self.deposited + self.repeats + self.tokens + self.cover

    def counters(self) -> dict[str, int]:
        """Return everything that is one number, by name."""
        names = [name for name in RelayStats.__slots__ if name not in _OF_SEVERAL]
        return {name: int(getattr(self, name)) for name in (*names, "delivered")}


def mailbox_counts(stats: MailboxStats) -> dict[str, Any]:
    """Return the fields of `RelayStats` that only the mailbox can fill in."""
    numbers = {name: getattr(stats, name) for name in MailboxStats.__slots__}
    counters: dict[str, int] = dict(numbers.pop("counters"))
    words = [name.removeprefix(_REFUSED) for name in counters if name.startswith(_REFUSED)]
    return {
        "refused": {f"mailbox-{word}": counters.pop(_REFUSED + word) for word in words},
        **{name: counters.pop(name, 0) for name in ("deposited", "repeats", "tokens")},
        "mailbox": counters | numbers,
    }


def shard_counts(stats: Mapping[str, int]) -> dict[str, Any]:
    """Return the fields of `RelayStats` that only the shard service can fill in."""
    refused = {
        f"storage-{name.removeprefix(_REFUSED)}": count
        for name, count in stats.items()
        if name.startswith(_REFUSED)
    }
    done = {name: count for name, count in stats.items() if not name.startswith(_REFUSED)}
    return {"refused": refused, "storage": done}


def contained(
    counters: Counters, event: str = "link_ended_by_a_bug"
) -> AbstractContextManager[None]:
    """Run the work of one link or packet; what it raises is counted, logged and goes no further.

    Spec: docs/spec/link.md section 11.
    """
    return crash_isolation.contained(_LOG, event, partial(counters.refuse, BUG))
