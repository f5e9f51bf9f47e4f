"""A mailbox's pool of one-time prekeys: its size, and what a store does with it.

Spec: docs/spec/mailbox.md section 10. Owners give their keys ids, so that they can tell later
which keys of a pool they do not hold any more. A prekey is a sealed blob here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from zentalk.ids import MailboxId, PrekeyId
from zentalk.wire.rpc_prekeys import PoolPrekey

PREKEYS_A_DAY: Final = 5
"""Prekeys that a relay gives out of one pool on one day."""
FREE_PREKEYS_A_DAY: Final = 2
"""Prekeys of one pool that are given out without work on one day."""
POOL_DAYS: Final = 37
"""A full pool lasts so long, whoever takes from it: nobody sees when it is filled up."""
FULL_POOL: Final = POOL_DAYS * PREKEYS_A_DAY


@dataclass(frozen=True, slots=True)
class PutPrekeys:
    """Drop one-time prekeys of these ids and add others. Outcome: PoolOutcome."""

    mailbox: MailboxId = field(repr=False)
    add: tuple[PoolPrekey, ...] = field(repr=False)
    remove: tuple[PrekeyId, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class PoolOutcome:
    """The number of one-time prekeys that the pool holds now."""

    size: int


@dataclass(frozen=True, slots=True)
class ListPrekeys:
    """Look up which one-time prekeys the pool holds. Outcome: PoolListOutcome."""

    mailbox: MailboxId = field(repr=False)


@dataclass(frozen=True, slots=True)
class PoolListOutcome:
    """The ids of a pool's prekeys, in the order in which they are given out."""

    prekey_ids: tuple[PrekeyId, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class TakePrekey:
    """Take the oldest one-time prekey out of the pool. Outcome: PrekeyOutcome.

    `takes` is how many were taken on `day` with this one; it is kept with the mailbox.
    """

    mailbox: MailboxId = field(repr=False)
    day: int
    takes: int


@dataclass(frozen=True, slots=True)
class PrekeyOutcome:
    """The prekey, or None when the pool is empty."""

    blob: bytes | None = field(repr=False)
