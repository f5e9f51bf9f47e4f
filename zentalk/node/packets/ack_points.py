"""Where compact acks of what we send may end: at our own mailboxes that are registered."""

from __future__ import annotations

from collections.abc import Container, Mapping

from zentalk.ids import MailboxId, NodeId, SendId


class AckPoints:
    """The send ids for acks of our current mailboxes; mailboxes write, senders read."""

    def __init__(self) -> None:
        self._points: dict[MailboxId, tuple[NodeId, SendId]] = {}
        self.by_relay: Mapping[NodeId, SendId] = {}
        """The send id for acks at each relay."""

    def __contains__(self, mailbox: MailboxId) -> bool:
        return mailbox in self._points

    def add(self, mailbox: MailboxId, relay: NodeId, send_id: SendId) -> None:
        """Let acks come to a mailbox."""
        self._points[mailbox] = (relay, send_id)
        self.by_relay = dict(self._points.values())

    def keep_only(self, mailboxes: Container[MailboxId]) -> None:
        """Drop the mailboxes that are not among these."""
        self._points = {box: point for box, point in self._points.items() if box in mailboxes}
        self.by_relay = dict(self._points.values())

    def drop(self, mailbox: MailboxId) -> None:
        """Let no more acks come to a mailbox."""
        self._points.pop(mailbox, None)
        self.by_relay = dict(self._points.values())
