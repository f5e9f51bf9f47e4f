"""Why a message has not come further, in the sentences that its writer reads.

Each says what is missing and what happens next, and nothing that this node does not know.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Reason(StrEnum):
    """What a message waits for; the database stores the sentences and REST shows them."""

    NONE = ""
    NOT_PUBLISHED = (
        "nobody has published this address: check it, or wait until its owner's node was online"
    )
    NO_RELAYS = "no relays are known yet: it goes out once this node has reached a bootstrap relay"
    NO_ANSWER = (
        "no relay answers that could tell where the recipient collects: it goes out once one does"
    )
    NOT_CONNECTED = (
        "no mailbox relay of the recipient can be reached: it goes out once this node is connected"
        " and one is there"
    )
    FULL = (
        "so many strangers write to the recipient that a place costs more work than this node does:"
        " it goes out once one costs less"
    )
    NOT_ACKNOWLEDGED = (
        "no mailbox relay of the recipient has acknowledged it yet: the mailbox may be full, or"
        " what was sent got lost; it is sent again until one has"
    )
    NOT_CONFIRMED = (
        "a mailbox relay keeps it, and the recipient's node has not confirmed it yet: it was not"
        " online since, or cannot read it"
    )
    NOT_ACCEPTED = (
        "the recipient has confirmed nothing yet: it was not online since, or has not accepted you"
    )


OF_LOOKUP: Final = (Reason.NOT_PUBLISHED, Reason.NO_RELAYS, Reason.NO_ANSWER)
"""What keeps everything back that waits for the recipient to be found."""
