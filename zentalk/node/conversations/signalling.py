"""Tells others that the owner is writing, or is there: only those who are there themselves.

Whether the owner is there is what devices say: each names the chats that it shows, again and again,
and is gone a minute after it last did. Others hear of it while one device shows their chat, and
that it is over when the last one has left, or as soon after that as a signal may go.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from functools import partial
from typing import Final

import trio

from zentalk.chat.signals import BEAT_SECONDS, PRESENCE_SECONDS, TYPING_SECONDS
from zentalk.errors import ConflictError, StorageError, TooLargeError
from zentalk.ids import UserAddress
from zentalk.net.runtime import Runtime
from zentalk.net.signal import Signal
from zentalk.node.conversations.signal_board import SignalBoard
from zentalk.node.delivery.outbox import Outbox
from zentalk.node.messages.compose import ITEM_KEY_BYTES, Composer
from zentalk.node.messages.conversation import signals
from zentalk.node.messages.effects import BestEffortInner
from zentalk.store.history import groups, privacy
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.sqlite import Transaction
from zentalk.wire.chat import PRESENCE, TYPING, Presence, Typing

MAX_OPEN_CHATS: Final = 8
"""Chats that one device may show at a time."""
LOOK_SECONDS: Final = 5.0
"""How late a device that has gone is noticed."""
_IN_A_GROUP: Final = (
    "only people are told that you are writing or there, and not groups: name a person"
)


class Signalling:
    """Sends signals. `run` must be running."""

    def __init__(
        self,
        runtime: Runtime,
        database: HistoryDatabase,
        composer: Composer,
        outbox: Outbox,
        board: SignalBoard,
    ) -> None:
        self._runtime = runtime
        self._database = database
        self._composer = composer
        self._outbox = outbox
        self.board = board
        self._keys: dict[tuple[UserAddress, str], bytes] = {}
        self._devices: dict[str, tuple[float, frozenset[UserAddress]]] = {}
        self._told: dict[UserAddress, float] = {}
        """When people were last told that the owner is there, and not yet that it is over."""
        self._beating = trio.Lock()
        self._changed = Signal()
        """Set when a device has said what it shows, or has left."""

    async def typing(self, person: UserAddress, *, on: bool) -> None:
        """Tell somebody that the owner is writing, or has stopped; at most twice a minute.

        Raises ConflictError for a group.
        """
        await self._database.read(partial(_check_people, chats=[person]))
        await self._send(person, TYPING, Typing(on), TYPING_SECONDS)

    async def shows(self, device: str, chats: Collection[UserAddress]) -> None:
        """Note which chats a device shows now; none: its owner has left it.

        Raises TooLargeError if there are more than a device can show, ConflictError if one is a
        group's.
        """
        if len(chats) > MAX_OPEN_CHATS:
            raise TooLargeError(f"a device shows at most {MAX_OPEN_CHATS} chats at a time")
        await self._database.read(partial(_check_people, chats=chats))
        until = self._runtime.monotonic() + PRESENCE_SECONDS
        self._devices.pop(device, None)
        if chats:
            self._devices[device] = (until, frozenset(chats))
        await self._beat()
        self._changed.set()

    def left(self, device: str) -> None:
        """Forget at once what a device shows: it may not use the node any more."""
        if self._devices.pop(device, None) is not None:
            self._changed.set()

    async def run(self) -> None:
        """Repeat that the owner is there, and tell when it is over, until cancelled."""
        while True:
            # While nobody shows a chat, as it is most of the time, there is nothing to look for.
            is_shown = bool(self._devices or self._told)
            await self._changed.wait(LOOK_SECONDS if is_shown else math.inf)
            await self._beat()

    async def _beat(self) -> None:
        async with self._beating:  # devices and `run` beat too: each goes by what was told before
            now = self._runtime.monotonic()
            self._devices = {name: one for name, one in self._devices.items() if one[0] > now}
            shown: frozenset[UserAddress] = frozenset().union(
                *(chats for _, chats in self._devices.values())
            )
            await self._tell_ended(self._told.keys() - shown, now)
            for person in sorted(shown):
                if now - self._told.get(person, -BEAT_SECONDS) >= BEAT_SECONDS and await self._send(
                    person, PRESENCE, Presence(online=True), PRESENCE_SECONDS
                ):
                    self._told[person] = now

    async def _tell_ended(self, people: Iterable[UserAddress], now: float) -> None:
        """Tell people that the owner is gone; who may not be told now is told later.

        Beats may have used up the signals of this minute. Whoever was last told a minute ago shows
        nobody any more.
        """
        for person in sorted(people):
            if now - self._told[person] >= PRESENCE_SECONDS or await self._send(
                person, PRESENCE, Presence(online=False), PRESENCE_SECONDS
            ):
                del self._told[person]

    async def _send(
        self, person: UserAddress, kind: str, body: Typing | Presence, lasts_seconds: float
    ) -> bool:
        """Send a signal if it may go; it takes the place of one that still waits at a relay."""
        if not await self._database.read(partial(_is_wished, kind=kind)):
            return False
        if not self.board.may_send(person, kind):
            return False
        try:
            made = await self._database.write(
                lambda tx: signals.make(tx, self._composer, person, body)
            )
        except StorageError:
            return False  # nobody needs to be told: it would be worth nothing later
        if made is None:
            return False
        self._outbox.send_best_effort(
            BestEffortInner(person, made, self._key(person, kind), lasts_seconds=lasts_seconds)
        )
        return True

    def _key(self, person: UserAddress, kind: str) -> bytes:
        """Return what gives the signals of one kind to one person the same deposit ids."""
        key = self._keys.get((person, kind))
        if key is None:
            key = self._keys[person, kind] = self._runtime.entropy(ITEM_KEY_BYTES)
        return key


def _check_people(tx: Transaction, *, chats: Iterable[UserAddress]) -> None:
    if any(groups.exists(tx, chat) for chat in chats):
        raise ConflictError(_IN_A_GROUP)


def _is_wished(tx: Transaction, *, kind: str) -> bool:
    wished = privacy.get(tx)
    return wished.typing if kind == TYPING else wished.presence
