"""Decides which links of a relay may be there: access tokens, bans, and what is private.

Spec: docs/spec/link.md section 11.3. Plain synchronous code. The rules are replaced as a whole, and
then links that may stay no longer end with the word why. Relays are let in whatever is private:
they carry other people's traffic, and whom they may not serve is theirs to say.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from zentalk.config import RelaySettings
from zentalk.ids import NodeId
from zentalk.link.hello import LinkPeer
from zentalk.mailbox.events import Admittance
from zentalk.mailbox.newcomers import ACCESS
from zentalk.relay.access.bans import Ban, BanList
from zentalk.relay.access.files import read_bans, read_tokens
from zentalk.relay.access.tokens import AccessTokens
from zentalk.relay.metrics import Counters

BANNED: Final = "banned"
LINKS: Final = "links"
MAILBOXES: Final = "mailboxes"
STORAGE: Final = "storage"


@dataclass(frozen=True, slots=True)
class AccessRules:
    """The operator's rules: `private` has some of `links`, `mailboxes` and `storage`."""

    private: frozenset[str] = frozenset()
    tokens: AccessTokens = field(default_factory=AccessTokens, repr=False)
    bans: BanList = field(default_factory=BanList, repr=False)


NO_RULES: Final = AccessRules()
"""Everybody is let in."""


def read_rules(settings: RelaySettings, relay: NodeId) -> AccessRules:
    """Read what the settings and the files in their folder say; raises ConfigError."""
    tokens = AccessTokens(read_tokens(settings.directory, relay))
    bans = BanList(read_bans(settings.directory))
    return AccessRules(frozenset(settings.private), tokens, bans)


class Visitor(Protocol):
    """The part of an open link that is looked at (`zentalk.net.connection.Connection`)."""

    @property
    def peer(self) -> LinkPeer:
        """The peer, and the proof that it has shown."""
        ...

    @property
    def depth(self) -> int:
        """The number of links that it is inside of."""
        ...

    @property
    def handshake_hash(self) -> bytes:
        """The hash that a proof is over."""
        ...

    def close(self, reason: str = "") -> None:
        """End it, and say why."""
        ...


class _Guest(NamedTuple):
    link: Visitor
    source: str
    holder: str | None


class Doorkeeper:
    """Knows the links that were let in; `wall` gives unix seconds."""

    def __init__(
        self, wall: Callable[[], float], counters: Counters, rules: AccessRules = NO_RULES
    ) -> None:
        self._wall = wall
        self._counters = counters
        self._rules = rules
        self._guests: dict[object, _Guest] = {}

    def ban(self, source: str) -> Ban | None:
        """Return the ban that holds for an address, and count that it was refused."""
        ban = self._rules.bans.find(source, self._wall())
        if ban is not None:
            self._counters.refuse(BANNED)
        return ban

    def admit(self, link: Visitor, source: str) -> bool:
        """Let a link in whose hello was read, or end it; `source` is "" inside a tunnel."""
        guest = _Guest(link, source, self._holder(link))
        word = self._unwanted(guest)
        if word:
            if word != BANNED:  # those were counted before their handshake
                self._counters.refuse(word)
            link.close(word)
            return False
        self._guests[link] = guest
        return True

    def left(self, link: Visitor) -> None:
        """Forget a link that has ended; nothing if it was never let in."""
        self._guests.pop(link, None)

    def admittance(self, link: object) -> Admittance:
        """Return how whoever is at the end of a link, or of an HTTP session, gets a new mailbox."""
        return self._admittance(link, MAILBOXES)

    def storage_admittance(self, link: object) -> Admittance:
        """Return how whoever is at the end of a link stores shards."""
        return self._admittance(link, STORAGE)

    @property
    def takes_strangers(self) -> bool:
        """Whether packets are taken from clients without a token."""
        return LINKS not in self._rules.private

    @property
    def tokens(self) -> int:
        """The number of tokens that were given out."""
        return len(self._rules.tokens)

    @property
    def tokens_used(self) -> int:
        """The number of tokens of which there are links now."""
        return len({guest.holder for guest in self._guests.values()} - {None})

    def use(self, rules: AccessRules) -> None:
        """Go by new rules from now on; links that they do not allow end."""
        self._rules = rules
        for key, before in list(self._guests.items()):
            guest = before._replace(holder=self._holder(before.link))
            was_revoked = before.holder is not None and guest.holder is None
            word = ACCESS if was_revoked else self._unwanted(guest)
            if word:
                self._counters.refuse(word)
                guest.link.close(word)
                del self._guests[key]
            else:
                self._guests[key] = guest

    def _admittance(self, link: object, wanted: str) -> Admittance:
        guest = self._guests.get(link)
        if guest is not None and guest.holder is not None:
            return Admittance.HOLDER
        return Admittance.UNINVITED if wanted in self._rules.private else Admittance.STRANGER

    def _holder(self, link: Visitor) -> str | None:
        return self._rules.tokens.holder(link.peer.access_proof, link.handshake_hash)

    def _unwanted(self, guest: _Guest) -> str:
        """Return why a link may not be there, "" if it may."""
        if guest.source and self._rules.bans.find(guest.source, self._wall()) is not None:
            return BANNED
        if not self.takes_strangers and guest.link.peer.is_client and guest.link.depth == 0:
            return "" if guest.holder is not None else ACCESS
        return ""
