"""The third hops of tunnels for collection: which ones a mailbox has, and for how long.

Spec: docs/spec/link.md section 10. The relay before the end of a tunnel is drawn from all relays.
A tunnel for collection is rebuilt whenever somebody breaks it, and drawn anew each time the relay
would soon be one of whoever did: so each mailbox has one of its own and keeps it. A second one is
there for when the first is dead, and nothing that fails brings in a third on the same day.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from zentalk.crypto.types import Entropy
from zentalk.errors import DecodeError
from zentalk.ids import DAY_SECONDS, MAILBOX_ID_BYTES, NODE_ID_BYTES, MailboxId, NodeId
from zentalk.node.relays.view import RelayView
from zentalk.onion.draw import below
from zentalk.onion.path import draw_before
from zentalk.wire.codec import Fields, Value

MIN_SECONDS: Final = 12 * 3600
MAX_SECONDS: Final = 48 * 3600
DRAWN_A_DAY: Final = 2
"""Third hops that a mailbox may draw within a day, whatever fails."""
DRAWN_FOR_DEAD: Final = 4
"""The same if those it has are dead: several relays could not reach them."""
MAX_MAILBOXES: Final = 64
_KEPT: Final = 4
"""Those of a day, and those before them that are not over yet."""
_MAX_TIME: Final = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class ThirdHop:
    """One third hop of a mailbox; times are unix seconds."""

    node_id: NodeId = field(repr=False)
    drawn_at: int
    until: int


class ThirdHops:
    """The third hops of each of our mailboxes; `wall` gives unix seconds, `saved` is a `value`."""

    def __init__(self, wall: Callable[[], float], entropy: Entropy, saved: Value = None) -> None:
        self._wall = wall
        self._entropy = entropy
        self._hops = _read(saved)

    def serving(self, mailbox: MailboxId, end: NodeId, view: RelayView) -> tuple[NodeId, ...]:
        """Return the third hops to take for a mailbox at `end`, the newest first; () for none.

        One whose time is over serves on while no other may be drawn.
        """
        now = int(self._wall())
        live = [
            hop
            for hop in reversed(self._current(mailbox, now))
            if hop.node_id in view.relays and hop.node_id != end
        ]
        fresh = [hop for hop in live if hop.until > now]
        chosen = fresh if fresh or self.may_draw(mailbox, end, view) else live
        return tuple(hop.node_id for hop in chosen)

    def may_draw(
        self,
        mailbox: MailboxId,
        end: NodeId,
        view: RelayView,
        dead: Collection[NodeId] = (),
    ) -> bool:
        """Say whether a mailbox may have a new third hop: twice a day, or if it has no live one.

        Those of `dead` still count as live for the directory: there are a few more for them.
        """
        now = int(self._wall())
        kept = self._current(mailbox, now)
        live = [hop for hop in kept if hop.node_id in view.relays and hop.node_id != end]
        if not live:
            return True
        most = DRAWN_FOR_DEAD if all(hop.node_id in dead for hop in live) else DRAWN_A_DAY
        return sum(now - hop.drawn_at < DAY_SECONDS for hop in kept) < most

    def draw(self, mailbox: MailboxId, end: NodeId, view: RelayView) -> NodeId:
        """Draw one more, other than those that a mailbox has; raises NoPathError."""
        now = int(self._wall())
        kept = self._current(mailbox, now)
        had = frozenset(hop.node_id for hop in kept)
        drawn = draw_before(view.candidates, end, self._entropy, without=had)
        span = MAX_SECONDS - MIN_SECONDS + 1
        hop = ThirdHop(drawn, now, now + MIN_SECONDS + below(span, self._entropy))
        self._hops.pop(mailbox, None)
        self._hops[mailbox] = (*kept, hop)[-_KEPT:]
        if len(self._hops) > MAX_MAILBOXES:
            del self._hops[next(iter(self._hops))]
        return drawn

    def value(self) -> Value:
        """Return all of them as lists, integers and bytes, for `wire.codec.pack`."""
        return [
            [mailbox, [[hop.node_id, hop.drawn_at, hop.until] for hop in hops]]
            for mailbox, hops in self._hops.items()
        ]

    def _current(self, mailbox: MailboxId, now: int) -> Sequence[ThirdHop]:
        """Return those that still serve or still count.

        Times that a wrong clock put ahead are brought back for good, or they would never be over.
        """
        if mailbox not in self._hops:
            return ()
        hops = self._hops[mailbox] = tuple(
            replace(hop, drawn_at=min(hop.drawn_at, now), until=min(hop.until, now + MAX_SECONDS))
            for hop in self._hops[mailbox]
        )
        return [hop for hop in hops if max(hop.until, hop.drawn_at + DAY_SECONDS) > now]


def check(value: Value) -> None:
    """Raise DecodeError if a value is not what `ThirdHops.value` returned."""
    _read(value)


def _read(value: Value) -> dict[MailboxId, tuple[ThirdHop, ...]]:
    if value is None:
        return {}
    if not isinstance(value, list) or len(value) > MAX_MAILBOXES:
        raise DecodeError("the third hops are not a list of mailboxes")
    found = {}
    for item in value:
        fields = Fields(item, "a mailbox's third hops")
        mailbox = MailboxId(fields.fixed(MAILBOX_ID_BYTES))
        found[mailbox] = tuple(_read_hop(hop) for hop in fields.array(_KEPT))
        fields.end()
    return found


def _read_hop(value: Value) -> ThirdHop:
    fields = Fields(value, "a third hop")
    hop = ThirdHop(
        NodeId(fields.fixed(NODE_ID_BYTES)), fields.uint(_MAX_TIME), fields.uint(_MAX_TIME)
    )
    fields.end()
    return hop
