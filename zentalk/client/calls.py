"""Each call of REST as a value: the request, and the way to read its answer.

Both clients run these, so that each path is written once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, Literal, TypeVar
from urllib.parse import quote

import httpx

from zentalk.client.errors import ApiError, error_of
from zentalk.client.parsing import parse
from zentalk.client.typed_events import typed
from zentalk.errors import ConnectFailedError, DeadlineError, LinkClosedError, ZentalkError
from zentalk.rest.base import Body
from zentalk.rest.contacts import Contact, ContactIn, Contacts
from zentalk.rest.devices import Device, DeviceIn, Devices, NewDevice
from zentalk.rest.events import Events
from zentalk.rest.mailboxes import Mailbox, Mailboxes, MoveIn
from zentalk.rest.messages import Conversation, Conversations, Message, MessageIn, Messages
from zentalk.rest.node import Health, Me
from zentalk.rest.webhooks import (
    DeadLetter,
    DeadLetters,
    NewWebhook,
    Retried,
    RetryIn,
    Webhook,
    WebhookIn,
    Webhooks,
)

T = TypeVar("T")
_WEBHOOKS: Final = "/v1/webhooks"
Params = Mapping[str, int | float | str | list[str]]


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request; `read` turns the JSON of its answer into a result.

    A `body` is not validated here: the node does that, and its sentence reaches the caller.
    """

    method: str
    path: str
    read: Callable[[Any], T]
    params: Params = field(default_factory=dict)
    body: Body | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def json(self) -> dict[str, Any] | None:
        """The fields of the body that were given, None without a body."""
        return None if self.body is None else self.body.model_dump(exclude_unset=True)


def health() -> Call[bool]:
    """Ask whether the program runs."""
    return Call("GET", "/v1/health", lambda answer: parse(Health, answer).status == "ok")


def me() -> Call[Me]:
    """Ask for the owner of the node."""
    return Call("GET", "/v1/me", lambda answer: parse(Me, answer))


def network() -> Call[dict[str, Any]]:
    """Ask how the node sees the network."""
    return Call("GET", "/v1/network", dict)


def contacts() -> Call[list[Contact]]:
    """Ask for contacts and requests."""
    return Call("GET", "/v1/contacts", lambda answer: parse(Contacts, answer).contacts)


def add_contact(address: str, name: str) -> Call[Contact]:
    """Add, rename or accept a person."""
    body = ContactIn.model_construct(address=address, name=name)
    return Call("POST", "/v1/contacts", lambda answer: parse(Contact, answer), body=body)


def accept(address: str) -> Call[Contact]:
    """Accept a request under the name it has."""
    return Call("POST", _contact(address, "/accept"), lambda answer: parse(Contact, answer))


def refuse(address: str) -> Call[None]:
    """Refuse a request."""
    return Call("POST", _contact(address, "/refuse"), lambda _answer: None)


def remove_contact(address: str) -> Call[None]:
    """Delete a person and all messages with it."""
    return Call("DELETE", _contact(address), lambda _answer: None)


def block(address: str) -> Call[Contact]:
    """Keep nothing any more that a person sends."""
    return Call("POST", _contact(address, "/block"), lambda answer: parse(Contact, answer))


def unblock(address: str) -> Call[None]:
    """Let a person write again."""
    return Call("POST", _contact(address, "/unblock"), lambda _answer: None)


def mark_read(address: str) -> Call[None]:
    """Set a conversation's unread count to 0."""
    path = f"/v1/conversations/{quote(address, safe='')}/read"
    return Call("POST", path, lambda _answer: None)


def devices() -> Call[list[Device]]:
    """Ask for the devices that may use the node."""
    return Call("GET", "/v1/devices", lambda answer: parse(Devices, answer).devices)


def add_device(name: str) -> Call[NewDevice]:
    """Admit a device."""
    body = DeviceIn.model_construct(name=name)
    return Call("POST", "/v1/devices", lambda answer: parse(NewDevice, answer), body=body)


def revoke_device(device_id: str) -> Call[None]:
    """Shut a device out."""
    return Call("DELETE", f"/v1/devices/{quote(device_id, safe='')}", lambda _answer: None)


def webhooks() -> Call[list[Webhook]]:
    """Ask for the webhooks."""
    return Call("GET", _WEBHOOKS, lambda answer: parse(Webhooks, answer).webhooks)


def add_webhook(
    url: str, types: Sequence[str], conversation: str | None, content: Literal["ids", "full"]
) -> Call[NewWebhook]:
    """Add a webhook."""
    body = WebhookIn.model_construct(
        url=url, types=list(types), conversation=conversation, content=content
    )
    return Call("POST", _WEBHOOKS, lambda answer: parse(NewWebhook, answer), body=body)


def remove_webhook(webhook_id: str) -> Call[None]:
    """Remove a webhook."""
    return Call("DELETE", _webhook(webhook_id), lambda _answer: None)


