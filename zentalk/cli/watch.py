"""`zentalk message watch`: messages as they come and go, from now on.

What is shown of others counts as read. The stream has a connection of its own, so that both can
go on at once.
"""

from __future__ import annotations

import json
from typing import Any, Final

from zentalk.cli.connect import At, running_node
from zentalk.cli.message import line_of, mark_read
from zentalk.cli.names import Names
from zentalk.cli.node_client import NodeClient
from zentalk.cli.output import local_time, say
from zentalk.cli.people import check_conversation, conversation_of
from zentalk.errors import UnavailableError

_SIGNALS: Final = {
    "conversation.typing": ("typing", "is writing", "has stopped writing"),
    "conversation.presence": ("present", "is there", "has left"),
}
"""For each type of signal the field that says it, and what is shown if it is so, and if not."""
_SHOWN: Final = {"message.received", "message.created", "ratchet.renewed"}


def watch(at: At, person: str | None, *, signals: bool = False, as_json: bool) -> int:
    """Print messages until the node stops, which raises UnavailableError, or Ctrl-C.

    With `signals`, also who is writing and who is there: as JSON an object with `type` and `data`.
    """
    wanted = None if person is None else check_conversation(person)
    with running_node(at) as node, running_node(at) as stream:
        partner = None if wanted is None else conversation_of(node, wanted)
        names = Names(node)
        start = last_event(node)
        node.close()
        for event in stream.events(start, signals=signals):
            about = event["data"]
            if partner not in {None, about.get("conversation")}:
                continue
            if event["type"] in _SHOWN:
                who = names.before(about, conversation=partner is None)
                say(json.dumps(about) if as_json else line_of(about, who))
                mark_read(node, about["conversation"], [about])
            elif event["type"] in _SIGNALS:
                say(json.dumps(event) if as_json else _signal_line(event, names))
            node.close()  # The next message may come after the node gave up this connection.
    raise UnavailableError("the API node has stopped")


def _signal_line(event: dict[str, Any], names: Names) -> str:
    about = event["data"]
    field, if_so, if_not = _SIGNALS[event["type"]]
    who = names.of(about["conversation"])
    return f"{local_time(event['at'])} - {who} {if_so if about[field] else if_not}"


def last_event(node: NodeClient) -> int:
    """Return the number of the newest event, 0 without any: in some tens of short questions."""
    beyond = 1
    while _is_more(node, beyond):
        beyond *= 2
    low = 0 if beyond == 1 else beyond // 2
    while low < beyond:
        middle = (low + beyond) // 2
        if _is_more(node, middle):
            low = middle + 1
        else:
            beyond = middle
    return low


def _is_more(node: NodeClient, after: int) -> bool:
    return bool(node.get("/v1/events", after=after, limit=1)["events"])
