"""The reference names every command and option, every route and every key, and no others."""

import json
import re
from pathlib import Path

import httpx

from tests.api.double import TOKEN, FakeNode
from zentalk.api.app import create_app
from zentalk.cli.parser import app as commands
from zentalk.config import ApiSettings, RelaySettings
from zentalk.rest.event_bodies import EVENT_BODIES
from zentalk.rest.signals import SIGNAL_BODIES


def read(repository: Path, name: str) -> str:
    return (repository / "docs" / "reference" / f"{name}.md").read_text("utf-8")


def test_commands_and_options(repository: Path) -> None:
    node = "[--dir DIR] [--url URL] [--token-file FILE]"
    text = read(repository, "cli")
    assert f"`[NODE]` in them stands for `{node}`" in text
    usages = re.findall(r"^`zentalk (.*)`$", text.replace("[NODE]", node), re.MULTILINE)
    described = {
        " ".join(usage.split()[:2]): set(re.findall(r"--[a-z-]+", usage)) for usage in usages
    }
    found = {
        f"{group.name} {command.name}": {a.name for a in command.arguments() if a.is_option}
        for group in commands.groups.values()
        for command in group.commands.values()
    }
    assert described == found


async def test_routes(repository: Path) -> None:
    node = FakeNode()
    transport = httpx.ASGITransport(app=create_app(node, TOKEN, node.stopping))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as rest:
        document = (await rest.get("/v1/openapi.json")).json()
    routes = {
        re.sub(r"\{[a-z]+_id\}", "{id}", f"{method.upper()} {path}")
        for path, operations in document["paths"].items()
        for method in operations
    }
    text = read(repository, "rest")
    assert (
        set(re.findall(r"^`((?:GET|POST|PUT|PATCH|DELETE) [^`?]*)", text, re.MULTILINE)) == routes
    )


LOCAL: dict[str, object] = {"network": "local"}


def test_keys_and_their_defaults(repository: Path) -> None:
    rows = re.findall(r"^\| `([a-z_]+)` \| `(.*?)` \|", read(repository, "config"), re.MULTILINE)
    fields = {**RelaySettings.model_fields, **ApiSettings.model_fields}
    ports = sorted(value for key, value in rows if key == "port")
    assert ports == ["3001", "9001"]
    described = {key: value for key, value in rows if key != "port"}
    assert described == {
        name: json.dumps(field.get_default(call_default_factory=True, validated_data=LOCAL))
        for name, field in fields.items()
        if name not in {"directory", "port"}
    }


def known_routes(document: dict[str, dict[str, object]]) -> set[str]:
    return {
        re.sub(r"\{[a-z_]+\}", "{}", f"{method.upper()} {path}")
        for path, operations in document.items()
        for method in operations
    }


async def unknown_counterparts(text: str) -> list[str]:
    """Routes and events that the page of counterparts names, and that are not there."""
    node = FakeNode()
    transport = httpx.ASGITransport(app=create_app(node, TOKEN, node.stopping))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as rest:
        routes = known_routes((await rest.get("/v1/openapi.json")).json()["paths"])
    named = re.findall(r"`((?:GET|POST|PUT|PATCH|DELETE) /v1/[^`?]*)", text)
    missing = [each for each in named if re.sub(r"\{[a-z_]+\}", "{}", each) not in routes]
    told = re.findall(r"`([a-z]+\.[a-z]+)`", text)
    return missing + [each for each in told if each not in EVENT_BODIES | SIGNAL_BODIES]


async def test_counterparts_are_there(repository: Path) -> None:
    assert await unknown_counterparts(read(repository, "counterparts")) == []


async def test_control_a_counterpart_that_is_not_there_is_found() -> None:
    text = "`GET /v1/me` `GET /v1/nothing/{id}` `POST /v1/me?x=` `message.received` `message.sung`"
    assert await unknown_counterparts(text) == [
        *("GET /v1/nothing/{id}", "POST /v1/me", "message.sung"),
    ]


THEIRS = """
initialize send discover peer-info mark-as-read delete-account typing delete-message delete-chat
edit-message add-reaction remove-reaction upload-media block-contact unblock-contact mute-user
unmute-user clear-chat star-message unstar-message update-username check-username update-profile
update-status logout chats media avatar blocked starred profile message read_receipt message_edited
message_deleted reaction_added reaction_removed online status_update profile_update chat_cleared
user_muted user_unmuted you_were_blocked text image video audio file location contact sticker poll
delivered read negative acknowledge cleanup pending stats register registered payload queued error
mesh upload download status peers health presence sessions duplicates sync users conversations
"""


def test_every_name_of_the_others_has_a_counterpart_or_a_reason(repository: Path) -> None:
    rows = re.findall(r"^\| (.*?) \|", read(repository, "counterparts"), re.MULTILINE)
    words = set(re.findall(r"[a-z_-]+", " ".join(rows).lower()))
    assert sorted(set(THEIRS.split()) - words) == []
