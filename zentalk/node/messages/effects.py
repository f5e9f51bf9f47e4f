"""What a committed job allows, as one value that says who is to be told what.

A job runs in the writer's thread, and its transaction may still fail: so it sends nothing, wakes
nobody and calls nobody. It returns its effects, and `delivery/outbox.py` carries them out once
they are committed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from zentalk.ids import UserAddress
from zentalk.store.history.models import OutboxItem


class OutboundItem(NamedTuple):
    """An outbox item with its ciphertext; `extra` are inners to send once, unstored."""

    item: OutboxItem
    extra: tuple[bytes, ...] = ()


class ReceivedSignal(NamedTuple):
    """A contact is writing or there, or not any more."""

    person: UserAddress
    kind: str
    on: bool

    def __repr__(self) -> str:
        return f"<{self.kind} {self.on}>"


UNNUMBERED: Final = 0
"""The number of an offer that came without a relay: nobody kept it, so it is of this moment."""


class ReceivedOffer(NamedTuple):
    """A contact's node says where it may be reached; not read yet.

    Of two offers the one with the higher `number` is the newer one; UNNUMBERED is newer than any.
    """

    person: UserAddress
    offer: bytes
    number: int

    def __repr__(self) -> str:
        return "<offer>"


class BestEffortInner(NamedTuple):
    """An inner that nobody will confirm, such as a confirmation.

    `item_key` makes its deposit ids, so that it has the same ones when it goes again; without
    one they are drawn. `confirmation` is the number under which a confirmation is kept.
    `elsewhere` begins with another mailbox than the preferred one. After `lasts_seconds` it is
    worth nothing, and given up.
    """

    contact: UserAddress
    inner: bytes
    item_key: bytes = b""
    confirmation: int | None = None
    elsewhere: bool = False
    lasts_seconds: float = 600.0

    def __repr__(self) -> str:
        return "<best-effort inner>"


@dataclass(frozen=True, slots=True)
class CommitEffects:
    """Everything that a job's commit sets off; an empty value sets off nothing."""

    send: tuple[OutboundItem, ...] = ()
    """Items to bring to their recipients."""
    best_effort: tuple[BestEffortInner, ...] = ()
    confirmed: tuple[int, ...] = ()
    """Outbox items that their recipients have confirmed."""
    dropped: tuple[int, ...] = ()
    """Outbox items that are not to be sent, for good or until they are encrypted again."""
    new_routes: frozenset[UserAddress] = frozenset()
    """Contacts whose stored route is another one now."""
    rerouted: frozenset[UserAddress] = frozenset()
    """Contacts whose items are to be planned anew, to other mailboxes."""
    needs_session: frozenset[UserAddress] = frozenset()
    """Contacts with items that wait for a ratchet, and not only for their turn."""
    in_doubt: bool = False
    """Enough envelopes of a contact could not be read for its session to be renewed."""
    held: bool = False
    """A message waits for those its sender wrote before it."""
    undecryptable: int = 0
    """Deposits of which nothing was kept."""
    deferred: frozenset[int] = frozenset()
    """Deposits that find no room now and may later, by their place in the batch."""
    short_of_send_ids: bool = False
    """Somebody was not told where to answer, for want of a send id that no one else has."""
    fan_out: bool = False
    """Something is to go to the members of a group, a few at a time."""
    heard: frozenset[UserAddress] = frozenset()
    """Contacts of whom something was decrypted for the first time."""
    signals: tuple[ReceivedSignal, ...] = ()
    offers: tuple[ReceivedOffer, ...] = ()
    consents: bool = False
    """With somebody direct connections are allowed now, or not any more."""

    @classmethod
    def together(cls, parts: Iterable[CommitEffects]) -> CommitEffects:
        """Return the effects of several jobs that one transaction commits."""
        every = [part for part in parts if part is not NO_EFFECTS]
        if len(every) == 1:
            return every[0]
        return cls(
            send=tuple(item for part in every for item in part.send),
            best_effort=tuple(inner for part in every for inner in part.best_effort),
            confirmed=tuple(number for part in every for number in part.confirmed),
            dropped=tuple(number for part in every for number in part.dropped),
            new_routes=frozenset().union(*(part.new_routes for part in every)),
            rerouted=frozenset().union(*(part.rerouted for part in every)),
            needs_session=frozenset().union(*(part.needs_session for part in every)),
            in_doubt=any(part.in_doubt for part in every),
            held=any(part.held for part in every),
            undecryptable=sum(part.undecryptable for part in every),
            deferred=frozenset().union(*(part.deferred for part in every)),
            short_of_send_ids=any(part.short_of_send_ids for part in every),
            fan_out=any(part.fan_out for part in every),
            heard=frozenset().union(*(part.heard for part in every)),
            signals=tuple(signal for part in every for signal in part.signals),
            offers=tuple(offer for part in every for offer in part.offers),
            consents=any(part.consents for part in every),
        )


NO_EFFECTS: Final = CommitEffects()
