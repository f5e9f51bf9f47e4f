"""The link core: one end of an authenticated, encrypted connection of two neighbours.

Spec: docs/spec/link.md section 2. Bytes in, events out; frames in, bytes out. It never
touches a socket, a clock or entropy of its own. After an error of the peer's the link
is closed for good; the responder never answers more than it was sent before the peer
is known.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Final, NamedTuple

from zentalk.crypto.ed25519 import SigningKey
from zentalk.crypto.types import Entropy
from zentalk.errors import HandshakeError, LocalProtocolError, RemoteProtocolError
from zentalk.link import handshake
from zentalk.link.events import Event, LinkOpened
from zentalk.link.handshake import LinkSettings
from zentalk.link.hello import (
    ClientCredentials,
    Credentials,
    LinkPeer,
    RelayCredentials,
    check_hello,
    dialled_relay,
    make_hello,
)
from zentalk.link.noise import HandshakeState
from zentalk.link.outbox import UNLIMITED, Account
from zentalk.link.records import UnitOpener, UnitSealer
from zentalk.link.traffic import Traffic
from zentalk.wire.frames import Hello, encode_frame, parse_frames


class LinkState(Enum):
    """The states of a link; the table `STEPS` says what happens in each."""

    AWAITS_FIRST = "responder, before message 1"
    AWAITS_SECOND = "initiator, before message 2"
    AWAITS_HELLO = "responder, before the first unit"
    OPEN = "frames go both ways"
    CLOSED = "the peer broke the protocol"


class Link:
    """One end of a link. Make one with `initiate` or `respond`."""

    def __init__(
        self, settings: LinkSettings, noise: HandshakeState, state: LinkState, account: Account
    ) -> None:
        self._settings = settings
        self._account = account
        self._noise = noise
        self._state = state
        self._early = bytearray()
        self._out = b""
        self._handshake_sizes: set[int] = set()
        self._relay: LinkPeer | None = None
        self._credentials: Credentials | None = None
        self._traffic: Traffic | None = None

    @classmethod
    def initiate(
        cls,
        settings: LinkSettings,
        relay_identity: bytes,
        hello: Credentials | None,
        entropy: Entropy,
        account: Account = UNLIMITED,
    ) -> Link:
        """Begin a link to the relay with that Ed25519 identity; without `hello`, as a client.

        Raises HandshakeError if the identity is not a usable key.
        """
        if isinstance(hello, RelayCredentials) and settings.depth:
            raise LocalProtocolError("a relay does not show itself inside a tunnel")
        noise = handshake.start_initiator(settings, relay_identity, entropy)
        link = cls(settings, noise, LinkState.AWAITS_SECOND, account)
        link._relay, link._credentials = dialled_relay(relay_identity), hello
        link._queue(handshake.write_first(noise, settings.unit_bytes))
        return link

    @classmethod
    def respond(
        cls,
        settings: LinkSettings,
        identity: SigningKey,
        entropy: Entropy,
        account: Account = UNLIMITED,
    ) -> Link:
        """Wait for an initiator, as the relay with that identity."""
        return cls(
            settings,
            handshake.start_responder(settings, identity, entropy),
            LinkState.AWAITS_FIRST,
            account,
        )

    @property
    def state(self) -> LinkState:
        """The state of the link."""
        return self._state

    @property
    def depth(self) -> int:
        """The number of links that this one is inside of."""
        return self._settings.depth

    @property
    def is_initiator(self) -> bool:
        """Whether this side dialled."""
        return self._relay is not None

    @property
    def shows_token(self) -> bool:
        """Whether this side dialled and shows that it holds an access token."""
        return isinstance(self._credentials, ClientCredentials)

    @property
    def traffic(self) -> Traffic:
        """The open link; raises LocalProtocolError before LinkOpened."""
        if self._traffic is None:
            raise LocalProtocolError("this link is not open yet")
        return self._traffic

    @property
    def unit_sizes(self) -> set[int]:
        """Sizes of all units seen, handshake included; empty on links of two relays."""
        if self._traffic is not None and not self._traffic.fixed_units:
            return set()
        sizes = self._traffic.unit_sizes if self._traffic is not None else set()
        return sizes | self._handshake_sizes

    def receive(self, data: bytes) -> list[Event]:
        """Take bytes of the peer, in any pieces, and return what happened.

        Raises RemoteProtocolError, once; the link is closed then.
        """
        if self._state is LinkState.CLOSED:
            raise LocalProtocolError("this link is closed")
        try:
            return self._receive(data)
        except RemoteProtocolError:
            self._state = LinkState.CLOSED
            raise

    def data_to_send(self) -> bytes:
        """Return the next bytes for the peer; empty if nothing waits."""
        out, self._out = self._out, b""
        if self._state is LinkState.OPEN and not out:
            return self.traffic.data_to_send()
        return out

    def release(self) -> None:
        """Forget what is held for the peer: the link has ended."""
        if self._traffic is not None:
            self._traffic.release()

    def _receive(self, data: bytes) -> list[Event]:
        if self._traffic is not None:
            return self._traffic.receive(data)
        self._early += data
        events: list[Event] = []
        while self._state in STEPS and len(self._early) >= self._settings.unit_bytes:
            unit = bytes(self._early[: self._settings.unit_bytes])
            del self._early[: self._settings.unit_bytes]
            step = STEPS[self._state]
            self._handshake_sizes.add(len(unit))
            events += step.take(self, unit)
            self._state = step.after
        if self._early and self._state is LinkState.OPEN:
            events += self.traffic.receive(bytes(self._early))
            self._early.clear()
        return events

    def _on_first(self, unit: bytes) -> list[Event]:
        handshake.read_message(self._noise, unit)
        self._queue(handshake.write_second(self._noise, self._settings.unit_bytes))
        return []

    def _on_second(self, unit: bytes) -> list[Event]:
        handshake.read_message(self._noise, unit)
        ciphers = self._noise.split()
        hello = encode_frame(make_hello(self._credentials, self._noise.hash))
        self._queue(UnitSealer(ciphers[0], self._settings.depth).seal([hello]))
        self._traffic = Traffic(
            ciphers,
            initiator=True,
            fixed_units=not isinstance(self._credentials, RelayCredentials),
            depth=self._settings.depth,
            account=self._account,
        )
        peer = self._relay or LinkPeer("relay")
        return [LinkOpened(peer, self._noise.hash)]

    def _on_hello(self, unit: bytes) -> list[Event]:
        ciphers = self._noise.split()
        records = UnitOpener(ciphers[1], self._settings.depth).feed(unit)
        frames = [frame for record in records for frame in parse_frames(record)]
        if len(frames) != 1 or not isinstance(frames[0], Hello):
            raise HandshakeError("the first unit is not a hello")
        peer = check_hello(frames[0], self._noise.hash, self._settings.network)
        if self._settings.depth and not peer.is_client:
            raise HandshakeError("a relay shows itself inside a tunnel")
        self._traffic = Traffic(
            ciphers,
            initiator=False,
            fixed_units=peer.is_client,
            depth=self._settings.depth,
            account=self._account,
        )
        return [LinkOpened(peer, self._noise.hash)]

    def _queue(self, unit: bytes) -> None:
        self._handshake_sizes.add(len(unit))
        self._out += unit


class Step(NamedTuple):
    """The handling of the next unit, and the state after it."""

    take: Callable[[Link, bytes], list[Event]]
    after: LinkState


STEPS: Final = {
    LinkState.AWAITS_FIRST: Step(Link._on_first, LinkState.AWAITS_HELLO),  # noqa: SLF001 - own steps
    LinkState.AWAITS_HELLO: Step(Link._on_hello, LinkState.OPEN),  # noqa: SLF001
    LinkState.AWAITS_SECOND: Step(Link._on_second, LinkState.OPEN),  # noqa: SLF001
}
"""The whole state machine; OPEN hands bytes to the traffic, an error leads to CLOSED."""
