"""Finds mailboxes: those that are awake at once, those that sleep when the store has found them.

Spec: docs/spec/mailbox.md section 16. Whatever concerns a mailbox while it is looked up waits and
goes on in the order in which it came, as if the mailbox had been awake. It decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from operator import itemgetter
from typing import TypeAlias

from zentalk.ids import MailboxId, SendId
from zentalk.mailbox.look_ups import FindMailbox, FindOwner, FoundOutcome
from zentalk.mailbox.part import Context, CorePart
from zentalk.mailbox.resting import Resting
from zentalk.mailbox.storage import Outcome
from zentalk.mailbox.stored import StoredMailbox

Then: TypeAlias = Callable[[bool, float], None]
"""Goes on when what was looked for is in the registry, if it exists at all.

Gets False if the store failed, so that nobody knows, and `now`.
"""


class Waking(CorePart):
    """Events that wait for look-ups, by the key or the send id that is looked up.

    `resting` keeps what was found, until it sleeps again.
    """

    __slots__ = ("_asked", "_waiting", "_waiting_count", "resting")

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.resting = Resting(context)
        self._waiting: dict[MailboxId | SendId, list[tuple[int, Then]]] = {}
        self._waiting_count = 0
        self._asked = 0

    @property
    def is_crowded(self) -> bool:
        """Whether so much waits that nothing more should."""
        return self._waiting_count >= self._settings.max_waiting

    def mailbox(self, key: MailboxId, then: Then, now: float) -> None:
        """Find a mailbox and go on, at once if it is awake."""
        mailbox = self._registry.mailboxes.get(key)
        if mailbox is None:
            self._ask(key, FindMailbox(key), then)
        else:
            self.resting.touch(mailbox)
            then(True, now)

    def owner(self, send_id: SendId, then: Then, now: float) -> None:
        """Find the mailbox of a send id and go on, at once if it is awake."""
        record = self._registry.send_ids.get(send_id)
        if record is None:
            self._ask(send_id, FindOwner(send_id), then)
        else:
            self.resting.touch(record.mailbox)
            then(True, now)

    def look_up(self, send_id: SendId, then: Then) -> None:
        """Find the mailbox of a send id and go on when the store has looked, awake or not.

        For questions of those who must not learn which of the two it is.
        """
        self._ask(send_id, FindOwner(send_id), then)

    def _ask(
        self, name: MailboxId | SendId, operation: FindMailbox | FindOwner, then: Then
    ) -> None:
        self._asked += 1
        self._waiting_count += 1
        waiting = self._waiting.get(name)
        if waiting is None:
            self._waiting[name] = [(self._asked, then)]
            self._effects.apply(operation, partial(self._found, name))
        else:
            waiting.append((self._asked, then))

    def _found(self, name: MailboxId | SendId, outcome: Outcome | None, now: float) -> None:
        waiting = self._waiting.pop(name, [])
        if isinstance(outcome, FoundOutcome) and outcome.stored is not None:
            waiting += self._wake(outcome.stored)
            waiting.sort(key=itemgetter(0))
        self._waiting_count -= len(waiting)
        for _, then in waiting:
            then(outcome is not None, now)

    def _wake(self, stored: StoredMailbox) -> list[tuple[int, Then]]:
        """Let a mailbox awake, unless it is by now; return what else waits for it.

        One that is awake knows more than the store, and so does one that is being removed.
        """
        key = stored.record.mailbox
        known = self._registry.mailboxes.get(key)
        if known is not None:
            self.resting.touch(known)
        if known is not None or key in self._registry.removing:
            return []
        mailbox = self._registry.wake(stored)
        self.resting.touch(mailbox)
        names: list[MailboxId | SendId] = [key, *mailbox.send_ids]
        return [item for name in names for item in self._waiting.pop(name, [])]
