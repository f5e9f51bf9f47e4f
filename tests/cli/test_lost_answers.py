"""An answer that cannot be printed: what was done is said, so that no script does it again.

The programs are real ones, with their standard output as a shell's redirection makes it.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import trio

from tests.api.double import BOB, FakeNode
from tests.cli.processes import zentalk as ended_well
from tests.cli.test_entry import ended
from zentalk.cli import connect, entry, main
from zentalk.cli.node_client import NodeRefusedError
from zentalk.cli.output import OutputLostError, telling
from zentalk.relay.status import read_status
from zentalk.store.history.models import ContactState
from zentalk.web.address_file import noted_url
from zentalk.wire.text import RelayUri, format_address, format_relay_uri

BOBS = format_address(BOB)
NOBODY = format_relay_uri(RelayUri(b"n" * 32, "127.0.0.1", 9))
FULL = ">/dev/full"
CLOSED = ">&-"
REDIRECTS = [
    pytest.param(FULL, marks=pytest.mark.skipif(not Path("/dev/full").exists(), reason="none")),
    CLOSED,
]


async def done(redirect: str, *words: object) -> subprocess.CompletedProcess[str]:
    return await trio.to_thread.run_sync(partial(ended, redirect, [str(word) for word in words]))


@pytest.mark.parametrize("more", [[], ["--json"]])
@pytest.mark.parametrize("redirect", REDIRECTS)
async def test_a_message_whose_answer_is_lost_is_said_to_be_stored(
    folder: Path, node: FakeNode, redirect: str, more: list[str]
) -> None:
    sent = await done(redirect, "message", "send", "--dir", folder, "--to", BOBS, "hi", *more)
    (message,) = node.sent
    assert sent.returncode == entry.UNTOLD
    cause = ": no space left on device" if redirect == FULL else ""
    assert sent.stderr == (
        f"zentalk: message {message.id} is stored and queued, do not send it again; only its answer"
        f" could not be printed{cause}\n"
    )


@pytest.mark.parametrize("redirect", REDIRECTS)
async def test_whatever_was_done_is_said(folder: Path, node: FakeNode, redirect: str) -> None:
    added = await done(redirect, "contact", "add", "--dir", folder, BOBS)
    assert added.returncode == entry.UNTOLD
    assert "it was done; only its answer could not be printed" in added.stderr
    assert list(node.known) == [BOBS]


@pytest.mark.parametrize("redirect", REDIRECTS)
async def test_a_file_that_was_written_is_said(
    folder: Path, node: FakeNode, tmp_path: Path, redirect: str
) -> None:
    paired = await done("", "device", "pair", "--dir", folder, "phone", "--json")
    link, file = json.loads(paired.stdout)["link"], tmp_path / "phone.token"
    redeemed = await done(redirect, "device", "redeem", link, "--token-file", file)
    assert redeemed.returncode == entry.UNTOLD
    assert f"the token of this device is in {file}; only its answer" in redeemed.stderr
    assert file.read_text() == "device-token-1\n"
    export = tmp_path / "export.json"
    words = ("conversation", "export", "--dir", folder, "--output", export, "--json")
    exported = await done(redirect, *words)
    assert exported.returncode == entry.UNTOLD
    assert f"the export is in {export}; only its answer" in exported.stderr
    assert export.exists()


@pytest.mark.parametrize("redirect", REDIRECTS)
async def test_control_a_command_that_only_asks_has_done_nothing(
    folder: Path, node: FakeNode, redirect: str
) -> None:
    node.set_contact(BOB, ContactState.CONTACT)
    for words in (["contact", "list"], ["conversation", "export"]):
        asked = await done(redirect, *words, "--dir", folder)
        assert asked.returncode == entry.FAILED
        cause = "zentalk: cannot print the answer: no space left on device\n"
        assert asked.stderr == (cause if redirect == FULL else "")


async def test_what_was_refused_or_only_told_by_the_way_is_not_done(
    folder: Path, node: FakeNode
) -> None:
    def calls() -> list[bool]:
        with connect.running_node(connect.At(folder, None, None)) as client:
            with pytest.raises(NodeRefusedError):
                client.post(f"/v1/contacts/{BOBS}/accept")
            client.tell(f"/v1/conversations/{BOBS}/read")
            before = client.has_changed
            client.post("/v1/contacts", {"address": BOBS, "name": "Bob"})
            return [before, client.has_changed]

    assert await trio.to_thread.run_sync(calls) == [False, True]
    assert node.read == [BOB]


@pytest.mark.parametrize("redirect", REDIRECTS)
def test_a_folder_that_was_set_up_is_said(tmp_path: Path, redirect: str) -> None:
    for program, more in (("relay", []), ("api", ["--bootstrap", NOBODY])):
        made = ended(redirect, [program, "init", "--dir", str(tmp_path / program), *more])
        assert made.returncode == entry.UNTOLD
        assert f"is set up in {tmp_path / program}; only its answer" in made.stderr


def test_the_innermost_knows_best_and_nothing_done_is_nothing_said() -> None:
    with pytest.raises(OutputLostError) as lost, telling(lambda: "outer"), telling(lambda: "inner"):
        raise OutputLostError("full")
    assert str(lost.value) == "inner; only its answer could not be printed: full"
    with pytest.raises(OutputLostError) as lost, telling(lambda: ""):
        raise OutputLostError
    assert not str(lost.value)


async def test_control_without_being_told_the_answer_is_all_that_is_lost(
    folder: Path, node: FakeNode, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    class Full:
        encoding = "utf-8"

        def write(self, _text: str) -> int:
            raise OSError(28, "No space left on device")

        def fileno(self) -> int:
            return spare.fileno()

    spare = (folder / "spare").open("w")
    words = ["contact", "add", "--dir", str(folder), BOBS]
    monkeypatch.setattr(sys, "stdout", Full())
    monkeypatch.setattr(connect, "telling", lambda _done: telling(lambda: ""))
    assert await trio.to_thread.run_sync(main, words) == entry.FAILED
    spare.close()
    assert capfd.readouterr().err == "zentalk: cannot print the answer: no space left on device\n"
    assert node.known


def until(is_so: Callable[[], bool]) -> None:
    for _ in range(600):
        if is_so():
            return
        time.sleep(0.1)
    raise AssertionError


def is_ready(folder: Path) -> bool:
    return (folder / "status.json").exists() and read_status(folder).state == "ready"


@pytest.mark.slow
@pytest.mark.parametrize("redirect", REDIRECTS)
@pytest.mark.parametrize("program", ["relay", "api"])
def test_a_program_goes_on_without_an_output(tmp_path: Path, program: str, redirect: str) -> None:
    more = ["--bootstrap", NOBODY] if program == "api" else []
    ended_well(program, "init", "--dir", tmp_path, "--port", 0, *more)
    words = [sys.executable, "-m", "zentalk", program, "run", "--dir", str(tmp_path)]
    command = ["sh", "-c", f'exec "$@" {redirect}', "sh", *words]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            until(lambda: is_ready(tmp_path) if program == "relay" else bool(noted_url(tmp_path)))
            assert process.poll() is None
            process.send_signal(signal.SIGTERM)
            _, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 0
    for word in ("Traceback", "internal error", "Exception ignored", "cannot print"):
        assert word not in errors
