"""Invites of a node: links that can be shown again, though the database holds no secret."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import trio

from zentalk.crypto.ed25519 import SigningKey
from zentalk.errors import ConfigError, NotFoundError
from zentalk.ids import DAY_SECONDS
from zentalk.net.runtime import Runtime
from zentalk.node.delivery.outbox import Outbox
from zentalk.node.first_contact.invites import Invites
from zentalk.node.messages.effects import CommitEffects
from zentalk.node.messages.first_contact import invites as jobs
from zentalk.store.history.database import HistoryDatabase
from zentalk.wire.invite import parse_invite

OWNER = SigningKey(bytes(range(32)))
OTHER = SigningKey(bytes(32))


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[HistoryDatabase]:
    database = HistoryDatabase(tmp_path / "history.db", Runtime.virtual(1, 0.0).run_blocking)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(database.run)
        yield database
        nursery.cancel_scope.cancel()
    database.close()


class NoEffects(Outbox):
    """An outbox that has nothing to carry out, as no invite here is to a group."""

    def __init__(self) -> None: ...

    async def carry_out(self, effects: CommitEffects) -> None:
        assert effects == CommitEffects()


def invites_of(
    identity: SigningKey, database: HistoryDatabase, wall: float = 1000.0, seed: int = 2
) -> Invites:
    nobody: Any = None
    return Invites(Runtime.virtual(seed, wall), identity, database, NoEffects(), nobody)


def content(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


async def test_a_link_is_the_same_after_a_restart(database: HistoryDatabase) -> None:
    made = await invites_of(OWNER, database).create("Bob")
    again = await invites_of(OWNER, database).get(made.invite.id)
    assert again == made
    link = parse_invite(again.link)
    assert link.address == OWNER.public
    found = await database.write(lambda tx: jobs.redeem(tx, link.address, link.secret, 1000.0))
    assert found is not None
    assert (await invites_of(OWNER, database).get(made.invite.id)).link == ""


async def test_who_copies_the_database_alone_has_no_secret(
    database: HistoryDatabase, tmp_path: Path
) -> None:
    made = await invites_of(OWNER, database).create()
    link = parse_invite(made.link)
    files = content(tmp_path)
    assert bytes.fromhex(made.invite.id) in files
    assert link.secret not in files
    forged = parse_invite((await invites_of(OTHER, database).get(made.invite.id)).link)
    assert forged.secret != link.secret
    owner = link.address
    assert await database.write(lambda tx: jobs.redeem(tx, owner, forged.secret, 1000.0)) is None


async def test_what_no_invite_can_be_is_refused(database: HistoryDatabase) -> None:
    invites = invites_of(OWNER, database)
    for uses, seconds, name in (
        (0, 5.0, ""),
        (1_001, 5.0, ""),
        (1, 0.5, ""),
        (1, 400 * DAY_SECONDS, ""),
        (1, float("nan"), ""),
        (1, 5.0, "x" * 257),
    ):
        with pytest.raises(ConfigError):
            await invites.create(name, max_uses=uses, lifetime_seconds=seconds)
    for unknown in ("", "zz", "00" * 8, "00" * 400):
        with pytest.raises(NotFoundError):
            await invites.get(unknown)
        with pytest.raises(NotFoundError):
            await invites.revoke(unknown)


async def test_they_are_listed_with_what_became_of_them(database: HistoryDatabase) -> None:
    early = invites_of(OWNER, database)
    made = [await early.create(lifetime_seconds=seconds) for seconds in (10.0, 100.0, 100.0)]
    await early.revoke(made[1].invite.id)
    later = await invites_of(OWNER, database, wall=1050.0).listing()
    assert sorted((one.state, bool(one.link)) for one in later) == [
        ("expired", False),
        ("open", True),
        ("revoked", False),
    ]
    assert made[2].link not in repr(later)
