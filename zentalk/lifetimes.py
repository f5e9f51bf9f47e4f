"""How long mail lives, and how long what it needs is kept: everything follows from one number.

Spec: docs/spec/mailbox.md section 4. A relay and a sender may each configure another time to
live, up to the longest; a recipient learns neither, so it keeps what mail may need for the
longest. Nothing here may depend on a setting.
"""

from __future__ import annotations

from typing import Final

from zentalk.ids import DAY_SECONDS

DEFAULT_TTL_SECONDS: Final = 30 * DAY_SECONDS
"""How long mail waits unless it is configured otherwise; all other times derive from it."""
MAX_TTL_SECONDS: Final = 2 * DEFAULT_TTL_SECONDS
"""The longest time to live that a relay or a sender may configure."""
TTL_MARGIN_SECONDS: Final = 7 * DAY_SECONDS
"""How much later mail may come all the same: clocks disagree, and a relay's ages mail slowly."""

POLL_REPLACED_SECONDS: Final = MAX_TTL_SECONDS
"""How long a replaced mailbox is polled: until everything deposited there has had its time."""
PUBLIC_SEND_ID_SECONDS: Final = MAX_TTL_SECONDS
"""How long the key of a public send id is kept once nobody may deposit under it any more."""
RETIRED_RATCHET_SECONDS: Final = MAX_TTL_SECONDS
"""How long a ratchet that stopped sending still receives."""
SEEN_SECONDS: Final = MAX_TTL_SECONDS + TTL_MARGIN_SECONDS
"""How long a ciphertext that was decrypted is known by its hash, and the parts of a long message
wait for the others."""
PREKEY_MAIL_SECONDS: Final = DEFAULT_TTL_SECONDS
"""How long first messages may be on their way to keys that were replaced.

This is not the longest time on purpose: whoever takes an old key opens what was made with it. A
first message that comes later is made again by its sender, with the keys of that day.
"""


MAILBOX_IDLE_SECONDS: Final = 55 * DAY_SECONDS
"""How long a relay keeps a mailbox that nobody opens, at least."""
NEW_MAILBOX_IDLE_SECONDS: Final = 7 * DAY_SECONDS
"""How long a relay keeps a mailbox that was never opened on a second day."""


def mailbox_idle_seconds(ttl_seconds: int, *, came_back: bool) -> int:
    """Return after how long without its owner a relay removes a mailbox.

    `came_back` if it was opened on a second day; nothing of what waits there then ends early.
    """
    if not came_back:
        return NEW_MAILBOX_IDLE_SECONDS
    return max(MAILBOX_IDLE_SECONDS, ttl_seconds)
