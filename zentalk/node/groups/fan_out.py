"""Writes to the members of groups, a few at a time, after whoever wrote has had an answer.

It also passes on who has accepted an invitation of ours, tells authors what was read, and asks
again for cards that did not come. Nothing here decides who gets what.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from zentalk.net.runtime import Runtime
from zentalk.node.delivery.outbox import Outbox
from zentalk.node.messages.effects import CommitEffects
from zentalk.node.messages.groups.distribution import ASK_AGAIN_SECONDS, Distribution
from zentalk.node.messages.groups.joining import announce_due
from zentalk.node.messages.groups.saying import GroupSpeech
from zentalk.store.history import group_sends
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.retry import until_stored
from zentalk.store.sqlite import Transaction

_LEAST_SECONDS: Final = 0.1


class GroupFanOut:
    """The work that goes on in groups. `run` must be running."""

    def __init__(
        self,
        runtime: Runtime,
        database: HistoryDatabase,
        outbox: Outbox,
        distribution: Distribution,
        speech: GroupSpeech,
    ) -> None:
        self._runtime = runtime
        self._database = database
        self._outbox = outbox
        self._distribution = distribution
        self._speech = speech

    async def run(self) -> None:
        """Do what is due, until cancelled; at a start with what the last life left."""
        while True:
            wait = await self._pass_on()
            while await self._step():
                pass
            await self._outbox.fan_out.wait(wait)

    async def _step(self) -> bool:
        """Write to a few members; tell whether there are more."""
        job = partial(self._distribution.step, now=self._runtime.wall())
        effects, has_more = await until_stored(partial(self._database.write, job))
        await self._outbox.carry_out(effects)
        return has_more

    async def _pass_on(self) -> float:
        """Pass on who has joined and what was read, and ask for cards; return when to do it next.

        That is in how many seconds there is something to do.
        """
        now = self._runtime.wall()

        def job(tx: Transaction) -> tuple[CommitEffects, list[float]]:
            joined, next_joined = announce_due(tx, self._distribution, now)
            told, next_told = self._speech.tell_read(tx, now)
            waiting = group_sends.groups_waiting(tx)
            asked = [self._distribution.ask_for_cards(tx, group, now) for group in waiting]
            until = [due - now for due in (next_joined, next_told) if due is not None]
            until += [ASK_AGAIN_SECONDS] if waiting else []
            return CommitEffects.together([joined, told, *asked]), until

        effects, until = await until_stored(partial(self._database.write, job))
        await self._outbox.carry_out(effects)
        return max(_LEAST_SECONDS, min(until, default=3_600.0))
