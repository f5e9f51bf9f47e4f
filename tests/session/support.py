"""People, bundles and sessions for tests; all randomness comes from a name."""

import hashlib
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from zentalk.crypto import mlkem, x25519
from zentalk.crypto.ed25519 import SigningKey
from zentalk.session import pqxdh
from zentalk.session.pqxdh import OneTimeSecrets, ResponderKeys
from zentalk.session.ratchet import ENVELOPE_OVERHEAD_BYTES, Ratchet
from zentalk.wire.prekeys import OneTimePrekey, PqPrekey, PrekeyBundle, SignedPrekey

S_ENVELOPE_BYTES = 1_640
"""About what one small packet carries: room for a KEM key beside 356 bytes of content."""
TIGHT_BYTES = ENVELOPE_OVERHEAD_BYTES + 64
"""Room for a short content and no KEM block."""

T = TypeVar("T")


class Seeded:
    """Entropy that is the same for the same name; counts what was drawn."""

    def __init__(self, name: str) -> None:
        self._name = name.encode()
        self.draws: list[int] = []

    def __call__(self, length: int) -> bytes:
        self.draws.append(length)
        counter = len(self.draws).to_bytes(8, "big")
        return hashlib.shake_256(self._name + counter).digest(length)


@dataclass(frozen=True)
class Person:
    """An identity with one prekey of each kind."""

    identity: SigningKey
    keys: ResponderKeys

    @classmethod
    def named(cls, name: str) -> "Person":
        entropy = Seeded(name)
        identity = SigningKey.generate(entropy)
        signed = x25519.generate(entropy)
        last_resort = mlkem.generate(entropy)
        one_time = OneTimeSecrets(x25519.generate(entropy), mlkem.generate(entropy))
        return cls(identity, ResponderKeys(signed, last_resort, one_time))

    def responder_keys(self, *, one_time: bool) -> ResponderKeys:
        return self.keys if one_time else self.keys._replace(one_time=None)

    def bundle(self, *, one_time: bool = True) -> PrekeyBundle:
        pair = self.keys.one_time
        assert pair is not None
        return PrekeyBundle(
            self.identity.public,
            SignedPrekey.create(self.identity, 11, self.keys.signed_prekey.public),
            PqPrekey.create(self.identity, 22, self.keys.pq_prekey.public),
            OneTimePrekey.create(self.identity, 33, pair.x25519.public, pair.mlkem.public)
            if one_time
            else None,
        )


class Session(NamedTuple):
    """Both sides of one conversation, before the first envelope."""

    alice: Ratchet
    bob: Ratchet


def session(name: str = "session", *, one_time: bool = True) -> Session:
    """Agree by PQXDH and start both ratchets."""
    alice, bob = Person.named(f"{name} alice"), Person.named(f"{name} bob")
    begun = pqxdh.initiate(alice.identity, bob.bundle(one_time=one_time), Seeded(name))
    answered = pqxdh.respond(bob.identity, begun.header, bob.responder_keys(one_time=one_time))
    assert answered == (begun.root, begun.associated_data)
    return Session(
        Ratchet.initiate(begun.root, begun.peer_ratchet_public, begun.associated_data),
        Ratchet.respond(answered.root, bob.keys.signed_prekey, answered.associated_data),
    )


def talk(sides: Session, turns: int, padded_bytes: int = S_ENVELOPE_BYTES) -> Session:
    """Let the sides answer each other, Alice first, and check every content."""
    alice, bob = sides
    entropy = Seeded("talk")
    for turn in range(turns):
        alice, envelope = alice.encrypt(b"from alice %d" % turn, entropy, padded_bytes)
        bob, content = bob.decrypt(envelope)
        assert content == b"from alice %d" % turn
        bob, envelope = bob.encrypt(b"from bob %d" % turn, entropy, padded_bytes)
        alice, content = alice.decrypt(envelope)
        assert content == b"from bob %d" % turn
    return Session(alice, bob)


def own_public(ratchet: Ratchet) -> bytes | None:
    """The ratchet key that a side sends with now; None between two steps."""
    own = ratchet._state.root.own
    return None if own is None else own.public


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine of the oracle packages: they are async but never wait."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]  # StopIteration carries Any
    raise AssertionError("the oracle waited for something")