def dead_letters(webhook_id: str, after: int, limit: int) -> Call[list[DeadLetter]]:
    """Ask for events that were given up for a webhook."""
    path, params = _webhook(webhook_id, "/dead"), {"after": after, "limit": limit}
    return Call("GET", path, lambda answer: parse(DeadLetters, answer).dead, params)


def retry_webhook(webhook_id: str, seq: int | None) -> Call[int]:
    """Try one dead letter, or all, once more."""
    path, body = _webhook(webhook_id, "/dead/retry"), RetryIn.model_construct(seq=seq)
    return Call("POST", path, lambda answer: parse(Retried, answer).retried, body=body)


def forget_dead_letters(webhook_id: str, seq: int | None) -> Call[None]:
    """Delete one dead letter, or all."""
    params: Params = {} if seq is None else {"seq": seq}
    return Call("DELETE", _webhook(webhook_id, "/dead"), lambda _answer: None, params)


def mailboxes() -> Call[list[Mailbox]]:
    """Ask for the mailboxes where others leave mail for the owner."""
    return Call("GET", "/v1/mailboxes", lambda answer: parse(Mailboxes, answer).mailboxes)


def move_mailboxes(mailbox_id: str | None) -> Call[list[Mailbox]]:
    """Move one mailbox, or all."""
    every = MoveIn.model_construct()
    body = every if mailbox_id is None else MoveIn.model_construct(id=mailbox_id)
    path = "/v1/mailboxes/move"
    return Call("POST", path, lambda answer: parse(Mailboxes, answer).mailboxes, body=body)


def conversations() -> Call[list[Conversation]]:
    """Ask for the conversation list."""
    path = "/v1/conversations"
    return Call("GET", path, lambda answer: parse(Conversations, answer).conversations)


def send(address: str, text: str, idempotency_key: str | None) -> Call[Message]:
    """Store a message for sending."""
    return Call(
        "POST",
        _messages(address),
        lambda answer: parse(Message, answer),
        body=MessageIn.model_construct(text=text),
        headers={} if idempotency_key is None else {"Idempotency-Key": idempotency_key},
    )


def messages(address: str, before: int | None, limit: int) -> Call[list[Message]]:
    """Ask for a page of a conversation."""
    params: Params = {"limit": limit} | ({} if before is None else {"before": before})
    return Call("GET", _messages(address), lambda answer: parse(Messages, answer).messages, params)


def message(message_id: str, conversation: str | None) -> Call[Message]:
    """Ask for one message."""
    path = f"/v1/messages/{quote(message_id, safe='')}"
    params: Params = {} if conversation is None else {"conversation": conversation}
    return Call("GET", path, lambda answer: parse(Message, answer), params)


def event_page(
    after: int,
    limit: int,
    types: Sequence[str] = (),
    conversation: str | None = None,
    wait_seconds: float = 0.0,
) -> Call[Events]:
    """Ask for a page of the event log, and wait for a first event if there is none."""
    params = {"limit": limit, **event_params(after, types, conversation)}
    if wait_seconds:
        params["wait"] = wait_seconds
    return Call("GET", "/v1/events", _read_events, params)


def event_params(
    after: int, types: Sequence[str], conversation: str | None
) -> dict[str, int | float | str | list[str]]:
    """Return what a reader of the log asks for, over each of its views."""
    params: dict[str, int | float | str | list[str]] = {"after": after}
    if types:
        params["type"] = list(types)
    if conversation is not None:
        params["conversation"] = conversation
    return params


def read_answer(call: Call[T], response: httpx.Response) -> T:
    """Return the result of an answer, or raise the error that it is."""
    if response.is_error:
        raise error_of(response.status_code, _detail(response))
    try:
        return call.read(response.json() if response.content else None)
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ApiError(response.status_code, "the answer does not come from an API node") from None


def transport_error(base_url: str, error: httpx.TransportError) -> ZentalkError:
    """Return our error for one of httpx; its own text may quote the request."""
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        return ConnectFailedError(base_url, "nothing answers there")
    if isinstance(error, httpx.TimeoutException):
        return DeadlineError(f"{base_url} did not answer in time")
    return LinkClosedError(f"{base_url} closed the connection")


def _read_events(answer: Any) -> Events:
    page = parse(Events, answer)
    return Events(events=[typed(event) for event in page.events], next=page.next)


def _contact(address: str, action: str = "") -> str:
    return f"/v1/contacts/{quote(address, safe='')}{action}"


def _webhook(webhook_id: str, action: str = "") -> str:
    return f"{_WEBHOOKS}/{quote(webhook_id, safe='')}{action}"


def _messages(address: str) -> str:
    return f"/v1/conversations/{quote(address, safe='')}/messages"


def _detail(response: httpx.Response) -> str:
    try:
        return str(response.json()["detail"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return f"the answer was {response.status_code} {response.reason_phrase}"
