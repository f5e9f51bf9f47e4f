"""What others are told of the owner beside messages: each of these can be switched off."""

from __future__ import annotations

from typing import Final, NamedTuple

from zentalk.store.history import events, settings
from zentalk.store.sqlite import Transaction

_KEY: Final = "privacy"
"""A byte for each of the fields of `Privacy`, in their order."""


class Privacy(NamedTuple):
    """Whether contacts learn what was read, that the owner is writing, and is there."""

    read_receipts: bool = True
    typing: bool = True
    presence: bool = True


def get(tx: Transaction) -> Privacy:
    """Return what is wished."""
    saved = settings.get(tx, _KEY)
    if saved is None:
        return Privacy()
    return Privacy(*(bool(byte) for byte in saved[: len(Privacy._fields)]))


def put(tx: Transaction, wished: Privacy, now: float) -> None:
    """Set what is wished, and say so in the event log if it is something else."""
    if wished != get(tx):
        settings.put(tx, _KEY, bytes(wished))
        events.append(tx, "privacy.changed", now, wished._asdict())
