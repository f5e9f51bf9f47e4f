"""Remembers which of a relay's addresses answered last, so that the next dial begins there.

A host that drops what it is sent costs a dial its whole deadline: where IPv6 leads nowhere, that
must happen once and not at every dial. It orders addresses and never adds or withholds one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from zentalk.wire.text import RelayUri

MAX_KEPT: Final = 4096
"""Relays whose address is remembered; the one noted longest ago is forgotten first."""


class LastReached:
    """The address of each relay that answered last."""

    def __init__(self) -> None:
        self._kept: dict[bytes, RelayUri] = {}

    def in_order(self, uris: Sequence[RelayUri]) -> list[RelayUri]:
        """Return addresses of one relay in the order in which to try them."""
        return sorted(uris, key=lambda uri: self._kept.get(uri.identity) != uri)

    def last(self, identity: bytes) -> RelayUri | None:
        """Return where a relay answered last, None if that is not known."""
        return self._kept.get(identity)

    def answered(self, uri: RelayUri) -> None:
        """Note that the relay was reached at this address."""
        self._kept.pop(uri.identity, None)
        self._kept[uri.identity] = uri
        if len(self._kept) > MAX_KEPT:
            del self._kept[next(iter(self._kept))]
