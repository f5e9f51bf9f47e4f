"""K49 over real relays: strangers ask two people's mailboxes all they can; one is online, one not.

Nothing differs: states and prices, acks and their times, one-time keys. On the defaults.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
import trio
from trio.testing import MockClock as Clock

from tests.e2e.world import World
from tests.strangers.public_mail import public_targets
from zentalk.ids import DepositId
from zentalk.mailbox.delivery import Delivery
from zentalk.mailbox.state import CollectorSession, Mail
from zentalk.node.messages.routes import DepositTarget
from zentalk.wire.deposit import Deposit
from zentalk.wire.ratchet import INNER_SMALL_BYTES
from zentalk.wire.rpc_mailbox import TOKEN_BYTES
from zentalk.wire.rpc_prekeys import (
    PrekeysTakeRequest,
    decode_prekeys_take_response,
    encode_prekeys_take_request,
)
from zentalk.wire.rpc_send_ids import (
    StateResponse,
    decode_state_response,
    encode_state_request,
)

pytestmark = pytest.mark.e2e

FREE = 25


@dataclass
class Seen:
    """What a stranger was told of one person's mailbox, in order."""

    states: list[StateResponse] = field(default_factory=list)
    prekeys: list[tuple[bool, int]] = field(default_factory=list)


class Stranger:
    """A program that knows an address, on the paths of a node of its own."""

    def __init__(self, world: World) -> None:
        self._node = world.nodes["mallory"]
        self._entropy = self._node._runtime.entropy

    async def look(self, target: DepositTarget) -> Seen:
        """Deposit until the price rises and go on; ask in between, at once and later."""
        seen = Seen()
        for count in (0, 10, FREE - 10, 5):
            for _ in range(count):
                self._deposit(target)
                await trio.sleep(0.05)
            for pause in (1, 6):
                await trio.sleep(pause)
                body = await self._ask(target, encode_state_request(target.send_id))
                seen.states.append(decode_state_response(body))
        for _ in range(4):
            request = PrekeysTakeRequest(target.send_id, self._entropy(16))
            body = await self._ask(target, encode_prekeys_take_request(request))
            response = decode_prekeys_take_response(body)
            seen.prekeys.append((bool(response.blob), response.difficulty))
        return seen

    def _deposit(self, target: DepositTarget) -> None:
        junk = target.seal(bytes(INNER_SMALL_BYTES), self._entropy)
        deposit = Deposit(target.send_id, DepositId(self._entropy(16)), 86_400, None, junk)
        self._node._network.packets.send_deposit(target.relay, deposit, self._entropy(TOKEN_BYTES))

    async def _ask(self, target: DepositTarget, body: bytes) -> bytes:
        async with self._node._network.tunnels.short(target.relay) as tunnel:
            return await tunnel.request(body)


async def seen_of(world: World, *, online: bool) -> Seen:
    """Return what a stranger sees of bob, who is there or has been away since his first minutes."""
    await world.relay_net(4)
    for name in ("bob", "mallory"):
        await world.person(name)
    target, *_ = await public_targets(world.nodes["mallory"], world.nodes["bob"].address)
    await trio.sleep(10)
    if not online:
        await world.crash("bob")
    return await Stranger(world).look(target)


EXPECTED = Seen(
    [StateResponse(0, 0, 0)] * 2  # type: ignore[arg-type]
    + [StateResponse(0, 0, 20)] * 2  # type: ignore[arg-type]
    + [StateResponse(2, 16, 22)] * 4,  # type: ignore[arg-type]
    [(True, 0), (True, 0), (False, 18), (False, 18)],
)


@pytest.mark.parametrize("online", [True, False])
async def test_k49_a_stranger_is_told_the_same_whether_the_owner_is_there_or_not(
    world: World, autojump_clock: Clock, online: bool
) -> None:
    assert await seen_of(world, online=online) == EXPECTED


async def test_k49_control_a_list_that_forgets_what_is_collected_tells_that_the_owner_is_there(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = Delivery._saved

    def forgetting(self: Delivery, session: CollectorSession, mail: Mail) -> None:
        saved(self, session, mail)
        if mail.send is not None:
            gone: Any = [mail.letter]
            mail.send.arrivals._remove(gone)

    monkeypatch.setattr(Delivery, "_saved", forgetting)
    seen = await seen_of(world, online=True)
    assert seen.states[-1].difficulty == 0
