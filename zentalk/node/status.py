"""What the owner of an API node is told about it; numbers and plain words, no ids."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """`ready` means: connected, a mailbox registered, the user record published.

    `tunnels` is full (two relays), reduced (one, in small networks) or none.
    """

    ready: bool
    relays_known: int
    guards_connected: int
    mailboxes: int
    tunnels: str
    notes: tuple[str, ...]
