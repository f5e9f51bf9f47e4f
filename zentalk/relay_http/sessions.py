"""The sessions of owners who poll: one for each mailbox, ended when nobody asks any more.

A session is a collector like any other: a newer generation, over HTTP or a link, takes the
mailbox over, and what it had not acknowledged waits again.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

import trio

from zentalk.errors import RefusedError
from zentalk.ids import MailboxId
from zentalk.net.runtime import Runtime
from zentalk.net.sources import is_loopback, source_of
from zentalk.relay_http.facade import PolledMailboxes
from zentalk.relay_http.session import WINDOW, HttpSession
from zentalk.wire.deposit import NO_STAMP, Stamp

IDLE_SECONDS: Final = 90.0
CHECK_SECONDS: Final = 10.0
MAX_SESSIONS: Final = 1_024
MAX_PER_SOURCE: Final = 32
"""Of one address that is not loopback: mailboxes cost nothing, and must not end those of others."""
STALE: Final = "stale"
BUSY: Final = "busy"


class HttpSessions:
    """`run` must be running for idle ones to end."""

    def __init__(self, runtime: Runtime, mailboxes: PolledMailboxes) -> None:
        self._runtime = runtime
        self._mailboxes = mailboxes
        self._sessions: OrderedDict[MailboxId, HttpSession] = OrderedDict()
        self._opening: dict[tuple[MailboxId, int], trio.Event] = {}

    async def run(self) -> None:
        """End idle sessions, until cancelled; then end all."""
        try:
            while True:
                await trio.sleep(CHECK_SECONDS)
                before = self._runtime.monotonic() - IDLE_SECONDS
                for mailbox, session in list(self._sessions.items()):
                    if session.used_at < before or not session.is_open:
                        self._end(mailbox)
        finally:
            for mailbox in list(self._sessions):
                self._end(mailbox)

    async def of(
        self, mailbox: MailboxId, generation: int, host: str, stamp: Stamp = NO_STAMP
    ) -> HttpSession:
        """Return the session of an owner who has proved to be one, opening it if need be.

        `stamp` is work for a mailbox that is new: with it that may take until the relay's next
        turn. Raises RefusedError, with `stale` if the generation was used up and `work` if there
        is too little of it.
        """
        opening = self._opening.get((mailbox, generation))
        if opening is not None:
            await opening.wait()  # of two first requests at once, the second takes what comes
        session = self._sessions.get(mailbox)
        if session is None or not session.is_open or session.generation != generation:
            session = await self._open(mailbox, generation, host, stamp)
        session.used_at = self._runtime.monotonic()
        self._sessions.move_to_end(mailbox)
        return session

    async def _open(
        self, mailbox: MailboxId, generation: int, host: str, stamp: Stamp
    ) -> HttpSession:
        if mailbox not in self._sessions:
            self._check_source(host)
        session = HttpSession(generation, source_of(host), self._runtime.monotonic())
        opened = self._opening[mailbox, generation] = trio.Event()
        try:
            await self._mailboxes.open(session, mailbox, generation, WINDOW, stamp)
            self._enter(mailbox, session)
        except BaseException:
            self._mailboxes.connection_lost(session)
            raise
        finally:
            del self._opening[mailbox, generation]
            opened.set()
        return session

    def _enter(self, mailbox: MailboxId, session: HttpSession) -> None:
        if not session.is_open:
            raise RefusedError(STALE)  # overtaken before its opening was told
        self._end(mailbox)
        self._sessions[mailbox] = session
        if len(self._sessions) > MAX_SESSIONS:
            self._end(next(iter(self._sessions)))

    def _check_source(self, host: str) -> None:
        if is_loopback(host):
            return
        source = source_of(host)
        count = sum(session.source == source for session in self._sessions.values())
        if count >= MAX_PER_SOURCE:
            raise RefusedError(BUSY)

    def _end(self, mailbox: MailboxId) -> None:
        session = self._sessions.pop(mailbox, None)
        if session is not None:
            self._mailboxes.connection_lost(session)
            session.close()
