"""When it is looked who shows a chat; time is virtual."""

from __future__ import annotations

from typing import Any, cast

import pytest
import trio
from trio.testing import MockClock

from zentalk.chat.signals import PRESENCE_SECONDS
from zentalk.ids import UserAddress
from zentalk.net.runtime import Runtime
from zentalk.node.conversations.signalling import LOOK_SECONDS, Signalling

BOB = UserAddress(b"b" * 32)


class Unwilling:
    """A database whose owner wishes that nobody is told."""

    async def read(self, _job: object) -> bool:
        await trio.lowlevel.checkpoint()
        return False


async def test_it_is_looked_for_devices_that_have_gone_only_while_one_shows_a_chat(
    autojump_clock: MockClock, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[float] = []
    look = Signalling._beat

    async def looked(signalling: Signalling) -> None:
        looks.append(trio.current_time())
        await look(signalling)

    monkeypatch.setattr(Signalling, "_beat", looked)
    nothing = cast("Any", None)
    runtime = Runtime.virtual(0, 1_800_000_000.0)
    signalling = Signalling(runtime, cast("Any", Unwilling()), nothing, nothing, nothing)
    nursery.start_soon(signalling.run)
    await trio.sleep(3600)
    assert looks == []
    shown_at = trio.current_time()
    await signalling.shows("phone", [BOB])
    await trio.sleep(3600)
    assert len(looks) >= PRESENCE_SECONDS / LOOK_SECONDS
    assert PRESENCE_SECONDS <= looks[-1] - shown_at <= PRESENCE_SECONDS + LOOK_SECONDS
    nursery.cancel_scope.cancel()
