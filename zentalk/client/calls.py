"""Each call of REST as a value: the request, and the way to read its answer.

Both clients run these, so that each path is written once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, Protocol, TypeVar
from urllib.parse import quote

import httpx

from zentalk.client.errors import ApiError, RateLimitedError, error_of
from zentalk.client.parsing import parse
from zentalk.client.typed_events import typed
from zentalk.errors import ConnectFailedError, DeadlineError, LinkClosedError, ZentalkError
from zentalk.rest.base import Body
from zentalk.rest.contacts import Contact, ContactIn, Contacts, ListedContact
from zentalk.rest.contents import MessageIn
from zentalk.rest.devices import (
    Device,
    DeviceIn,
    Devices,
    NewDevice,
    NewPairing,
    OpenPairings,
    PairingIn,
    PairingInfo,
    RedeemIn,
    ScopeIn,
)
from zentalk.rest.direct import Direct, DirectIn
from zentalk.rest.events import Events
from zentalk.rest.introductions import IntroducedPeople, IntroducedPerson, IntroduceIn
from zentalk.rest.invites import Invite, InviteIn, InviteList
from zentalk.rest.mailboxes import Mailbox, Mailboxes, MoveIn
from zentalk.rest.messages import Conversation, Conversations, Message, Messages
from zentalk.rest.node import Health, Me
from zentalk.rest.safety import Safety, VerifyIn

T = TypeVar("T")
Params = Mapping[str, int | float | str | list[str]]
_MAX_DIGITS: Final = 7


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request; `read` turns the JSON of its answer, or bytes of type `media`, into a result.

    A `body`, or `content` in place of one, is not validated here: the node does that, and its
    sentence reaches the caller.
    """

    method: str
    path: str
    read: Callable[[Any], T]
    params: Params = field(default_factory=dict)
    body: Body | None = None
    content: dict[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    media: str = ""

    @property
    def json(self) -> dict[str, Any] | None:
        """The fields of the body that were given, None without a body."""
        return self.content if self.body is None else self.body.model_dump(exclude_unset=True)


class Runs(Protocol):
    """Carries out a call, and waits for its answer."""

    async def __call__(self, call: Call[T], /) -> T:
        """Return what the answer says."""


class RunsNow(Protocol):
    """Carries out a call."""

    def __call__(self, call: Call[T], /) -> T:
        """Return what the answer says."""


def health() -> Call[bool]:
    """Ask whether the program runs."""
    return Call("GET", "/v1/health", lambda answer: parse(Health, answer).status == "ok")


def me() -> Call[Me]:
    """Ask for the owner of the node."""
    return Call("GET", "/v1/me", lambda answer: parse(Me, answer))


def network() -> Call[dict[str, Any]]:
    """Ask how the node sees the network."""
    return Call("GET", "/v1/network", dict)


def contacts() -> Call[list[ListedContact]]:
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


def safety(address: str) -> Call[Safety]:
    """Ask for the safety number with a person."""
    return Call("GET", _contact(address, "/safety"), lambda answer: parse(Safety, answer))


def verify(address: str, number: str | None) -> Call[Contact]:
    """Mark a contact as verified, by a number or by the owner's word."""
    said = {"confirmed": True} if number is None else {"number": number}
    body = VerifyIn.model_construct(**said)
    path = _contact(address, "/verify")
    return Call("POST", path, lambda answer: parse(Contact, answer), body=body)


def unverify(address: str) -> Call[None]:
    """Take the verified mark away."""
    return Call("DELETE", _contact(address, "/verify"), lambda _answer: None)


def direct(address: str) -> Call[Direct]:
    """Ask on which way a contact's node is reached."""
    return Call("GET", _contact(address, "/direct"), lambda answer: parse(Direct, answer))


def allow_direct(address: str, allowed: bool) -> Call[Direct]:
    """Allow direct connections with a contact, or not any more."""
    body = DirectIn.model_construct(allowed=allowed)
    path = _contact(address, "/direct")
    return Call("PUT", path, lambda answer: parse(Direct, answer), body=body)


def introduce(address: str, to: str, name: str, to_name: str) -> Call[None]:
    """Tell two contacts of each other."""
    body = IntroduceIn.model_construct(to=to, name=name, to_name=to_name)
    return Call("POST", _contact(address, "/introduce"), lambda _answer: None, body=body)


def introductions() -> Call[list[IntroducedPerson]]:
    """Ask who was introduced and is no contact yet."""
    path = "/v1/introductions"
    return Call("GET", path, lambda answer: parse(IntroducedPeople, answer).introductions)


def dismiss_introduction(address: str) -> Call[None]:
    """Forget who introduced a person."""
    return Call("DELETE", f"/v1/introductions/{quote(address, safe='')}", lambda _answer: None)


def invites() -> Call[list[Invite]]:
    """Ask for open invites and those that ended lately."""
    return Call("GET", "/v1/invites", lambda answer: parse(InviteList, answer).invites)


def create_invite(name: str, max_uses: int, expires_in_seconds: int, accepts: bool) -> Call[Invite]:
    """Make an invite."""
    body = InviteIn.model_construct(
        name=name, max_uses=max_uses, expires_in_seconds=expires_in_seconds, accepts=accepts
    )
    return Call("POST", "/v1/invites", lambda answer: parse(Invite, answer), body=body)


def invite(invite_id: str) -> Call[Invite]:
    """Ask for one invite."""
    return Call("GET", _invite(invite_id), lambda answer: parse(Invite, answer))


def revoke_invite(invite_id: str) -> Call[None]:
    """Let nobody in by an invite any more."""
    return Call("DELETE", _invite(invite_id), lambda _answer: None)


def mark_read(address: str, seq: int | None) -> Call[None]:
    """Note that a conversation was read, up to a message if one is given."""
    path = f"/v1/conversations/{quote(address, safe='')}/read"
    return Call("POST", path, lambda _answer: None, params={} if seq is None else {"seq": seq})


def devices() -> Call[list[Device]]:
    """Ask for the devices that may use the node."""
    return Call("GET", "/v1/devices", lambda answer: parse(Devices, answer).devices)


def add_device(name: str, scope: ScopeIn) -> Call[NewDevice]:
    """Admit a device."""
    body = DeviceIn.model_construct(name=name, scope=scope)
    return Call("POST", "/v1/devices", lambda answer: parse(NewDevice, answer), body=body)


def revoke_device(device_id: str) -> Call[None]:
    """Shut a device out."""
    return Call("DELETE", f"/v1/devices/{quote(device_id, safe='')}", lambda _answer: None)


def pair_device(name: str, scope: ScopeIn, url: str | None) -> Call[NewPairing]:
    """Invite a device."""
    body = PairingIn.model_construct(name=name, scope=scope)
    if url is not None:
        body = PairingIn.model_construct(name=name, scope=scope, url=url)
    return Call("POST", "/v1/devices/pairings", lambda answer: parse(NewPairing, answer), body=body)


def pairings() -> Call[list[PairingInfo]]:
    """Ask for the open invitations."""
    path = "/v1/devices/pairings"
    return Call("GET", path, lambda answer: parse(OpenPairings, answer).pairings)


def cancel_pairing(pairing_id: str) -> Call[None]:
    """Withdraw an invitation."""
    path = f"/v1/devices/pairings/{quote(pairing_id, safe='')}"
    return Call("DELETE", path, lambda _answer: None)


def redeem(code: str) -> Call[NewDevice]:
    """Redeem the code of an invitation for a token."""
    body = RedeemIn.model_construct(code=code)
    return Call("POST", "/v1/pairings/redeem", lambda answer: parse(NewDevice, answer), body=body)


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
        headers=key_headers(idempotency_key),
    )


