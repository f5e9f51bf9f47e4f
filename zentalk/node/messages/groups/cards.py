"""Cards: ours for each group, and those by which members are written to who are no contacts.

A card is kept only of somebody whom the log names, and never makes anybody a contact. No one-time
key is used for it, so a large group takes nothing out of anybody's pool. Spec:
docs/spec/groups.md section 3.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from zentalk.crypto import mlkem, x25519
from zentalk.crypto.ed25519 import SigningKey
from zentalk.crypto.types import Entropy
from zentalk.errors import AuthenticationError, DecodeError
from zentalk.ids import DAY_SECONDS, Day, GroupId, UserAddress
from zentalk.node.messages.compose import Composer
from zentalk.node.messages.effects import NO_EFFECTS, CommitEffects
from zentalk.node.messages.routes import raise_version, route_for
from zentalk.store.history import contacts, group_members, group_prekeys, group_sends, mailboxes
from zentalk.store.history import settings as stored
from zentalk.store.history.models import ContactRow, ContactState
from zentalk.store.sqlite import Transaction
from zentalk.wire.group_card import GroupCard, decode_card, sign_card
from zentalk.wire.prekeys import PqPrekey, SignedPrekey
from zentalk.wire.route import Route, encode_route

MAX_ADMIN_CARDS: Final = 16
OLD_IDS_DAYS: Final = 3
"""Days for which our old send ids of a group count, once somebody has gone."""


class GroupCards:
    """Makes our cards and uses those of others."""

    def __init__(self, identity: SigningKey, composer: Composer, entropy: Entropy) -> None:
        self._identity = identity
        self._composer = composer
        self._entropy = entropy

    def own(self, tx: Transaction, group: GroupId) -> GroupCard:
        """Return our newest card for a group; it has no route before a mailbox is registered."""
        version = int.from_bytes(stored.get(tx, stored.ROUTE_VERSION) or b"", "big")
        route = route_for(tx, UserAddress(group), version) or Route(version, ())
        keys = group_prekeys.of_group(tx, group) or self._make_keys(tx, group)
        (signed_id, signed), (pq_id, pq) = keys["signed"], keys["pq"]
        return sign_card(
            self._identity,
            group,
            route,
            SignedPrekey.create(self._identity, signed_id, x25519.from_secret(signed).public),
            PqPrekey.create(self._identity, pq_id, mlkem.public_of(pq)),
        )

    def _make_keys(self, tx: Transaction, group: GroupId) -> dict[str, tuple[int, bytes]]:
        secrets = {
            "signed": bytes(x25519.generate(self._entropy).secret),
            "pq": bytes(mlkem.generate(self._entropy).seed),
        }
        for kind, secret in secrets.items():
            group_prekeys.add(tx, kind, secret, group, self._entropy)
        return group_prekeys.of_group(tx, group)

    def for_newcomers(
        self, tx: Transaction, group: GroupId, admins: Sequence[UserAddress]
    ) -> list[bytes]:
        """Return our card, and those of admins: of them others ask for all other cards."""
        known = group_members.cards(tx, group, admins[:MAX_ADMIN_CARDS])
        return [self.own(tx, group).raw, *(raw for _, raw in known)]

    def keep(self, tx: Transaction, group: GroupId, raws: Iterable[bytes]) -> bool:
        """Keep cards of people whom the log names; tell whether anything waited for one.

        Those that are not what they should be are left out: they may be anybody's.
        """
        goes_on = False
        for raw in raws:
            try:
                card = decode_card(raw, group)
                card.bundle.verify()
            except (DecodeError, AuthenticationError):
                continue
            if group_members.put_card(tx, group, card.member, card.raw, card.version):
                goes_on |= group_sends.go_on(tx, card.member)
        return goes_on

    def reach(
        self, tx: Transaction, group: GroupId, member: UserAddress, now: float
    ) -> tuple[ContactRow, CommitEffects]:
        """Return the row of a member, with a ratchet and a route by its card if it is no contact.

        Raises LookupError if there is neither a ratchet nor a card yet.
        """
        row = contacts.get(tx, member)
        if row is None:
            row = contacts.insert(tx, member, "", ContactState.MEMBER, now)
        has_ratchet = self._composer.has_session(tx, member)
        if row.is_accepted or (has_ratchet and row.route is not None):
            return row, NO_EFFECTS
        known = group_members.get(tx, group, member)
        if known is None or known.card is None:
            raise LookupError("there is no card of this member yet")
        card = decode_card(known.card, group)
        if not has_ratchet:
            self._composer.start_session(tx, member, card.bundle, now)
        if not card.route.entries or (row.route is not None and card.version <= row.route_version):
            return row, NO_EFFECTS
        contacts.set_route(tx, member, encode_route(card.route), card.version)
        moved = frozenset({member})
        return contacts.get(tx, member) or row, CommitEffects(new_routes=moved, rerouted=moved)


def change_send_ids(tx: Transaction, group: GroupId, now: float) -> None:
    """Use other send ids in a group from now on: somebody has gone who knows the old ones."""
    mailboxes.retire_of(tx, group, Day(int(now // DAY_SECONDS) + OLD_IDS_DAYS))
    raise_version(tx)
