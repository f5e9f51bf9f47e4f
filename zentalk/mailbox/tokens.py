"""Ack tokens that wait for owners who are away: a ring for each mailbox, in memory only.

Spec: docs/spec/mailbox.md section 3. Apart from the mailboxes, so that a token keeps none of them
awake. Bounded for each and in all.
"""

from __future__ import annotations

from collections import deque

from zentalk.ids import MailboxId, SendId


class Tokens:
    """All rings of one relay; the length is how many tokens wait in them."""

    __slots__ = ("_count", "_rings")

    def __init__(self) -> None:
        self._rings: dict[MailboxId, deque[tuple[SendId, bytes]]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def keep(
        self, mailbox: MailboxId, send_id: SendId, token: bytes, *, most: int, most_in_all: int
    ) -> None:
        """Keep a token: of one mailbox the oldest gives way, of all the newest."""
        ring = self._rings.get(mailbox, deque())
        if len(ring) >= most:
            ring.popleft()
            self._count -= 1
        if self._count < most_in_all:
            ring.append((send_id, token))
            self._count += 1
            self._rings[mailbox] = ring

    def take(self, mailbox: MailboxId) -> deque[tuple[SendId, bytes]]:
        """Take out what waits for one mailbox, the oldest first."""
        ring = self._rings.pop(mailbox, deque())
        self._count -= len(ring)
        return ring
