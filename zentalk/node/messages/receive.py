"""From sealed envelopes to the history, a batch of deposits per transaction.

For every envelope: open the outer seal, refuse what was decrypted before, decrypt on a
copy, store message, ratchet and event: all of it or, if anything of it is refused,
nothing, so that a copy that comes when there is room again is still readable. Of what no
ratchet reads only its hash is kept, and only if the contact itself has sealed it. Only the
effects of the committed transaction say what may be acknowledged to the relay and
confirmed to the sender: never what is held and not shown. Nothing here sends.
"""

from __future__ import annotations

import traceback
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

from zentalk.crypto.hashing import blake2b_256
from zentalk.crypto.labels import Label
from zentalk.errors import RemoteProtocolError
from zentalk.ids import UserAddress
from zentalk.lifetimes import SEEN_SECONDS
from zentalk.logs import quiet_logger
from zentalk.node.messages import confirmations, opening, ordering, requests
from zentalk.node.messages.compose import Composer
from zentalk.node.messages.conversation import direct, profile
from zentalk.node.messages.effects import NO_EFFECTS, BestEffortInner, CommitEffects
from zentalk.node.messages.first_contact import verification
from zentalk.node.messages.first_contact.admission import FirstMessages
from zentalk.node.messages.groups.receiving import GroupInbox
from zentalk.node.messages.kinds import learned, registry
from zentalk.node.messages.kinds.incoming import BUGS, Incoming, KindResult
from zentalk.node.messages.linked import resuming, syncing
from zentalk.node.messages.opening import UNASKED, ShutOutError, UnreadError
from zentalk.node.messages.routes import Collected, open_collected
from zentalk.node.sessions import evidence
from zentalk.node.sessions.sessions import Decrypted, Sessions
from zentalk.store.history import contacts, mailboxes, ratchets
from zentalk.store.history.confirmations import Unconfirmed, let_in
from zentalk.store.history.models import ContactRow, ContactState, SeenCiphertext
from zentalk.store.sqlite import Transaction, savepoint
from zentalk.wire.content import PART, Content, decode_content
from zentalk.wire.group_bodies import GROUP_KINDS
from zentalk.wire.route import encode_route

_LOG: Final = quiet_logger("zentalk.node")
_DROPPED: Final = CommitEffects(undecryptable=1)


class _Receipt(NamedTuple):
    """What one deposit has come to; `confirm` is owed to its sender."""

    effects: CommitEffects = NO_EFFECTS
    sender: UserAddress | None = None
    confirm: tuple[Unconfirmed, ...] = ()
    deferred: bool = False


_NO_ROOM: Final = _Receipt(deferred=True)


