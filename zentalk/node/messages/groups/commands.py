"""What the owner does to groups, as write jobs: found, invite, join, leave, and all that admins do.

Each act is an entry that the owner's node signs, takes in itself, and sends to all others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from zentalk.crypto.ed25519 import SigningKey
from zentalk.crypto.hashing import sha256
from zentalk.crypto.types import Entropy
from zentalk.errors import ConfigError, ConflictError, LocalProtocolError, NotFoundError
from zentalk.groups import authoring
from zentalk.groups.exchange import ENTRIES_PER_DAY
from zentalk.groups.permission import MAX_MEMBERS, Denial, GroupDeniedError
from zentalk.ids import DAY_SECONDS, GroupId, UserAddress
from zentalk.node.messages.commands import KEY_WAS_USED
from zentalk.node.messages.compose import Composer
from zentalk.node.messages.conversation import sharing
from zentalk.node.messages.effects import NO_EFFECTS, CommitEffects
from zentalk.node.messages.first_contact import invites
from zentalk.node.messages.groups import joining, large
from zentalk.node.messages.groups.book import NO_GROUP, GroupBook, Learned
from zentalk.node.messages.groups.cards import GroupCards
from zentalk.node.messages.groups.distribution import Distribution
from zentalk.node.messages.people import welcome
from zentalk.store.history import contacts, group_joins, group_members, groups, request_keys
from zentalk.store.history.groups import GroupRow, GroupStanding
from zentalk.store.history.models import RequestKey
from zentalk.store.sqlite import Transaction
from zentalk.wire.chat import MAX_PICTURE_BYTES
from zentalk.wire.codec import pack
from zentalk.wire.content import ROUTE, Content
from zentalk.wire.group_acts import (
    MAX_DESCRIPTION_BYTES,
    MAX_GROUP_NAME_BYTES,
    Accept,
    Add,
    AddedAs,
    CloseTicket,
    Describe,
    GroupAct,
    GroupKind,
    Leave,
    Merge,
    OpenTicket,
    Remove,
    Rename,
    picture_hash,
    ticket_id,
)

MERGES_PER_DAY: Final = ENTRIES_PER_DAY // 2
"""Entries of the owner in a day after which its messages are not preceded by merges any more.

