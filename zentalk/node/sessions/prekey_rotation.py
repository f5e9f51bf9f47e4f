"""Signed prekey and PQ prekey: made anew each week, erased once nobody can mean them any more.

Whoever takes a key from our node, later, opens the first messages that were made with it
and no one-time key. So keys end: as soon as no record that names them can be read, and no
mail made with such a record can still come. Spec: docs/spec/end-to-end.md section 1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from zentalk.crypto import mlkem, x25519
from zentalk.crypto.types import Entropy
from zentalk.directory.records import AHEAD_DAYS
from zentalk.ids import DAY_SECONDS
from zentalk.lifetimes import PREKEY_MAIL_SECONDS
from zentalk.onion.draw import below
from zentalk.store.history import prekeys
from zentalk.store.writer import Transaction

ROTATE_SECONDS: Final = 7 * DAY_SECONDS
RECORD_MARGIN_DAYS: Final = 2
"""A record counts on the day after its own, which began up to a day before its last reader's."""
KEEP_SECONDS: Final = (AHEAD_DAYS + RECORD_MARGIN_DAYS + 1) * DAY_SECONDS + PREKEY_MAIL_SECONDS
"""After a newer key came: days published ahead, margins, the mail's time, a day for clocks."""
_STEPS: Final = 1 << 12


def rotate(tx: Transaction, now: float, entropy: Entropy) -> bool:
    """Make new keys if the newest are a week old, erase what has ended (unix seconds).

    Returns True if our user records have to be published again. A node that was off
    rotates when it starts.
    """
    made = [
        _renew(tx, "signed", lambda: x25519.generate(entropy).secret, now, entropy),
        _renew(tx, "pq", lambda: mlkem.generate(entropy).seed, now, entropy),
    ]
    for kind in ("signed", "pq"):
        prekeys.erase_superseded(tx, kind, now - KEEP_SECONDS)
    return any(made)


def _renew(
    tx: Transaction, kind: str, make: Callable[[], bytes], now: float, entropy: Entropy
) -> bool:
    newest = prekeys.newest(tx, kind)
    if newest is not None and _is_fresh(newest[2], now):
        return False
    prekeys.add(tx, kind, bytes(make()), now, step=1 + below(_STEPS, entropy))
    return True


def _is_fresh(made_at: float, now: float) -> bool:
    """A key from the future was made by a clock that was wrong: it would stay for too long."""
    return now - ROTATE_SECONDS < made_at <= now + DAY_SECONDS
