"""Signed prekey and PQ prekey: others each week, planned by day, erased once nobody can mean them.

Which key a user record names follows from the record's day alone, so keys are made when the record
is, days ahead, and a node that starts changes nothing that is published. Whoever takes a key from
our node, later, opens the first messages that were made with it and no one-time key. So keys end:
as soon as no record that names them can be read, and no mail made with such a record can still
come. Spec: docs/spec/end-to-end.md section 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from zentalk.crypto import mlkem, x25519
from zentalk.crypto.types import Entropy
from zentalk.ids import DAY_SECONDS, Day
from zentalk.lifetimes import PREKEY_MAIL_SECONDS
from zentalk.onion.draw import below
from zentalk.store.history import prekeys
from zentalk.store.sqlite import Transaction

ROTATE_SECONDS: Final = 7 * DAY_SECONDS
RECORD_MARGIN_DAYS: Final = 2
"""A record counts on the day after its own, which began up to a day before its last reader's."""
KEEP_SECONDS: Final = RECORD_MARGIN_DAYS * DAY_SECONDS + PREKEY_MAIL_SECONDS
"""After the next key's first day: margins of the last record that names it, the mail's time."""
_STEPS: Final = 1 << 12
_MAKE: Final[Mapping[str, Callable[[Entropy], bytes]]] = {
    "signed": lambda entropy: x25519.generate(entropy).secret,
    "pq": lambda entropy: mlkem.generate(entropy).seed,
}


def of_day(tx: Transaction, kind: str, day: Day, entropy: Entropy) -> tuple[int, bytes]:
    """Return id and secret of the key (`signed` or `pq`) that a day's record names.

    It is made if the one before has served for a week on that day. Days are to be asked for in
    order. A key whose first day lies ahead, made by a clock that was wrong, is none of that day.
    """
    begins = float(day * DAY_SECONDS)
    known = prekeys.serving(tx, kind, begins)
    if known is not None and begins < known[2] + ROTATE_SECONDS:
        return known[0], known[1]
    secret = bytes(_MAKE[kind](entropy))
    return prekeys.add(tx, kind, secret, begins, step=1 + below(_STEPS, entropy)), secret


def erase_ended(tx: Transaction, now: float) -> None:
    """Erase the keys that nobody can mean any more at a unix time."""
    for kind in _MAKE:
        prekeys.erase_superseded(tx, kind, now - KEEP_SECONDS, now)
