"""The look-ups of a store: a sleeping mailbox by key or send id, and those that need attention.

Spec: docs/spec/mailbox.md section 16. Operations keep their order with all others, so what is
found is what all earlier ones have left.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from zentalk.ids import MailboxId, SendId
from zentalk.mailbox.stored import StoredMailbox

BEFORE_ALL: Final = MailboxId(b"")
"""The start of a walk through all mailboxes."""


@dataclass(frozen=True, slots=True)
class FindMailbox:
    """Look up a mailbox by its key. Outcome: FoundOutcome."""

    mailbox: MailboxId = field(repr=False)


@dataclass(frozen=True, slots=True)
class FindOwner:
    """Look up the mailbox of a send id. Outcome: FoundOutcome."""

    send_id: SendId = field(repr=False)


@dataclass(frozen=True, slots=True)
class FoundOutcome:
    """All that a core needs of a mailbox, None if there is none."""

    stored: StoredMailbox | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Unused:
    """Send ids last used on `day` or earlier, of mailboxes that have more than so many."""

    day: int
    more_than: int


@dataclass(frozen=True, slots=True)
class ListDue:
    """Look up mailboxes for which a sweep has something to do, in order from after a key.

    Those whose time is over at `hour`, those with send ids whose last day is before `day`, and
    those with unused send ids, unless that is None. At most `limit`. Outcome: DueOutcome.
    """

    after: MailboxId = field(repr=False)
    limit: int
    hour: int
    day: int
    unused: Unused | None = None


@dataclass(frozen=True, slots=True)
class DueOutcome:
    """Keys in order; as many as the limit mean that there may be more."""

    mailboxes: tuple[MailboxId, ...] = field(repr=False)
