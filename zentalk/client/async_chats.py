"""The part of a client that is about what is in conversations, and what others see."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from anyio import to_thread

from zentalk.client import chat_calls
from zentalk.client.async_chat import AsyncChat
from zentalk.client.importing import ImportReport, StepwiseImport
from zentalk.client.running import AwaitedCalls
from zentalk.errors import ConflictError
from zentalk.rest.conversations import FoundName, OwnPrivacy, PresenceNow, ShownProfile
from zentalk.rest.imports import ImportOut
from zentalk.rest.messages import Message


class AsyncChats(AwaitedCalls):
    """The part of a client that is about what is in conversations, and what others see."""

    def chat(self, address: str) -> AsyncChat:
        """Return one conversation, to do things in it; nothing is requested yet."""
        return AsyncChat(address, self._run)

    async def starred(self, before: int | None = None, limit: int = 100) -> list[Message]:
        """Return a page of your starred messages, newest last."""
        return await self._run(chat_calls.starred(before, limit))

    async def search(
        self,
        words: str,
        conversation: str | None = None,
        before: int | None = None,
        limit: int = 100,
        *,
        since: float | None = None,
        until: float | None = None,
    ) -> list[Message]:
        """Return messages that have all the words, newest first.

        `since` and `until` are unix seconds; for the next page set `before` to the last `seq`.
        """
        span = since, until
        return await self._run(chat_calls.search(words, conversation, before, limit, span))

    async def search_names(self, words: str) -> list[FoundName]:
        """Return contacts and groups in whose names words begin so, at most 20."""
        return await self._run(chat_calls.search_names(words))

    async def import_history(self, path: Path | str) -> ImportReport:
        """Import a file of `zentalk conversation export`; needs a token of scope `admin`.

        It is read in pieces, and checked as a whole before anything is imported. Messages that are
        there stay as they are, so it may be done again. Raises ConfigError for what is no export.
        """
        with closing(StepwiseImport(Path(path))) as run:
            call = await to_thread.run_sync(run.next, None)
            while call is not None:
                answer: ImportOut | ConflictError
                try:
                    answer = await self._run(call)
                except ConflictError as error:
                    answer = error
                call = await to_thread.run_sync(run.next, answer)
        assert run.report is not None
        return run.report

    async def shows(self, chats: list[str]) -> None:
        """Say which chats this device shows now; say it again every 30 seconds."""
        await self._run(chat_calls.shows(chats))

    async def presence(self, after: int | None = None, wait_seconds: int = 25) -> PresenceNow:
        """Return who is writing to you and who is there; with `after`, wait for a change."""
        return await self._run(chat_calls.presence(after, wait_seconds))

    async def privacy(self) -> OwnPrivacy:
        """Return what others are told of you beside messages."""
        return await self._run(chat_calls.privacy())

    async def set_privacy(self, **wished: bool) -> OwnPrivacy:
        """Switch `read_receipts`, `typing` and `presence`; what is left out stays as it is."""
        return await self._run(chat_calls.set_privacy(wished))

    async def profile(self) -> ShownProfile:
        """Return how you are shown to contacts."""
        return await self._run(chat_calls.profile(None))

    async def set_profile(self, name: str, status: str = "", avatar: bytes = b"") -> ShownProfile:
        """Set how you are shown; contacts are told, end to end."""
        return await self._run(chat_calls.set_profile(name, status, avatar))
