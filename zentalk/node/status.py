"""What the owner of an API node is told about it; of relays, only the own entries."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """`ready` means: connected, a mailbox registered, the user record published.

    `tunnels` is full (two relays), reduced (one, in small networks) or none. `entries`
    are the URIs of entry relays with a live link, `unit_sizes` all sizes (bytes) of units
    that links of this node have carried.
    """

    ready: bool
    relays_known: int
    guards_connected: int
    mailboxes: int
    tunnels: str
    notes: tuple[str, ...]
    entries: tuple[str, ...] = ()
    unit_sizes: tuple[int, ...] = ()
