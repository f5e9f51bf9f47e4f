"""Brings events to their webhooks: in order, at least once, over restarts.

The cursor is saved after each event; when the node ends in between, the event comes once more.
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
from zentalk.node.notify.tasks import TaskForEach
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
        self._looked_to: dict[str, int] = {}
        """How far the log was looked through for each webhook, past what it does not want."""
        self._tasks = TaskForEach(self._names, self._step)

    def poke(self, webhook: str) -> None:
        """Let a webhook's task look again what there is to do; begin with one that is new."""
        self._tasks.poke(webhook)

    async def run(self) -> None:
        """Deliver until cancelled."""
        await self._tasks.run()

    async def _names(self) -> list[str]:
        return [row.id for row in await until_stored(partial(self._database.read, webhooks.every))]

    async def _step(self, webhook: str, wait: trio.CancelScope) -> bool:
        """Deliver a page, or wait for one; False once the webhook is removed."""
        row, letter = await until_stored(partial(self._database.read, partial(_state, webhook)))
        if row is None:
            self._looked_to.pop(webhook, None)
            return False
        after = max(self._looked_to.get(webhook, 0), row.cursor)
        if letter is not None:
            await self._try_again(row, letter)
        elif pause := schedule.wait_seconds(row, self._runtime.wall()):
            with wait:
                await trio.sleep(pause)
        else:
            self._looked_to[webhook] = await self._deliver_page(row, after, wait)
        return True

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
