"""The sentences for the owner when a network is too small: for paths, or for some rules on them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from zentalk.onion.path import MIN_RELAYS, Rule

_WHAT_PATHS_MEET: Final[Mapping[Rule, str]] = {
    "avoid": "every relay it should",
    "subnet": "two relays of one address range",
    "family": "two relays of one operator",
    "boots": "relays that often restart",
    "sticky": "second hops that change",
    "drawn": "an uneven choice of the relay before the last",
    "first": "an uneven choice of the first relay of acks",
}


def note(relays: int, relaxed: Collection[str]) -> str | None:
    """Return what paths cannot avoid in a network of so many relays; None if nothing."""
    meets = [text for rule, text in _WHAT_PATHS_MEET.items() if rule in relaxed]
    if not meets:
        return None
    return (
        f"with {relays} relays a path cannot avoid {' or '.join(meets)};"
        " add relays for full protection"
    )


def few_note(relays: int) -> str | None:
    """Return what so few relays mean for all that is sent; None if they suffice."""
    if relays < MIN_RELAYS:
        return f"only {relays} relays are known; at least {MIN_RELAYS} are needed"
    if relays == MIN_RELAYS:
        return f"paths pass all {relays} relays, so nothing leaves while one is down; add relays"
    return None
