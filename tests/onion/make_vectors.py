"""Writes tests/vectors/onion.json: `python -m tests.onion.make_vectors`.

Only for a new suite or a new case. If it changes an existing case, the wire format has changed.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from tests.onion.support import EPOCH, WALL, node_id, seeded
from zentalk.crypto import x25519
from zentalk.ids import Epoch, SendId
from zentalk.onion.ack import build_ack, expand_ack
from zentalk.onion.geometry import CLASSES, Geometry
from zentalk.onion.packet import Deliver, DeliveryPlaintext, Hop
from zentalk.onion.peel import Peeler
from zentalk.onion.wrap import wrap

PATH = Path(__file__).parent.parent / "vectors" / "onion.json"

CASES: list[dict[str, Any]] = [
    {"name": "S, 1 hop", "class": "S", "hops": 1, "service": 3, "payload": ""},
    {"name": "S, 3 hops", "class": "S", "hops": 3, "service": 1, "payload": "68656c6c6f"},
    {"name": "S, 5 hops, full", "class": "S", "hops": 5, "service": 1, "payload": "5a" * 2114},
    {"name": "L, 3 hops", "class": "L", "hops": 3, "service": 1, "payload": "00" * 40},
    {"name": "S, next epoch", "class": "S", "hops": 3, "service": 1, "payload": "ff", "ahead": 1},
]


def mix_secret(seed: bytes, index: int) -> bytes:
    return hashlib.sha256(seed + b" mix %d" % index).digest()


def hops_of(seed: bytes, count: int, ahead: int) -> list[Hop]:
    return [
        Hop(
            node_id=node_id(index),
            mix_key=x25519.from_secret(mix_secret(seed, index)).public,
            epoch=Epoch(EPOCH + ahead),
            lane=(7 * index) % 256,
            delay_ms=1_000 * index,
        )
        for index in range(count)
    ]


def relay_with(secret: bytes, ahead: int) -> Peeler:
    """A relay whose key of epoch EPOCH + ahead is `secret`."""
    secrets = iter([bytes([9]) * 32, secret] if ahead else [secret, bytes([9]) * 32])
    relay = Peeler()
    relay.rotate(WALL, lambda _: next(secrets))
    return relay


def wall_of(ahead: int) -> int:
    """A time at which packets of that epoch are accepted: for the next one, a minute before it."""
    return (EPOCH + 1) * 3_600 - 60 if ahead else int(WALL)


def shown(packet: bytes) -> dict[str, str]:
    """A packet as the file holds it."""
    digest = hashlib.sha256(packet).hexdigest()
    if len(packet) > 2560:
        return {"sha256": digest}
    return {"sha256": digest, "hex": packet.hex()}


def trace(packet: bytes, seed: bytes, hops: int, ahead: int) -> dict[str, Any]:
    """What is on every link, and what arrives."""
    links = [shown(packet)]
    for index in range(hops):
        result = relay_with(mix_secret(seed, index), ahead).peel(packet, wall_of(ahead))
        if isinstance(result, Deliver):
            end = {
                "service": result.service,
                "payload": result.payload.hex(),
                "delay_ms": result.delay_ms,
            }
            return {"links": links, "delivered": end}
        packet = result.packet
        links.append(shown(packet))
    raise AssertionError("a packet did not arrive")


def describe(seed: bytes, hops: list[Hop]) -> list[dict[str, Any]]:
    return [
        {
            "node_id": hop.node_id.hex(),
            "mix_secret": mix_secret(seed, index).hex(),
            "epoch": hop.epoch,
            "lane": hop.lane,
            "delay_ms": hop.delay_ms,
        }
        for index, hop in enumerate(hops)
    ]


def packet_case(case: dict[str, Any]) -> dict[str, Any]:
    seed = f"zentalk onion vector: {case['name']}".encode()
    ahead = case.get("ahead", 0)
    hops = hops_of(seed, case["hops"], ahead)
    delivery = DeliveryPlaintext(case["service"], bytes.fromhex(case["payload"]))
    packet = wrap(by_name(case["class"]), hops, delivery, seeded(seed))
    return {
        "name": case["name"],
        "class": case["class"],
        "entropy_seed": seed.hex(),
        "wall": wall_of(ahead),
        "hops": describe(seed, hops),
        "service": case["service"],
        "payload": case["payload"],
        **trace(packet, seed, case["hops"], ahead),
    }


def ack_case() -> dict[str, Any]:
    seed = b"zentalk onion vector: compact ack"
    hops = hops_of(seed, 3, 0)
    send_id, token = SendId(bytes(range(16))), bytes(range(32, 64))
    ack = build_ack(hops, send_id, token, seeded(seed))
    return {
        "name": "compact ack",
        "entropy_seed": seed.hex(),
        "wall": wall_of(0),
        "hops": describe(seed, hops),
        "send_id": send_id.hex(),
        "token": token.hex(),
        "first": ack.first.hex(),
        "lane": ack.lane,
        "blob": ack.blob.hex(),
        **trace(expand_ack(ack.blob), seed, 3, 0),
    }


def by_name(name: str) -> Geometry:
    return next(geometry for geometry in CLASSES.values() if geometry.packet_class.letter == name)


def everything() -> dict[str, Any]:
    return {
        "format": "docs/spec/onion.md section 12",
        "suite": 1,
        "packets": [packet_case(case) for case in CASES],
        "acks": [ack_case()],
    }


if __name__ == "__main__":
    PATH.write_text(json.dumps(everything(), indent=1) + "\n", "utf-8")
