"""Acts on messages that are there, and on conversations as a whole, through the running node."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import quote, urlencode

from zentalk.cli.arguments import duration, moment
from zentalk.cli.choosing import check_message, chosen_message, found_message
from zentalk.cli.connect import At, running_node
from zentalk.cli.message import line_of, read_standard_input, say_message
from zentalk.cli.names import Names
from zentalk.cli.node_client import NodeClient
from zentalk.cli.output import harmless, local_time, say, say_done, say_json
from zentalk.cli.people import check_conversation, conversation_of

_OFF: Final = "off"
_STANDARD_INPUT: Final = "-"
_MARKS: Final = ("forwarded", "pinned", "starred")
_FOREVER: Final = 4_102_444_800.0
"""The year 2100."""


def edit(at: At, person: str, which: str, text: str, *, as_json: bool) -> int:
    """Give a text of your own other words."""
    with chosen_message(at, person, which, own=True) as (node, path):
        say_message(node.patch(path, {"text": text}), as_json=as_json)
    return 0


def delete(at: At, person: str, which: str, *, for_everyone: bool, as_json: bool) -> int:
    """Delete a message here, or take one of your own back."""
    with chosen_message(at, person, which, own=for_everyone) as (node, path):
        node.delete(f"{path}?for={'everyone' if for_everyone else 'me'}")
        _, _, _, conversation, _, message_id = path.split("/")
        say_done({"conversation": conversation, "id": message_id}, as_json=as_json)
    return 0


def react(at: At, person: str, which: str, emoji: str, *, as_json: bool) -> int:
    """React to a message; an empty emoji takes that back."""
    with chosen_message(at, person, which) as (node, path):
        say_message(node.put(f"{path}/reaction", {"emoji": emoji}), as_json=as_json)
    return 0


def vote(at: At, person: str, which: str, options: list[int], *, as_json: bool) -> int:
    """Choose options of a poll, counted from 1."""
    with chosen_message(at, person, which) as (node, path):
        places = [option - 1 for option in options]
        say_message(node.put(f"{path}/vote", {"options": places}), as_json=as_json)
    return 0


def mark(at: At, person: str, which: str, how: str, *, on: bool, as_json: bool) -> int:
    """Pin or star a message, or take that back."""
    with chosen_message(at, person, which) as (node, path):
        say_message(
            node.put(f"{path}/{how}") if on else node.remove(f"{path}/{how}"), as_json=as_json
        )
    return 0


def forward(at: At, person: str, which: str, to: str, *, as_json: bool) -> int:
    """Send a message of one conversation to somebody else."""
    reader = check_conversation(to)
    with chosen_message(at, person, which) as (node, path):
        _, _, _, source, _, message_id = path.split("/")
        target = _conversation(conversation_of(node, reader))
        body = {"conversation": source, "id": message_id}
        say_message(node.post(f"{target}/forward", body), as_json=as_json)
    return 0


def search(
    at: At,
    words: str,
    person: str | None,
    limit: int,
    *,
    since: str | None = None,
    until: str | None = None,
    as_json: bool,
) -> int:
    """Look for messages by their words, newest first; from and up to a day or time."""
    wanted = None if person is None else check_conversation(person)
    query = {"q": words, "limit": str(limit)}
    for name, when in (("since", since), ("until", until)):
        if when is not None:
            query[name] = str(moment(when, is_end=name == "until"))
    with running_node(at) as node:
        if wanted is not None:
            query["conversation"] = conversation_of(node, wanted)
        answer = node.get(f"/v1/search?{urlencode(query)}")
        found = answer["messages"]
        if as_json:
            say_json(answer)
            return 0
        names = Names(node)
        for one in answer["names"]:
            say(f"{harmless(one['shown_name'])}  {one['address']}")
        for message in found:
            say(line_of(message, names.before(message, conversation=True)))
    return 0


def starred(at: At, limit: int, *, as_json: bool) -> int:
    """List starred messages, newest last."""
    with running_node(at) as node:
        found = node.get("/v1/starred", limit=limit)["messages"]
        if as_json:
            say_json(found)
            return 0
        names = Names(node)
        for message in found:
            say(line_of(message, names.before(message)))
    return 0


def show(at: At, person: str, *, as_json: bool) -> int:
    """Show one conversation: unread, timer, mute, draft, pinned messages, who is there."""
    wanted = check_conversation(person)
    with running_node(at) as node:
        found = node.get(_conversation(conversation_of(node, wanted)))
        if as_json:
            say_json(found)
            return 0
        for line in _about(found, Names(node)):
            say(line)
    return 0


def clear(at: At, person: str, *, as_json: bool) -> int:
    """Delete all messages of a conversation here; the person stays in the list."""
    with _changed(at, check_conversation(person), as_json=as_json) as (node, path):
        node.delete(f"{path}/messages")
    return 0


def set_timer(at: At, person: str, after: str, *, as_json: bool) -> int:
    """Let messages disappear some time after they were read, at both sides."""
    wanted = check_conversation(person)
    seconds = 0 if after == _OFF else duration(after, or_word=_OFF)
    with _changed(at, wanted, as_json=as_json) as (node, path):
        node.put(f"{path}/timer", {"seconds": seconds})
    return 0


def mute(at: At, person: str, lasts: str | None, *, as_json: bool) -> int:
    """Mute a conversation for a time, for good without one, or not any more."""
    wanted = check_conversation(person)
    now = time.time()  # noqa: TID251 - the edge
    until = (
        _FOREVER if lasts is None else 0.0 if lasts == _OFF else now + duration(lasts, or_word=_OFF)
    )
    with _changed(at, wanted, as_json=as_json) as (node, path):
        node.put(f"{path}/mute", {"until": until})
    return 0


def draft(at: At, person: str, text: str, *, as_json: bool) -> int:
    """Keep what is half written for all devices; `-` reads it, and an empty text drops it."""
    text = read_standard_input() if text == _STANDARD_INPUT else text
    with _changed(at, check_conversation(person), as_json=as_json) as (node, path):
        node.put(f"{path}/draft", {"text": text})
    return 0


@contextmanager
def _changed(at: At, wanted: str, *, as_json: bool) -> Iterator[tuple[NodeClient, str]]:
    """Yield the path of a conversation that is changed inside, and print it as it is then."""
    with running_node(at) as node:
        path = _conversation(conversation_of(node, wanted))
        yield node, path
        if as_json:
            say_json(node.get(path))


def show_message(at: At, person: str, which: str, *, as_json: bool) -> int:
    """Show one message with what is known of it."""
    wanted = check_conversation(person)
    check_message(which)
    with running_node(at) as node:
        found = found_message(node, conversation_of(node, wanted), which)
        _show(node, found, as_json=as_json)
    return 0


def open_link(at: At, link: str, *, as_json: bool) -> int:
    """Show the message that a link is of."""
    with running_node(at) as node:
        _show(node, node.get("/v1/linked-message", link=link), as_json=as_json)
    return 0


def _show(node: NodeClient, message: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        say_json(message)
        return
    for line in _details(message, Names(node)):
        say(line)


def _details(message: dict[str, Any], names: Names) -> Iterator[str]:
    yield line_of(message, names.before(message))
    yield f"id: {message['id']}"
    yield f"link: {_link(message)}"
    if message["reason"]:
        yield harmless(message["reason"])
    if message["reply_to"]:
        yield f"answers: {message['reply_to']['id']}"
    for address in message["mentions"]:
        yield f"mentions: {names.member(address)}"
    for reaction in message["reactions"]:
        yield f"{names.member(reaction['author'])}: {harmless(reaction['emoji'])}"
    for vote in message["votes"]:
        chosen = ", ".join(str(option + 1) for option in vote["options"])
        yield f"{names.member(vote['author'])} voted for {chosen}"
    for name in _MARKS:
        if message[name]:
            yield name


def _link(message: dict[str, Any]) -> str:
    from zentalk.wire.message_link import MessageLink, format_message_link
    from zentalk.wire.text import parse_address

    return format_message_link(MessageLink(parse_address(message["author"]), message["id"]))


def _about(found: dict[str, Any], names: Names) -> Iterator[str]:
    yield harmless(found["name"]) or found["address"]
    there = [word for word, key in (("there", "present"), ("writing", "typing")) if found[key]]
    if there:
        yield f"now: {' and '.join(there)}"
    yield f"unread: {found['unread']}"
    if found["timer_seconds"]:
        yield f"messages disappear {found['timer_seconds']} s after they were read"
    if found["muted_until"] > time.time():  # noqa: TID251
        yield f"muted until {local_time(found['muted_until'])}"
    if found["draft"]:
        yield f"draft: {harmless(found['draft'])}"
    for message in found["pinned"]:
        yield f"pinned: {line_of(message, names.before(message))}"


def _conversation(address: str) -> str:
    return f"/v1/conversations/{quote(address, safe='')}"
