"""The calls of REST about push endpoints; see `zentalk.client.calls`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from zentalk.client.calls import Call, Params
from zentalk.client.parsing import parse
from zentalk.rest.push import PushEndpoint, PushEndpoints, PushKey, PushTested

_PUSH: Final = "/v1/push"


def push_endpoints() -> Call[list[PushEndpoint]]:
    """Ask how devices are woken."""
    return Call("GET", _PUSH, lambda answer: parse(PushEndpoints, answer).endpoints)


def register_push(
    endpoint: str,
    keys: Mapping[str, str] | None,
    types: Sequence[str],
    device: str | None,
    *,
    signed: bool,
) -> Call[PushEndpoint]:
    """Set the endpoint of a device."""
    content: dict[str, Any] = {"endpoint": endpoint, "signed": signed, "types": list(types)}
    content |= {} if keys is None else {"keys": dict(keys)}
    content |= {} if device is None else {"device": device}
    return Call("POST", _PUSH, lambda answer: parse(PushEndpoint, answer), content=content)


def push_key(device: str | None) -> Call[str]:
    """Ask for the key that signs what a device is sent."""
    params: Params = {} if device is None else {"device": device}
    return Call("GET", f"{_PUSH}/key", lambda answer: parse(PushKey, answer).key, params)


def remove_push(device: str) -> Call[None]:
    """Forget the endpoint of a device."""
    return Call("DELETE", f"{_PUSH}/{quote(device, safe='')}", lambda _answer: None)


def test_push(device: str) -> Call[PushTested]:
    """Wake a device now."""
    path = f"{_PUSH}/{quote(device, safe='')}/test"
    return Call("POST", path, lambda answer: parse(PushTested, answer))
