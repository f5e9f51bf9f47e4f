"""The term of this node, and the higher one that it has found. Queries only."""

from __future__ import annotations

from typing import Final

from zentalk.store.history import settings
from zentalk.store.sqlite import Transaction

OUTDONE: Final = "outdone"
"""The higher term of another node of the owner; this one is silent since it was found."""
RECOVERY: Final = "recovery"
"""The owner's identity under the recovery phrase; it goes to a replica."""
COPIED: Final = "copied"
"""When another program was last seen to collect our mailboxes, in unix seconds."""
_BYTES: Final = 4


def own(tx: Transaction) -> int:
    """Return the term of this node."""
    return int.from_bytes(settings.get(tx, settings.TERM) or b"", "big")


def put_own(tx: Transaction, term: int) -> None:
    """Set the term of this node."""
    settings.put(tx, settings.TERM, term.to_bytes(_BYTES, "big"))


def outdone_by(tx: Transaction) -> int:
    """Return the higher term that was found, 0 if none was."""
    return int.from_bytes(settings.get(tx, OUTDONE) or b"", "big")


def put_outdone(tx: Transaction, term: int) -> None:
    """Note a higher term; 0 forgets it."""
    settings.put(tx, OUTDONE, term.to_bytes(_BYTES, "big"))


def note_copied(tx: Transaction, now: float) -> None:
    """Note that another program collects our mailboxes."""
    settings.put(tx, COPIED, int(now).to_bytes(8, "big"))


def copied_at(tx: Transaction) -> int:
    """Return when that was last noted, 0 if never."""
    return int.from_bytes(settings.get(tx, COPIED) or b"", "big")


def is_watched(tx: Transaction) -> bool:
    """Tell whether another node of the owner may have been promoted.

    That takes a recovery phrase or a copy of the folder, or has happened before. All others save
    the looks at their own record, which holders would see.
    """
    return settings.get(tx, RECOVERY) is not None or own(tx) > 0 or copied_at(tx) > 0
