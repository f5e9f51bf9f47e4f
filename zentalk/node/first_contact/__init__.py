"""What the owner does about first contacts: invites, introductions, safety numbers.

- `invites.py`: links that let people in, made of the identity's secret and kept only as hashes.
- `introductions.py`: telling two contacts of each other, and who was introduced to the owner.
- `verification.py`: safety numbers and the verified mark.

Nothing here decides who gets in: that happens in the transaction that a first message comes in
(`zentalk.node.messages.first_contact`).
"""

from __future__ import annotations

from dataclasses import dataclass

from zentalk.node.first_contact.introductions import Introductions
from zentalk.node.first_contact.invites import Invites
from zentalk.node.first_contact.verification import Verification

__all__ = ["FirstContact", "Introductions", "Invites", "Verification"]


@dataclass(frozen=True, slots=True)
class FirstContact:
    """The three together, as REST sees them."""

    invites: Invites
    introductions: Introductions
    verification: Verification
