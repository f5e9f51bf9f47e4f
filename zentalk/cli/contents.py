"""Sends what is no text: polls, stickers, places, and addresses of people."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from zentalk.cli.choosing import Along, fields_of, messages_path
from zentalk.cli.connect import At, running_node
from zentalk.cli.message import say_message
from zentalk.cli.node_client import NodeClient
from zentalk.cli.people import address_of, check_conversation, check_person, conversation_of
from zentalk.cli.pictures import read_picture


def poll(
    at: At,
    person: str,
    question: str,
    options: list[str],
    *,
    multiple: bool,
    along: Along,
    as_json: bool,
) -> int:
    """Ask a question with options."""
    wanted = check_conversation(person)
    content = {"poll": {"question": question, "options": options, "multiple": multiple}}
    with running_node(at) as node:
        _send(node, wanted, content, along, as_json=as_json)
    return 0


def sticker(at: At, person: str, emoji: str, file: Path, *, along: Along, as_json: bool) -> int:
    """Send a small picture that an emoji stands for."""
    wanted = check_conversation(person)
    content = {"sticker": {"emoji": emoji, "picture": read_picture(file)}}
    with running_node(at) as node:
        _send(node, wanted, content, along, as_json=as_json)
    return 0


def location(
    at: At, person: str, place: tuple[float, float], label: str, *, along: Along, as_json: bool
) -> int:
    """Send a place: its latitude and longitude in degrees."""
    wanted = check_conversation(person)
    content = {"location": {"latitude": place[0], "longitude": place[1], "label": label}}
    with running_node(at) as node:
        _send(node, wanted, content, along, as_json=as_json)
    return 0


def card(at: At, person: str, whom: str, name: str, *, along: Along, as_json: bool) -> int:
    """Send somebody's address, under the name that was given for that and no other."""
    wanted, shown = check_conversation(person), check_person(whom)
    with running_node(at) as node:
        content = {"contact": {"address": address_of(node, shown), "name": name}}
        _send(node, wanted, content, along, as_json=as_json)
    return 0


def _send(
    node: NodeClient, wanted: str, content: dict[str, Any], along: Along, *, as_json: bool
) -> None:
    conversation = conversation_of(node, wanted)
    body = content | fields_of(node, conversation, along)
    say_message(node.post(messages_path(conversation), body), as_json=as_json)
