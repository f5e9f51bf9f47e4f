"""The part of a client that is about webhooks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from zentalk.client import webhook_calls as calls
from zentalk.client.running import AwaitedCalls
from zentalk.rest.webhooks import DeadLetter, NewWebhook, Webhook


class AsyncWebhooks(AwaitedCalls):
    """The part of a client that is about webhooks."""

    async def webhooks(self) -> list[Webhook]:
        """Return the webhooks and how far each is; needs the owner's token."""
        return await self._run(calls.webhooks())

    async def add_webhook(
        self,
        url: str,
        types: Sequence[str] = (),
        conversation: str | None = None,
        content: Literal["ids", "full"] = "ids",
    ) -> NewWebhook:
        """Let the node post events to a URL from now on; `full` sends texts too, in the clear."""
        return await self._run(calls.add_webhook(url, types, conversation, content))

    async def remove_webhook(self, webhook_id: str) -> None:
        """Remove a webhook with its dead letters; raises NotFoundError."""
        await self._run(calls.remove_webhook(webhook_id))

    async def dead_letters(
        self, webhook_id: str, after: int = 0, limit: int = 100
    ) -> list[DeadLetter]:
        """Return events that were given up for a webhook, and why; raises NotFoundError."""
        return await self._run(calls.dead_letters(webhook_id, after, limit))

    async def retry_webhook(self, webhook_id: str, seq: int | None = None) -> int:
        """Try one dead letter, or all, once more; returns how many. Raises NotFoundError.

        What waits for its next try is tried at once.
        """
        return await self._run(calls.retry_webhook(webhook_id, seq))

    async def forget_dead_letters(self, webhook_id: str, seq: int | None = None) -> None:
        """Delete one dead letter, or all; raises NotFoundError."""
        await self._run(calls.forget_dead_letters(webhook_id, seq))