def key_headers(idempotency_key: str | None) -> dict[str, str]:
    """Return the header that lets a repeated request do what it does once."""
    return {} if idempotency_key is None else {"Idempotency-Key": idempotency_key}


def messages(address: str, before: int | None, limit: int) -> Call[list[Message]]:
    """Ask for a page of a conversation."""
    params: Params = {"limit": limit} | ({} if before is None else {"before": before})
    return Call("GET", _messages(address), lambda answer: parse(Messages, answer).messages, params)


def message(message_id: str, conversation: str | None) -> Call[Message]:
    """Ask for one message."""
    path = f"/v1/messages/{quote(message_id, safe='')}"
    params: Params = {} if conversation is None else {"conversation": conversation}
    return Call("GET", path, lambda answer: parse(Message, answer), params)


def linked_message(link: str) -> Call[Message]:
    """Ask for the message that a link is of."""
    return Call("GET", "/v1/linked-message", lambda a: parse(Message, a), {"link": link})


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
    after: int, types: Sequence[str], conversation: str | None, *, signals: bool = False
) -> dict[str, int | float | str | list[str]]:
    """Return what a reader of the log asks for, over each of its views."""
    params: dict[str, int | float | str | list[str]] = {"after": after}
    if types:
        params["type"] = list(types)
    if conversation is not None:
        params["conversation"] = conversation
    if signals:
        params["signals"] = "true"
    return params


def read_answer(call: Call[T], response: httpx.Response) -> T:
    """Return the result of an answer, or raise the error that it is."""
    if response.is_error:
        error = error_of(response.status_code, _detail(response))
        if isinstance(error, RateLimitedError):
            error.retry_after_seconds = _retry_after(response)
        raise error
    try:
        return call.read(_content(call, response))
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ApiError(response.status_code, "the answer does not come from an API node") from None


def transport_error(base_url: str, error: httpx.TransportError) -> ZentalkError:
    """Return our error for one of httpx; its own text may quote the request."""
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        return ConnectFailedError(base_url, "nothing answers there")
    if isinstance(error, httpx.TimeoutException):
        return DeadlineError(f"{base_url} did not answer in time")
    return LinkClosedError(f"{base_url} closed the connection")


def _content(call: Call[T], response: httpx.Response) -> Any:
    if call.media:
        if response.headers.get("Content-Type", "").partition(";")[0] != call.media:
            raise ValueError(f"the answer is no {call.media}")
        return response.content
    return response.json() if response.content else None


def _read_events(answer: Any) -> Events:
    page = parse(Events, answer)
    return Events(events=[typed(event) for event in page.events], next=page.next)


def _contact(address: str, action: str = "") -> str:
    return f"/v1/contacts/{quote(address, safe='')}{action}"


def _invite(invite_id: str) -> str:
    return f"/v1/invites/{quote(invite_id, safe='')}"


def _messages(address: str) -> str:
    return f"/v1/conversations/{quote(address, safe='')}/messages"


def _retry_after(response: httpx.Response) -> float:
    said = response.headers.get("Retry-After", "")
    return float(said) if said.isascii() and said.isdigit() and len(said) < _MAX_DIGITS else 1.0


def _detail(response: httpx.Response) -> str:
    try:
        return str(response.json()["detail"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return f"the answer was {response.status_code} {response.reason_phrase}"
