"""What HTTP sees of a relay, and nothing else: packets in, mailboxes, known relays.

Each part is described by what is used of it, so that HTTP does not depend on how a relay is
put together, and a test can stand in for one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from zentalk.ids import MailboxId
from zentalk.mailbox.core import MailboxStats
from zentalk.relay_http.session import HttpSession
from zentalk.relay_http.status_page import StatusPage
from zentalk.wire.deposit import NO_STAMP, Stamp
from zentalk.wire.descriptor import Descriptor
from zentalk.wire.rpc_send_ids import SendIdsRequest


class PacketInlet(Protocol):
    """Where packets go in (`Router`)."""

    def packet_received(self, packet: bytes) -> None:
        """Take one packet; what becomes of it is not told."""
        ...


class PolledMailboxes(Protocol):
    """The mailboxes of a relay (`MailboxService`); the methods raise RefusedError."""

    async def open(
        self,
        connection: HttpSession,
        mailbox: MailboxId,
        generation: int,
        window: int,
        stamp: Stamp = NO_STAMP,
    ) -> None:
        """Let a session collect a mailbox whose key it has proved to hold.

        One that is new and shows work may have to wait for the next turn.
        """
        ...

    async def price(self) -> int:
        """Return the bits of work that a new mailbox takes now."""
        ...

    async def change_send_ids(self, connection: HttpSession, request: SendIdsRequest) -> None:
        """Register and remove send ids; returns once it is stored."""
        ...

    def acknowledge(self, connection: HttpSession, seqs: Sequence[int]) -> None:
        """Let go what is saved."""
        ...

    def defer(self, connection: HttpSession, seqs: Sequence[int]) -> None:
        """Keep what strangers sent and there is no room for until it is asked for anew."""
        ...

    def connection_lost(self, connection: HttpSession) -> None:
        """Take note that a session ended."""
        ...

    def stats(self) -> MailboxStats:
        """Return exact counts."""
        ...

    def sweep(self) -> None:
        """Delete what has expired."""
        ...


class BanNotice(Protocol):
    """The words for whoever is refused (`zentalk.relay.access.bans.Ban`)."""

    @property
    def until(self) -> int | None:
        """The end of it in unix seconds, None for good."""
        ...

    @property
    def reason(self) -> str:
        """The operator's reason, or nothing."""
        ...


class LiveRelays(Protocol):
    """The relays that are known (`DirectoryService`)."""

    def live(self) -> Iterable[Descriptor]:
        """Return the descriptors that are valid now."""
        ...


@dataclass(frozen=True, slots=True)
class RelayFacade:
    """The parts of a running relay that HTTP leads to.

    `is_draining` tells that it stops, `takes_strangers` whether packets are taken from those who
    show no token, and `status` gives its operator's page.
    """

    packets: PacketInlet
    mailboxes: PolledMailboxes
    relays: LiveRelays
    is_draining: Callable[[], bool]
    takes_strangers: Callable[[], bool]
    status: Callable[[], Awaitable[StatusPage]]
