"""Answers what anyone may ask of a send id: a deposit's price, and a one-time prekey of its owner.

Spec: docs/spec/mailbox.md sections 3, 10, 13 and 16. Every question is one look-up in the store,
and its answer leaves at the same time after it, whether there is a mailbox, and awake, or not. So
no stranger learns here more than the answer says.
"""

from __future__ import annotations

from functools import partial

from zentalk.ids import NodeId
from zentalk.mailbox.answers import Answers
from zentalk.mailbox.commands import Refuse, Respond
from zentalk.mailbox.events import StateRequested
from zentalk.mailbox.part import Context, CorePart
from zentalk.mailbox.postage import Postage
from zentalk.mailbox.prekeys import Prekeys
from zentalk.mailbox.waking import Waking


class Questions(CorePart):
    """Strangers' questions, and when their answers leave; `prekeys` has the pools."""

    __slots__ = ("_answers", "_postage", "_waking", "prekeys")

    def __init__(self, context: Context, waking: Waking, postage: Postage, relay: NodeId) -> None:
        super().__init__(context)
        self._waking = waking
        self._postage = postage
        self._answers = Answers(context)
        self.prekeys = Prekeys(context, waking, self._answers, relay)

    def state_requested(self, event: StateRequested, now: float) -> None:
        """Look for the mailbox of a send id, to tell what a place there costs."""
        self._waking.look_up(event.send_id, partial(self._looked_up, event, now))

    def _looked_up(
        self, event: StateRequested, asked_at: float, is_known: bool, now: float
    ) -> None:
        answer: Respond | Refuse = Refuse(event.ticket, "storage")
        if is_known:
            send = self._registry.send_ids.get(event.send_id)
            answer = Respond(event.ticket, self._postage.state(send, asked_at))
        self._answers.give(answer, asked_at, now)

    def passed(self, now: float) -> None:
        """Let answers leave whose time has come."""
        self._answers.passed(now)

    def next_deadline(self) -> float | None:
        """Return when the next answer is due."""
        return self._answers.next_deadline()
