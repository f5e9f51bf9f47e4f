"""What the owner is told at a replica, and what cannot be done there."""

from __future__ import annotations

from typing import Final

from zentalk.errors import ConflictError
from zentalk.node.first_contact.invites import Invites, ShownInvite
from zentalk.node.linked.follower import Follower
from zentalk.node.linked.links import Links
from zentalk.node.linked.replica_actions import READ_ONLY
from zentalk.node.linked.status import LinksView, LinkView
from zentalk.store.history import feed, links, pending, settings, terms
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.history.models import StoredInvite
from zentalk.store.sqlite import Transaction

NO_PHRASE: Final = (
    "there is no recovery phrase yet, so this replica can never be promoted: run zentalk api phrase"
    " at the node that it follows"
)
WAITING: Final = "this replica has heard nothing of the node that it follows yet"


class ReplicaLinks(Links):
    """The link of a replica to its first."""

    def follow(self, follower: Follower, copy: HistoryDatabase) -> None:
        """Say what follows, and into which copy."""
        self._follower = follower
        self._copy = copy

    def _check(self) -> None:
        """Refuse: a replica has no replica, and its link and the phrase are made at the first."""
        raise ConflictError(READ_ONLY)

    async def state(self) -> LinksView:
        """Return how far this replica has come."""
        (_, number), term, recovery = await self._copy.read(
            lambda tx: (feed.cursor(tx), terms.own(tx), settings.get(tx, terms.RECOVERY))
        )
        note = self._follower.trouble
        if not note:
            note = WAITING if not number else "" if recovery else NO_PHRASE

        def query(tx: Transaction) -> LinksView:
            return LinksView(
                role="replica",
                term=term,
                recovery=recovery is not None,
                strict=False,
                pending=pending.count(tx),
                unconfirmed=0,
                note=note,
                links=tuple(
                    LinkView(
                        id=link.id.hex(),
                        state="linked" if number else "waiting",
                        created_at=link.created_at,
                        expires_at=None,
                        linked_at=link.linked_at if number else None,
                        heard_at=self._follower.heard_at,
                        behind=0,
                    )
                    for link in links.every(tx)
                ),
            )

        return await self._database.read(query)


class ShownInvites(Invites):
    """The owner's invites at a replica: without links, which take the owner's identity."""

    def _shown(self, invite: StoredInvite) -> ShownInvite:
        return ShownInvite(invite, invite.state(self._runtime.wall()), "")
