"""`zentalk profile` and `zentalk privacy`: what others see of the owner, and of each other."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from zentalk.cli.connect import At, running_node
from zentalk.cli.errors import UsageError
from zentalk.cli.output import harmless, say, say_json
from zentalk.cli.people import CONTACTS, address_of, check_person
from zentalk.cli.pictures import read_picture, write_picture
from zentalk.errors import NotFoundError

_PROFILE: Final = "/v1/me/profile"
_PRIVACY: Final = "/v1/me/privacy"


def show_profile(at: At, person: str | None, output: Path | None, *, as_json: bool) -> int:
    """Show how the owner, or a contact, wants to be seen, and write the picture to a new file."""
    wanted = None if person is None else check_person(person)
    with running_node(at) as node:
        path = _PROFILE
        if wanted is not None:
            path = f"{CONTACTS}/{address_of(node, wanted)}/profile"
        found = node.get(path)
    if output is not None:
        if not found["avatar"]:
            raise NotFoundError("there is no picture in this profile")
        write_picture(output, found["avatar"])
    _show_profile(found, as_json=as_json)
    return 0


def set_profile(
    at: At,
    name: str | None,
    status: str | None,
    picture: Path | None,
    *,
    no_picture: bool,
    as_json: bool,
) -> int:
    """Change how the owner wants to be seen; what is left out stays as it is."""
    if picture is not None and no_picture:
        raise UsageError("give --picture or --no-picture, not both")
    said = {
        "name": name,
        "status": status,
        "avatar": "" if no_picture else None if picture is None else read_picture(picture),
    }
    changed = _said(said, "give NAME, --status, --picture or --no-picture")
    with running_node(at) as node:
        before = node.get(_PROFILE)
        made = node.put(_PROFILE, {key: before[key] for key in said} | changed)
        _show_profile(made, as_json=as_json)
    return 0


def show_privacy(at: At, *, as_json: bool) -> int:
    """Show what others are told of the owner."""
    with running_node(at) as node:
        _show_privacy(node.get(_PRIVACY), as_json=as_json)
    return 0


def set_privacy(at: At, said: Mapping[str, str | None], *, as_json: bool) -> int:
    """Switch what others are told of the owner, by `on` and `off`; None stays as it is."""
    wished = _said(said, "give --read-receipts, --typing or --presence")
    with running_node(at) as node:
        body = {name: word == "on" for name, word in wished.items()}
        _show_privacy(node.patch(_PRIVACY, body), as_json=as_json)
    return 0


def _said(values: Mapping[str, str | None], otherwise: str) -> dict[str, str]:
    """Return the values that were given; raises UsageError if none was."""
    found = {name: value for name, value in values.items() if value is not None}
    if not found:
        raise UsageError(otherwise)
    return found


def _show_profile(profile: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        say_json(profile)
        return
    say(f"{profile['address']}  {harmless(profile['name'])}".rstrip())
    if profile["status"]:
        say(f"status: {harmless(profile['status'])}")
    if profile["avatar"]:
        say("it has a picture: see --output")


def _show_privacy(told: dict[str, bool], *, as_json: bool) -> None:
    if as_json:
        say_json(told)
        return
    for name, is_told in told.items():
        say(f"{name.replace('_', ' ')}: {'on' if is_told else 'off'}")
