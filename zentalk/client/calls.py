"""Each call of REST as a value: what to ask, and how to read the answer.

Both clients run these, so that there is one place where a path or a field is written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import httpx

from zentalk.client.errors import ApiError, error_of
from zentalk.client.models import (
    Contact,
    Conversation,
    Device,
    Event,
    Mailbox,
    Me,
    Message,
    NewDevice,
    from_json,
)
from zentalk.errors import ConnectFailedError, DeadlineError, LinkClosedError, ZentalkError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request; `read` turns the JSON of its answer into a result."""

    method: str
    path: str
    read: Callable[[Any], T]
    params: Mapping[str, int] = field(default_factory=dict)
    json: Mapping[str, str] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def health() -> Call[bool]:
    """Whether the program runs."""
    return Call("GET", "/v1/health", lambda body: bool(body["status"] == "ok"))


def me() -> Call[Me]:
    """The owner of the node."""
    return Call("GET", "/v1/me", lambda body: from_json(Me, body))


def network() -> Call[dict[str, Any]]:
    """How the node sees the network."""
    return Call("GET", "/v1/network", dict)


def contacts() -> Call[list[Contact]]:
    """Contacts and requests."""
    return Call("GET", "/v1/contacts", lambda b: [from_json(Contact, c) for c in b["contacts"]])


def add_contact(address: str, name: str) -> Call[Contact]:
    """Add, rename or accept a person."""
    body = {"address": address, "name": name}
    return Call("POST", "/v1/contacts", lambda answer: from_json(Contact, answer), json=body)


def accept(address: str) -> Call[Contact]:
    """Accept a request under the name it has."""
    path = f"/v1/contacts/{quote(address, safe='')}/accept"
    return Call("POST", path, lambda answer: from_json(Contact, answer))


def devices() -> Call[list[Device]]:
    """The devices that may use the node."""
    return Call("GET", "/v1/devices", lambda b: [from_json(Device, d) for d in b["devices"]])


def add_device(name: str) -> Call[NewDevice]:
    """Admit a device."""
    return Call("POST", "/v1/devices", lambda b: from_json(NewDevice, b), json={"name": name})


def revoke_device(device_id: str) -> Call[None]:
    """Shut a device out."""
    return Call("DELETE", f"/v1/devices/{quote(device_id, safe='')}", lambda _body: None)


def mailboxes() -> Call[list[Mailbox]]:
    """Where others leave mail for the owner."""
    return Call("GET", "/v1/mailboxes", _mailboxes)


def move_mailboxes(mailbox_id: str | None) -> Call[list[Mailbox]]:
    """Move one mailbox, or all."""
    body = {} if mailbox_id is None else {"id": mailbox_id}
    return Call("POST", "/v1/mailboxes/move", _mailboxes, json=body)


def _mailboxes(body: Any) -> list[Mailbox]:
    return [from_json(Mailbox, item) for item in body["mailboxes"]]


def conversations() -> Call[list[Conversation]]:
    """The conversation list."""
    return Call(
        "GET",
        "/v1/conversations",
        lambda body: [from_json(Conversation, c) for c in body["conversations"]],
    )


def send(address: str, text: str, idempotency_key: str | None) -> Call[Message]:
    """Store a message for sending."""
    headers = {} if idempotency_key is None else {"Idempotency-Key": idempotency_key}
    return Call(
        "POST",
        _messages(address),
        lambda b: from_json(Message, b),
        json={"text": text},
        headers=headers,
    )


def messages(address: str, before: int | None, limit: int) -> Call[list[Message]]:
    """A page of a conversation."""
    params = {"limit": limit} | ({} if before is None else {"before": before})
    return Call(
        "GET",
        _messages(address),
        lambda body: [from_json(Message, m) for m in body["messages"]],
        params,
    )


def message(message_id: str) -> Call[Message]:
    """One message."""
    path = f"/v1/messages/{quote(message_id, safe='')}"
    return Call("GET", path, lambda body: from_json(Message, body))


def events(after: int, limit: int) -> Call[list[Event]]:
    """A page of the event log."""
    return Call(
        "GET",
        "/v1/events",
        lambda body: [from_json(Event, e) for e in body["events"]],
        {"after": after, "limit": limit},
    )


def read_answer(call: Call[T], response: httpx.Response) -> T:
    """Return the result of an answer, or raise the error that it is."""
    if response.is_error:
        raise error_of(response.status_code, _detail(response))
    try:
        return call.read(response.json() if response.content else None)
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ApiError(response.status_code, "the answer is not one of an API node") from None


def transport_error(base_url: str, error: httpx.TransportError) -> ZentalkError:
    """Return our error for one of httpx; its own text may quote the request."""
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        return ConnectFailedError(base_url, "nothing answers there")
    if isinstance(error, httpx.TimeoutException):
        return DeadlineError(f"{base_url} did not answer in time")
    return LinkClosedError(f"{base_url} closed the connection")


def _messages(address: str) -> str:
    return f"/v1/conversations/{quote(address, safe='')}/messages"


def _detail(response: httpx.Response) -> str:
    try:
        return str(response.json()["detail"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return f"the answer was {response.status_code} {response.reason_phrase}"
