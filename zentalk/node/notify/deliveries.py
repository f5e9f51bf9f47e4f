"""Brings events to their webhooks: in order, at least once, over restarts.

Each webhook has a task of its own, so that a slow one keeps no other waiting. The cursor is saved
after each event; when the node ends in between, the event comes once more.
"""

from __future__ import annotations

from functools import partial
from typing import Final

import trio

from zentalk.net.runtime import Runtime
from zentalk.node.event_log import EventLog
from zentalk.node.notify import payload, schedule
from zentalk.node.notify.outgoing import Outgoing
from zentalk.node.notify.schedule import Answer
from zentalk.store.history import webhooks
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.history.models import StoredEvent
from zentalk.store.history.webhooks import WebhookLetter, WebhookRow
from zentalk.store.retry import until_stored
from zentalk.store.sqlite import Transaction

_PAGE: Final = 50


class Deliveries:
    """Delivers while `run` runs; `poke` tells it what has changed."""

    def __init__(
        self, runtime: Runtime, database: HistoryDatabase, log: EventLog, outgoing: Outgoing
    ) -> None:
        self._runtime = runtime
        self._database = database
        self._log = log
        self._outgoing = outgoing
        self._waits: dict[str, trio.CancelScope] = {}
        """One for each webhook that is served; cancelled when it is to look again."""
        self._tasks: trio.Nursery | None = None

    def poke(self, webhook: str) -> None:
        """Let a webhook's task look again what there is to do; begin with one that is new."""
        if webhook in self._waits:
            self._waits[webhook].cancel()
        elif self._tasks is not None:
            self._start(webhook)

    async def run(self) -> None:
        """Deliver until cancelled."""
        async with trio.open_nursery() as self._tasks:
            for row in await until_stored(partial(self._database.read, webhooks.every)):
                if row.id not in self._waits:
                    self._start(row.id)
            await trio.sleep_forever()

    def _start(self, webhook: str) -> None:
        assert self._tasks is not None
        self._waits[webhook] = trio.CancelScope()
        self._tasks.start_soon(self._serve, webhook)

    async def _serve(self, webhook: str) -> None:
        """Deliver to one webhook until it is removed."""
        after = 0
        try:
            while True:
                # Before the state is read: a poke from here on ends the next wait at once.
                wait = self._waits[webhook] = trio.CancelScope()
                row, letter = await until_stored(
                    partial(self._database.read, partial(_state, webhook))
                )
                if row is None:
                    return
                after = max(after, row.cursor)
                if letter is not None:
                    await self._try_again(row, letter)
                elif pause := schedule.wait_seconds(row, self._runtime.wall()):
                    with wait:
                        await trio.sleep(pause)
                else:
                    after = await self._deliver_page(row, after, wait)
        finally:
            self._waits.pop(webhook, None)

    async def _deliver_page(self, row: WebhookRow, after: int, wait: trio.CancelScope) -> int:
        """Deliver what comes after a number; return after which one to go on."""
        page = await self._log.page(after, _PAGE, row.wanted)
        for event in page.events:
            if wait.cancel_called:
                return row.cursor
            answer = await self._send(row, event)
            if not answer.is_success:
                return await self._failed(row, event, answer)
            row = schedule.delivered(row, event.seq, self._runtime.wall())
            await self._save(row)
        if not page.events:
            with wait:
                await self._log.wait_events(page.next)
        return page.next

    async def _send(self, row: WebhookRow, event: StoredEvent) -> Answer:
        body = payload.body_of(row, event)
        headers = payload.headers_of(row, event, body, self._runtime.wall())
        return await self._outgoing.post(row.url, headers, body)

    async def _failed(self, row: WebhookRow, event: StoredEvent, answer: Answer) -> int:
        """Note a failure, and give up what has waited for too long; return where to go on."""
        now = self._runtime.wall()
        row = schedule.failed(row, answer, now, self._runtime.entropy)
        if schedule.refuses_for_good(row, answer):
            row = schedule.after_refusal(row, event.seq)
            await self._save(row, [event.seq], answer)
            return row.cursor
        await self._save(row)
        limit = schedule.dead_before(row, now)
        while limit is not None:
            page = await self._log.page(row.cursor, _PAGE, row.wanted)
            dead = [old.seq for old in page.events if old.at <= limit]
            if not dead:
                break
            row = schedule.after_death(row, dead[-1])
            await self._save(row, dead, answer)
        return row.cursor

    async def _try_again(self, row: WebhookRow, letter: WebhookLetter) -> None:
        """Send a dead letter once more; it is deleted, or stays one."""
        answer = await self._send(row, letter.event)
        seq, now = letter.event.seq, self._runtime.wall()

        def job(tx: Transaction) -> None:
            if answer.is_success:
                webhooks.forget_letters(tx, row.id, seq)
            else:
                webhooks.bury(tx, row.id, [seq], now, answer.reason())

        await until_stored(partial(self._database.write, job))

    async def _save(
        self, row: WebhookRow, dead: list[int] | None = None, answer: Answer | None = None
    ) -> None:
        now = self._runtime.wall()

        def job(tx: Transaction) -> None:
            if webhooks.update(tx, row) and dead and answer is not None:
                webhooks.bury(tx, row.id, dead, now, answer.reason())

        await until_stored(partial(self._database.write, job))


def _state(webhook: str, tx: Transaction) -> tuple[WebhookRow | None, WebhookLetter | None]:
    """Return a webhook and the dead letter that is to be tried once more, if there is one."""
    return webhooks.get(tx, webhook), webhooks.next_again(tx, webhook)
