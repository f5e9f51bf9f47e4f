"""What the onion tests share: seeded entropy, and a row of relays that packets walk along."""

import hashlib
from collections.abc import Sequence

from zentalk.crypto.types import Entropy
from zentalk.ids import EPOCH_SECONDS, Epoch, NodeId
from zentalk.onion.candidates import Candidate, CandidateSet
from zentalk.onion.packet import Deliver, Forward, Hop
from zentalk.onion.peel import Peeler

EPOCH = Epoch(472_223)
WALL = float(EPOCH * EPOCH_SECONDS + 1_800)
"""The middle of an epoch, away from every change of keys."""


def seeded(seed: bytes) -> Entropy:
    """The byte stream of docs/spec/onion.md section 12."""
    buffer, counter = b"", 0

    def entropy(length: int) -> bytes:
        nonlocal buffer, counter
        while len(buffer) < length:
            buffer += hashlib.shake_256(seed + counter.to_bytes(8, "big")).digest(64)
            counter += 1
        drawn, buffer = buffer[:length], buffer[length:]
        return drawn

    return entropy


def node_id(index: int) -> NodeId:
    return NodeId(hashlib.sha256(b"relay %d" % index).digest())


def candidates(count: int) -> CandidateSet:
    return CandidateSet(Candidate(node_id(index)) for index in range(count))


class Row:
    """Relays with one lane each, all running since `wall`."""

    def __init__(self, count: int, seed: bytes = b"row", wall: float = WALL) -> None:
        self.entropy = seeded(seed)
        self.relays = [Peeler() for _ in range(count)]
        for relay in self.relays:
            relay.rotate(wall, self.entropy)
        self.epoch = Epoch(int(wall // EPOCH_SECONDS))

    def hops(self, count: int | None = None, delays: Sequence[int] = ()) -> list[Hop]:
        return [
            Hop(
                node_id(index),
                relay.keys_for_descriptor(self.epoch)[0],
                self.epoch,
                lane=index,
                delay_ms=delays[index] if delays else 0,
            )
            for index, relay in enumerate(self.relays[:count])
        ]

    def walk(self, packet: bytes, wall: float = WALL) -> tuple[list[bytes], Deliver]:
        """Peel from the first relay on; return the packet on every link and what arrives."""
        seen = [packet]
        for index, relay in enumerate(self.relays):
            result = relay.peel(seen[-1], wall)
            if isinstance(result, Deliver):
                return seen, result
            assert result.next_id == node_id(index + 1)
            assert result.lane == index + 1
            seen.append(result.packet)
        raise AssertionError("the packet did not end at the last relay")


def forwarded(result: Forward | Deliver) -> bytes:
    assert isinstance(result, Forward)
    return result.packet


def flip(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)
