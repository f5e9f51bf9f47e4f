"""The consequences when a set of descriptors takes something that is new.

Spec: docs/spec/directory.md sections 3 and 4. Only data: `descriptor_set` decides, and whoever
feeds it carries out what it says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from zentalk.directory.equivocation import EquivocationProof
from zentalk.wire.descriptor import Descriptor


@dataclass(frozen=True, slots=True)
class GossipDescriptor:
    """Keep this descriptor and pass it on once: it is new and valid."""

    descriptor: Descriptor


@dataclass(frozen=True, slots=True)
class GossipEquivocation:
    """Keep this proof and pass it on once; the relay is excluded."""

    proof: EquivocationProof


@dataclass(frozen=True, slots=True)
class AwaitObservation:
    """Keep this descriptor apart: it is valid, but nobody here has reached that relay there."""

    descriptor: Descriptor


Command: TypeAlias = GossipDescriptor | GossipEquivocation | AwaitObservation
