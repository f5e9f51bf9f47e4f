"""The client for programs that run on asyncio or on trio."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Any

import anyio

from zentalk.client import calls, image_calls
from zentalk.client.async_chats import AsyncChats
from zentalk.client.async_events import EventFeed, EventFollower
from zentalk.client.async_files import AsyncFiles
from zentalk.client.async_groups import AsyncGroups
from zentalk.client.async_links import AsyncLinks
from zentalk.client.async_push import AsyncPush
from zentalk.client.async_transport import AsyncTransport
from zentalk.client.async_webhooks import AsyncWebhooks
from zentalk.client.calls import Call, event_params
from zentalk.client.following import PATIENCE_SECONDS, Following
from zentalk.client.image_calls import ImageFormat
from zentalk.client.waits import STREAM_TIMEOUT_SECONDS
from zentalk.rest.contacts import Contact, ListedContact
from zentalk.rest.devices import Device, NewDevice, NewPairing, PairingInfo, ScopeIn
from zentalk.rest.direct import Direct
from zentalk.rest.events import Event, Events
from zentalk.rest.introductions import IntroducedPerson
from zentalk.rest.invites import WEEK_SECONDS, Invite
from zentalk.rest.mailboxes import Mailbox
from zentalk.rest.messages import Conversation, Message
from zentalk.rest.node import Me
from zentalk.rest.safety import Safety


class AsyncClient(
    AsyncTransport, AsyncChats, AsyncFiles, AsyncGroups, AsyncLinks, AsyncWebhooks, AsyncPush
):
    """Calls an API node; use it in an `async with` block.

    Methods raise what those of `Client` raise.
    """

    async def health(self) -> bool:
        """Return whether the program runs."""
        return await self._run(calls.health())

    async def me(self) -> Me:
        """Return the owner of the node."""
        return await self._run(calls.me())

    async def address_qr(self, form: ImageFormat = "svg") -> bytes:
        """Return the owner's address as a QR code: an image of type `svg` or `png`."""
        return await self._run(image_calls.address_qr(form))

    async def network(self) -> dict[str, Any]:
        """Return how the node sees the network."""
        return await self._run(calls.network())

    async def contacts(self) -> list[ListedContact]:
        """Return contacts and requests."""
        return await self._run(calls.contacts())

    async def add_contact(self, address: str, name: str = "") -> Contact:
        """Add or rename a person, by address or invite link, or accept a request."""
        return await self._run(calls.add_contact(address, name))

    async def accept(self, address: str) -> Contact:
        """Accept a request under the name it has; raises NotFoundError if there is none."""
        return await self._run(calls.accept(address))

    async def refuse(self, address: str) -> None:
        """Delete a request and its messages; raises NotFoundError if there is none."""
        await self._run(calls.refuse(address))

    async def remove_contact(self, address: str) -> None:
        """Delete a person and all messages with it; raises NotFoundError."""
        await self._run(calls.remove_contact(address))

    async def block(self, address: str) -> Contact:
        """Keep nothing any more that a person sends."""
        return await self._run(calls.block(address))

    async def unblock(self, address: str) -> None:
        """Let a person write again; raises NotFoundError if it is not blocked."""
        await self._run(calls.unblock(address))

    async def safety(self, address: str) -> Safety:
        """Return the safety number with a person, who need not be in the list."""
        return await self._run(calls.safety(address))

    async def verify(self, address: str, number: str | None = None) -> Contact:
        """Mark a contact as verified: by the number that it sees, or without one by your word.

        Raises ConflictError if the number is another, NotFoundError for somebody unknown.
        """
        return await self._run(calls.verify(address, number))

    async def unverify(self, address: str) -> None:
        """Take the verified mark of a contact away."""
        await self._run(calls.unverify(address))

    async def direct(self, address: str) -> Direct:
        """Return what you and a contact allow, and on which way your nodes reach each other."""
        return await self._run(calls.direct(address))

    async def allow_direct(self, address: str, allowed: bool = True) -> Direct:
        """Allow direct connections with a contact: it sees your network address once both allow it.

        Raises NotFoundError for who is no contact, ConflictError where the node makes none.
        """
        return await self._run(calls.allow_direct(address, allowed))

    async def introduce(self, address: str, to: str, name: str = "", to_name: str = "") -> None:
        """Tell two contacts of each other, under these names; yours for them are not sent."""
        await self._run(calls.introduce(address, to, name, to_name))

    async def introductions(self) -> list[IntroducedPerson]:
        """Return who was introduced to you and is no contact yet."""
        return await self._run(calls.introductions())

    async def dismiss_introduction(self, address: str) -> None:
        """Forget who introduced a person; raises NotFoundError if nobody did."""
        await self._run(calls.dismiss_introduction(address))

    async def invites(self) -> list[Invite]:
        """Return open invites, and those that ended in the last 30 days."""
        return await self._run(calls.invites())

    async def create_invite(
        self,
        name: str = "",
        max_uses: int = 1,
        expires_in_seconds: int = WEEK_SECONDS,
        *,
        accepts: bool = True,
    ) -> Invite:
        """Make an invite: who comes by its link is a contact at once if it `accepts`."""
        return await self._run(calls.create_invite(name, max_uses, expires_in_seconds, accepts))

    async def invite(self, invite_id: str) -> Invite:
        """Return one invite; raises NotFoundError."""
        return await self._run(calls.invite(invite_id))

    async def invite_qr(self, invite_id: str, form: ImageFormat = "svg") -> bytes:
        """Return the link of an open invite as a QR code; raises NotFoundError, ConflictError."""
        return await self._run(image_calls.invite_qr(invite_id, form))

    async def revoke_invite(self, invite_id: str) -> None:
        """Let nobody in by an invite any more; raises NotFoundError."""
        await self._run(calls.revoke_invite(invite_id))

    async def mark_read(self, address: str, seq: int | None = None) -> None:
        """Note that a conversation was read, to its end or up to the message with this `seq`."""
        await self._run(calls.mark_read(address, seq))

    async def devices(self) -> list[Device]:
        """Return the devices that may use the node; needs the scope `admin`."""
        return await self._run(calls.devices())

    async def add_device(self, name: str, scope: ScopeIn = "write") -> NewDevice:
        """Admit a device with the owner's token; raises ConflictError if one has this name."""
        return await self._run(calls.add_device(name, scope))

    async def revoke_device(self, device_id: str) -> None:
        """Shut a device out, and those it admitted; raises NotFoundError if there is none."""
        await self._run(calls.revoke_device(device_id))

    async def pair_device(
        self, name: str, scope: ScopeIn = "write", url: str | None = None
    ) -> NewPairing:
        """Invite a device; `url` is where it reaches the node, if not where this client does."""
        return await self._run(calls.pair_device(name, scope, url))

    async def pairings(self) -> list[PairingInfo]:
        """Return the open invitations."""
        return await self._run(calls.pairings())

    async def pairing_qr(
        self, pairing_id: str, form: ImageFormat = "svg", url: str | None = None
    ) -> bytes:
        """Return the link of an open invitation as a QR code; `url` is as of `pair_device`."""
        return await self._run(image_calls.pairing_qr(pairing_id, form, url))

    async def cancel_pairing(self, pairing_id: str) -> None:
        """Withdraw an invitation; raises NotFoundError."""
        await self._run(calls.cancel_pairing(pairing_id))

    async def redeem(self, code: str) -> NewDevice:
        """Get a new device's token for a code; needs none. Raises NotFoundError."""
        return await self._run(calls.redeem(code))

    async def mailboxes(self) -> list[Mailbox]:
        """Return the current mailboxes, then those that were left and are still polled."""
        return await self._run(calls.mailboxes())

    async def move_mailboxes(self, mailbox_id: str | None = None) -> list[Mailbox]:
        """Move a mailbox, or all, to other relays; contacts follow by themselves.

        Raises NotFoundError without such a mailbox, UnavailableError without other relays, and
        ConflictError after too many moves.
        """
        return await self._run(calls.move_mailboxes(mailbox_id))

    async def conversations(self) -> list[Conversation]:
        """Return the conversation list."""
        return await self._run(calls.conversations())

    async def send(self, address: str, text: str, idempotency_key: str | None = None) -> Message:
        """Store a message for sending; the same key sends it once."""
        return await self._run(calls.send(address, text, idempotency_key))

    async def messages(
        self, address: str, before: int | None = None, limit: int = 100
    ) -> list[Message]:
        """Return a page of a conversation, newest last, up to the `seq` before `before`."""
        return await self._run(calls.messages(address, before, limit))

    async def message(self, message_id: str, conversation: str | None = None) -> Message:
        """Return one message, your own if others chose the same id; raises NotFoundError."""
        return await self._run(calls.message(message_id, conversation))

    async def linked_message(self, link: str) -> Message:
        """Return the message that a link is of; raises NotFoundError if it is not here."""
        return await self._run(calls.linked_message(link))

    async def events(self, after: int = 0, limit: int = 1000) -> list[Event]:
        """Return a page of the event log, oldest first."""
        return (await self._run(calls.event_page(after, limit))).events

    async def event_page(
        self,
        after: int = 0,
        limit: int = 1000,
        types: Sequence[str] = (),
        conversation: str | None = None,
        wait_seconds: float = 0.0,
    ) -> Events:
        """Return a page of the event log and, as `next`, where to go on.

        `types` and `conversation` choose events; a type that ends with a dot stands for all that
        begin so. Without an event the answer waits for one, at most `wait_seconds` (0 to 25).
        """
        call = calls.event_page(after, limit, types, conversation, wait_seconds)
        return await self._run(call)

    @asynccontextmanager
    async def stream_events(
        self,
        after: int = 0,
        types: Sequence[str] = (),
        conversation: str | None = None,
        *,
        signals: bool = False,
    ) -> AsyncIterator[EventFeed]:
        """Open the event stream once: `async with client.stream_events() as feed`, then iterate.

        `types` and `conversation` are those of `event_page`; with `signals`, who is writing and
        who is there comes too (`EphemeralEvent`). It ends with the connection; `follow_events` does
        not.
        """
        params = event_params(after, types, conversation, signals=signals)
        call: Call[None] = Call("GET", "/v1/events/stream", lambda _body: None, params)
        async with self._open(call, STREAM_TIMEOUT_SECONDS) as response:
            feed = EventFeed(response, self._base_url, after)
            try:
                yield feed
            finally:
                await feed.aclose()

    @asynccontextmanager
    async def follow_events(
        self,
        after: int = 0,
        patience_seconds: float = PATIENCE_SECONDS,
        types: Sequence[str] = (),
        conversation: str | None = None,
        *,
        signals: bool = False,
    ) -> AsyncIterator[EventFollower]:
        """Follow the event log: `async with client.follow_events() as events`, then iterate.

        `types`, `conversation` and `signals` are those of `stream_events`. It connects again by
        itself, and neither loses nor repeats an event. The iteration ends by an error only:
        NodeGoneError once the node was away for `patience_seconds`.
        """
        following = Following(
            after,
            patience_seconds,
            anyio.current_time(),
            os.urandom,  # noqa: TID251 - the edge
        )
        open_again = partial(
            self._open_again, types=types, conversation=conversation, signals=signals
        )
        events = EventFollower(following, open_again, self.events)
        try:
            yield events
        finally:
            await events.aclose()

    def _open_again(
        self, after: int, types: Sequence[str], conversation: str | None, *, signals: bool
    ) -> AbstractAsyncContextManager[EventFeed]:
        """Open the stream where the node is now."""
        self._find_again()
        return self.stream_events(after, types, conversation, signals=signals)
