"""Which relays keep our mail: two mailboxes, at relays drawn anew whenever one is missing.

Jobs of the writer's thread, and the drawing before them, which belongs to the event loop.
Spec: docs/spec/mailbox.md section 11.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from zentalk.crypto.ed25519 import SigningKey
from zentalk.errors import ConflictError, NotFoundError, UnavailableError
from zentalk.ids import DAY_SECONDS, MailboxId, NodeId
from zentalk.lifetimes import POLL_REPLACED_SECONDS
from zentalk.net.runtime import Runtime
from zentalk.node.messages.routes import current
from zentalk.node.network import NodeNetwork
from zentalk.onion.draw import sample
from zentalk.store.history import mailboxes
from zentalk.store.history.models import OwnMailbox
from zentalk.store.sqlite import Transaction
from zentalk.wire.descriptor import ROLE_MAILBOX

MAILBOXES: Final = 2
MAX_REPLACED: Final = 16
"""Earlier mailboxes that may be polled at a time before moving on is refused."""
SHOWN_ID_BYTES: Final = 8


class MailboxSelection:
    """Adds, replaces and forgets our mailboxes."""

    def __init__(self, runtime: Runtime, network: NodeNetwork) -> None:
        self._runtime = runtime
        self._network = network

    def draw(self) -> list[NodeId]:
        """Draw the order in which relays are taken for new mailboxes, our guards last.

        Those of which we hold a token come first, and those that have refused us are left out.
        Those that look dead are left out, unless they are most: whoever could make relays look
        dead would choose ours among the others. Not for the writer's thread: what the network
        knows is not to be asked from there.
        """
        guards, access = set(self._network.guards()), self._network.access
        closed = access.no_mailbox()
        lasting = self._network.lasting_relays()
        able = sorted(
            node_id
            for node_id, descriptor in self._network.descriptors().items()
            if descriptor.roles & ROLE_MAILBOX and node_id in lasting and node_id not in closed
        )
        dead = self._network.tunnels.scores.dead(self._runtime.monotonic())
        alive = [node_id for node_id in able if node_id not in dead]
        if 2 * len(alive) >= len(able):
            able = alive
        drawn = sample(able, len(able), self._runtime.entropy)
        return sorted(drawn, key=lambda node_id: (node_id in guards, access.token(node_id) is None))

    def refused(self, relay: NodeId) -> None:
        """Note that a relay makes no mailbox for us."""
        known = self._network.descriptors().get(relay)
        self._network.access.mailbox_refused(relay, "" if known is None else known.uri.place)

    def complete(self, drawn: Sequence[NodeId], tx: Transaction) -> list[OwnMailbox]:
        """Add mailboxes until there are two current ones; return all to be collected."""
        now = self._runtime.wall()
        for mailbox in mailboxes.every(tx):
            if mailbox.poll_until is not None and mailbox.poll_until < now:
                mailboxes.forget(tx, mailbox.mailbox)
        self._fill(tx, drawn, {mailbox.relay for mailbox in current(tx)})
        return mailboxes.every(tx)

    def _fill(self, tx: Transaction, drawn: Sequence[NodeId], taken: set[NodeId]) -> None:
        """Add mailboxes in the slots that have no current one, at relays that are not taken."""
        now = self._runtime.wall()
        used = {mailbox.slot for mailbox in current(tx)}
        known = {mailbox.relay for mailbox in mailboxes.every(tx)}
        slots = [slot for slot in range(MAILBOXES) if slot not in used]
        for slot, relay in zip(slots, _chosen(drawn, taken, known), strict=False):
            seed = self._runtime.entropy(32)
            mailbox_id = MailboxId(SigningKey(seed).public)
            mailboxes.add(tx, OwnMailbox(mailbox_id, relay, slot, seed, 0, now, None))

    def leave(
        self, shown_id: str | None, drawn: Sequence[NodeId], tx: Transaction
    ) -> list[OwnMailbox]:
        """Replace one mailbox, or all, by new ones at other relays, as one step.

        Raises NotFoundError without such a mailbox, UnavailableError without enough other relays
        and ConflictError after too many moves.
        """
        present = current(tx)
        leaving = [row for row in present if shown_id in (None, shown_id_of(row))]
        if not leaving:
            raise NotFoundError("there is no current mailbox with this id: list them")
        old = [row for row in mailboxes.every(tx) if row.poll_until is not None]
        if len(old) + len(leaving) > MAX_REPLACED:
            raise ConflictError(
                f"{len(old)} earlier mailboxes are still polled for mail: stay where you are"
                f" until the oldest is given up, {POLL_REPLACED_SECONDS // DAY_SECONDS} days after"
                " it was left"
            )
        taken = {row.relay for row in present}
        if len(_chosen(drawn, taken, {row.relay for row in old})) < len(leaving):
            raise UnavailableError(
                "no other relay that keeps mailboxes is known: your mailboxes stay where they are;"
                " just after a start, try again in a minute, when relays were seen often enough"
            )
        for row in leaving:
            self._drop(tx, row)
        self._fill(tx, drawn, taken)
        return mailboxes.every(tx)

    def _drop(self, tx: Transaction, row: OwnMailbox) -> None:
        """Replace a mailbox, or forget one that nobody can have heard of."""
        if mailboxes.send_ids(tx, row.mailbox):
            mailboxes.replace(tx, row.mailbox, self._runtime.wall() + POLL_REPLACED_SECONDS)
        else:
            mailboxes.forget(tx, row.mailbox)

    def replace(
        self, mailbox_id: MailboxId, live: Collection[NodeId], tx: Transaction
    ) -> list[OwnMailbox]:
        """Give up a mailbox whose relay stays away; return all to be collected.

        `complete` adds another. Where as many as may be are polled already it stays, unless one
        of those is at a relay that is not among the `live` ones: the oldest such goes.
        """
        leaving = next((row for row in current(tx) if row.mailbox == mailbox_id), None)
        if leaving is None:
            return mailboxes.every(tx)  # it was moved a moment ago
        old = [row for row in mailboxes.every(tx) if row.poll_until is not None]
        if len(old) >= MAX_REPLACED:
            gone = [row for row in old if row.relay not in live]
            if not gone:
                return mailboxes.every(tx)
            mailboxes.forget(tx, min(gone, key=lambda row: row.poll_until or 0.0).mailbox)
        self._drop(tx, leaving)
        return mailboxes.every(tx)


def _chosen(drawn: Sequence[NodeId], taken: set[NodeId], known: set[NodeId]) -> list[NodeId]:
    """Return the first of `drawn` for new mailboxes, none at a relay that is taken.

    Last come those of mailboxes that were replaced: their relays had stayed away.
    """
    free = [node_id for node_id in drawn if node_id not in taken]
    return sorted(free, key=lambda node_id: node_id in known)[:MAILBOXES]


def shown_id_of(mailbox: OwnMailbox) -> str:
    """Return the id by which an owner names a mailbox."""
    return mailbox.mailbox[:SHOWN_ID_BYTES].hex()
