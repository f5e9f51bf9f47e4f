"""The relays that let in only some people: our tokens of them, and those that have refused us.

Spec: docs/spec/link.md section 11.3. Plain synchronous code. A token is shown to the relay that it
names and to no other; where a link starts here only once that relay has asked for it, because a
relay that knows our network address needs to know no more. Who refuses is left alone for a while,
so that nobody is asked again and again, and nobody's word about another relay counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from zentalk.ids import NodeId
from zentalk.link.hello import ClientCredentials
from zentalk.wire.text import AccessToken

ACCESS: Final = "access"
BANNED: Final = "banned"
"""The words with which a relay refuses a link, and with the first one a mailbox too."""
REFUSED_SECONDS: Final = 3600.0
MOST_NAMED: Final = 3
_ASK: Final = "ask its operator, and put it under `access_tokens` in config.toml"
_AGAIN: Final = "ask its operator for another, and put that under `access_tokens` in config.toml"


class EndedLink(Protocol):
    """The part of a link that tells why it ended (`zentalk.net.connection.Connection`)."""

    @property
    def left_because(self) -> str:
        """The peer's word, "" if it said none."""
        ...

    @property
    def showed_token(self) -> bool:
        """Whether the peer was shown that we hold a token of it."""
        ...


@dataclass(frozen=True, slots=True)
class _Refusal:
    word: str
    showed_token: bool
    until: float
    place: str


class RelayAccess:
    """Our access tokens, and the relays that have refused us lately; `monotonic` gives seconds."""

    def __init__(self, monotonic: Callable[[], float], tokens: Sequence[AccessToken] = ()) -> None:
        self._now = monotonic
        self._tokens = {token.relay: ClientCredentials(token.secret) for token in tokens}
        self._asked: set[NodeId] = set()
        self._links: dict[NodeId, _Refusal] = {}
        self._mailboxes: dict[NodeId, _Refusal] = {}

    def token(self, relay: NodeId) -> ClientCredentials | None:
        """Return our token of a relay, to be shown where we collect."""
        return self._tokens.get(relay)

    def entry_token(self, relay: NodeId) -> ClientCredentials | None:
        """Return our token of a relay that we dial ourselves, if it has asked for one."""
        return self._tokens.get(relay) if relay in self._asked else None

    def left(self, relay: NodeId, link: EndedLink, place: str = "") -> bool:
        """Take note of why a relay has ended a link that starts here; twice is harmless.

        Returns whether it will not have us, so that another relay is to be used.
        """
        word = link.left_because
        if word not in (ACCESS, BANNED):
            return False
        if word == ACCESS and relay in self._tokens and not link.showed_token:
            self._asked.add(relay)
            return False
        known = self._links.get(relay)
        self._links[relay] = _Refusal(
            word,
            link.showed_token,
            self._now() + REFUSED_SECONDS,
            place or ("" if known is None else known.place),
        )
        return True

    def mailbox_refused(self, relay: NodeId, place: str) -> None:
        """Note that a relay makes no mailbox for us."""
        until = self._now() + REFUSED_SECONDS
        self._mailboxes[relay] = _Refusal(ACCESS, relay in self._tokens, until, place)

    def let_in(self, relay: NodeId) -> None:
        """Note that a relay has a link of ours after all."""
        self._links.pop(relay, None)

    def has_refused(self, relay: NodeId) -> bool:
        """Say whether a relay refused our last link, however long ago: it may do so again."""
        return relay in self._links

    def no_entry(self) -> frozenset[NodeId]:
        """Return the relays that are not to be dialled now."""
        return _closed(self._links, self._now())

    def no_mailbox(self) -> frozenset[NodeId]:
        """Return the relays that are not to be asked for a mailbox now."""
        return _closed(self._mailboxes, self._now())

    def notes(self) -> Iterator[str]:
        """Yield what the owner is told of the relays that refuse us now, of a few by name."""
        now = self._now()
        told: dict[NodeId, str] = {}
        for refusals in (self._links, self._mailboxes):
            for relay, refusal in refusals.items():
                if refusal.until > now:
                    told.setdefault(relay, _sentence(refusal))
        sentences = list(told.values())
        yield from sentences[:MOST_NAMED]
        if len(sentences) > MOST_NAMED:
            yield f"{len(sentences) - MOST_NAMED} further relays take only those who have a token"


def _closed(refusals: dict[NodeId, _Refusal], now: float) -> frozenset[NodeId]:
    return frozenset(relay for relay, refusal in refusals.items() if refusal.until > now)


def _sentence(refusal: _Refusal) -> str:
    relay = f"the relay at {refusal.place}" if refusal.place else "a relay"
    if refusal.word == BANNED:
        return f"{relay} has banned this machine's address: ask its operator"
    if refusal.showed_token:
        return f"{relay} does not take the access token that you have of it: {_AGAIN}"
    return f"{relay} takes only those who have a token of it: {_ASK}"