class Inbox:
    """Processes deposits that were collected from our mailboxes."""

    def __init__(
        self,
        sessions: Sessions,
        composer: Composer,
        groups: GroupInbox,
        *,
        accept_introduced: bool = False,
    ) -> None:
        self._sessions = sessions
        self._composer = composer
        self._groups = groups
        self._admission = FirstMessages(
            composer, groups.let_in, accept_introduced=accept_introduced
        )

    def process(self, tx: Transaction, deposits: Sequence[Collected], now: float) -> CommitEffects:
        """Store what a batch of envelopes brings.

        A deposit that no key of ours reads changes nothing and is counted; it is to be
        acknowledged as well, or it would be pushed for ever. The same goes for one that a
        bug of ours stumbles over, which is logged. What strangers sent and finds no room is
        deferred.
        """
        found = [self._try(tx, one, now) for one in deposits]
        owed: dict[UserAddress, list[Unconfirmed]] = defaultdict(list)
        for one in found:
            if one.sender is not None:
                owed[one.sender] += one.confirm
        made = tuple(
            inner
            for contact, wanted in owed.items()
            for inner in syncing.confirm(tx, self._composer, contact, wanted, now)
        )
        effects = [one.effects for one in found]
        heard = sorted({contact for one in effects for contact in one.heard})
        # What they have confirmed makes room for what waits: after confirmations of ours.
        ready = [item for contact in heard for item in self._composer.encrypt_waiting(tx, contact)]
        deferred = frozenset(place for place, one in enumerate(found) if one.deferred)
        own = CommitEffects(send=tuple(ready), best_effort=made, deferred=deferred)
        return CommitEffects.together([*effects, own])

    def release_overdue(self, tx: Transaction, now: float) -> CommitEffects:
        """Show messages whose predecessors did not come in time, and confirm them."""
        made: list[BestEffortInner] = []
        for series, entered in ordering.release_overdue(tx, now).items():
            author = series.author
            wanted, sender = let_in(tx, author, entered), contacts.get(tx, author)
            if sender is not None and (sender.is_accepted or series.is_in_group):
                made += syncing.confirm(tx, self._composer, author, wanted, now)
        return CommitEffects(best_effort=tuple(made))

    def take_up(self, tx: Transaction, now: float) -> CommitEffects:
        """Let what an earlier version kept without knowing it do what it says."""
        return learned.take_up(tx, now, self._apply_whole)

    def _try(self, tx: Transaction, deposit: Collected, now: float) -> _Receipt:
        """Take one deposit in, all of it or nothing."""
        try:
            with savepoint(tx):
                return self._take(tx, deposit, now)
        except UnreadError as unread:
            in_doubt = evidence.count_unreadable(tx, unread.contact, unread.digest)
            return _Receipt(replace(_DROPPED, in_doubt=in_doubt))
        except ShutOutError as shut_out:
            # By its hash a copy that comes later is known, when its sender may write again.
            ratchets.remember(tx, shut_out.digest, shut_out.contact, None, now + SEEN_SECONDS)
            return _Receipt(_DROPPED)
        except requests.NoRoomError:
            return _NO_ROOM if mailboxes.is_public(tx, deposit.send_id) else _Receipt(_DROPPED)
        except RemoteProtocolError:
            return _Receipt(_DROPPED)
        except BUGS as bug:
            # It would come again after every start, and end this node for ever.
            _LOG.error("message_dropped", error=type(bug).__name__, at=_place(bug))
            return _Receipt(_DROPPED)

    def _take(self, tx: Transaction, deposit: Collected, now: float) -> _Receipt:
        row = mailboxes.send_id(tx, deposit.send_id)
        if row is None:
            return _Receipt(_DROPPED)
        inner = open_collected(row, deposit.envelope)
        digest = blake2b_256(Label.CIPHERTEXT_SEEN, inner)
        came_in = confirmations.envelope_hash(deposit.envelope)
        known = ratchets.seen(tx, digest)
        if known is not None:
            return self._repeated(tx, known, came_in, deposit.work, now)
        opened = opening.decrypt(tx, self._sessions, row, inner, digest, now)
        content = decode_content(opened.content)
        sender, admitted = self._sender(tx, opened.contact, content, digest, deposit.work, now)
        effects = self._session_seen(tx, sender, opened, content, now)
        was_under_way = row.contact is not None and row.day is not None
        applied = self._apply(tx, Incoming(sender, content, opened.content, was_under_way), now)
        if opened.change is not None and opened.change.moves:
            again = self._composer.encrypt_again(tx, sender.address)
            effects = CommitEffects.together([effects, again])
        told = profile.tell(tx, self._composer, sender, now)
        answered = resuming.answer(tx, self._composer, sender, content, now)
        effects = CommitEffects.together([effects, told, answered])
        if applied.wants_consent:
            again = direct.tell_again(tx, self._composer, sender, now)
            effects = CommitEffects.together([effects, again])
        wanted, forget_at = applied.wanted, now + SEEN_SECONDS
        ratchets.remember(
            tx, digest, sender.address, wanted, forget_at, came_in, is_held=applied.held
        )
        waited = let_in(tx, sender.address, applied.entered)
        effects = replace(
            effects,
            confirmed=applied.confirmed,
            held=applied.held,
            heard=frozenset({sender.address}),
            signals=() if applied.signal is None else (applied.signal,),
        )
        if applied.introduced is not None:
            admitted = self._admission.introduced(tx, applied.introduced, now)
        if admitted is not NO_EFFECTS:
            effects = CommitEffects.together([effects, admitted])
        effects = CommitEffects.together([effects, applied.effects])
        if not (sender.is_answered or applied.in_group):
            return _Receipt(effects)
        if wanted is not None and not applied.held:
            waited.insert(0, Unconfirmed(digest, wanted))
        return _Receipt(effects, sender.address, tuple(waited))

    def _sender(
        self,
        tx: Transaction,
        address: UserAddress,
        content: Content,
        digest: bytes,
        work: int,
        now: float,
    ) -> tuple[ContactRow, CommitEffects]:
        """Return the row of who wrote; of who wrote to a group, without asking to be let in.

        Whether they are in that group is for its log to say. Raises ShutOutError for who was
        blocked or refused, whatever else they show.
        """
        row = contacts.get(tx, address)
        if content.kind in GROUP_KINDS or opening.is_for_groups(tx, row, content.kind):
            row = row or contacts.insert(tx, address, "", ContactState.MEMBER, now)
            return row, NO_EFFECTS
        if row is not None and row.is_shut_out:
            raise ShutOutError(address, digest)
        return self._admission.sender(tx, address, content.ticket, work, now)

    def _apply(self, tx: Transaction, incoming: Incoming, now: float) -> KindResult:
        """Do what a content says, once it is whole; raises RemoteProtocolError."""
        joined = registry.whole(tx, incoming, now)
        return joined if isinstance(joined, KindResult) else self._apply_whole(tx, joined, now)

    def _apply_whole(self, tx: Transaction, incoming: Incoming, now: float) -> KindResult:
        if incoming.content.kind in GROUP_KINDS:
            return self._groups.apply(tx, incoming, now)
        is_member = opening.is_for_groups(tx, incoming.sender, PART)
        if is_member and incoming.content.kind not in UNASKED:
            raise RemoteProtocolError("a long message came from somebody who is only in a group")
        return registry.apply(tx, incoming, now)

    def _repeated(
        self, tx: Transaction, known: SeenCiphertext, came_in: bytes, work: int, now: float
    ) -> _Receipt:
        """Answer what was read before: nothing is encrypted, however often it comes."""
        sender = contacts.get(tx, known.contact)
        if sender is not None:
            requests.show_work(tx, sender, work)
        if known.message_id is None or sender is None or not sender.is_answered:
            return _Receipt()
        again = confirmations.repeated(tx, self._composer, known, came_in, now)
        return _Receipt(NO_EFFECTS if again is None else CommitEffects(best_effort=(again,)))

    def _session_seen(
        self,
        tx: Transaction,
        sender: ContactRow,
        opened: Decrypted,
        content: Content,
        now: float,
    ) -> CommitEffects:
        """Learn from a content's ratchet, and from what it says beside its own message."""
        moved = NO_EFFECTS
        if opened.change is not None:
            note_id = self._composer.new_message_id()
            evidence.session_changed(tx, sender, opened.change, note_id, now)
            if verification.term_seen(tx, sender.address, content.term, now):
                moved = _forget_route(tx, sender.address)
        if sender.ticket:
            contacts.set_ticket(tx, sender.address, b"")  # it has let us in, and writes to us
        if not opened.is_current:
            return moved
        evidence.clear(tx, sender.address)
        learned = _learn_routes(tx, contacts.get(tx, sender.address) or sender, content)
        return CommitEffects.together([moved, learned])


def _forget_route(tx: Transaction, contact: UserAddress) -> CommitEffects:
    """Write nothing more to where a node collected that was replaced by another one."""
    contacts.set_route(tx, contact, None, 0)
    return CommitEffects(new_routes=frozenset({contact}), rerouted=frozenset({contact}))


def _learn_routes(tx: Transaction, sender: ContactRow, content: Content) -> CommitEffects:
    """Take in where a sender collects, and which of our own routes it has used."""
    contact, route = sender.address, content.route
    if content.route_seen > sender.own_route_known:
        contacts.set_own_route_known(tx, contact, content.route_seen)
    if route is None or route.version <= sender.route_version:
        return NO_EFFECTS
    contacts.set_route(tx, contact, encode_route(route), route.version)
    return CommitEffects(new_routes=frozenset({contact}), rerouted=frozenset({contact}))


def _place(bug: BaseException) -> str:
    """Return where an error was raised; its own text may quote what was written."""
    frame = traceback.extract_tb(bug.__traceback__)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno}"
