"""Which message is meant: by its id, by the first digits of it, or as the last one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from zentalk.cli.connect import At, running_node
from zentalk.cli.errors import UsageError
from zentalk.cli.node_client import NodeClient
from zentalk.cli.people import addresses_of, check_conversation, check_person, conversation_of
from zentalk.errors import NotFoundError

LAST: Final = "last"
"""The word for the newest message, of your own where only those count."""
_FEWEST_DIGITS: Final = 4
_ALL_DIGITS: Final = 32
_SEARCHED: Final = 1000


class Along(NamedTuple):
    """What goes along with a message: which one it answers, and who is named in it."""

    reply_to: str | None = None
    mentions: Sequence[str] = ()


def checked_along(reply_to: str | None, mentions: Sequence[str]) -> Along:
    """Return what was typed to go along; raises UsageError if it can be no message or nobody."""
    if reply_to is not None:
        check_message(reply_to)
    return Along(reply_to, [check_person(one) for one in mentions])


def fields_of(node: NodeClient, conversation: str, along: Along) -> dict[str, Any]:
    """Return what goes along as REST has it; raises NotFoundError."""
    fields: dict[str, Any] = {}
    if along.reply_to is not None:
        fields["reply_to"] = found_message(node, conversation, along.reply_to)["id"]
    if along.mentions:
        fields["mentions"] = addresses_of(node, along.mentions)
    return fields


def check_message(which: str) -> None:
    """Raise UsageError for a word that can name no message."""
    if which != LAST and len(which) < _FEWEST_DIGITS:
        raise UsageError(f"give at least {_FEWEST_DIGITS} digits of a message's id, or: {LAST}")


def found_message(
    node: NodeClient, conversation: str, which: str, *, own: bool = False
) -> dict[str, Any]:
    """Return the message that is meant, of any age if its whole id was given.

    Raises NotFoundError if there is none, or more than one begins so.
    """
    page = node.get(messages_path(conversation), limit=_SEARCHED)["messages"]
    able = [one for one in page if _is_able(one, own=own)]
    if which == LAST:
        able = able[-1:]
    else:
        able = [one for one in able if one["id"].startswith(which.lower())]
    if not able and len(which) == _ALL_DIGITS:
        old = node.get(f"/v1/messages/{quote(which, safe='')}", conversation=conversation)
        able = [old] if _is_able(old, own=own) else []
    if len(able) != 1:
        what = "several messages" if able else "no message"
        raise NotFoundError(
            f"{what} of the newest {_SEARCHED:,} in this conversation can be meant;"
            " see: zentalk message list --ids"
        )
    found: dict[str, Any] = able[0]
    return found


@contextmanager
def chosen_message(
    at: At, person: str, which: str, *, own: bool = False
) -> Iterator[tuple[NodeClient, str]]:
    """Find the message that is meant and yield its path; raises as `found_message` does."""
    wanted = check_conversation(person)
    check_message(which)
    with running_node(at) as node:
        conversation = conversation_of(node, wanted)
        found = found_message(node, conversation, which, own=own)
        yield node, f"{messages_path(conversation)}/{found['id']}"


def messages_path(conversation: str) -> str:
    """Return where the messages of a conversation are."""
    return f"/v1/conversations/{quote(conversation, safe='')}/messages"


def _is_able(message: dict[str, Any], *, own: bool) -> bool:
    return bool(message["author"]) and (message["direction"] == "out" or not own)
