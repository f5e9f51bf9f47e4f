"""`zentalk file` against a running REST, whose node keeps files in memory."""

from __future__ import annotations

import io
import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from tests.api.double import BOB, FakeNode
from tests.cli.conftest import Command, Result, Run
from zentalk.cli import file_transfer
from zentalk.cli.output import size_text
from zentalk.cli.progress import ProgressLine
from zentalk.config import write_private
from zentalk.node.files.views import FileView
from zentalk.store.history.files import FileState
from zentalk.web.address_file import noted_url
from zentalk.web.file_pieces import PIECE_BYTES
from zentalk.web.token_proof import key_of
from zentalk.wire.devices import DeviceScope
from zentalk.wire.text import format_address

BOBS = format_address(BOB)
CONTENT = os.urandom(3 * PIECE_BYTES + 77)
NOBODYS = "0" * 64


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "harbour.jpg"
    made.write_bytes(CONTENT)
    return made


@pytest.fixture
def into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which commands are typed."""
    made = tmp_path / "into"
    made.mkdir()
    monkeypatch.chdir(made)
    return made


def inside(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


async def added(zentalk: Command, path: Path, *options: object) -> str:
    done = await zentalk("file", "add", path, *options)
    assert done.code == 0, done.err
    return done.out.strip()


async def test_a_file_is_sent_and_shown_as_a_line(
    zentalk: Command, node: FakeNode, path: Path
) -> None:
    await node.add_contact(BOB, "Bob")
    sent = await zentalk("file", "send", "Bob", path)
    (file,) = node.files.known
    shown = f"> [file] harbour.jpg, 768.1 KiB, {file.cid}  (queued)\n"
    assert (sent.code, sent.err) == (0, "")
    assert sent.out.endswith(shown)
    assert (file.name, file.media_type) == ("harbour.jpg", "image/jpeg")
    assert node.files.contents[file.id] == CONTENT
    assert max(node.files.pieces_taken) <= PIECE_BYTES, "it never is whole in memory"
    assert (await zentalk("message", "list", "Bob")).out.endswith(shown)
    again = await zentalk("file", "send", "Bob", file.cid, "--name", "sea.jpg", "--json")
    assert json.loads(again.out)["body"]["name"] == "sea.jpg"
    assert len(node.files.known) == 1


async def test_nothing_is_uploaded_for_nobody(zentalk: Command, node: FakeNode, path: Path) -> None:
    done = await zentalk("file", "send", "Carol", path)
    assert (done.code, done.err) == (
        1,
        "zentalk: no contact or group is called 'Carol'; see: zentalk contact list\n",
    )
    assert node.files.known == []


async def test_what_cannot_be_read_needs_no_node(run: Run, tmp_path: Path) -> None:
    missing = tmp_path / "none.jpg"
    for words in (["add", missing], ["send", BOBS, missing]):
        done = run("file", *words, "--dir", tmp_path)
        assert (done.code, done.err) == (
            1,
            f"zentalk: {missing} cannot be read: no such file or directory\n",
        )


async def test_a_file_is_added_and_waited_for(zentalk: Command, node: FakeNode, path: Path) -> None:
    node.files.hold_back = 2
    cid = await added(zentalk, path, "--name", "b.png")
    assert cid == node.files.known[0].cid
    assert node.files.known[0].media_type == "image/png"
    node.files.hold_back = 1
    said = await added(zentalk, path, "--no-wait", "--keep-metadata")
    file = node.files.known[0]
    assert said == f"{file.id} uploading"
    assert node.files.cleaned == [True, False], "pictures are cleaned unless it is said"
    node.files.hold_back = 9
    assert (await zentalk("file", "list")).out.startswith(f"{file.id}  uploading 49 %")
    assert (await zentalk("file", "delete", file.id)).out == f"{file.id} deleting\n"


async def test_a_wait_in_which_nothing_goes_on_ends_with_what_is_known(
    zentalk: Command, node: FakeNode, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_transfer, "_LONGEST_PAUSE_SECONDS", 0.05)
    node.files.hold_back, node.files.reason = 10**6, "no relay keeps files"
    done = await zentalk("file", "send", BOBS, path, "--timeout", "0.1")
    assert (done.code, node.sent) == (1, [])
    assert done.err == (
        "zentalk: nothing has gone to relays for 0.1 s (no relay keeps files): they have"
        " 384.0 KiB of 768.1 KiB; the API node keeps trying, see: zentalk file list\n"
    )


async def test_a_file_that_was_deleted_meanwhile_is_not_waited_for(
    zentalk: Command, node: FakeNode, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node.files.hold_back = 10**6
    view = node.files.view

    async def deleted(cid: str) -> FileView:
        return (await view(cid))._replace(state=FileState.DELETING)

    monkeypatch.setattr(node.files, "view", deleted)
    done = await zentalk("file", "add", path)
    assert (done.code, done.err) == (1, "zentalk: the file was deleted meanwhile\n")


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """More than a connection takes before anybody reads it."""
    made = tmp_path / "large"
    made.write_bytes(bytes(16 * 2**20))
    return made


async def test_a_device_that_may_only_read_is_told_so_before_all_is_sent(
    run: Run, node: FakeNode, folder: Path, tmp_path: Path, large: Path
) -> None:
    await node.devices.add("phone", DeviceScope.READ)
    (device,) = node.devices.tokens.values()
    token = "p" * 43
    node.devices.tokens = {token.encode(): replace(device, token_hash=key_of(token))}
    write_private(tmp_path / "phone", token.encode())
    place = ["--url", noted_url(folder), "--token-file", tmp_path / "phone"]
    done = await trio.to_thread.run_sync(lambda: run("file", "add", large, *place))
    assert (done.code, "scope" in done.err) == (1, True), done.err
    assert node.files.known == []


async def test_a_file_is_fetched_under_its_own_name(
    zentalk: Command, path: Path, into: Path
) -> None:
    cid = await added(zentalk, path)
    assert await zentalk("file", "get", cid) == Result(0, "harbour.jpg\n", "")
    assert (into / "harbour.jpg").read_bytes() == CONTENT
    again = await zentalk("file", "get", cid)
    assert (again.code, again.err) == (
        2,
        "zentalk: harbour.jpg is there already: name another file, or overwrite it with --force\n",
    )
    (into / "harbour.jpg").write_bytes(b"mine")
    said = json.loads((await zentalk("file", "get", cid, "--force", "--json")).out)
    assert (said["path"], said["size"]) == ("harbour.jpg", len(CONTENT))
    assert (into / "harbour.jpg").read_bytes() == CONTENT
    (into / "deep").mkdir()
    assert (await zentalk("file", "get", cid, into / "deep")).code == 0
    assert (await zentalk("file", "get", cid, into / "other")).out == f"{into / 'other'}\n"
    assert inside(into / "deep") == ["harbour.jpg"]


async def test_a_named_file_that_is_there_is_refused_before_anything_is_asked(
    run: Run, tmp_path: Path
) -> None:
    (tmp_path / "mine").touch()
    done = run("file", "get", NOBODYS, tmp_path / "mine", "--dir", tmp_path)
    assert (done.code, "overwrite it with --force" in done.err) == (2, True)


@pytest.mark.parametrize(
    ("name", "safe"),
    [("../../.bashrc", "bashrc"), ("/etc/cron.d/x", "x"), ("a\x1b[2J.txt", "a_[2J.txt")],
)
async def test_the_name_of_a_sender_leads_nowhere_else(
    zentalk: Command, node: FakeNode, path: Path, into: Path, name: str, safe: str
) -> None:
    cid = await added(zentalk, path)
    node.files.known[0] = node.files.known[0]._replace(name=name)
    assert (await zentalk("file", "get", cid)).out == f"{safe}\n"
    assert inside(into) == [safe]
    assert "\x1b" not in (await zentalk("file", "list")).out


async def test_the_file_of_a_message_is_fetched(
    zentalk: Command, node: FakeNode, path: Path, into: Path
) -> None:
    assert (await zentalk("file", "send", BOBS, path)).code == 0
    (message,) = node.sent
    assert (await zentalk("file", "get", message.id)).out == "harbour.jpg\n"
    assert inside(into) == ["harbour.jpg"]
    assert (await zentalk("message", "send", BOBS, "hello")).code == 0
    text = node.sent[-1].id
    done = await zentalk("file", "get", text)
    assert (done.code, done.err) == (1, f"zentalk: message {text} holds no file\n")


async def test_a_download_goes_on_where_it_stopped(
    zentalk: Command, node: FakeNode, path: Path, into: Path
) -> None:
    cid = await added(zentalk, path)
    node.files.breaks_after = 2 * PIECE_BYTES
    stopped = await zentalk("file", "get", cid)
    have = (into / f".{cid}.part").stat().st_size
    assert 0 < have < len(CONTENT)
    assert stopped.code == 1
    here = f"{size_text(have)} of {size_text(len(CONTENT))} are here"
    assert stopped.err.endswith(f"{here}: the same command goes on from there\n")
    node.files.breaks_after = None
    assert (await zentalk("file", "get", cid)).code == 0
    assert node.files.asked[-1] == (have, len(CONTENT) - have)
    assert (into / "harbour.jpg").read_bytes() == CONTENT
    assert inside(into) == ["harbour.jpg"]


async def test_where_too_few_relays_answer_nothing_is_left(
    zentalk: Command, node: FakeNode, path: Path, into: Path
) -> None:
    cid = await added(zentalk, path)
    node.files.breaks_after = 0
    done = await zentalk("file", "get", cid)
    assert (done.code, done.err.startswith("zentalk: too few relays")) == (1, True)
    assert inside(into) == []


async def test_files_are_listed_looked_at_and_deleted(
    zentalk: Command, node: FakeNode, path: Path
) -> None:
    cid = await added(zentalk, path)
    node.files.known[0] = node.files.known[0]._replace(reason="it waits", state=FileState.UPLOADING)
    line = (await zentalk("file", "list")).out
    assert line.startswith(f"{cid}  uploading 100 %  768.1 KiB  1970-01-01 ")
    assert line.endswith("  harbour.jpg  (it waits)\n")
    node.files.known[0] = node.files.known[0]._replace(reason="", state=FileState.KEPT)
    shown = (await zentalk("file", "status", cid)).out
    assert shown.startswith(
        "kept: 29 of 30 shards are there\n15 relays hold some of it, of which 1"
    )
    assert "any 4 of them may be lost\n" in shown
    mesh = await zentalk("file", "status")
    assert mesh.out.startswith("40 relays keep files\n1 of yours are there, 768.1 KiB\n")
    assert await zentalk("file", "delete", cid) == Result(0, f"{cid} deleting\n", "")
    assert (await zentalk("file", "list")).out == ""
    assert (await zentalk("file", "status", cid)).code == 1


@pytest.mark.parametrize("command", ["get", "status", "delete"])
async def test_what_is_no_cid_and_no_id_is_said_to_be_none(
    run: Run, tmp_path: Path, command: str
) -> None:
    for word in ("harbour.jpg", "5f" * 31, "5F" * 32, ""):
        done = run("file", command, word, "--dir", tmp_path)
        assert (done.code, "give the CID of a file (64 digits)" in done.err) == (2, True)


class Screen(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        return True


def test_progress_is_a_line_that_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    with ProgressLine("a\x1b[2J.jpg") as progress:
        progress.show("here are", 512, 2048)
        progress.show("here are", 600, 2048)
    seen = screen.getvalue()
    assert (
        seen
        == "\r\x1b[Ka\N{REPLACEMENT CHARACTER}[2J.jpg: here are 512 B of 2.0 KiB (25 %)\r\x1b[K"
    )


@pytest.mark.parametrize("screen", [io.StringIO(), None])
def test_nothing_of_it_is_seen_where_there_is_no_terminal(
    monkeypatch: pytest.MonkeyPatch, screen: io.StringIO | None
) -> None:
    monkeypatch.setattr(sys, "stderr", screen)
    with ProgressLine("a.jpg") as progress:
        progress.show("here are", 512, None)
    assert screen is None or screen.getvalue() == ""


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1_048_575, "1.0 MiB"),
        (1_500_000, "1.4 MiB"),
        (4 * 2**30, "4.0 GiB"),
        (5 * 2**40, "5120.0 GiB"),
    ],
)
def test_sizes(size: int, text: str) -> None:
    assert size_text(size) == text
