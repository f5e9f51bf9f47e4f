"""Which entries of a log to send, to ask for and to take."""

from __future__ import annotations

from collections.abc import Iterable

from zentalk.groups.log import GroupLog
from zentalk.groups.state import GroupState
from zentalk.ids import EntryRef
from zentalk.wire.group import GroupEntry
from zentalk.wire.group_bodies import EntryBatch, GroupAsk


def answer(log: GroupLog, ask: GroupAsk) -> list[EntryBatch]:
    """Return the entries that a member lacks, in batches, ancestors first."""
    raise NotImplementedError


def question(log: GroupLog, wanted: Iterable[EntryRef] = ()) -> GroupAsk:
    """Return what to ask a member: what is here, and what waiting entries and `wanted` lack."""
    raise NotImplementedError


def should_take(
    log: GroupLog, state: GroupState, entry: GroupEntry, wanted: Iterable[EntryRef] = ()
) -> bool:
    """Tell whether to insert an entry that a member sent.

    Entries are taken from people who are in, and as ancestors of theirs: whoever was put out could
    fill the log otherwise. `wanted` are heads that members have named and that are not held.
    """
    raise NotImplementedError
