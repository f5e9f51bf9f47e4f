"""A network as a workload sees it: relays that can die, people who can leave.

Two implementations: `inprocess` and `processes`. A workload must never know which.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from zentalk.sim.ledger import Shown
from zentalk.sim.report import RelayLoad


@dataclass(frozen=True, slots=True)
class Received:
    """A message that a person's event log announces; `conversation` is a zt1... address."""

    id: str
    conversation: str
    text: str


class SimRelay(Protocol):
    """One relay, running or killed."""

    @property
    def name(self) -> str:
        """The relay's name in reports."""
        ...

    @property
    def uri(self) -> str:
        """The URI under which it is reached."""
        ...

    async def kill(self) -> None:
        """End it at once, as a crash would."""
        ...

    async def load(self) -> RelayLoad:
        """Return what it did so far, also after its death."""
        ...

    async def envelopes_on_disk(self) -> int:
        """Count the envelopes in its database."""
        ...


class SimUser(Protocol):
    """One person with an API node, running or not.

    What needs the node raises a ZentalkError while it does not run.
    """

    @property
    def name(self) -> str:
        """The person's name for the others."""
        ...

    @property
    def address(self) -> str:
        """The person's zt1... address."""
        ...

    async def start(self) -> None:
        """Start the node; return once it can send and receive, or raise DeadlineError."""
        ...

    async def stop(self) -> None:
        """End the node at once; its folder stays."""
        ...

    async def add_contact(self, address: str, name: str) -> None:
        """Add a contact."""
        ...

    async def send(self, address: str, text: str, key: str) -> str:
        """Send a text and return the message's id; the same key sends it once."""
        ...

    async def received(self, after: int) -> tuple[int, list[Received]]:
        """Wait for events after a number, at most a few seconds.

        Returns the number of the last event seen, and the messages among them in order.
        """
        ...

    async def history(self, address: str) -> list[Shown]:
        """Return the whole conversation with somebody, newest last."""
        ...

    async def entries(self) -> Sequence[str]:
        """Return the URIs of the entry relays in use, the first first."""
        ...

    async def use_entries(self, uris: Sequence[str]) -> None:
        """Pin the entry relays: takes effect with the next start."""
        ...

    async def unit_sizes(self) -> set[int]:
        """Return every size of unit on the node's links so far, over all its starts."""
        ...


class SimNetwork(Protocol):
    """Relays and people that are running."""

    @property
    def relays(self) -> Sequence[SimRelay]:
        """All relays, also killed ones."""
        ...

    @property
    def users(self) -> Sequence[SimUser]:
        """All people."""
        ...

    @property
    def crashed(self) -> Sequence[str]:
        """Nodes that ended by themselves, with a reason each; empty in a good run."""
        ...

    async def finish(self) -> None:
        """Stop what still runs, so that every relay has written its last numbers."""
        ...

    def memory_mib(self) -> float:
        """Return the most memory that the network was seen to use."""
        ...
