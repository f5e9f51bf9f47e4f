"""`zentalk device`: who may use an API node besides the holder of its own token."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from zentalk.cli.connect import running_node
from zentalk.cli.output import harmless, say, say_json


def add(directory: Path, name: str, *, as_json: bool) -> int:
    """Admit a device and print its token."""
    with running_node(directory) as node:
        admitted = node.add_device(name)
    if as_json:
        say_json(admitted.model_dump())
    else:
        say(admitted.token)
    return 0


def list_all(directory: Path, *, as_json: bool) -> int:
    """List the devices."""
    with running_node(directory) as node:
        devices = node.devices()
    if as_json:
        say_json([device.model_dump() for device in devices])
        return 0
    for device in devices:
        day = datetime.fromtimestamp(device.added_at, UTC).date().isoformat()
        say(f"{device.id}  {day}  {harmless(device.name)}")
    return 0


def revoke(directory: Path, device_id: str) -> int:
    """Shut a device out."""
    with running_node(directory) as node:
        node.revoke_device(device_id)
    return 0
