"""The whole grammar: each command prints JSON, and each operation of REST is used by a command.

What is not so is in a short list that says why.
"""

from __future__ import annotations

import errno
import io
import json
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import pytest
import structlog

from tests.api.double import BOB, OWNER, STRANGER
from tests.cli.conftest import Run
from tests.cli.documented_node import DocumentedNode, operation_ids, reading_ids
from zentalk.cli import main
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
    "contact direct": ["Bob", "on"],
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
    "group forget": ["Crew"],
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
    "message open": [f"zentalk-message:{CAROLS}/{'5a' * 16}"],
    "message sticker": ["Bob", "\N{GRINNING FACE}", "PICTURE"],
    "message location": ["Bob", "-33.8568", "151.2153", "the", "opera"],
    "message card": ["Bob", CAROLS, "Carol"],
    "file send": ["Bob", "PICTURE"],
    "file add": ["PICTURE"],
    "file get": ["5f" * 32, "NEW"],
    "file list": [],
    "file status": ["5f" * 32],
    "file rotate": ["5f" * 32],
    "file delete": ["5f" * 32],
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

OTHER_WAYS = [
    ("contact verify", ["Bob", "--undo"]),
    ("contact direct", ["Bob"]),
    ("profile show", ["Bob"]),
    ("message pin", ["Bob", "last", "--off"]),
    ("message star", ["Bob", "last", "--off"]),
    ("group picture", ["Crew", "--off"]),
    ("group picture", ["Crew", "--output", "NEW"]),
    ("group unlink", ["8f14e45fceea167a", "--of", "Crew"]),
    ("message show", ["Bob", "ab" * 16]),
    ("file send", ["Bob", "5f" * 32, "--name", "a.jpg"]),
    ("file add", ["PICTURE", "--no-wait", "--keep-metadata"]),
    ("file delete", ["c3" * 16]),
    ("file status", []),
    ("device redeem", [PAIRING, "--token-file", "NEW"]),
]

NOT_ASKED = {
    "uploadFile": "answers once relays have it; zentalk file add asks meanwhile how far it is",
    "getHealth": "for what watches a node from outside; every command finds out by itself",
    "proveToken": "asked before each first call of a connection: tests/cli/test_strangers.py",
    "getPresence": "zentalk message watch --signals shows who writes and who is there",
    "markConversationRead": "asked when something came in: tests/cli/test_watch.py",
    "setPresence": "holds for 30 seconds: for a program that shows a chat",
    "sendTyping": "holds for 5 seconds: for a program in which somebody writes",
    "getAddressPng": "a picture: zentalk api address --qr draws it in the terminal",
    "getAddressSvg": "the same",
    "getInvitePng": "a picture: zentalk invite show draws it in the terminal",
    "getInviteSvg": "the same",
    "getPairingQr": "a picture: zentalk device pair draws it in the terminal",
    "keepRecovery": "zentalk api phrase asks it: tests/cli/test_link_commands.py",
}
"""Operations of the document for which nothing of the above asks, and why."""

WRITES_HERE = {"file get"}
"""What changes nothing at the node, and leaves a file on this machine."""

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


class Done(NamedTuple):
    """What came of a command: its code, what it printed, and which operations it asked for."""

    code: int
    out: str
    err: str
    asked: list[str]


Asks = Callable[..., Done]


class Full(io.StringIO):
    """A standard output that takes nothing, over a file that may be put in its place."""

    def __init__(self, under: TextIO) -> None:
        super().__init__()
        self._under = under

    def write(self, _text: str, /) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    def fileno(self) -> int:
        return self._under.fileno()


@pytest.fixture(scope="module")
def asks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asks]:
    """Run a command, with --json, against a node that answers with the examples of the document."""
    folder = tmp_path_factory.mktemp("files")
    node = DocumentedNode()
    files = {name: folder / name for name in ("TOKEN", "PICTURE", "EXPORT", "NEW")}
    files["TOKEN"].write_text("t" * 43)
    files["TOKEN"].chmod(0o600)
    files["PICTURE"].write_bytes(b"picture")
    told = {"address": BOBS, "name": "Bob", "state": "contact", "messages": [node.message]}
    files["EXPORT"].write_text(json.dumps({"format": 1, "conversations": [told]}))
    place = ["--url", "http://127.0.0.1:3001"]

    def run(name: str, typed: list[str], *, plain: bool = False, lost: bool = False) -> Done:
        words = [str(files.get(word, word)) for word in typed]
        if name != "device redeem":
            words += [*place, "--token-file", str(files["TOKEN"])]
        words += [] if plain else ["--json"]
        out, err = Full(under) if lost else io.StringIO(), io.StringIO()
        node.asked.clear()
        files["NEW"].unlink(missing_ok=True)
        with redirect_stdout(out), redirect_stderr(err):
            code = main([*name.split(), *words])
        return Done(code, out.getvalue(), err.getvalue(), [*node.asked])

    with (folder / "out").open("w") as under, pytest.MonkeyPatch.context() as monkeypatch:
        node.take_calls(monkeypatch)
        yield run


