"""Direct connections as delivery sees them: copies go in, and what became of them comes out.

A line takes the same sealed copies that go to mailboxes, so that whoever gets one twice knows it.
Nothing here connects anybody, and a line never keeps the only copy: what it does not answer for is
sent over relays.
"""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

from zentalk.ids import SendId, UserAddress
from zentalk.net.signal import Signal
from zentalk.wire.deposit import Deposit

MAX_QUEUED: Final = 256
"""Copies that wait for one line; more go over relays."""


class DirectCopy(NamedTuple):
    """A sealed copy, and the token that speaks for it; None if nobody waits for one."""

    send_id: SendId
    envelope: bytes
    token: bytes | None

    def __repr__(self) -> str:
        return "<direct copy>"


class DirectLine:
    """The copies on their way to one contact whose node is connected to ours."""

    __slots__ = ("_queue", "_refused", "wake")

    def __init__(self) -> None:
        self._queue: deque[DirectCopy] = deque()
        self._refused: set[SendId] = set()
        self.wake = Signal()
        """Set when there is a copy to take."""

    def carry(self, deposit: Deposit, token: bytes | None) -> bool:
        """Queue a copy; False if there are too many already, or it would be refused."""
        if len(self._queue) >= MAX_QUEUED or deposit.send_id in self._refused:
            return False
        self._queue.append(DirectCopy(deposit.send_id, deposit.envelope, token))
        self.wake.set()
        return True

    def refuse(self, send_id: SendId) -> None:
        """Take no more copies for a send id under which the other side takes none.

        Else they would come back here each time they are due, and never go to a mailbox.
        """
        self._refused.add(send_id)

    def take(self) -> DirectCopy | None:
        """Return the copy to send next; None if there is none."""
        return self._queue.popleft() if self._queue else None


class DirectLines:
    """The lines that stand, by the contact at the other end."""

    def __init__(self) -> None:
        self.standing: dict[UserAddress, DirectLine] = {}

    def __contains__(self, contact: object) -> bool:
        return contact in self.standing

    def open(self, contact: UserAddress) -> DirectLine:
        """Return a new line; from now on copies for this contact go into it."""
        line = self.standing[contact] = DirectLine()
        return line

    def close(self, contact: UserAddress, line: DirectLine) -> None:
        """Let nothing more go into a line; of one that was replaced nothing is changed."""
        if self.standing.get(contact) is line:
            del self.standing[contact]
