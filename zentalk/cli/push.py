"""`zentalk push`: how a node wakes devices that are away."""

from __future__ import annotations

import json
import sys
from typing import Any, Final
from urllib.parse import quote

from zentalk.cli.connect import At, running_node
from zentalk.cli.device import find_device
from zentalk.cli.errors import UsageError
from zentalk.cli.node_client import NodeClient
from zentalk.cli.output import harmless, say, say_done, say_json, say_or_json, utc_day
from zentalk.errors import NotFoundError, UnavailableError

_PUSH: Final = "/v1/push"
_MAX_CHARS: Final = 4_096


def register(
    at: At,
    endpoint: str | None,
    device: str | None,
    types: list[str],
    *,
    signed: bool,
    as_json: bool,
) -> int:
    """Register an endpoint, given or read from standard input, and print its host."""
    body = _subscription(sys.stdin.read(_MAX_CHARS)) if endpoint is None else {"endpoint": endpoint}
    body |= {"types": types, "signed": signed}
    with running_node(at) as node:
        if device is not None:
            body["device"] = find_device(node, device)
        registered = node.post(_PUSH, body)
        if as_json:
            say_json(registered)
        else:
            say(harmless(registered["host"]))
    return 0


def list_all(at: At, *, as_json: bool) -> int:
    """List how devices are woken, and how that goes."""
    with running_node(at) as node:
        endpoints = node.get(_PUSH)["endpoints"]
    if as_json:
        say_json(endpoints)
        return 0
    for each in endpoints:
        say(f"{each['device']}  {_state(each)}  {harmless(each['host'])}{_trouble(each)}")
    return 0


def remove(at: At, device: str | None, *, as_json: bool) -> int:
    """Forget an endpoint."""
    with running_node(at) as node:
        found = _whose(node, device)
        node.delete(_path(found))
        say_done({"device": found}, as_json=as_json)
    return 0


def test(at: At, device: str | None, *, as_json: bool) -> int:
    """Wake a device; raises UnavailableError if its push server does not take that."""
    with running_node(at) as node:
        tested = node.post(f"{_path(_whose(node, device))}/test")
        if as_json:
            say_json(tested)
        elif tested["accepted"]:
            say(f"accepted with {tested['status']}")
    if not tested["accepted"]:
        raise UnavailableError(f"the push server did not take it: {harmless(tested['error'])}")
    return 0


def key(at: At, device: str | None, *, as_json: bool) -> int:
    """Print the public key that signs what a device is sent."""
    with running_node(at) as node:
        whose = "" if device is None else f"?device={find_device(node, device)}"
        found = node.get(f"{_PUSH}/key{whose}")
        say_or_json(found["key"], found, as_json=as_json)
    return 0


def _subscription(text: str) -> dict[str, Any]:
    """Read a URL, or what a browser or a connector library writes of a subscription."""
    if not text.lstrip().startswith("{"):
        return {"endpoint": text.strip()}
    try:
        found = json.loads(text)
        keys = found.get("keys")
        parts = {} if keys is None else {"keys": {"p256dh": keys["p256dh"], "auth": keys["auth"]}}
        return {"endpoint": found["endpoint"], **parts}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UsageError(
            "standard input must hold a URL, or JSON with 'endpoint' and 'keys', which has"
            " 'p256dh' and 'auth'"
        ) from None


def _whose(node: NodeClient, device: str | None) -> str:
    """Return the id of a device with an endpoint: by its name or id, or the only one there is."""
    known = [each["device"] for each in node.get(_PUSH)["endpoints"]]
    if device is None and len(known) > 1:
        raise UsageError("several devices have a push endpoint: name one with --device")
    if device is None:
        found = known[0] if known else None
    else:
        found = device if device in known else find_device(node, device)
    if found not in known:
        raise NotFoundError("there is no such push endpoint; see: zentalk push list")
    return str(found)


def _state(endpoint: dict[str, Any]) -> str:
    if endpoint["stopped"]:
        return "stopped"
    return "ready  " if endpoint["woken_at"] is None else f"woken {utc_day(endpoint['woken_at'])}"


def _trouble(endpoint: dict[str, Any]) -> str:
    words = endpoint["stopped"] or endpoint["last_error"]
    return f"  {harmless(words)}" if words else ""


def _path(device: str) -> str:
    return f"{_PUSH}/{quote(device, safe='')}"
