"""`zentalk api link`, `phrase`, `promote`, `follow`: two nodes of one owner."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from tests.api.double import OWNER, FakeNode
from tests.cli.conftest import Command, Result, Run
from tests.cli.test_entry import ended
from zentalk.cli import entry
from zentalk.cli import link as module
from zentalk.crypto import phrase as phrases
from zentalk.crypto.ed25519 import SigningKey
from zentalk.crypto.phrase import make_phrase, phrase_secret
from zentalk.ids import UserAddress
from zentalk.node.replica.invitation import is_replica, load_invitation
from zentalk.store.history import settings, terms
from zentalk.store.history.schema import MIGRATIONS
from zentalk.store.key_file import KEY_FILE_NAME, load_identity, write_identity
from zentalk.store.sqlite import open_database, transaction
from zentalk.wire.invite import InviteLink, format_link_code
from zentalk.wire.recovery import open_identity, seal_identity
from zentalk.wire.text import format_address

ALICE = SigningKey(b"a" * 32)
ADDRESS = UserAddress(ALICE.public)
CODE = format_link_code(InviteLink(ADDRESS, b"s" * 16))
URI = "zt-relay:" + "a" * 52 + "@127.0.0.1:9001"
PHRASE = make_phrase(12, lambda count: b"r" * count)


def typed(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in lines)))


async def test_a_code_is_printed_alone_and_what_it_is_stands_beside(
    zentalk: Command, node: FakeNode
) -> None:
    made = await zentalk("api", "link")
    assert (made.code, made.out) == (0, "zentalk-link:code\n")
    assert "your whole history" in made.err
    again = await zentalk("api", "link")
    assert (again.code, again.out) == (1, "")
    assert await zentalk("api", "unlink", "00" * 8) == Result(0, "", "")
    assert json.loads((await zentalk("api", "link", "--json")).out)["id"] == "00" * 8
    await node.links.remove("00" * 8)
    assert len((await zentalk("api", "link", "--qr")).out.splitlines()) > 10
    assert (await zentalk("api", "unlink", "nobody")).code == 1


async def test_the_state_is_shown(zentalk: Command, node: FakeNode) -> None:
    alone = await zentalk("api", "links")
    assert alone.out == "role: alone  term: 0\nrecovery phrase: no\n"
    await node.links.open()
    shown = (await zentalk("api", "links")).out.splitlines()
    assert shown[0] == "role: first  term: 0"
    assert shown[2].startswith("0000000000000000  linked  heard 1970-01-01")
    assert shown[2].endswith("4 changes behind")
    assert json.loads((await zentalk("api", "links", "--json")).out)["links"][0]["behind"] == 4


@pytest.mark.parametrize("words", ["12", "24"])
async def test_a_phrase_is_shown_once_checked_and_seals_the_identity(
    zentalk: Command, node: FakeNode, folder: Path, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    write_identity(folder, ALICE)
    made = make_phrase(int(words), lambda count: b"z" * count)
    monkeypatch.setattr(phrases, "make_phrase", lambda count, _entropy: made)
    monkeypatch.setattr(module, "_places", lambda _count: [2, 3, 12])
    typed(monkeypatch, *(f"  {made.split()[place - 1].upper()} " for place in (2, 3, 12)))
    done = await zentalk("api", "phrase", "--words", words)
    assert done.code == 0, done.err
    shown = [line.split() for line in done.out.splitlines()[: int(words)]]
    assert shown == [[str(at), word] for at, word in enumerate(made.split(), start=1)]
    assert open_identity(node.links.sealed, phrase_secret(made)).seed == ALICE.seed
    again = await zentalk("api", "phrase")
    assert again.code == 1
    assert "not shown again" in again.err


async def test_a_phrase_that_was_not_written_down_is_not_kept(
    zentalk: Command, node: FakeNode, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_identity(folder, ALICE)
    typed(monkeypatch, "wrong", "wrong", "wrong")
    refused = await zentalk("api", "phrase")
    assert refused.code == 1
    assert "nothing was kept" in refused.err
    typed(monkeypatch)
    refused = await zentalk("api", "phrase")
    assert refused.code == 2
    assert "standard input has ended" in refused.err
    assert node.links.sealed == b""


async def test_a_phrase_goes_into_a_new_private_file_and_nothing_is_asked(
    zentalk: Command, node: FakeNode, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_identity(folder, ALICE)
    typed(monkeypatch)
    file = folder / "words"
    done = await zentalk("api", "phrase", "--to", file)
    assert done.code == 0, done.err
    words = file.read_text()
    assert (len(words.split()), words.count("\n"), file.stat().st_mode & 0o077) == (24, 1, 0)
    assert len(done.out.splitlines()) == 1
    assert words.strip() not in done.out + done.err
    assert open_identity(node.links.sealed, phrase_secret(words)).seed == ALICE.seed
    sealed = node.links.sealed
    refused = await zentalk("api", "phrase", "--again", "--to", file)
    assert (refused.code, file.read_text(), node.links.sealed) == (1, words, sealed)


def test_three_different_words_are_asked_for_in_their_order() -> None:
    for count in (12, 24):
        drawn = [module._places(count) for _ in range(200)]
        assert all(sorted(set(one)) == one and len(one) == 3 for one in drawn)
        assert {place for one in drawn for place in one} == set(range(1, count + 1))


def replica(run: Run, folder: Path, *code: str) -> Result:
    return run("api", "init", "--dir", folder, "--bootstrap", URI, "--replica-of", *code)


def test_a_replica_is_set_up_with_an_identity_of_its_own_that_is_not_shown(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "replica"
    made = replica(run, folder, CODE)
    assert made == Result(0, format_address(ADDRESS) + "\n", "")
    assert is_replica(folder)
    assert not (folder / KEY_FILE_NAME).exists()
    assert load_identity(folder / "linked").public != ADDRESS
    assert load_invitation(folder).secret == b"s" * 16
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.rglob("*"))
    assert run("api", "address", "--dir", folder).out == made.out
    assert replica(run, folder, CODE).code == 1
    typed(monkeypatch, CODE)
    assert replica(run, tmp_path / "other", "-").code == 0


@pytest.mark.parametrize("code", [CODE[:-1], CODE.replace("link", "pair"), "zentalk-link:x#y", ""])
def test_a_code_that_is_none_makes_nothing(run: Run, tmp_path: Path, code: str) -> None:
    refused = replica(run, tmp_path / "replica", code)
    assert refused.code == 2
    assert not (tmp_path / "replica").exists()


def sealed(folder: Path) -> None:
    """The replica has heard of the recovery phrase."""
    raw = seal_identity(ALICE, phrase_secret(PHRASE), lambda count: b"x" * count)
    connection = open_database(folder / "history.db", MIGRATIONS)
    with transaction(connection) as tx:
        settings.put(tx, terms.RECOVERY, raw)
    connection.close()


def test_a_replica_is_promoted_by_the_phrase_and_by_nothing_else(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "replica"
    replica(run, folder, CODE)
    open_database(folder / "linked" / "history.db", MIGRATIONS).close()
    typed(monkeypatch, PHRASE)
    refused = run("api", "promote", "--dir", folder)
    assert (refused.code, "no recovery phrase yet" in refused.err) == (1, True)
    sealed(folder)
    for words in ("", "twelve words " * 6, make_phrase(12, lambda count: b"q" * count)):
        typed(monkeypatch, words)
        assert run("api", "promote", "--dir", folder).code == 1
        assert is_replica(folder)
    typed(monkeypatch, PHRASE.upper())
    done = run("api", "promote", "--dir", folder)
    assert (done.code, done.out) == (0, "promoted: term 1\n")
    assert load_identity(folder).seed == ALICE.seed
    assert not (folder / "linked").exists()
    again = run("api", "promote", "--dir", folder)
    assert (again.code, again.out) == (0, "promoted: term 2\n")
    lost = ended(">&-", ["api", "promote", "--dir", str(folder)])
    assert (lost.returncode, lost.stdout) == (entry.UNTOLD, "")
    assert "promoted to term 3; only its answer could not be printed" in lost.stderr
    assert run("api", "promote", "--dir", tmp_path / "nowhere").code == 1


@pytest.mark.parametrize("is_lost", [False, True])
def test_only_a_node_that_was_replaced_follows_another(
    run: Run, tmp_path: Path, is_lost: bool
) -> None:
    folder = tmp_path / "alice"
    run("api", "init", "--dir", folder, "--bootstrap", URI)
    refused = run("api", "follow", CODE, "--dir", folder)
    assert (refused.code, "another address" in refused.err) == (1, True)
    own = UserAddress(load_identity(folder).public)
    code = format_link_code(InviteLink(own, b"s" * 16))
    refused = run("api", "follow", code, "--dir", folder)
    assert (refused.code, "was not replaced" in refused.err) == (1, True)
    connection = open_database(folder / "history.db", MIGRATIONS)
    with transaction(connection) as tx:
        terms.put_outdone(tx, 1)
    connection.close()
    if is_lost:
        lost = ended(">&-", ["api", "follow", code, "--dir", str(folder)])
        assert lost.returncode == entry.UNTOLD
        assert "this node follows the other one" in lost.stderr
    else:
        assert run("api", "follow", code, "--dir", folder).code == 0
    assert is_replica(folder)
    assert own != OWNER
    assert run("api", "address", "--dir", folder).out == format_address(own) + "\n"
