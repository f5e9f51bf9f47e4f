"""What the owner of an API node is told about it; of relays, only the own entries and bad ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from zentalk.node.relays.loss_statistics import Finding

LossyRole = Literal["guard", "middle", "mailbox"]


@dataclass(frozen=True, slots=True)
class LossyRelay:
    """A relay (its URI) that `lost` of the `packets` that this node's paths gave it.

    As `guard` or `middle` it did not forward them, as `mailbox` it did not acknowledge mail
    that was left there.
    """

    relay: str
    role: LossyRole
    lost: int
    packets: int


@dataclass(frozen=True, slots=True)
class NetworkStatus:
    """What an owner is told about the network, as JSON-able values."""

    relays_known: int
    guards_connected: int
    tunnels: Literal["full", "short", "none"]
    notes: tuple[str, ...]
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class MailboxStatus:
    """One of the owner's mailboxes: the URI of its relay, empty while that is not known.

    `current` ones are in the user record; the others were replaced, and are polled `until`
    then. `collected`: connected now. Times are unix seconds.
    """

    id: str
    relay: str
    current: bool
    collected: bool
    since: float
    until: float | None


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """`ready` means: connected, a mailbox registered, the user record published.

    `tunnels` is full (three relays before the end, as packets have), short (one, in small
    networks, where packets have one hop less) or none. `entries` are the URIs of entry relays with
    a live link, `unit_sizes` all sizes (bytes) of units that links of this node have carried.
    `lossy_relays` lose more than chance explains.
    """

    ready: bool
    relays_known: int
    guards_connected: int
    mailboxes: int
    tunnels: str
    notes: tuple[str, ...]
    entries: tuple[str, ...] = ()
    unit_sizes: tuple[int, ...] = ()
    profile: str = "fast"
    lossy_relays: tuple[LossyRelay, ...] = ()


def role_of(found: Finding, *, is_guard: bool) -> LossyRole:
    """Return what a relay was when it lost packets."""
    if not found.forwards:
        return "mailbox"
    return "guard" if is_guard else "middle"
