"""Whether somebody who writes is a contact, a request, or nobody.

A ticket is looked at only after its content has decrypted, so its bearer has paid what every
stranger pays at relays. What it opens is counted in the transaction that lets its bearer in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from zentalk.crypto.hashing import equal
from zentalk.ids import GroupId, UserAddress
from zentalk.node.messages import requests
from zentalk.node.messages.compose import Composer
from zentalk.node.messages.effects import NO_EFFECTS, CommitEffects
from zentalk.node.messages.first_contact import invites, linking
from zentalk.node.messages.people import welcome
from zentalk.node.messages.requests import CameBy
from zentalk.store.history import contacts, group_members, introductions
from zentalk.store.history.models import ContactRow, ContactState
from zentalk.store.sqlite import Transaction

LetIn: TypeAlias = Callable[[Transaction, GroupId, UserAddress, bytes, float], CommitEffects]
"""Invites somebody to a group, who has shown the secret of a link to it."""


class _Grant(NamedTuple):
    """What a ticket stands for; `accepts` says that its bearer is a contact at once."""

    came_by: CameBy
    accepts: bool
    name: str = ""
    group: GroupId | None = None


class FirstMessages:
    """Lets those in who show what the owner, or a contact of the owner, gave them."""

    def __init__(
        self, composer: Composer, let_in: LetIn, *, accept_introduced: bool = False
    ) -> None:
        self._composer = composer
        self._let_in = let_in
        self._accept_introduced = accept_introduced

    def sender(
        self, tx: Transaction, address: UserAddress, ticket: bytes, work: int, now: float
    ) -> tuple[ContactRow, CommitEffects]:
        """Return the row of who wrote, as a contact or a request; `work` in bits.

        Who is shut out must not get here. Raises NoRoomError if a request finds no room.
        """
        row = contacts.get(tx, address)
        if row is not None and row.is_accepted:
            return row, self._joined(tx, address, ticket, now) if ticket else NO_EFFECTS
        if row is None and ticket:
            node = linking.admit(tx, address, ticket, now)
            if node is not None:
                return node, NO_EFFECTS
        is_known = row is not None and row.state is ContactState.REQUEST
        grant = self._grant(tx, address, ticket, now) if ticket else None
        if grant is not None and grant.accepts:
            row, welcomed = welcome(tx, self._composer, address, grant.name, now, grant.came_by)
            if grant.group is None:
                return row, welcomed
            invited = self._let_in(tx, grant.group, address, ticket, now)
            return row, CommitEffects.together([welcomed, invited])
        came_by = None if grant is None else grant.came_by
        if row is None or not is_known:
            row = requests.admit(tx, address, now, work, came_by)
        else:
            requests.show_work(tx, row, work)
            if came_by is not None:
                requests.vouch(tx, address, came_by, now)
        if ticket and grant is None:
            contacts.set_unknown_ticket(tx, address, invites.ticket_hash(ticket))
        return row, NO_EFFECTS

    def introduced(self, tx: Transaction, address: UserAddress, now: float) -> CommitEffects:
        """Look again at a request that came before the introduction which explains its ticket."""
        row, shown = contacts.get(tx, address), contacts.unknown_ticket(tx, address)
        if row is None or row.state is not ContactState.REQUEST or shown is None:
            return NO_EFFECTS
        for introduction in introductions.of_person(tx, address):
            if equal(invites.ticket_hash(introduction.secret), shown):
                came_by = CameBy(introducer=introduction.introducer)
                if self._accept_introduced:
                    return welcome(tx, self._composer, address, "", now, came_by)[1]
                requests.vouch(tx, address, came_by, now)
                break
        return NO_EFFECTS

    def _grant(
        self, tx: Transaction, address: UserAddress, ticket: bytes, now: float
    ) -> _Grant | None:
        """Return what a ticket opens; None for one that opens nothing, or has been used here."""
        known = contacts.view(tx, address) if contacts.get(tx, address) is not None else None
        for introduction in introductions.of_person(tx, address):
            if equal(introduction.secret, ticket):
                came_by = CameBy(introducer=introduction.introducer)
                is_new = known is None or not known.introduced_by
                return _Grant(came_by, self._accept_introduced) if is_new else None
        if known is not None and known.invite:
            return None
        invite = invites.redeem(tx, address, ticket, now)
        if invite is None:
            return None
        name = invite.name if invite.is_single else ""
        return _Grant(CameBy(invite=invite.id), invite.accepts, name, invite.group)

    def _joined(
        self, tx: Transaction, address: UserAddress, ticket: bytes, now: float
    ) -> CommitEffects:
        """Invite a contact to the group whose link it shows; it says so until it has an answer."""
        invite = invites.matching(tx, ticket, now)
        if invite is None or invite.group is None:
            return NO_EFFECTS
        if group_members.get(tx, invite.group, address) is not None:
            return NO_EFFECTS
        invites.use(tx, address, invite, now)
        return self._let_in(tx, invite.group, address, ticket, now)
