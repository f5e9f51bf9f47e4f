"""What a kind of content is given, and what it returns."""

from __future__ import annotations

from typing import Final, NamedTuple

from zentalk.errors import LocalProtocolError
from zentalk.ids import MessageId, UserAddress
from zentalk.node.messages.effects import NO_EFFECTS, CommitEffects, ReceivedSignal
from zentalk.store.history.models import ContactRow
from zentalk.wire.content import Content

BUGS: Final = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LocalProtocolError,
    LookupError,
    TypeError,
    ValueError,
)
"""Errors of our own that a content may bring out. Nobody else may end the node by one."""


class Incoming(NamedTuple):
    """A content that has decrypted, and who wrote it; `raw` is its encoded form."""

    sender: ContactRow
    content: Content
    raw: bytes
    was_under_way: bool = False
    """Whether it came under a send id of a group that was replaced since."""

    def __repr__(self) -> str:
        return f"<incoming {self.content.kind}>"


class KindResult(NamedTuple):
    """What came of it.

    `wanted` is the id that the sender waits to see confirmed, if there is one, `confirmed` are
    outbox items that are done. `held` says that the message waits for its predecessors and must
    not be confirmed yet, and `entered` are messages that wait no longer. A `signal` is worth
    something only now, and `introduced` is somebody of whom a contact has told something new.
    `in_group` says that it was for a group, whose members are answered whatever else they are.
    `wants_consent` says that its author may not know what the owner allows of direct connections.
    """

    wanted: MessageId | None = None
    confirmed: tuple[int, ...] = ()
    held: bool = False
    entered: tuple[MessageId, ...] = ()
    signal: ReceivedSignal | None = None
    introduced: UserAddress | None = None
    in_group: bool = False
    wants_consent: bool = False
    effects: CommitEffects = NO_EFFECTS

    def __repr__(self) -> str:
        return "<kind result>"
