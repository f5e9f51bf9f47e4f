"""Where compact acks of what we send may end: at our own mailboxes that are registered."""

from __future__ import annotations

from collections.abc import Container

from zentalk.ids import MailboxId, NodeId, SendId


class AckPoints:
    """The send ids for acks of our current mailboxes; mailboxes write, whoever sends reads."""

    def __init__(self) -> None:
        self._points: dict[MailboxId, tuple[NodeId, SendId]] = {}
        self._by_relay: dict[NodeId, SendId] = {}

    def __contains__(self, mailbox: MailboxId) -> bool:
        return mailbox in self._points

    def by_relay(self) -> dict[NodeId, SendId]:
        """Return the send id for acks at each relay; not to be changed."""
        return self._by_relay

    def add(self, mailbox: MailboxId, relay: NodeId, send_id: SendId) -> None:
        """Let acks come to a mailbox."""
        self._points[mailbox] = (relay, send_id)
        self._by_relay = dict(self._points.values())

    def keep_only(self, mailboxes: Container[MailboxId]) -> None:
        """Drop the mailboxes that are not among these."""
        self._points = {box: point for box, point in self._points.items() if box in mailboxes}
        self._by_relay = dict(self._points.values())

    def drop(self, mailbox: MailboxId) -> None:
        """Let no more acks come to a mailbox."""
        self._points.pop(mailbox, None)
        self._by_relay = dict(self._points.values())
