"""The part of a client that is about webhooks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from zentalk.client import webhook_calls as calls
from zentalk.client.running import BlockingCalls
from zentalk.rest.webhooks import DeadLetter, NewWebhook, Webhook


class SyncWebhooks(BlockingCalls):
    """The part of a client that is about webhooks."""

    def webhooks(self) -> list[Webhook]:
        """Return the webhooks and how far each is; needs the owner's token."""
        return self._run(calls.webhooks())

    def add_webhook(
        self,
        url: str,
        types: Sequence[str] = (),
        conversation: str | None = None,
        content: Literal["ids", "full"] = "ids",
    ) -> NewWebhook:
        """Let the node post events to a URL from now on; `full` sends texts too, in the clear."""
        return self._run(calls.add_webhook(url, types, conversation, content))

    def remove_webhook(self, webhook_id: str) -> None:
        """Remove a webhook with its dead letters; raises NotFoundError."""
        self._run(calls.remove_webhook(webhook_id))

    def dead_letters(self, webhook_id: str, after: int = 0, limit: int = 100) -> list[DeadLetter]:
        """Return events that were given up for a webhook, and why; raises NotFoundError."""
        return self._run(calls.dead_letters(webhook_id, after, limit))

    def retry_webhook(self, webhook_id: str, seq: int | None = None) -> int:
        """Try one dead letter, or all, once more; returns how many. Raises NotFoundError.

        What waits for its next try is tried at once.
        """
        return self._run(calls.retry_webhook(webhook_id, seq))

    def forget_dead_letters(self, webhook_id: str, seq: int | None = None) -> None:
        """Delete one dead letter, or all; raises NotFoundError."""
        self._run(calls.forget_dead_letters(webhook_id, seq))
