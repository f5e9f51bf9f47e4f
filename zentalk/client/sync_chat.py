"""One conversation of a node, as a client uses it.

`client.chat(address)` makes it; nothing is requested before a method is called. Each raises
NotFoundError if the message or person is not there, and what every call of the client raises.
"""

from __future__ import annotations

from typing import Any

from zentalk.client import chat_calls as calls
from zentalk.client import group_calls
from zentalk.client.calls import RunsNow
from zentalk.client.chat_calls import Whom
from zentalk.rest.conversations import OpenConversation, ShownProfile
from zentalk.rest.groups import MemberDelivery
from zentalk.rest.messages import Message, MessagesPage


class SyncChat:
    """One conversation; `run` carries out a call."""

    def __init__(self, address: str, run: RunsNow) -> None:
        self.address = address
        self._run = run

    def send(self, *, idempotency_key: str | None = None, **content: Any) -> Message:
        """Send a message: `text=`, `poll=`, `contact=`, `sticker=`, `location=`, `file=`.

        `reply_to=` an id and `mentions=` addresses go along with it; see docs/reference/rest.md.
        """
        return self._run(calls.send(self.address, content, idempotency_key))

    def edit(self, message_id: str, text: str) -> Message:
        """Give a text of your own other words."""
        return self._run(calls.edit(self.address, message_id, text))

    def delete(self, message_id: str, whom: Whom = "me") -> None:
        """Delete a message here, or take one of your own back for `everyone`."""
        self._run(calls.delete(self.address, message_id, whom))

    def react(self, message_id: str, emoji: str) -> Message:
        """React to a message; an empty emoji takes that back."""
        return self._run(calls.react(self.address, message_id, emoji))

    def vote(self, message_id: str, options: list[int]) -> Message:
        """Choose options of a poll, by their places from 0."""
        return self._run(calls.vote(self.address, message_id, options))

    def pin(self, message_id: str, *, on: bool = True) -> Message:
        """Pin a message for both sides, or unpin it."""
        return self._run(calls.pin(self.address, message_id, on=on))

    def star(self, message_id: str, *, on: bool = True) -> Message:
        """Star a message for your own devices, or take that back."""
        return self._run(calls.star(self.address, message_id, on=on))

    def forward(
        self, source: str, message_id: str, *, idempotency_key: str | None = None
    ) -> Message:
        """Send a message of the conversation `source` to this person.

        A repeated call with the same key sends it once.
        """
        return self._run(calls.forward(self.address, source, message_id, idempotency_key))

    def deliveries(self, message_id: str) -> list[MemberDelivery]:
        """Return how far a message of yours has come with each member of a group."""
        return self._run(group_calls.deliveries(self.address, message_id))

    def get(self) -> OpenConversation:
        """Return the conversation: unread, timer, draft, pinned messages, typing, presence."""
        return self._run(calls.one(self.address))

    def page(self, cursor: str = "", limit: int = 100) -> MessagesPage:
        """Return a page, newest last; `cursor` is the `older` or `newer` of another one.

        Without it it is the newest page. A page without messages is the end on that side.
        """
        return self._run(calls.cursor_page(self.address, cursor, limit))

    def after(self, seq: int, limit: int = 100) -> list[Message]:
        """Return the messages after a `seq`, oldest first."""
        return self._run(calls.page(self.address, {"after": seq, "limit": limit}))

    def around(self, message_id: str, limit: int = 100) -> list[Message]:
        """Return the messages around one, oldest first."""
        return self._run(calls.page(self.address, {"around": message_id, "limit": limit}))

    def since(self, at: float, limit: int = 100) -> list[Message]:
        """Return the messages stored since a unix time, oldest first."""
        return self._run(calls.page(self.address, {"since": str(at), "limit": limit}))

    def clear(self) -> None:
        """Delete all messages of the conversation here."""
        self._run(calls.clear(self.address))

    def set_timer(self, seconds: int) -> None:
        """Let messages disappear so long after they were read, at both sides; 0 ends that."""
        self._run(calls.set_timer(self.address, seconds))

    def mute(self, until: float) -> None:
        """Mute the conversation until a unix time; 0 ends it."""
        self._run(calls.mute(self.address, until))

    def save_draft(self, text: str) -> None:
        """Keep what is half written; an empty text drops it."""
        self._run(calls.save_draft(self.address, text))

    def typing(self, *, on: bool = True) -> None:
        """Tell the contact whether you are writing."""
        self._run(calls.typing(self.address, on=on))

    def profile(self) -> ShownProfile:
        """Return how the contact wants to be shown."""
        return self._run(calls.profile(self.address))
