"""`zentalk webhook`: which programs a node tells of events, and what it could not tell them."""

from __future__ import annotations

from typing import Any, Final

from zentalk.cli.arguments import in_path
from zentalk.cli.connect import At, running_node
from zentalk.cli.output import harmless, say, say_done, say_json, utc_day

_WEBHOOKS: Final = "/v1/webhooks"
_PAGE: Final = 1000


def add(
    at: At, url: str, types: list[str], conversation: str | None, *, full: bool, as_json: bool
) -> int:
    """Add a webhook and print its id and its secret."""
    body: dict[str, Any] = {"url": url, "types": types, "content": "full" if full else "ids"}
    if conversation is not None:
        body["conversation"] = conversation
    with running_node(at) as node:
        added = node.post(_WEBHOOKS, body)
        if as_json:
            say_json(added)
        else:
            say(f"{added['id']}  {added['secret']}")
    return 0


def list_all(at: At, *, as_json: bool) -> int:
    """List the webhooks and how far each is."""
    with running_node(at) as node:
        webhooks = node.get(_WEBHOOKS)["webhooks"]
    if as_json:
        say_json(webhooks)
        return 0
    for each in webhooks:
        trouble = f"  {harmless(each['last_error'])}" if each["last_error"] else ""
        say(
            f"{each['id']}  {each['content']}  {each['waiting']} waiting  {each['dead']} dead  "
            f"{harmless(each['url'])}{trouble}"
        )
    return 0


def remove(at: At, webhook: str, *, as_json: bool) -> int:
    """Remove a webhook."""
    with running_node(at) as node:
        node.delete(_path(webhook))
        say_done({"id": webhook}, as_json=as_json)
    return 0


def dead(at: At, webhook: str, *, as_json: bool) -> int:
    """List the events that were given up for a webhook."""
    found: list[dict[str, Any]] = []
    with running_node(at) as node:
        after = 0
        while True:
            page = node.get(f"{_path(webhook)}/dead", after=after, limit=_PAGE)["dead"]
            found += page
            if len(page) < _PAGE:
                break
            after = page[-1]["event"]["seq"]
    if as_json:
        say_json(found)
        return 0
    for letter in found:
        event = letter["event"]
        say(
            f"{event['seq']}  {utc_day(event['at'])}  {harmless(event['type'])}  "
            f"{harmless(letter['reason'])}"
        )
    return 0


def retry(at: At, webhook: str, seq: int | None, *, as_json: bool) -> int:
    """Try one dead letter, or all, once more; and at once what waits for its next try."""
    with running_node(at) as node:
        tried = node.post(f"{_path(webhook)}/dead/retry", {} if seq is None else {"seq": seq})
        say_done(tried, as_json=as_json)
    return 0


def forget(at: At, webhook: str, seq: int | None, *, as_json: bool) -> int:
    """Delete one dead letter, or all."""
    with running_node(at) as node:
        node.delete(f"{_path(webhook)}/dead" + ("" if seq is None else f"?seq={seq}"))
        say_done({"id": webhook, "seq": seq}, as_json=as_json)
    return 0


def _path(webhook: str) -> str:
    return f"{_WEBHOOKS}/{in_path(webhook)}"
