"""What is said in a group, once the log has said that its author may: lines, marks, settings.

The same kinds do the same as between two people; they are put into the group's conversation, under
their author, who has an order of its own there.
"""

from __future__ import annotations

from enum import Enum

from zentalk.chat.kinds import KindRole, role_of
from zentalk.chat.marks import Signed
from zentalk.groups.permission import PostVerdict
from zentalk.groups.state import GroupState
from zentalk.ids import GroupId, MessageId, UserAddress
from zentalk.node.messages import ordering
from zentalk.node.messages.conversation import marking, sharing
from zentalk.node.messages.kinds.incoming import KindResult
from zentalk.node.messages.kinds.settings import set_timer
from zentalk.node.messages.states import move
from zentalk.store.history import group_sends
from zentalk.store.history.models import MessageState
from zentalk.store.sqlite import Transaction
from zentalk.wire.chat import Deletion, Edit, MessageTarget, Pin, Reaction, Read, Timer, Vote
from zentalk.wire.content import Content, encode_content


class Reception(Enum):
    """What becomes of something that was said in a group."""

    SHOW = "show"
    WAIT = "wait"
    REFUSE = "refuse"


def reception(verdict: PostVerdict, *, was_under_way: bool) -> Reception:
    """Return what becomes of what the log says so of; late is what came by an old way only."""
    match verdict:
        case PostVerdict.SHOWN:
            return Reception.SHOW
        case PostVerdict.UNKNOWN_HEADS:
            return Reception.WAIT
        case PostVerdict.LATE:
            return Reception.SHOW if was_under_way else Reception.REFUSE
        case PostVerdict.REFUSED:
            return Reception.REFUSE


def may_share(state: GroupState, sender: UserAddress) -> bool:
    """Tell whether what somebody says was said before counts: of admins who have joined."""
    member = state.member(sender)
    return member is not None and member.is_joined and member.rank is not None


def hear(
    tx: Transaction, group: GroupId, author: UserAddress, inner: Content, now: float
) -> KindResult:
    """Put what a member said into the group's conversation.

    Raises RemoteProtocolError if there is no room for it. Signals are for two people, and do
    nothing here.
    """
    conversation, body = UserAddress(group), inner.body
    match body:
        case Edit() | Deletion() | Reaction() | Pin() | Vote():
            marking.apply(tx, conversation, Signed(author, body), now)
        case Timer():
            set_timer(tx, conversation, author, body, now)
        case Read(message_id):
            _read(tx, group, author, message_id, now)
        case _ if role_of(inner.kind) is KindRole.LINE:
            target = MessageTarget(author, inner.message_id)
            sharing.author_has_sent(tx, conversation, target, now)
            entered = ordering.receive(
                tx, conversation, inner, encode_content(inner), now, confirmed=True, author=author
            )
            is_held = inner.message_id not in entered
            return KindResult(inner.message_id, held=is_held, entered=tuple(entered))
    return KindResult(inner.message_id)


def _read(
    tx: Transaction, group: GroupId, member: UserAddress, message_id: MessageId, now: float
) -> None:
    """Note that a member has looked at one of our messages, and at what it had before."""
    for one in group_sends.seen_by(tx, group, member, message_id):
        move(tx, one, member, MessageState.READ, now)
