"""The owner's commands about webhooks. Every change is an event: no webhook comes unseen."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from zentalk.errors import ConflictError, NotFoundError
from zentalk.net.runtime import Runtime
from zentalk.node.notify.targets import check_url, host_of
from zentalk.store.history import events, webhooks
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.history.event_filter import EventFilter
from zentalk.store.history.webhooks import WebhookLetter, WebhookRow
from zentalk.store.sqlite import Transaction

MAX_WEBHOOKS: Final = 16
_ID_BYTES: Final = 8
_SECRET_BYTES: Final = 32
_NONE: Final = "there is no webhook with this id: list your webhooks"
_NO_LETTER: Final = "there is no such dead letter: list those of the webhook"


@dataclass(frozen=True, slots=True)
class WebhookView:
    """A webhook, how many events wait for it (counted up to 10,000), and how many were given up."""

    row: WebhookRow
    waiting: int
    dead: int


class WebhookCommands:
    """Adds, shows and removes webhooks.

    `on_change` is called with the id of each that has something new to do, or is gone.
    """

    def __init__(self, runtime: Runtime, database: HistoryDatabase) -> None:
        self._runtime = runtime
        self._database = database
        self.on_change: Callable[[str], None] = lambda _webhook: None

    async def listing(self) -> list[WebhookView]:
        """Return all webhooks, oldest first."""
        return await self._database.read(lambda tx: [_view(tx, row) for row in webhooks.every(tx)])

    async def add(self, url: str, wanted: EventFilter, content: str) -> tuple[WebhookView, str]:
        """Add a webhook for events from now on; returns it and its secret, shown this once.

        Raises ConfigError for a URL that is not accepted, ConflictError if there are too many.
        """
        check_url(url)
        entropy, now = self._runtime.entropy, self._runtime.wall()
        secret = base64.urlsafe_b64encode(entropy(_SECRET_BYTES)).rstrip(b"=")
        name = entropy(_ID_BYTES).hex()

        def job(tx: Transaction) -> WebhookView:
            if len(webhooks.every(tx)) >= MAX_WEBHOOKS:
                raise ConflictError(f"there are {MAX_WEBHOOKS} webhooks: remove one first")
            events.append(tx, "webhook.added", now, {"id": name, "host": host_of(url)})
            row = WebhookRow(name, url, wanted, content, secret, now, events.last_seq(tx))
            webhooks.add(tx, row)
            return _view(tx, row)

        view = await self._database.write(job)
        self.on_change(name)
        return view, secret.decode("ascii")

    async def remove(self, webhook: str) -> None:
        """Remove a webhook with its dead letters; raises NotFoundError."""
        now = self._runtime.wall()

        def job(tx: Transaction) -> None:
            row = _known(tx, webhook)
            webhooks.remove(tx, webhook)
            events.append(tx, "webhook.removed", now, {"id": webhook, "host": host_of(row.url)})

        await self._database.write(job)
        self.on_change(webhook)

    async def dead(self, webhook: str, after: int, limit: int) -> list[WebhookLetter]:
        """Return dead letters in the order of the log; raises NotFoundError."""

        def query(tx: Transaction) -> list[WebhookLetter]:
            _known(tx, webhook)
            return webhooks.letters(tx, webhook, after, limit)

        return await self._database.read(query)

    async def retry(self, webhook: str, seq: int | None) -> int:
        """Try one dead letter, or all, once more; returns how many. Raises NotFoundError.

        What waits for a later attempt is tried now as well.
        """

        def job(tx: Transaction) -> int:
            row = _known(tx, webhook)
            found = webhooks.again(tx, webhook, seq)
            if seq is not None and not found:
                raise NotFoundError(_NO_LETTER)
            webhooks.try_now(tx, row.id)
            return found

        found = await self._database.write(job)
        self.on_change(webhook)
        return found

    async def forget(self, webhook: str, seq: int | None) -> None:
        """Delete one dead letter, or all; raises NotFoundError."""

        def job(tx: Transaction) -> None:
            _known(tx, webhook)
            if not webhooks.forget_letters(tx, webhook, seq) and seq is not None:
                raise NotFoundError(_NO_LETTER)

        await self._database.write(job)


def _known(tx: Transaction, webhook: str) -> WebhookRow:
    row = webhooks.get(tx, webhook)
    if row is None:
        raise NotFoundError(_NONE)
    return row


def _view(tx: Transaction, row: WebhookRow) -> WebhookView:
    return WebhookView(row, webhooks.waiting(tx, row), webhooks.dead(tx, row.id))
