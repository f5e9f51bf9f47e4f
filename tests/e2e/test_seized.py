"""Relays that recorded everything and, later, a seized node: past content stays closed."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock as Clock

from tests.e2e.spies import Spy
from tests.e2e.world import World
from zentalk.errors import ZentalkError
from zentalk.ids import UserAddress
from zentalk.net.runtime import seeded_entropy
from zentalk.node.messages import routes as sealing
from zentalk.node.sessions.sessions import Sessions
from zentalk.store.history import mailboxes
from zentalk.store.key_file import load_identity

pytestmark = pytest.mark.e2e

TURNS = 8


class Investigator:
    """Has everything that a folder holds, and all envelopes that relays ever saw."""

    def __init__(self, folder: Path) -> None:
        self._sessions = Sessions(load_identity(folder), seeded_entropy(b"unused"))
        self._database = sqlite3.connect(folder / "history.db", isolation_level=None)
        self._database.execute("DELETE FROM seen")  # what was read before is to be read again
        boxes = mailboxes.every(self._database)
        self._keys = [
            row.secret for box in boxes for row in mailboxes.send_ids(self._database, box.mailbox)
        ]

    def read(self, envelopes: Iterable[bytes], sender: UserAddress) -> tuple[int, int]:
        """How many outer seals and how many messages inside can be opened."""
        outer = inner = 0
        with closing(self._database) as database:
            for opened in filter(None, map(self._unsealed, envelopes)):
                outer += 1
                try:
                    self._sessions.decrypt(database, sender, opened, 0.0)
                except ZentalkError:
                    continue
                inner += 1
        return outer, inner

    def _unsealed(self, envelope: bytes) -> bytes | None:
        for key in self._keys:
            try:
                return sealing.open_from_contact(key, envelope)
            except ZentalkError:
                continue
        return None


async def test_what_was_recorded_is_not_read_with_a_folder_seized_later(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Section "Who learns what", all relays together; control: a folder seized before."""
    spy = Spy().look(monkeypatch)
    await world.relay_net(4)
    await world.person("alice")
    await world.person("bob")
    await world.friends("alice", "bob")
    for sender, reader in (("alice", "bob"), ("bob", "alice")):
        first = await world.send(sender, reader, "hello")
        await world.until_state(sender, first, "delivered")
    await trio.sleep(15)
    await world.crash("bob")
    shutil.copytree(world.folder / "bob", world.folder / "seized early")
    await world.person("bob")
    spy.forget()
    for number in range(TURNS):
        message = await world.send("alice", "bob", f"{number}")
        await world.until_state("alice", message, "delivered")
        answer = await world.send("bob", "alice", f"{number}")
        await world.until_state("bob", answer, "delivered")
    alice = UserAddress(world.nodes["alice"].address)
    await world.crash("bob")
    shutil.copytree(world.folder / "bob", world.folder / "seized late")
    envelopes = [found.envelope for seen in spy.relays.values() for found in seen.deposits]

    opened, read = Investigator(world.folder / "seized late").read(envelopes, alice)
    assert opened >= TURNS, "the outer seal hides contacts, not content"
    assert read == 0
    opened, read = Investigator(world.folder / "seized early").read(envelopes, alice)
    assert opened >= TURNS
    assert read > 0
