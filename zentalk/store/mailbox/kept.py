"""What a relay keeps besides its mailboxes: the time, and the turns taken for new ones.

Spec: docs/spec/mailbox.md sections 8 and 15. One row each.
"""

from __future__ import annotations

import sqlite3

from zentalk.mailbox.storage import DONE, Done, KeepTime, KeepTurns


def keep_time(connection: sqlite3.Connection, operation: KeepTime) -> Done:
    """Remember that it is at least this hour."""
    connection.execute("UPDATE kept_time SET hour = max(hour, ?)", (operation.hour,))
    return DONE


def keep_turns(connection: sqlite3.Connection, operation: KeepTurns) -> Done:
    """Remember how many turns are taken."""
    connection.execute("UPDATE turns SET taken = ?, hour = ?", operation.taken)
    return DONE
