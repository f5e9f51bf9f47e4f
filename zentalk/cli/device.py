"""`zentalk device`: who may use an API node besides the holder of its own token."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from zentalk.cli.arguments import in_path
from zentalk.cli.connect import At, running_node
from zentalk.cli.errors import UsageError
from zentalk.cli.node_client import NodeClient, read_url
from zentalk.cli.output import harmless, local_time, say, say_done, say_json, telling, utc_day
from zentalk.config import remove_file, write_private
from zentalk.errors import DecodeError, NotFoundError, StrangerError
from zentalk.web.pair_link import plain_code, read_link

_DEVICES: Final = "/v1/devices"
_PAIRINGS: Final = f"{_DEVICES}/pairings"


def add(at: At, name: str, scope: str, *, as_json: bool) -> int:
    """Admit a device and print its token."""
    with running_node(at) as node:
        admitted = node.post(_DEVICES, {"name": name, "scope": scope})
        if as_json:
            say_json(admitted)
        else:
            say(admitted["token"])
    return 0


def pair(at: At, name: str, scope: str, url: str | None, *, as_json: bool) -> int:
    """Open a pairing, and show its link as a QR code."""
    with running_node(at) as node:
        wanted = {"name": name, "scope": scope} | ({} if url is None else {"url": url})
        pairing = node.post(_PAIRINGS, wanted)
        if as_json:
            say_json(pairing)
            return 0
        drawn = _drawn(pairing["link"])
        if drawn:
            say(drawn)
        say(pairing["link"])
        say(f"code {pairing['code']}, for {scope}, once, until {local_time(pairing['expires_at'])}")
    return 0


def list_pairings(at: At, *, as_json: bool) -> int:
    """List the invitations that are open."""
    with running_node(at) as node:
        pairings = node.get(_PAIRINGS)["pairings"]
    if as_json:
        say_json(pairings)
        return 0
    for each in pairings:
        until = local_time(each["expires_at"])
        say(f"{each['id']}  {each['scope']:5}  until {until}  {harmless(each['name'])}")
    return 0


def cancel(at: At, pairing: str, *, as_json: bool) -> int:
    """Withdraw an invitation."""
    with running_node(at) as node:
        node.delete(f"{_PAIRINGS}/{in_path(pairing)}")
        say_done({"id": pairing}, as_json=as_json)
    return 0


def redeem(link: str, file: Path, *, as_json: bool) -> int:
    """Get the token of this device for a link, and write it into a new file."""
    try:
        url, code = read_link(link)
    except DecodeError as error:
        raise UsageError(str(error)) from None
    place = read_url(url)
    if place is None:
        raise UsageError(f"this command takes links to http://HOST:PORT, not to {url}")
    write_private(file, b"")  # Before the code is used up: nothing may fail after that.
    try:
        # The node proves that it knows the code before it is shown it.
        with closing(NodeClient(place, plain_code(code))) as node:
            device = node.post("/v1/pairings/redeem", {"code": code})
        write_private(file, device.pop("token").encode() + b"\n", replace=True)
    except StrangerError:
        remove_file(file)
        raise NotFoundError(
            f"the node at {place.url} does not know this code: it was used, or is older than five"
            " minutes; make another: zentalk device pair NAME"
        ) from None
    except BaseException:  # also Ctrl-C: an empty token file must not stay behind
        remove_file(file)
        raise
    with telling(lambda: f"the token of this device is in {file}"):
        if as_json:
            say_json(device | {"url": place.url, "token_file": str(file)})
        else:
            say(f"{harmless(device['name'])} may {device['scope']}; its token is in {file}")
            say(f"use it as: zentalk message list --url {place.url} --token-file {file}")
    return 0


def _drawn(link: str) -> str:
    """Return a QR code, or nothing where it cannot be drawn or shown."""
    from zentalk.qr import lines

    drawn = "\n".join(lines(link))
    try:
        drawn.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return ""
    return drawn


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


def revoke(at: At, device: str, *, as_json: bool) -> int:
    """Shut a device out, given its id or its name; raises NotFoundError if there is none."""
    with running_node(at) as node:
        found = find_device(node, device)
        node.delete(f"{_DEVICES}/{quote(found, safe='')}")
        say_done({"id": found}, as_json=as_json)
    return 0


def find_device(node: NodeClient, device: str) -> str:
    """Return the id of a device, given its id or its name; raises NotFoundError."""
    devices: list[dict[str, Any]] = node.get(_DEVICES)["devices"]
    found = next((each for each in devices if each["id"] == device), None)
    found = found or next((each for each in devices if each["name"] == device), None)
    if found is None:
        raise NotFoundError(f"no device has the name or id '{device}'; see: zentalk device list")
    return str(found["id"])


def _seen(device: dict[str, Any]) -> str:
    """Return when a device was last here, in ten characters."""
    if device["connected"]:
        return "connected "
    return "never     " if device["last_seen"] is None else utc_day(device["last_seen"])
