"""Every command prints JSON when it is told to, or is in a short list that says why it does not."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from tests.api.double import BOB, OWNER, STRANGER
from tests.cli.conftest import Run
from tests.cli.documented_node import DocumentedNode
from zentalk.cli.grammar import Command
from zentalk.cli.parser import app
from zentalk.ids import GroupId, UserAddress
from zentalk.store.history import terms
from zentalk.store.history.schema import MIGRATIONS
from zentalk.store.key_file import load_identity
from zentalk.store.sqlite import open_database, transaction
from zentalk.wire.invite import InviteLink, format_invite, format_link_code
from zentalk.wire.text import format_address

BOBS, CAROLS = format_address(BOB), format_address(STRANGER)
GROUP = format_address(UserAddress(GroupId(bytes(range(3, 35)))))
LINK = format_invite(InviteLink(OWNER, bytes(16)))
PAIRING = "zentalk-pair:http://127.0.0.1:3001#QX7K-2MZP-NB4T-6WRA"
URI = "zt-relay:" + "a" * 52 + "@127.0.0.1:9001"
HOOK = "http://127.0.0.1:8080/hook"
Answer = Callable[..., Any]

NO_JSON = {
    "relay run": "a program: a line that it is ready, and a log",
    "api run": "a program: a line that it is ready, and a log",
    "sim up": "a program: where its nodes are, and a log",
    "sim run": "its --json takes a file, or - for standard output: tests/cli/test_sim.py",
    "api phrase": "shows words to a person and asks for some of them",
    "completion bash": "prints a script",
    "completion zsh": "prints a script",
    "completion fish": "prints a script",
}

ASKING = {
    "contact add": [BOBS, "Bob"],
    "contact accept": [BOBS, "Bob"],
    "contact rename": ["Bob", "Robert"],
    "contact refuse": [BOBS],
    "contact remove": ["Bob"],
    "contact block": ["Bob"],
    "contact unblock": ["Bob"],
    "contact verify": ["Bob", "--same"],
    "contact introduce": ["Bob", CAROLS],
    "contact introduced": [],
    "contact dismiss": [CAROLS],
    "contact list": [],
    "invite create": ["Bob"],
    "invite list": [],
    "invite show": ["8f14e45fceea167a"],
    "invite revoke": ["8f14e45fceea167a"],
    "group create": ["Crew", "Bob"],
    "group list": [],
    "group show": ["Crew"],
    "group invite": ["Crew", "Bob"],
    "group accept": ["Crew"],
    "group leave": ["Crew"],
    "group remove": ["Crew", "Bob"],
    "group promote": ["Crew", "Bob"],
    "group demote": ["Crew", "Bob"],
    "group share": ["Crew", "Bob"],
    "group rename": ["Crew", "The", "crew"],
    "group describe": ["Crew", "all", "of", "us"],
    "group posting": ["Crew", "admins"],
    "group picture": ["Crew", "PICTURE"],
    "group deliveries": ["Crew", "last"],
    "group link": ["Crew"],
    "group links": ["Crew"],
    "group unlink": ["8f14e45fceea167a"],
    "group join": [LINK],
    "device add": ["phone"],
    "device pair": ["phone"],
    "device pairings": [],
    "device cancel": ["8f14e45fceea167a"],
    "device list": [],
    "device revoke": ["phone"],
    "mailbox list": [],
    "mailbox move": [],
    "conversation list": [],
    "conversation show": ["Bob"],
    "conversation clear": ["Bob"],
    "conversation timer": ["Bob", "7d"],
    "conversation mute": ["Bob"],
    "conversation draft": ["Bob", "half", "a"],
    "conversation export": [],
    "conversation import": ["EXPORT"],
    "message send": ["Bob", "hello"],
    "message list": ["Bob", "--limit", "1"],
    "message watch": ["Bob"],
    "message edit": ["Bob", "last", "hello"],
    "message delete": ["Bob", "last"],
    "message react": ["Bob", "last"],
    "message pin": ["Bob", "last"],
    "message star": ["Bob", "last"],
    "message starred": [],
    "message search": ["tea"],
    "message forward": ["Bob", "last", CAROLS],
    "message poll": ["Bob", "which?", "green", "black"],
    "message vote": ["Bob", "last", "1"],
    "message show": ["Bob", "last"],
    "message sticker": ["Bob", "\N{GRINNING FACE}", "PICTURE"],
    "message location": ["Bob", "-33.8568", "151.2153", "the", "opera"],
    "message card": ["Bob", CAROLS, "Carol"],
    "profile show": [],
    "profile set": ["Bob", "Smith"],
    "privacy show": [],
    "privacy set": ["--typing", "off"],
    "webhook add": [HOOK],
    "webhook list": [],
    "webhook remove": ["8f14e45fceea167a"],
    "webhook dead": ["8f14e45fceea167a"],
    "webhook retry": ["8f14e45fceea167a"],
    "webhook forget": ["8f14e45fceea167a"],
    "push register": ["https://push.example/up"],
    "push list": [],
    "push test": [],
    "push key": [],
    "push remove": [],
    "network status": [],
    "api link": [],
    "api links": [],
    "api unlink": ["8f14e45fceea167a"],
}
"""What is typed after each command that asks a node."""

ENDS_WITH_THE_NODE = {"message watch"}
"""What goes on until the node stops, which is a failure."""


def commands() -> dict[str, Command]:
    return {
        f"{group.name} {command.name}": command
        for group in app.groups.values()
        for command in group.commands.values()
    }


def asks_a_node(command: Command) -> bool:
    return any(argument.name == "--url" for argument in command.arguments())


def without_json() -> set[str]:
    """Commands that take no flag --json."""
    return {
        name
        for name, command in commands().items()
        if not any(each.name == "--json" and each.is_flag for each in command.arguments())
    }


def test_each_command_takes_json_or_has_a_reason() -> None:
    assert without_json() == set(NO_JSON)
    assert set(ASKING) == {name for name, command in commands().items() if asks_a_node(command)}


def test_control_a_command_without_it_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(*, directory: Path) -> int:
        raise NotImplementedError

    monkeypatch.setitem(app.groups["contact"].commands, "hush", Command("hush", silent))
    assert without_json() - set(NO_JSON) == {"contact hush"}


@pytest.fixture
def documented(monkeypatch: pytest.MonkeyPatch) -> DocumentedNode:
    node = DocumentedNode()
    node.take_calls(monkeypatch)
    return node


@pytest.fixture
def answer(run: Run, tmp_path: Path) -> Answer:
    """Run a command that asks a node with --json, and return what it printed."""
    token, picture, export = (tmp_path / name for name in ("token", "picture", "export"))
    token.write_text("t" * 43)
    token.chmod(0o600)
    picture.write_bytes(b"picture")
    export.write_text('{"format": 1, "conversations": []}')
    files = {"PICTURE": picture, "EXPORT": export}

    def answer(name: str, *typed: str) -> Any:
        words = [files.get(word, word) for word in typed]
        node = ["--url", "http://127.0.0.1:3001", "--token-file", token]
        done = run(*name.split(), *words, *node, "--json")
        assert done.code == (1 if name in ENDS_WITH_THE_NODE else 0), done.err
        return json.loads(done.out)

    return answer


@pytest.mark.usefixtures("documented")
@pytest.mark.parametrize("name", ASKING)
def test_what_asks_a_node_prints_json(answer: Answer, name: str) -> None:
    assert answer(name, *ASKING[name]) is not None


@pytest.fixture
def _default_logging() -> Iterator[None]:
    yield
    structlog.reset_defaults()


@pytest.mark.usefixtures("_default_logging")
def test_what_needs_no_running_node_prints_json(run: Run, tmp_path: Path) -> None:
    def answer(*typed: object) -> Any:
        done = run(*typed, "--json")
        assert done.code == 0, done.err
        return json.loads(done.out)

    relay, home = tmp_path / "relay", tmp_path / "api"
    made = answer("relay", "init", "--dir", relay, "--port", 0)
    assert answer("relay", "check", "--dir", relay) == made | {"warnings": []}
    address = answer("api", "init", "--dir", home, "--bootstrap", URI)
    assert answer("api", "address", "--dir", home, "--qr") == address
    assert len(answer("api", "token", "--dir", home)["token"]) == 43
    assert {one["name"] for one in answer("sim", "list")} >= {"churn"}
    assert answer("api", "promote", "--dir", home) == {"term": 1}
    connection = open_database(home / "history.db", MIGRATIONS)
    with transaction(connection) as tx:
        terms.put_outdone(tx, 2)
    connection.close()
    own = UserAddress(load_identity(home).public)
    code = format_link_code(InviteLink(own, bytes(16)))
    assert Path(answer("api", "follow", code, "--dir", home)["kept"]).exists()


@pytest.mark.usefixtures("documented")
def test_a_device_that_redeems_a_link_prints_json(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "phone"
    done = run("device", "redeem", PAIRING, "--token-file", file, "--json")
    assert json.loads(done.out)["token_file"] == str(file)


@pytest.mark.usefixtures("documented")
def test_other_ways_of_some_commands_print_json_too(answer: Answer, tmp_path: Path) -> None:
    written = str(tmp_path / "written")
    found = answer("conversation export", "--output", written, "--as", "markdown")
    assert found == {"output": written, "conversations": [BOBS]}
    assert answer("profile show", "Bob")["status"] == "at sea"
    for undone in (["contact verify", "Bob", "--undo"], ["contact refuse", "Bob"]):
        assert answer(*undone) == {"address": BOBS}
    assert answer("contact introduce", "Bob", CAROLS) == {"address": BOBS, "to": CAROLS}
    assert answer("device revoke", "phone") == {"id": "8f14e45fceea167a"}
    assert answer("webhook forget", "8f", "7") == {"id": "8f", "seq": 7}
    assert answer("conversation clear", "Bob") == answer("conversation show", "Bob")
    assert answer("group unlink", "8f", "--of", "Crew") == {"id": "8f"}
    assert answer("group picture", "Crew", "--off") == answer("group show", "Crew")
