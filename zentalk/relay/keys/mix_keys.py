"""Mix keys, epochs and boots of this relay, and the descriptor that names them.

Spec: docs/spec/onion.md section 7, docs/spec/directory.md section 2. Secret keys are in
RAM only. There is exactly one descriptor per (epoch, boot): whoever sees two has proof
that this relay cheats, so a new one is signed only when one of both has changed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from zentalk.crypto.ed25519 import SigningKey
from zentalk.crypto.types import Entropy
from zentalk.ids import EPOCH_SECONDS, epoch_at
from zentalk.link.hello import RelayCredentials
from zentalk.onion.draw import below
from zentalk.onion.peel import Peeler
from zentalk.onion.replay import EXACT_TAG_BYTES, EXACT_TAGS, TABLE_BYTES, TABLE_TAGS, Capacity
from zentalk.wire.descriptor import Descriptor, DescriptorBody, Lane, sign_descriptor

MAX_CLOCK_STEP_SECONDS: Final = 60.0
"""A wall clock that jumps further makes a new boot: old replay filters may not fit any more."""
PUBLISH_AFTER_SECONDS: Final = 300.0
PUBLISH_SPREAD_SECONDS: Final = 1800.0
"""A descriptor's two keys serve from its epoch's start to the end of the next one. It replaces
the one before when clocks that are 5 minutes slow have left that one's epoch too, and not at
the same moment everywhere: relays pass it on and clients fetch it over half an hour."""
_FILTERS_PER_LANE: Final = 3
"""One each for the epoch before, this one, and the next."""


def filter_capacity(memory_bytes: int, lanes: int) -> Capacity:
    """Return how many replay tags a filter may hold.

    The filters of all lanes share half of the memory; of each one's share, half at most is
    for tags kept whole, which are fast, and the rest for digests, which are small.
    """
    share = memory_bytes // 2 // (_FILTERS_PER_LANE * lanes)
    exact = max(1, min(EXACT_TAGS, share // 2 // EXACT_TAG_BYTES))
    tables = max(0, share - exact * EXACT_TAG_BYTES) // TABLE_BYTES
    return Capacity(exact, tables * TABLE_TAGS)


class ClockWatch:
    """Notices steps of the wall clock by comparing it with the monotonic one (seconds)."""

    __slots__ = ("_offset",)

    def __init__(self, wall: float, monotonic: float) -> None:
        self._offset = wall - monotonic

    def stepped(self, wall: float, monotonic: float) -> bool:
        """Tell whether the wall clock jumped since the last call; small drift is followed."""
        offset = wall - monotonic
        step, self._offset = abs(offset - self._offset), offset
        return step > MAX_CLOCK_STEP_SECONDS


class OwnKeys:
    """The mix keys of all lanes and the descriptor of this moment.

    `body` gives everything of the descriptor that does not change while the relay runs;
    its lanes name the ports. `peelers` stays the same list for good: one entry per lane.
    """

    def __init__(
        self, key: SigningKey, body: DescriptorBody, entropy: Entropy, capacity: Capacity
    ) -> None:
        self._key = key
        self._body = body
        self._entropy = entropy
        self._capacity = capacity
        self._peelers = [Peeler(capacity) for _ in body.lanes]
        share = below(1 << 16, entropy) / (1 << 16)
        self._publish_after = PUBLISH_AFTER_SECONDS + share * PUBLISH_SPREAD_SECONDS
        self._descriptor: Descriptor | None = None
        self._offers: dict[int, Callable[[], bool]] = {}

    @property
    def peelers(self) -> Sequence[Peeler]:
        """Return one peeler per lane, in order."""
        return self._peelers

    @property
    def identity(self) -> SigningKey:
        """Return the identity key."""
        return self._key

    @property
    def network(self) -> str:
        """Return the network that the descriptors are for."""
        return self._body.network

    @property
    def credentials(self) -> RelayCredentials:
        """Return what this relay shows on links that it dials."""
        return RelayCredentials(self.descriptor.raw, self._key)

    def offer(self, role: int, is_offered: Callable[[], bool]) -> None:
        """Name a role in each new descriptor if it is offered at that moment."""
        self._offers[role] = is_offered

    @property
    def descriptor(self) -> Descriptor:
        """Return the descriptor of the last boot and epoch."""
        assert self._descriptor is not None, "boot was not called"
        return self._descriptor

    def boot(self, boot: int, wall: float) -> Descriptor:
        """Forget all mix keys and filters, make new ones, and return the descriptor.

        `boot` must be higher than every one before and stored durably already.
        """
        for lane in range(len(self._peelers)):
            self._peelers[lane] = Peeler(self._capacity)
        return self._renew(boot, wall)

    def turn(self, wall: float) -> Descriptor | None:
        """Change the mix keys if the epoch has turned; some minutes later return its descriptor.

        None at all other times. The keys of this epoch are in the descriptor of the last one.
        """
        for peeler in self._peelers:
            peeler.rotate(wall, self._entropy)
        if epoch_at(wall - self._publish_after) <= self.descriptor.epoch:
            return None
        return self._renew(self.descriptor.boot, wall)

    def next_turn(self, wall: float) -> float:
        """Return in how many seconds `turn` has something to do; 0 or less if it has now."""
        turns_at = (epoch_at(wall) + 1) * EPOCH_SECONDS
        publishes_at = (self.descriptor.epoch + 1) * EPOCH_SECONDS + self._publish_after
        return min(turns_at, publishes_at) - wall

    def _renew(self, boot: int, wall: float) -> Descriptor:
        epoch = epoch_at(wall)
        lanes = []
        for old, peeler in zip(self._body.lanes, self._peelers, strict=True):
            peeler.rotate(wall, self._entropy)
            lanes.append(Lane(old.port, *peeler.keys_for_descriptor(epoch)))
        roles = self._body.roles
        for role, is_offered in self._offers.items():
            roles |= role if is_offered() else 0
        body = replace(self._body, lanes=tuple(lanes), epoch=epoch, boot=boot, roles=roles)
        self._descriptor = sign_descriptor(self._key, body)
        return self._descriptor
