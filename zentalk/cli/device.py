"""`zentalk device`: who may use an API node besides the holder of its own token."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from zentalk.cli.connect import At, running_node
from zentalk.cli.output import harmless, say, say_json, utc_day
from zentalk.errors import NotFoundError

_DEVICES: Final = "/v1/devices"


def add(at: At, name: str, scope: str, *, as_json: bool) -> int:
    """Admit a device and print its token."""
    with running_node(at) as node:
        admitted = node.post(_DEVICES, {"name": name, "scope": scope})
    if as_json:
        say_json(admitted)
    else:
        say(admitted["token"])
    return 0


def list_all(at: At, *, as_json: bool) -> int:
    """List the devices."""
    with running_node(at) as node:
        devices = node.get(_DEVICES)["devices"]
    if as_json:
        say_json(devices)
        return 0
    for device in devices:
        say(f"{device['id']}  {device['scope']:5}  {_seen(device)}  {harmless(device['name'])}")
    return 0


def revoke(at: At, device: str) -> int:
    """Shut a device out, given its id or its name; raises NotFoundError if there is none."""
    with running_node(at) as node:
        devices: list[dict[str, Any]] = node.get(_DEVICES)["devices"]
        found = next((each for each in devices if each["id"] == device), None)
        found = found or next((each for each in devices if each["name"] == device), None)
        if found is None:
            raise NotFoundError(
                f"no device has the name or id '{device}'; see: zentalk device list"
            )
        node.delete(f"{_DEVICES}/{quote(found['id'], safe='')}")
    return 0


def _seen(device: dict[str, Any]) -> str:
    """Return when a device was last here, in ten characters."""
    if device["connected"]:
        return "connected "
    return "never     " if device["last_seen"] is None else utc_day(device["last_seen"])
