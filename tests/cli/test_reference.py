"""The reference names every command and option, every route and every key, and no others."""

import json
import re
from pathlib import Path

import httpx

from tests.api.double import TOKEN, FakeNode
from zentalk.api.app import create_app
from zentalk.cli.parser import app as commands
from zentalk.config import ApiSettings, RelaySettings


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
