"""Whether somebody who writes is a contact, a request, or nobody.

A ticket is looked at only after its content has decrypted, so its bearer has paid what every
stranger pays at relays. What it opens is counted in the transaction that lets its bearer in.
"""

from __future__ import annotations

from typing import NamedTuple

from zentalk.crypto.hashing import equal
from zentalk.ids import UserAddress
from zentalk.node.messages import requests
from zentalk.node.messages.compose import Composer
from zentalk.node.messages.effects import NO_EFFECTS, CommitEffects
from zentalk.node.messages.first_contact import invites, linking
from zentalk.node.messages.people import welcome
from zentalk.node.messages.requests import CameBy
from zentalk.store.history import contacts, introductions
from zentalk.store.history.models import ContactRow, ContactState
from zentalk.store.sqlite import Transaction


class _Grant(NamedTuple):
    """What a ticket stands for; `accepts` says that its bearer is a contact at once."""

    came_by: CameBy
    accepts: bool
    name: str = ""


class FirstMessages:
    """Lets those in who show what the owner, or a contact of the owner, gave them."""

    def __init__(self, composer: Composer, *, accept_introduced: bool = False) -> None:
        self._composer = composer
        self._accept_introduced = accept_introduced

    def sender(
        self, tx: Transaction, address: UserAddress, ticket: bytes, work: int, now: float
    ) -> tuple[ContactRow, CommitEffects]:
        """Return the row of who wrote, as a contact or a request; `work` in bits.

        Who is shut out must not get here. Raises NoRoomError if a request finds no room.
        """
        row = contacts.get(tx, address)
        if row is not None and row.is_accepted:
            return row, NO_EFFECTS
        if row is None and ticket:
            node = linking.admit(tx, address, ticket, now)
            if node is not None:
                return node, NO_EFFECTS
        is_known = row is not None and row.state is ContactState.REQUEST
        grant = self._grant(tx, address, ticket, now) if ticket else None
        if grant is not None and grant.accepts:
            return welcome(tx, self._composer, address, grant.name, now, grant.came_by)
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
        return _Grant(CameBy(invite=invite.id), invite.accepts, name)
