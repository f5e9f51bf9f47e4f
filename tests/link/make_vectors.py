"""Writes tests/vectors/link.json. Run it only when the wire format changes on purpose.

ML-KEM encapsulation cannot be seeded, so message 2 is recorded, not made again.
"""

import json
from pathlib import Path

from tests.link.support import LOCAL, RELAY, drain, seeded
from zentalk.crypto.types import Entropy
from zentalk.link.link import Link
from zentalk.wire.frames import PACKET_SMALL_BYTES

TARGET = Path(__file__).parents[1] / "vectors" / "link.json"
EPHEMERAL = seeded(b"vector ephemeral")(32)
KEM_SEED = seeded(b"vector kem")(64)
PACKET = seeded(b"vector packet")(PACKET_SMALL_BYTES)


def entropy_of(ephemeral: bytes, kem_seed: bytes) -> Entropy:
    drawn = iter([ephemeral, kem_seed])
    return lambda _size: next(drawn)


def main() -> None:
    left = Link.initiate(LOCAL, RELAY.public, None, entropy_of(EPHEMERAL, KEM_SEED))
    right = Link.respond(LOCAL, RELAY, seeded(b"vector responder"))
    first = drain(left)
    right.receive(first)
    second = drain(right)
    left.receive(second)
    hello = drain(left)
    right.receive(hello)
    left.traffic.send_packet(PACKET)
    left.traffic.ping(7)
    unit = drain(left)
    right.receive(unit)
    pong = drain(right)
    vector = {
        "network": LOCAL.network,
        "relay_seed": RELAY.seed.hex(),
        "relay_identity": RELAY.public.hex(),
        "initiator_ephemeral": EPHEMERAL.hex(),
        "initiator_kem_seed": KEM_SEED.hex(),
        "message_1": first.hex(),
        "message_2": second.hex(),
        "handshake_hash": left._noise.hash.hex(),
        "hello_unit": hello.hex(),
        "packet": PACKET.hex(),
        "packet_and_ping_7_unit": unit.hex(),
        "pong_7_unit": pong.hex(),
    }
    TARGET.write_text(json.dumps(vector, indent=1) + "\n")


if __name__ == "__main__":
    main()
