"""The relays that a path can be drawn from (spec: docs/spec/onion.md section 9).

Only facts, the same for every packet until there is a new snapshot; `path` has the rules.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from zentalk.ids import NodeId

MAX_BOOTS_PER_HOUR: Final = 3
MIN_STEADY_RELAYS: Final = 6
"""Relays that keep losing their keys are left out only while this many others remain."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A live relay: what path choice needs to know of it.

    `subnet` is its /16, empty if exempt (loopback and private ranges outside `main`); `family` is
    what its operator declares, empty for none.
    """

    node_id: NodeId
    subnet: bytes = b""
    family: bytes = b""
    boots_last_hour: int = 0


class CandidateSet(tuple[Candidate, ...]):  # noqa: SLOT001 - its cached properties need a dict
    """All live relays of one snapshot, each once; what every draw needs of them is kept."""

    @cached_property
    def by_id(self) -> Mapping[NodeId, Candidate]:
        """The candidates by relay."""
        return {candidate.node_id: candidate for candidate in self}

    @cached_property
    def unsteady(self) -> frozenset[NodeId]:
        """The relays among them that `unsteady` names."""
        return unsteady(self)


def unsteady(candidates: Sequence[Candidate]) -> frozenset[NodeId]:
    """Return the relays to leave out because they boot too often; none in a small network."""
    often = frozenset(c.node_id for c in candidates if c.boots_last_hour > MAX_BOOTS_PER_HOUR)
    return often if len(candidates) - len(often) >= MIN_STEADY_RELAYS else frozenset()
