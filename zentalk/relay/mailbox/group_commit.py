"""Group commit for the mailbox: everything queued at one moment is one transaction.

Spec: docs/spec/mailbox.md section 7. Keeps the order of operations, reports each only
after its commit, and goes on when the disk is full or failing. It never decides what
is stored.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, TypeAlias

import trio

from zentalk.errors import StorageError, StorageFullError
from zentalk.logs import quiet_logger
from zentalk.mailbox.commands import Apply
from zentalk.mailbox.storage import (
    CountAttempts,
    DeleteEnvelopes,
    MailboxStore,
    Operation,
    Outcome,
    PutEnvelope,
    PutOutcome,
    PutResult,
)
from zentalk.net.runtime import Runtime

MAX_BATCH: Final = 256
"""Operations of one transaction."""
MAX_BATCH_BYTES: Final = 4 * 1024 * 1024
LINGER_SECONDS: Final = 0.02
"""Operations that nobody waits for may wait for company so long: acks leave seconds
later anyway, and every commit costs a thread hop and an fsync."""

_LOG: Final = quiet_logger("zentalk.relay")
_PATIENT: Final = (PutEnvelope, DeleteEnvelopes, CountAttempts)

Finished: TypeAlias = Callable[[int, Outcome | None], None]
"""Called with an operation's number and outcome, None when it changed nothing."""


class MailboxWriter:
    """The one task that calls the store."""

    def __init__(self, runtime: Runtime, store: MailboxStore, finished: Finished) -> None:
        self._run_blocking = runtime.run_blocking
        self._store = store
        self._finished = finished
        self._queue: deque[Apply] = deque()
        self._work = trio.Event()
        self._hurry = trio.Event()
        self._failed = ""
        self.trouble = ""
        self.commits = 0
        self.failures = 0

    def put(self, command: Apply) -> None:
        """Queue an operation."""
        self._queue.append(command)
        self._work.set()
        if not isinstance(command.operation, _PATIENT):
            self._hurry.set()

    async def run(self) -> None:
        """Apply operations until cancelled."""
        while True:
            await self._work.wait()
            if len(self._queue) < MAX_BATCH:
                with trio.move_on_after(LINGER_SECONDS):
                    await self._hurry.wait()
            self._work, self._hurry = trio.Event(), trio.Event()
            await self.drain()

    async def drain(self) -> None:
        """Apply all that is queued; what arrives meanwhile makes the next batch."""
        while self._queue:
            batch = self._take_batch()
            # Once begun, a commit is reported: the core must know what became of it.
            with trio.CancelScope(shield=True):
                outcomes = await self._run_blocking(
                    partial(self._apply, [command.operation for command in batch])
                )
            self._tell_of_trouble(outcomes)
            for command, outcome in zip(batch, outcomes, strict=True):
                self._finished(command.number, outcome)

    def _take_batch(self) -> list[Apply]:
        batch: list[Apply] = []
        size_bytes = 0
        while self._queue and len(batch) < MAX_BATCH and size_bytes < MAX_BATCH_BYTES:
            command = self._queue.popleft()
            if isinstance(command.operation, PutEnvelope):
                size_bytes += len(command.operation.envelope.sealed)
            batch.append(command)
        return batch

    def _apply(self, operations: Sequence[Operation]) -> Sequence[Outcome | None]:
        """Apply all as one transaction or, when that fails, each by itself."""
        self.commits += 1
        try:
            return self._store.apply(operations)
        except StorageError as error:
            self.failures += 1
            self._failed = "full" if isinstance(error, StorageFullError) else "failing"
        if len(operations) == 1:
            return [None]
        # On a full disk deletes still work, and they make room for what follows.
        return [self._apply([operation])[0] for operation in operations]

    def _tell_of_trouble(self, outcomes: Sequence[Outcome | None]) -> None:
        """Tell the operator once that mail cannot be stored, and once that it can again."""
        puts = [outcome.result for outcome in outcomes if isinstance(outcome, PutOutcome)]
        if PutResult.NO_SPACE in puts or None in outcomes:
            reason = self._failed if None in outcomes else "full"
            if reason != self.trouble:
                self.trouble = reason
                _LOG.warning("mail_cannot_be_stored", reason=reason)
        elif self.trouble and PutResult.INSERTED in puts:
            self.trouble = ""
            _LOG.info("mail_can_be_stored_again")
