"""`zentalk message`: send through the running API node, and read."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Final

from zentalk.cli.arguments import address as read_address
from zentalk.cli.connect import running_node
from zentalk.cli.errors import UsageError
from zentalk.cli.output import harmless, local_time, say, say_json
from zentalk.client import Client, Direction, Message, MessageState
from zentalk.errors import DeadlineError, UnavailableError

_REACHED: Final = {
    "sent": {MessageState.SENT, MessageState.DELIVERED},
    "delivered": {MessageState.DELIVERED},
}
_FIRST_PAUSE_SECONDS: Final = 0.02
_LONGEST_PAUSE_SECONDS: Final = 0.5
_PAGE: Final = 1000


def send(
    directory: Path,
    to: str,
    text: str | None,
    *,
    wait: str | None,
    timeout_seconds: float,
    as_json: bool,
) -> int:
    """Send one message and print its id and state."""
    recipient = read_address(to)
    text = _read_standard_input() if text is None else text
    if not text:
        raise UsageError("there is no text to send")
    with running_node(directory) as node:
        message = node.send(recipient, text)
        if wait is not None:
            message = _wait(node, message, wait, timeout_seconds)
    if as_json:
        say_json(message.model_dump())
    else:
        say(f"{message.id} {message.state}")
    return 0


def list_page(directory: Path, address: str, limit: int, *, as_json: bool) -> int:
    """List the newest messages of a conversation, newest last."""
    if limit < 1:
        raise UsageError("--limit must be 1 or more")
    partner = read_address(address)
    with running_node(directory) as node:
        messages = _newest(node, partner, limit)
    if as_json:
        say_json([message.model_dump() for message in messages])
        return 0
    for message in messages:
        if message.kind == "ratchet-renewed":
            say(f"{local_time(message.sent_at)} - the keys of this conversation were renewed")
            continue
        arrow = "<" if message.direction is Direction.IN else ">"
        when = local_time(message.sent_at)
        say(f"{when} {arrow} {harmless(message.text)}  ({message.state})")
    return 0


def _newest(node: Client, partner: str, limit: int) -> list[Message]:
    found: list[Message] = []
    while len(found) < limit:
        before = found[0].seq if found else None
        page = node.messages(partner, before, min(limit - len(found), _PAGE))
        if not page:
            break
        found = page + found
    return found


def _wait(node: Client, message: Message, state: str, timeout_seconds: float) -> Message:
    """Ask until the message is as far as wanted; raises if it failed or time is up."""
    deadline = time.monotonic() + timeout_seconds  # noqa: TID251 - the edge
    pause = _FIRST_PAUSE_SECONDS
    while message.state not in _REACHED[state]:
        if message.state is MessageState.FAILED:
            raise UnavailableError(f"message {message.id} failed: {message.reason}")
        if time.monotonic() >= deadline:  # noqa: TID251
            raise DeadlineError(
                f"message {message.id} is still {message.state} after {timeout_seconds:g} s;"
                " the API node keeps trying"
            )
        time.sleep(pause)  # noqa: TID251
        pause = min(pause * 1.5, _LONGEST_PAUSE_SECONDS)
        message = node.message(message.id)
    return message


def _read_standard_input() -> str:
    """Read a text that shall not stand in the list of processes, as arguments do."""
    if sys.stdin.isatty():
        raise UsageError("there is no text to send; give it as the last argument, in quotes")
    try:
        return sys.stdin.buffer.read().decode("utf-8").removesuffix("\n")
    except UnicodeDecodeError:
        raise UsageError("standard input is not UTF-8 text") from None
