"""Where recipients collect: what they have told us comes before what their records name."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from zentalk.ids import NodeId, SendId, UserAddress
from zentalk.net.runtime import Runtime
from zentalk.node.delivery.recipients import Recipients
from zentalk.node.messages.routes import DepositTarget

BOB = UserAddress(b"b" * 32)
TOLD = DepositTarget(NodeId(b"t" * 32), SendId(b"t" * 16), b"t" * 32, public=False)
NAMED = DepositTarget(NodeId(b"n" * 32), SendId(b"n" * 16), b"n" * 32, public=True)


class Routes:
    """Stands in for the database: the routes that a query would find."""

    def __init__(self) -> None:
        self.stored: dict[UserAddress, tuple[DepositTarget, ...]] = {}

    async def read(self, _query: object) -> dict[UserAddress, tuple[DepositTarget, ...]]:
        return self.stored


@pytest.fixture
def routes() -> Routes:
    return Routes()


@pytest.fixture
def recipients(routes: Routes) -> Recipients:
    return Recipients(Runtime.virtual(1, 0.0), routes)  # type: ignore[arg-type]


def record() -> Any:
    entry = SimpleNamespace(relay=NAMED.relay, send_id=NAMED.send_id, deposit_key=NAMED.key)
    return SimpleNamespace(mailboxes=(entry,))


async def test_a_record_counts_where_the_contact_has_told_nothing(
    routes: Routes, recipients: Recipients
) -> None:
    assert recipients.targets.get(BOB, ()) == ()
    recipients.found(BOB, record())
    assert recipients.targets[BOB] == (NAMED,)
    routes.stored = {BOB: ()}
    await recipients.learn({BOB})
    assert recipients.targets[BOB] == (NAMED,)


async def test_what_the_contact_has_told_comes_first_until_it_is_gone(
    routes: Routes, recipients: Recipients
) -> None:
    routes.stored = {BOB: (TOLD,)}
    await recipients.learn()
    recipients.found(BOB, record())
    assert recipients.targets[BOB] == (TOLD,)
    routes.stored = {BOB: ()}
    await recipients.learn({BOB})
    assert recipients.targets[BOB] == (NAMED,)
