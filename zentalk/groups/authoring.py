"""The next entries of a log: what an author signs to do something.

The clock comes in as `at`; whether the author may do it is asked first, of `permission.may`.
"""

from __future__ import annotations

from zentalk.crypto.ed25519 import SigningKey
from zentalk.crypto.types import Entropy
from zentalk.groups.log import GroupLog
from zentalk.groups.permission import Denial
from zentalk.groups.state import GroupState
from zentalk.ids import EntryRef, GroupId, UserAddress
from zentalk.wire.group import GroupEntry
from zentalk.wire.group_acts import GroupAct, GroupKind


class DeniedError(Exception):
    """The author may not do this; placeholder, see the final form."""


def found(
    identity: SigningKey,
    name: str,
    kind: GroupKind,
    *,
    at: int,
    entropy: Entropy,
    continues: GroupId = GroupId(b""),
) -> GroupLog:
    """Found a group and return its log of one entry."""
    raise NotImplementedError


def compose(
    log: GroupLog, state: GroupState, identity: SigningKey, act: GroupAct, at: int
) -> tuple[GroupEntry, ...]:
    """Sign an act under all that is held; the entries are not inserted yet.

    It is one entry; before it stand merges if there are more heads than it has room for. `state`
    is the fold of `log`. Raises GroupDeniedError with the denial if the author may not do it, and
    TooLargeError or LocalProtocolError as `sign_entry` does.
    """
    raise NotImplementedError


def line_heads(log: GroupLog, author: UserAddress) -> tuple[EntryRef, ...]:
    """Return what a message of this author names: at most 8 heads, its own last entry among them."""
    raise NotImplementedError