@pytest.fixture(scope="module")
def walk(asks: Asks) -> dict[str, Done]:
    """What came of each command that asks a node."""
    return {name: asks(name, typed) for name, typed in ASKING.items()}


@pytest.mark.parametrize("name", ASKING)
def test_what_asks_a_node_prints_json(walk: dict[str, Done], name: str) -> None:
    done = walk[name]
    assert done.code == (1 if name in ENDS_WITH_THE_NODE else 0), done.err
    assert json.loads(done.out) is not None


@pytest.fixture(scope="module")
def plain(asks: Asks) -> dict[str, Done]:
    """What came of each command that asks a node, for people."""
    return {name: asks(name, typed, plain=True) for name, typed in ASKING.items()}


@pytest.mark.parametrize("name", ASKING)
def test_what_asks_a_node_prints_lines_otherwise(plain: dict[str, Done], name: str) -> None:
    done = plain[name]
    assert done.code == (1 if name in ENDS_WITH_THE_NODE else 0), done.err
    if name != "conversation export":
        assert not done.out.startswith(("{", "["))


@pytest.fixture(scope="module")
def other_ways(asks: Asks) -> list[Done]:
    return [asks(name, typed) for name, typed in OTHER_WAYS]


def test_other_ways_of_some_commands_print_json_too(other_ways: list[Done]) -> None:
    for done in other_ways:
        assert (done.code, done.err) == (0, "")
        assert json.loads(done.out) is not None


def unused(*done: Done) -> set[str]:
    """Operations that no command has asked for."""
    return operation_ids() - {operation for one in done for operation in one.asked}


def test_each_operation_is_used_by_a_command_or_has_a_reason(
    walk: dict[str, Done], plain: dict[str, Done], other_ways: list[Done]
) -> None:
    assert unused(*walk.values(), *plain.values(), *other_ways) == set(NOT_ASKED)


def test_control_an_operation_that_no_command_uses_is_found(walk: dict[str, Done]) -> None:
    without = [done for name, done in walk.items() if name != "profile set"]
    assert "setProfile" in unused(*without)
    assert "setProfile" not in unused(*walk.values())


def test_what_is_said_of_a_command_that_prints_nothing_else(asks: Asks) -> None:
    def said(name: str, *typed: str) -> Any:
        return json.loads(asks(name, [*typed]).out)

    written = said("conversation export", "--output", "NEW", "--as", "markdown")
    assert written["conversations"] == [BOBS]
    for undone in (["contact verify", "Bob", "--undo"], ["contact refuse", "Bob"]):
        assert said(*undone) == {"address": BOBS}
    assert said("contact introduce", "Bob", CAROLS) == {"address": BOBS, "to": CAROLS}
    assert said("device revoke", "phone") == {"id": "8f14e45fceea167a"}
    assert said("webhook forget", "8f", "7") == {"id": "8f", "seq": 7}
    assert said("group unlink", "8f", "--of", "Crew") == {"id": "8f"}
    assert said("conversation clear", "Bob") == said("conversation show", "Bob")
    assert said("group picture", "Crew", "--off") == said("group show", "Crew")


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


@pytest.mark.parametrize(
    ("name", "typed", "words"),
    [
        ("api unlink", [""], "the id is empty"),
        ("device cancel", [""], "the id is empty"),
        ("webhook forget", [""], "the id is empty"),
    ],
)
def test_an_empty_id_is_said_to_be_one(asks: Asks, name: str, typed: list[str], words: str) -> None:
    done = asks(name, typed)
    assert (done.code, words in done.err) == (2, True), done.err


@pytest.mark.parametrize("name", sorted(ASKING.keys() - ENDS_WITH_THE_NODE))
def test_what_was_done_is_not_said_to_have_failed_if_its_answer_is_lost(
    asks: Asks, name: str
) -> None:
    done = asks(name, ASKING[name], lost=True)
    changes = set(done.asked) - reading_ids()
    assert done.code == (3 if changes or name in WRITES_HERE else 1), done.err
