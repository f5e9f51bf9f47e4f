"""Relays and API nodes of several versions as programs of their own, on loopback.

`older.tar.xz` is the package as it was before there were conversations, frozen, because neither a
source archive nor a shallow clone has it: `git archive a95b62d zentalk | xz -9e`. The program
`future.py` is this version with two kinds of content and a key more.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

T = TypeVar("T")

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent.parent
PATIENCE_SECONDS = 120.0
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("ZENTALK_")}


@dataclass(frozen=True)
class Version:
    """The place of a package, and the module that is its program."""

    code: Path
    program: Sequence[str] = ("-m", "zentalk")

    def command(self, *arguments: object) -> list[str]:
        return [sys.executable, *self.program, *map(str, arguments)]

    def environment(self) -> dict[str, str]:
        return {**CLEAN, "PYTHONPATH": str(self.code)}

    def finished(self, *arguments: object) -> str:
        """Run a command to its end, and return what it prints."""
        # Elsewhere than in the repository: the folder one is in would come before PYTHONPATH.
        done = subprocess.run(
            self.command(*arguments),
            capture_output=True,
            text=True,
            env=self.environment(),
            cwd=self.code,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


THIS = Version(REPOSITORY)
FUTURE = Version(REPOSITORY, (str(HERE / "future.py"),))


def unpacked(folder: Path) -> Version:
    """Return the older version, from the archive beside this file."""
    with tarfile.open(HERE / "older.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    older = Version(folder)
    place = "import zentalk; print(zentalk.__file__)"
    shown = Version(folder, ("-c", place)).finished()
    assert Path(shown) == folder / "zentalk" / "__init__.py", "another version would be tested"
    return older


@dataclass
class Person:
    """One API node, driven over its REST."""

    name: str
    folder: Path
    version: Version
    address: str = ""
    http: httpx.Client = field(default_factory=httpx.Client)
    process: subprocess.Popen[str] | None = None

    def get(self, path: str, **params: Any) -> Any:
        answer = self.http.get(path, params=params)
        assert answer.status_code == 200, (path, answer.text)
        return answer.json()

    def do(self, method: str, path: str, body: Any = None, **params: Any) -> Any:
        answer = self.http.request(method, path, json=body, params=params)
        assert answer.status_code in {200, 201, 202, 204}, (path, answer.text)
        return answer.json() if answer.content else None

    def know(self, other: Person) -> None:
        self.do("POST", "/v1/contacts", {"address": other.address, "name": other.name})

    def send(self, other: Person, text: str = "", **body: Any) -> str:
        """Send a message and return its id."""
        content = {"text": text} if text else body
        path = f"/v1/conversations/{other.address}/messages"
        return str(self.do("POST", path, {**body, **content})["id"])

    def delivered(self, message_id: str) -> None:
        """Wait until a message of this person is delivered."""
        until(lambda: self.state(message_id) in {"delivered", "read"})

    def state(self, message_id: str) -> str:
        return str(self.get(f"/v1/messages/{message_id}")["state"])

    def shown(self, other: Person) -> list[dict[str, Any]]:
        """Return the messages of a conversation."""
        path = f"/v1/conversations/{other.address}/messages"
        found: list[dict[str, Any]] = self.get(path)["messages"]
        return found

    def texts(self, other: Person) -> list[str]:
        return [message["text"] for message in self.shown(other)]

    def sees(self, other: Person, text: str) -> None:
        """Wait until a text of a conversation is shown."""
        until(lambda: text in self.texts(other))


class Network:
    """Programs that end with the test, and may not have failed at anything until then."""

    def __init__(self, root: Path, stack: ExitStack) -> None:
        self._root = root
        self._stack = stack
        self._uris: list[str] = []
        self._logs: list[Path] = []

    def relay(self, version: Version) -> None:
        """Start one more relay."""
        folder = self._root / f"relay{len(self._uris)}"
        version.finished("relay", "init", "--dir", folder, "--port", 0, *self._bootstraps())
        _, said = self._start(version, "relay", folder)
        self._uris.append(said)

    def person(self, name: str, version: Version) -> Person:
        """Start the node of somebody new, and wait until it can send."""
        person = Person(name, self._root / name, version)
        place = ("--dir", person.folder, "--port", 0)
        said = version.finished("api", "init", *place, "--name", name, *self._bootstraps())
        person.address = next(line for line in said.splitlines() if line.startswith("zt1"))
        self.start(person)
        return person

    def start(self, person: Person) -> None:
        """Start somebody's node, also again and in another version."""
        person.process, url = self._start(person.version, "api", person.folder)
        token = person.version.finished("api", "token", "--dir", person.folder)
        headers = {"Authorization": f"Bearer {token}"}
        client = httpx.Client(base_url=url, headers=headers, timeout=30, trust_env=False)
        person.http = self._stack.enter_context(client)
        until(lambda: person.get("/v1/network")["ready"])

    def upgrade(self, person: Person, version: Version) -> None:
        """Stop somebody's node and start it in another version, over the same folder."""
        assert person.process is not None
        person.process.terminate()
        assert person.process.wait(PATIENCE_SECONDS) == 0
        person.version = version
        self.start(person)

    def troubles(self) -> list[str]:
        """Return what programs have logged of failures."""
        return [
            line
            for log in self._logs
            for line in log.read_text("utf-8").splitlines()
            if "error" in line or "dropped" in line or "Traceback" in line
        ]

    def _start(
        self, version: Version, program: str, folder: Path
    ) -> tuple[subprocess.Popen[str], str]:
        log = folder / f"log{len(self._logs)}"
        self._logs.append(log)
        process = subprocess.Popen(
            version.command(program, "run", "--dir", folder),
            stdout=subprocess.PIPE,
            stderr=self._stack.enter_context(log.open("w")),
            text=True,
            env=version.environment(),
            cwd=version.code,
        )
        self._stack.callback(_end, process)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("ready "), log.read_text("utf-8")
        return process, line.split()[1]

    def _bootstraps(self) -> list[str]:
        return [option for uri in self._uris[:3] for option in ("--bootstrap", uri)]


@contextmanager
def network(root: Path) -> Iterator[Network]:
    with ExitStack() as stack:
        yield Network(root, stack)


def until(found: Callable[[], T]) -> T:
    """Return what is found once it is something."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        if value := found():
            return value
        time.sleep(0.05)
    pytest.fail(f"it did not come about within {PATIENCE_SECONDS:g} s")


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
