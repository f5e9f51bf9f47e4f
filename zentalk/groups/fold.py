"""A whole group as a pure function of the entries of its log."""

from __future__ import annotations

from collections.abc import Iterable

from zentalk.groups.log import GroupLog
from zentalk.groups.permission import PostVerdict
from zentalk.groups.state import GroupState
from zentalk.ids import EntryRef, UserAddress


def fold(log: GroupLog, heads: Iterable[EntryRef] | None = None) -> GroupState:
    """Return the group as whoever holds this log sees it, or who held only these heads and before.

    Heads that are not held are passed over.
    """
    raise NotImplementedError


class GroupFolds:
    """The folds of one log, each made once: now, and as the authors of messages saw it."""

    def __init__(self, log: GroupLog) -> None:
        raise NotImplementedError

    @property
    def now(self) -> GroupState:
        """The group under all that is held."""
        raise NotImplementedError

    def at(self, heads: Iterable[EntryRef]) -> GroupState:
        """Return the group under these heads."""
        raise NotImplementedError

    def verdict(self, author: UserAddress, heads: Iterable[EntryRef]) -> PostVerdict:
        """Return what becomes of something that a member said when it had these heads."""
        raise NotImplementedError
