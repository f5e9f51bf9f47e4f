"""Writes tests/vectors/link.json. Run it only when the wire format changes on purpose.

ML-KEM encapsulation cannot be seeded, so message 2 is recorded, not made again. The second hello is
what the same initiator sends in place of the first one if it holds an access token of the relay.
"""

import json
from pathlib import Path

from tests.link.support import LOCAL, RELAY, drain, seeded
from zentalk.crypto.types import Entropy
from zentalk.link.hello import AccessProver, ClientCredentials
from zentalk.link.link import Link
from zentalk.wire.descriptor import node_id_of
from zentalk.wire.frames import PACKET_SMALL_BYTES
from zentalk.wire.text import ACCESS_SECRET_BYTES, AccessToken, format_access_token

TARGET = Path(__file__).parents[1] / "vectors" / "link.json"
EPHEMERAL = seeded(b"vector ephemeral")(32)
KEM_SEED = seeded(b"vector kem")(64)
PACKET = seeded(b"vector packet")(PACKET_SMALL_BYTES)


SECRET = seeded(b"vector access token")(ACCESS_SECRET_BYTES)


def entropy_of(ephemeral: bytes, kem_seed: bytes) -> Entropy:
    drawn = iter([ephemeral, kem_seed])
    return lambda _size: next(drawn)


def hello_with_token(second: bytes) -> dict[str, str]:
    """Return the hello of kind 2 after a recorded message 2, and what it is made of."""
    link = Link.initiate(
        LOCAL, RELAY.public, ClientCredentials(SECRET), entropy_of(EPHEMERAL, KEM_SEED)
    )
    drain(link)
    link.receive(second)
    token = AccessToken(node_id_of(RELAY.public), SECRET)
    return {
        "access_token": format_access_token(token),
        "access_secret": SECRET.hex(),
        "access_proof": AccessProver(SECRET).proof(link._noise.hash).hex(),
        "hello_with_access_unit": drain(link).hex(),
    }


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
        **hello_with_token(second),
        "packet": PACKET.hex(),
        "packet_and_ping_7_unit": unit.hex(),
        "pong_7_unit": pong.hex(),
    }
    TARGET.write_text(json.dumps(vector, indent=1) + "\n")


if __name__ == "__main__":
    main()
