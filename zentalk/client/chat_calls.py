"""The calls of REST about what is in conversations; see `zentalk.client.calls`."""

from __future__ import annotations

import base64
from typing import Any, Literal
from urllib.parse import quote

from zentalk.client.calls import Call, key_headers
from zentalk.client.parsing import parse
from zentalk.rest import conversations as bodies
from zentalk.rest.messages import Message, Messages, MessagesPage

Whom = Literal["me", "everyone"]


def send(address: str, content: dict[str, Any], idempotency_key: str | None) -> Call[Message]:
    """Store a message of any kind for sending."""
    headers = key_headers(idempotency_key)
    return Call("POST", _in(address, "/messages"), _message, content=content, headers=headers)


def edit(address: str, message_id: str, text: str) -> Call[Message]:
    """Give a text other words."""
    body = bodies.EditIn.model_construct(text=text)
    return Call("PATCH", _at(address, message_id), _message, body=body)


def delete(address: str, message_id: str, whom: Whom) -> Call[None]:
    """Delete a message here, or take it back."""
    return Call("DELETE", _at(address, message_id), _nothing, params={"for": whom})


def react(address: str, message_id: str, emoji: str) -> Call[Message]:
    """React to a message."""
    body = bodies.ReactionIn.model_construct(emoji=emoji)
    return Call("PUT", _at(address, message_id, "/reaction"), _message, body=body)


def vote(address: str, message_id: str, options: list[int]) -> Call[Message]:
    """Choose options of a poll."""
    body = bodies.VoteIn.model_construct(options=options)
    return Call("PUT", _at(address, message_id, "/vote"), _message, body=body)


def pin(address: str, message_id: str, *, on: bool) -> Call[Message]:
    """Pin a message, or unpin it."""
    return Call("PUT" if on else "DELETE", _at(address, message_id, "/pin"), _message)


def star(address: str, message_id: str, *, on: bool) -> Call[Message]:
    """Star a message, or take that back."""
    return Call("PUT" if on else "DELETE", _at(address, message_id, "/star"), _message)


def forward(
    address: str, source: str, message_id: str, idempotency_key: str | None
) -> Call[Message]:
    """Send a message of another conversation."""
    body = bodies.ForwardIn.model_construct(conversation=source, id=message_id)
    headers = key_headers(idempotency_key)
    return Call("POST", _in(address, "/forward"), _message, body=body, headers=headers)


def one(address: str) -> Call[bodies.OpenConversation]:
    """Ask for one conversation."""
    return Call("GET", _in(address), lambda answer: parse(bodies.OpenConversation, answer))


def page(address: str, params: dict[str, int | str]) -> Call[list[Message]]:
    """Ask for a page of a conversation."""
    return Call("GET", _in(address, "/messages"), _messages, params=params)


def cursor_page(address: str, cursor: str, limit: int) -> Call[MessagesPage]:
    """Ask for a page and its neighbours; the newest one without a cursor."""
    params: dict[str, int | str] = {"limit": limit} | ({"cursor": cursor} if cursor else {})
    return Call("GET", _in(address, "/messages"), lambda a: parse(MessagesPage, a), params=params)


def clear(address: str) -> Call[None]:
    """Delete all messages of a conversation here."""
    return Call("DELETE", _in(address, "/messages"), _nothing)


def set_timer(address: str, seconds: int) -> Call[None]:
    """Let messages disappear after they were read."""
    body = bodies.TimerIn.model_construct(seconds=seconds)
    return Call("PUT", _in(address, "/timer"), _nothing, body=body)


def mute(address: str, until: float) -> Call[None]:
    """Mute a conversation."""
    body = bodies.MuteIn.model_construct(until=until)
    return Call("PUT", _in(address, "/mute"), _nothing, body=body)


def save_draft(address: str, text: str) -> Call[None]:
    """Keep what is half written."""
    body = bodies.DraftIn.model_construct(text=text)
    return Call("PUT", _in(address, "/draft"), _nothing, body=body)


def typing(address: str, *, on: bool) -> Call[None]:
    """Tell a contact whether the owner is writing."""
    body = bodies.TypingIn.model_construct(typing=on)
    return Call("POST", _in(address, "/typing"), _nothing, body=body)


def starred(before: int | None, limit: int) -> Call[list[Message]]:
    """Ask for starred messages."""
    params = {"limit": limit} | ({} if before is None else {"before": before})
    return Call("GET", "/v1/starred", _messages, params=params)


def search(
    words: str,
    conversation: str | None,
    before: int | None,
    limit: int,
    span: tuple[float | None, float | None],
) -> Call[list[Message]]:
    """Look for messages by their words, in a time from one unix time to another."""
    said = {
        "conversation": conversation,
        "before": before,
        "since": span[0],
        "until": span[1],
    }
    given = {name: value for name, value in said.items() if value is not None}
    return Call("GET", "/v1/search", _messages, params={"q": words, "limit": limit, **given})


def search_names(words: str) -> Call[list[bodies.FoundName]]:
    """Look for contacts and groups by their names."""
    params: dict[str, int | str] = {"q": words, "limit": 1}
    return Call(
        "GET", "/v1/search", lambda answer: parse(bodies.SearchResults, answer).names, params=params
    )


def shows(chats: list[str]) -> Call[None]:
    """Say which chats this device shows."""
    body = bodies.PresenceIn.model_construct(chats=chats)
    return Call("PUT", "/v1/presence", _nothing, body=body)


def presence(after: int | None, wait_seconds: int) -> Call[bodies.PresenceNow]:
    """Ask who is writing and who is there."""
    params = {} if after is None else {"after": after, "wait": wait_seconds}
    return Call("GET", "/v1/presence", lambda a: parse(bodies.PresenceNow, a), params=params)


def privacy() -> Call[bodies.OwnPrivacy]:
    """Ask what others are told of the owner."""
    return Call("GET", "/v1/me/privacy", lambda answer: parse(bodies.OwnPrivacy, answer))


def set_privacy(wished: dict[str, bool]) -> Call[bodies.OwnPrivacy]:
    """Set what others are told of the owner."""
    body = bodies.PrivacyIn.model_construct(_fields_set=None, **wished)
    return Call("PATCH", "/v1/me/privacy", lambda a: parse(bodies.OwnPrivacy, a), body=body)


def profile(address: str | None) -> Call[bodies.ShownProfile]:
    """Ask how the owner, or a contact, is shown."""
    path = f"/v1/contacts/{quote(address, safe='')}/profile" if address else "/v1/me/profile"
    return Call("GET", path, lambda answer: parse(bodies.ShownProfile, answer))


def set_profile(name: str, status: str, avatar: bytes) -> Call[bodies.ShownProfile]:
    """Set how the owner is shown."""
    body = bodies.ProfileIn.model_construct(
        name=name, status=status, avatar=base64.b64encode(avatar).decode("ascii")
    )
    return Call("PUT", "/v1/me/profile", lambda a: parse(bodies.ShownProfile, a), body=body)


def _in(address: str, rest: str = "") -> str:
    return f"/v1/conversations/{quote(address, safe='')}{rest}"


def _at(address: str, message_id: str, rest: str = "") -> str:
    return _in(address, f"/messages/{quote(message_id, safe='')}{rest}")


def _message(answer: Any) -> Message:
    return parse(Message, answer)


def _messages(answer: Any) -> list[Message]:
    return parse(Messages, answer).messages


def _nothing(_answer: Any) -> None:
    return None