Readers take so many of a member, and a message waits for what it names."""
JOIN_SECONDS: Final = 7 * DAY_SECONDS
"""How long the invitation to a group whose link the owner has used is accepted by itself."""


class GroupWish(NamedTuple):
    """A group that the owner wants to found, and whom to invite."""

    name: str
    kind: GroupKind = GroupKind.GROUP
    members: tuple[UserAddress, ...] = ()

    @property
    def request(self) -> bytes:
        """A hash of all that makes a request another one."""
        return sha256(pack(["group", self.kind, self.name, b"".join(self.members)]))

    def __repr__(self) -> str:
        return f"<wish for a {self.kind.name.lower()} of {len(self.members)} more>"


class GroupCommands:
    """Jobs about groups. All raise NotFoundError if there is no such group."""

    def __init__(
        self,
        identity: SigningKey,
        entropy: Entropy,
        book: GroupBook,
        cards: GroupCards,
        distribution: Distribution,
        composer: Composer,
    ) -> None:
        self._identity = identity
        self._entropy = entropy
        self._book = book
        self._cards = cards
        self._distribution = distribution
        self._composer = composer

    def found(
        self, tx: Transaction, wish: GroupWish, now: float, key: RequestKey | None = None
    ) -> tuple[GroupRow, CommitEffects]:
        """Found a group or channel and invite people.

        The same idempotency key of the same device gives the same group again. Raises ConfigError,
        ConflictError if the key was used for another request, or as `invite` does.
        """
        _check_length("a group's name", wish.name, MAX_GROUP_NAME_BYTES, least=1)
        known = None if key is None else request_keys.by_key(tx, key)
        if known is not None:
            if known[0] != wish.request:
                raise ConflictError(KEY_WAS_USED)
            return self._row(tx, GroupId(known[1])), NO_EFFECTS
        founding = authoring.found(
            self._identity, wish.name, wish.kind, at=int(now), entropy=self._entropy
        )
        entry = founding.founding
        self._book.begin(tx, entry, GroupStanding.JOINED, None, now)
        if key is not None:
            request_keys.remember_key(tx, key, wish.request, entry.group, now)
        invited = self.invite(tx, entry.group, wish.members, now) if wish.members else NO_EFFECTS
        return self._row(tx, entry.group), invited

    def invite(
        self, tx: Transaction, group: GroupId, people: Sequence[UserAddress], now: float
    ) -> CommitEffects:
        """Invite contacts; raises ConflictError if one of them is none, or cannot be invited.

        Also if the owner would be in too many large groups.
        """
        if not people or len(people) > MAX_MEMBERS:
            raise ConfigError(f"name 1 to {MAX_MEMBERS} people to invite")
        for person in people:
            row = contacts.get(tx, person)
            if row is None or not row.is_accepted:
                raise ConflictError("only contacts can be invited: add this person first")
        known = self._book.state(tx, group).members
        missing = [person for person in people if person not in known]
        if not missing:
            raise GroupDeniedError(Denial.ALREADY_THERE)
        return self._invite(tx, group, missing, b"", now)

    def let_in(
        self, tx: Transaction, group: GroupId, person: UserAddress, secret: bytes, now: float
    ) -> CommitEffects:
        """Invite a contact who has shown the secret of a link; nothing if that cannot be done.

        Such as when another admin has closed the link.
        """
        ticket = ticket_id(group, secret)
        try:
            if ticket not in self._open_tickets(tx, group):
                return NO_EFFECTS
            return self._invite(tx, group, [person], ticket, now)
        except (ConflictError, NotFoundError):
            return NO_EFFECTS

    def join(
        self, tx: Transaction, person: UserAddress, secret: bytes, now: float
    ) -> CommitEffects:
        """Ask whoever has made a link to be let into its group, and accept the invitation then.

        Raises LocalProtocolError for a link of the owner, ConflictError if they are blocked.
        """
        if person == self._book.own:
            raise LocalProtocolError("this is your own link: give it to somebody else")
        row, welcomed = welcome(tx, self._composer, person, "", now)
        contacts.set_ticket(tx, person, secret)
        group_joins.put(tx, person, now + JOIN_SECONDS)
        shown = Content(kind=ROUTE, message_id=self._composer.new_message_id())
        row = contacts.get(tx, person) or row
        asked = self._composer.send(tx, row, shown, now)
        return CommitEffects.together([welcomed, asked])

    def open_link(
        self,
        tx: Transaction,
        group: GroupId,
        secret: bytes,
        limits: tuple[int, float],
        now: float,
    ) -> CommitEffects:
        """Announce a link to a group: how many it lets in, and until when (unix seconds)."""
        uses, expires_at = limits
        named = ticket_id(group, secret)
        return self.act(
            tx, group, OpenTicket(named, self._added_as(tx, group), uses, int(expires_at)), now
        )

    def close_link(
        self, tx: Transaction, group: GroupId, secret: bytes, now: float
    ) -> CommitEffects:
        """Announce that a link lets nobody in any more; nothing if that is known."""
        try:
            return self.act(tx, group, CloseTicket(ticket_id(group, secret)), now)
        except (ConflictError, NotFoundError):
            return NO_EFFECTS

    def end_links(self, tx: Transaction, group: GroupId, now: float) -> None:
        """Revoke the owner's links that another admin has closed, or that went with its rank."""
        invites.end_links(tx, self._identity, group, self._open_tickets(tx, group), now)

    def _open_tickets(self, tx: Transaction, group: GroupId) -> set[bytes]:
        every = self._book.state(tx, group).tickets
        return {one.ticket for one in every if one.owner == self._book.own and not one.is_closed}

    def _added_as(self, tx: Transaction, group: GroupId) -> AddedAs:
        is_channel = self._book.state(tx, group).kind is GroupKind.CHANNEL
        return AddedAs.SUBSCRIBER if is_channel else AddedAs.MEMBER

    def _invite(
        self,
        tx: Transaction,
        group: GroupId,
        people: Sequence[UserAddress],
        ticket: bytes,
        now: float,
    ) -> CommitEffects:
        known = self._book.state(tx, group).members
        large.check_room(tx, group, len(known.keys() | set(people)))
        added_as = self._added_as(tx, group)
        others = group_members.inside(tx, group)
        raws = [
            entry.raw
            for person in people
            for entry in self._sign(tx, group, Add(person, added_as, ticket), now).entries
        ]
        whole = [entry.raw for entry in self._book.log(tx, group).export()]
        admins = self._book.state(tx, group).admins
        cards = self._cards.for_newcomers(tx, group, [member.address for member in admins])
        return CommitEffects.together(
            [
                self._distribution.entries(tx, group, raws, others, now),
                self._distribution.entries(tx, group, whole, people, now),
                self._distribution.cards(tx, group, cards, people, now),
            ]
        )

    def accept(self, tx: Transaction, group: GroupId, now: float) -> tuple[GroupRow, CommitEffects]:
        """Join a group that the owner is invited to.

        Who has invited the owner tells all others. Raises ConflictError without an invitation, or
        if the owner is in too many large groups.
        """
        row = self._row(tx, group)
        if row.is_joined:
            return row, NO_EFFECTS
        if row.stands is not GroupStanding.INVITED:
            raise ConflictError("you are not invited to this group: ask somebody in it")
        large.check_room(tx, group, groups.people(tx, group))
        card = self._cards.own(tx, group)
        own = self._book.state(tx, group).member(self._book.own)
        was_in = joining.was_in(tx, self._book, group)
        group_members.forget_told(tx, group)
        groups.set_confirmed(tx, group, on=False)
        learned = self._sign(tx, group, Accept(card.card_hash), now)
        told = [] if own is None or own.invited_by is None else [own.invited_by]
        raws = [entry.raw for entry in learned.entries]
        effects = CommitEffects.together(
            [
                self._distribution.cards(tx, group, [card.raw], told, now),
                self._distribution.entries(tx, group, raws, told, now),
                self.show_card(tx, group, now) if was_in else NO_EFFECTS,
            ]
        )
        return self._row(tx, group), effects

    def show_card(self, tx: Transaction, group: GroupId, now: float) -> CommitEffects:
        """Give all members our card once more: the node that they know was replaced by this one."""
        row = groups.get(tx, group)
        if row is None or not row.is_joined:
            return NO_EFFECTS
        others = group_members.inside(tx, group)
        card = self._cards.own(tx, group)
        return self._distribution.cards(tx, group, [card.raw], others, now)

    def leave(self, tx: Transaction, group: GroupId, now: float) -> CommitEffects:
        """Go from a group, or say no to an invitation. Raises ConflictError if the owner is out."""
        row = self._row(tx, group)
        if row.stands not in (GroupStanding.JOINED, GroupStanding.INVITED):
            raise ConflictError("you are not in this group")
        own = self._book.state(tx, group).member(self._book.own)
        others = group_members.inside(tx, group) if row.is_joined else []
        if own is not None and own.invited_by is not None and not row.is_joined:
            others = [own.invited_by]
        raws = [entry.raw for entry in self._sign(tx, group, Leave(), now).entries]
        self.end_links(tx, group, now)
        return self._distribution.entries(tx, group, raws, others, now)

    def remove(
        self, tx: Transaction, group: GroupId, person: UserAddress, now: float
    ) -> CommitEffects:
        """Put somebody out, and tell them; raises ConflictError if the owner may not."""
        return self.act(tx, group, Remove(person), now, also=(person,))

    def rename(self, tx: Transaction, group: GroupId, name: str, now: float) -> CommitEffects:
        """Give a group another name; raises ConfigError or ConflictError."""
        _check_length("a group's name", name, MAX_GROUP_NAME_BYTES, least=1)
        if self._book.state(tx, group).settings.name == name:
            return NO_EFFECTS
        return self.act(tx, group, Rename(name), now)

    def describe(
        self, tx: Transaction, group: GroupId, description: str, now: float
    ) -> CommitEffects:
        """Give a group another description; raises ConfigError or ConflictError."""
        _check_length("a description", description, MAX_DESCRIPTION_BYTES)
        settings = self._book.state(tx, group).settings
        if settings.description == description:
            return NO_EFFECTS
        picture = settings.picture_hash
        return self.act(tx, group, Describe(picture, description), now)

    def set_picture(
        self, tx: Transaction, group: GroupId, picture: bytes, now: float
    ) -> CommitEffects:
        """Give a group another picture; none if it is empty. Raises ConfigError if it is large.

        Others learn its hash, and ask for it.
        """
        if len(picture) > MAX_PICTURE_BYTES:
            raise ConfigError(f"a picture may have {MAX_PICTURE_BYTES} bytes: make it smaller")
        description = self._book.state(tx, group).settings.description
        named = picture_hash(picture) if picture else b""
        told = self.act(tx, group, Describe(named, description), now)
        groups.set_picture(tx, group, picture)
        return told

    def share_history(
        self, tx: Transaction, group: GroupId, person: UserAddress, count: int, now: float
    ) -> tuple[int, CommitEffects]:
        """Send somebody in a group the newest lines of before; return how many these are.

        Raises ConflictError if the owner is no admin, or the person has not joined.
        """
        self._row(tx, group)
        state = self._book.state(tx, group)
        if state.rank_of(self._book.own) is None:
            raise GroupDeniedError(Denial.NOT_AN_ADMIN)
        reader = state.member(person)
        if person == self._book.own or reader is None or not reader.is_joined:
            raise ConflictError("this person has not joined: share with somebody who has")
        lines = sharing.lines_to_share(tx, UserAddress(group), min(count, sharing.MAX_LINES))
        merged = self.merge(tx, group, now)
        heads = authoring.line_heads(self._book.log(tx, group), self._book.own)
        shared = self._distribution.history(tx, group, heads, lines, person, now)
        return len(lines), CommitEffects.together([merged, shared])

    def merge(self, tx: Transaction, group: GroupId, now: float) -> CommitEffects:
        """Bring heads together of which a message cannot name all; nothing if it can.

        Nor if the log is full, or the owner has signed so much lately that others may not take it.
        """
        log, own = self._book.log(tx, group), self._book.own
        if not authoring.needs_merge(log, own):
            return NO_EFFECTS
        if authoring.signed_since(log, own, now - DAY_SECONDS) >= MERGES_PER_DAY:
            return NO_EFFECTS
        try:
            return self.act(tx, group, Merge(), now)
        except GroupDeniedError:
            return NO_EFFECTS

    def act(
        self,
        tx: Transaction,
        group: GroupId,
        act: GroupAct,
        now: float,
        also: Sequence[UserAddress] = (),
    ) -> CommitEffects:
        """Sign an act, and tell all members and `also` others.

        Raises ConflictError if the owner may not do it.
        """
        self._row(tx, group)
        learned = self._sign(tx, group, act, now)
        self.end_links(tx, group, now)
        followed = joining.after(tx, self._book, self._distribution, group, learned, now)
        raws = [entry.raw for entry in learned.entries]
        members = {*group_members.inside(tx, group), *also}
        told = self._distribution.entries(tx, group, raws, sorted(members), now)
        return CommitEffects.together([followed, told])

    def _sign(self, tx: Transaction, group: GroupId, act: GroupAct, now: float) -> Learned:
        log, state = self._book.log(tx, group), self._book.state(tx, group)
        entries = authoring.compose(log, state, self._identity, act, int(now))
        return self._book.learn(tx, group, entries, now)

    @staticmethod
    def _row(tx: Transaction, group: GroupId) -> GroupRow:
        row = groups.get(tx, group)
        if row is None or row.stands is GroupStanding.INCOMPLETE:
            raise NotFoundError(NO_GROUP)
        return row


def _check_length(what: str, text: str, most: int, least: int = 0) -> None:
    size = len(text.encode("utf-8", "replace"))
    if not least <= size <= most:
        raise ConfigError(f"{what} has {least} to {most} bytes, and this one {size}")
