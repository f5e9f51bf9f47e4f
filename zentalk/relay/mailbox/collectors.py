"""The connections that the mailbox knows: who collects, and what each may have.

Spec: docs/spec/mailbox.md sections 3, 9 and 10. The core knows a connection by a number that is
never used twice; this is where numbers and connections meet. It decides nothing about mail.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Protocol

from zentalk.errors import LinkClosedError, RefusedError
from zentalk.mailbox.commands import CloseCollector, Push, PushToken
from zentalk.mailbox.events import Collector, CollectorLost
from zentalk.relay.mailbox.poll_queue import PollQueue
from zentalk.wire.rpc_mailbox import (
    PushNotification,
    TokenNotification,
    encode_push,
    encode_replaced,
    encode_token,
)


class CollectorLink(Protocol):
    """The part of a connection that the mailbox uses (`zentalk.net.connection.Connection`)."""

    @property
    def handshake_hash(self) -> bytes:
        """The hash that the collect proof is bound to."""
        ...

    def notify(self, body: bytes) -> None:
        """Queue a notification; raises LinkClosedError."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


class Collectors:
    """All connections that collect, those that poll among them."""

    def __init__(self) -> None:
        self._last = 0
        self._numbers: dict[CollectorLink, Collector] = {}
        self._links: dict[Collector, CollectorLink] = {}
        self._queues: dict[CollectorLink, PollQueue] = {}

    # --- what connections do -------------------------------------------------------------

    def enter(self, link: CollectorLink) -> Collector:
        """Return the number of a connection, a new one if it has none yet."""
        collector = self._numbers.get(link)
        if collector is None:
            self._last += 1
            collector = Collector(self._last)
            self._numbers[link] = collector
            self._links[collector] = link
        return collector

    def find(self, link: CollectorLink) -> Collector | None:
        """Return the number of a connection, None before its `mail.open`."""
        return self._numbers.get(link)

    def known(self, link: CollectorLink) -> Collector:
        """Return the number of a connection; raises RefusedError before its `mail.open`."""
        collector = self._numbers.get(link)
        if collector is None:
            raise RefusedError("closed")
        return collector

    def poll_queue(self, link: CollectorLink) -> PollQueue:
        """Return what waits for a connection's polls, which its first poll begins.

        Raises RefusedError if that comes after `mail.open`: it takes pushes then.
        """
        queue = self._queues.get(link)
        if queue is None:
            if link in self._numbers:
                raise RefusedError("opened")
            queue = self._queues[link] = PollQueue()
        return queue

    def lost(self, link: CollectorLink) -> CollectorLost | None:
        """Forget a connection that ended; return what the core is to be told, if it knew it."""
        self._queues.pop(link, None)
        collector = self._numbers.pop(link, None)
        if collector is None:
            return None
        del self._links[collector]
        return CollectorLost(collector)

    def lose_all(self) -> list[CollectorLost]:
        """Forget all connections that collect."""
        lost = [self.lost(link) for link in list(self._numbers)]
        return [event for event in lost if event is not None]

    # --- what the core tells them --------------------------------------------------------

    def push(self, command: Push) -> CollectorLost | None:
        """Send an envelope, or keep it for the next poll."""
        push = PushNotification(
            command.seq,
            command.send_id,
            command.sealed,
            command.arrived_hour,
            command.deposit_id,
            command.stamp,
        )
        queue = self._queue_of(command.collector)
        if queue is None:
            return self._notify(command.collector, encode_push(push))
        queue.push(push)
        return None

    def push_token(self, command: PushToken) -> CollectorLost | None:
        """Send an ack token, or keep it for the next poll."""
        token = TokenNotification(command.send_id, command.token)
        queue = self._queue_of(command.collector)
        if queue is None:
            return self._notify(command.collector, encode_token(token))
        queue.token(token)
        return None

    def close(self, command: CloseCollector) -> None:
        """Close a connection that another has replaced, and let its owner know why."""
        link = self._links.pop(command.collector, None)
        if link is not None:
            del self._numbers[link]
            self._queues.pop(link, None)
            with suppress(LinkClosedError):
                link.notify(encode_replaced())
            link.close()

    def _queue_of(self, collector: Collector) -> PollQueue | None:
        link = self._links.get(collector)
        return None if link is None else self._queues.get(link)

    def _notify(self, collector: Collector, body: bytes) -> CollectorLost | None:
        link = self._links.get(collector)
        if link is None:
            return None
        try:
            link.notify(body)
        except LinkClosedError:
            return self.lost(link)
        return None
