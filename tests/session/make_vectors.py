"""Writes tests/vectors/session.json: `python -m tests.session.make_vectors`.

Only for a new suite or a new case. If it changes what an existing case decodes to, the
format or the key schedule has changed.

ML-KEM encapsulation cannot be seeded, so a case is replayed from the side that
decapsulates: Bob's. His keys, his entropy and everything Alice sent are in the file;
what he reads, what he sends and where he ends follow from them alone.
"""

import json
from pathlib import Path
from typing import Any

from tests.session.support import S_ENVELOPE_BYTES, TIGHT_BYTES, Person, Seeded
from zentalk.crypto.hashing import sha256
from zentalk.session import pqxdh
from zentalk.session.ratchet import Ratchet

PATH = Path(__file__).parent.parent / "vectors" / "session.json"

# Who sends, how many, whether with room for a KEM block, and which of them are lost.
SCRIPT: list[tuple[str, int, bool, list[int]]] = [
    ("alice", 3, False, [1]),
    ("bob", 2, True, [0]),
    ("alice", 2, True, [0]),
    ("bob", 1, True, []),
    ("alice", 1, False, []),
    ("bob", 1, True, []),
    ("alice", 2, True, []),
    ("bob", 1, False, []),
]


def case(name: str, *, one_time: bool) -> dict[str, Any]:
    alice, bob = Person.named(f"{name} alice"), Person.named(f"{name} bob")
    begun = pqxdh.initiate(
        alice.identity, bob.bundle(one_time=one_time), Seeded(name), generation=5
    )
    sides = {
        "alice": Ratchet.initiate(begun.root, begun.peer_ratchet_public, begun.associated_data),
        "bob": Ratchet.respond(begun.root, bob.keys.signed_prekey, begun.associated_data),
    }
    entropy = {side: Seeded(f"{name} {side} ratchet") for side in sides}
    transcript: list[dict[str, Any]] = []
    for sender, count, room, lost in SCRIPT:
        receiver = "bob" if sender == "alice" else "alice"
        for number in range(count):
            content = f"{sender} {len(transcript)}".encode()
            size = S_ENVELOPE_BYTES if room else TIGHT_BYTES
            sides[sender], envelope = sides[sender].encrypt(content, entropy[sender], size)
            if number not in lost:
                sides[receiver], _ = sides[receiver].decrypt(envelope)
            transcript.append(
                {
                    "from": sender,
                    "content": content.hex(),
                    "envelope": envelope.hex(),
                    "lost": number in lost,
                }
            )
    return {
        "name": name,
        "one_time": one_time,
        "bob": {
            "identity_seed": bob.identity.seed.hex(),
            "signed_prekey_secret": bob.keys.signed_prekey.secret.hex(),
            "pq_prekey_seed": bob.keys.pq_prekey.seed.hex(),
            "one_time_secret": bob.keys.one_time[0].secret.hex() if bob.keys.one_time else "",
            "one_time_seed": bob.keys.one_time[1].seed.hex() if bob.keys.one_time else "",
        },
        "initial_header": begun.header.to_bytes().hex(),
        "root": begun.root.hex(),
        "associated_data": begun.associated_data.hex(),
        "transcript": transcript,
        "bob_state_sha256": sha256(sides["bob"].to_bytes()).hex(),
        "bob_pq_epoch": sides["bob"].pq_epoch,
    }


def main() -> None:
    cases = [case("one-time keys", one_time=True), case("last resort", one_time=False)]
    PATH.write_text(json.dumps({"version": 1, "cases": cases}, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
