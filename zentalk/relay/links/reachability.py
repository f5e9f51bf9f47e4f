"""Whether others lately reached this relay from outside, as far as it can know.

What is known: which relays dialled it, because a handshake proved who they are. What is not: at
which of its addresses, and whether people's nodes do, because those are anonymous. So it warns of
silence and never says that all is well. It knows relays by their ids and shows numbers only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

import trio

from zentalk.ids import NodeId
from zentalk.logs import quiet_logger
from zentalk.net.runtime import Runtime

LATELY_SECONDS: Final = 3600.0
LOOK_SECONDS: Final = 60.0
ENOUGH_RELAYS: Final = 3
"""Others that must be known before silence means something: two relays have one link, which
either of them may have dialled."""
MAX_UNVERIFIED: Final = 1024
"""Links kept of relays that the directory does not count yet: anyone may say to be one."""
_LOG: Final = quiet_logger("zentalk.relay")
_SENTENCE: Final = (
    "no other relay has dialled this one for an hour, though it knows {others}: it may be out of "
    "reach. Check that its ports are open from outside (firewall, port forwarding) and that what "
    "it announces (`host` and `port`, or `announce_host` and `announce_port`) leads here. Whether "
    "people's nodes reach it cannot be seen from here"
)


class InboundLink(Protocol):
    """A link that somebody else dialled (`zentalk.net.connection.Connection`)."""

    @property
    def is_open(self) -> bool:
        """Whether it still carries anything."""


class Reachability:
    """The relays that dialled this one.

    `others` returns how many it knows besides itself, `counts` tells whether one is of these: a
    stranger that says to be a relay must not make an operator believe that all is well.
    """

    def __init__(
        self, runtime: Runtime, others: Callable[[], int], counts: Callable[[NodeId], bool]
    ) -> None:
        self._runtime = runtime
        self._others = others
        self._counts = counts
        self._dialled: dict[NodeId, tuple[float, InboundLink]] = {}
        self._heard_at = runtime.monotonic()
        self.warnings: list[str] = []
        """Warnings to the operator, a sentence each."""

    def dialled_by(self, node_id: NodeId, link: InboundLink) -> None:
        """Take note of a link that a relay made to one of our ports.

        It may be verified later: who is not observed yet shows itself so.
        """
        is_full = len(self._dialled) >= MAX_UNVERIFIED and node_id not in self._dialled
        if is_full and not self._counts(node_id):
            return
        self._dialled[node_id] = (self._runtime.monotonic(), link)

    @property
    def count(self) -> int:
        """The relays that dialled this one within the last hour, or whose link is still open."""
        oldest = self._runtime.monotonic() - LATELY_SECONDS
        return sum(
            (at > oldest or link.is_open) and self._counts(node_id)
            for node_id, (at, link) in self._dialled.items()
        )

    async def run(self) -> None:
        """Look every minute, until cancelled."""
        while True:
            self.look()
            await trio.sleep(LOOK_SECONDS)

    def look(self) -> None:
        """Forget what is older than an hour, and say once in the log what has changed."""
        now = self._runtime.monotonic()
        for node_id, (at, link) in list(self._dialled.items()):
            if self._counts(node_id):
                self._heard_at = max(self._heard_at, now if link.is_open else at)
            if not link.is_open and at <= now - LATELY_SECONDS:
                del self._dialled[node_id]
        others = self._others()
        silent = others >= ENOUGH_RELAYS and now - self._heard_at >= LATELY_SECONDS
        if silent and not self.warnings:
            _LOG.warning("nobody_dials_this_relay", relays_known=others)
        if self.warnings and not silent:
            _LOG.info("others_dial_this_relay_again")
        self.warnings = [_SENTENCE.format(others=others)] if silent else []
