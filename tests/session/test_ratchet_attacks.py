"""K14, K15, K28, K34: what an expert tries first, each with its control."""

import contextlib
import random
from collections.abc import Callable
from typing import Any

import pytest

from tests.session.support import S_ENVELOPE_BYTES, TIGHT_BYTES, Seeded, own_public, session, talk
from zentalk.crypto.aead import AesKey, aes_seal
from zentalk.errors import AuthenticationError, RemoteProtocolError
from zentalk.session import chains
from zentalk.session import ratchet as ratchet_module
from zentalk.session.ratchet import Ratchet
from zentalk.session.skipped import MAX_GAP, MAX_KEPT, SkippedKeys


class Work:
    """Counts every key derivation that the session code does."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.derivations = 0
        for name in ("derive", "_derive_chain", "_derive_body"):
            monkeypatch.setattr(chains, name, self._counted(getattr(chains, name)))

    def _counted(self, real: Callable[..., bytes]) -> Callable[..., bytes]:
        def counted(*arguments: Any, **options: Any) -> bytes:
            self.derivations += 1
            return real(*arguments, **options)

        return counted

    def of(self, action: Callable[[], object]) -> int:
        before = self.derivations
        with contextlib.suppress(RemoteProtocolError):
            action()
        return self.derivations - before


def ahead(alice: Ratchet, number: int) -> Ratchet:
    """Alice, claiming to be at `number` of her chain; her keys stay valid."""
    state = alice._state
    assert state.sending is not None
    return Ratchet(state._replace(sending=state.sending._replace(number=number)))


def long_chain(alice: Ratchet, length: int) -> Ratchet:
    """Alice, claiming that her finished chain had `length` envelopes."""
    state = alice._state
    return Ratchet(state._replace(root=state.root._replace(previous_count=length)))


@pytest.mark.parametrize("counter", [2**31, 2**32 - 1, MAX_GAP + 2])
def test_k14_a_huge_counter_costs_less_than_an_ordinary_envelope(
    counter: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """K14: refused before work is done, with the state unchanged and usable."""
    alice, bob = talk(session(), 2)
    alice, ordinary = alice.encrypt(b"one", Seeded("e"), TIGHT_BYTES)
    bob, _ = bob.decrypt(ordinary)
    alice, ordinary = alice.encrypt(b"two", Seeded("f"), TIGHT_BYTES)
    _, flood = ahead(alice, counter).encrypt(b"", Seeded("g"), TIGHT_BYTES)
    work, before = Work(monkeypatch), bob.to_bytes()
    with pytest.raises(RemoteProtocolError, match="skips more"):
        bob.decrypt(flood)
    assert work.of(lambda: bob.decrypt(flood)) == 0 < work.of(lambda: bob.decrypt(ordinary))
    assert bob.to_bytes() == before
    assert bob.decrypt(ordinary)[1] == b"two"


@pytest.mark.parametrize("where", ["chain before", "new chain"])
def test_k14_a_huge_counter_at_a_step_is_refused_before_the_step(
    where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """K14: both counters of a header that starts a chain are checked before any work."""
    alice, bob = talk(session(), 2)
    if where == "chain before":
        liar = long_chain(alice, 2**31)
        _, flood = liar.encrypt(b"", Seeded("g"), TIGHT_BYTES)
    else:
        liar = alice.encrypt(b"", Seeded("f"), TIGHT_BYTES)[0]
        _, flood = ahead(liar, 2**31).encrypt(b"", Seeded("g"), TIGHT_BYTES)
    work, before = Work(monkeypatch), bob.to_bytes()
    assert work.of(lambda: bob.decrypt(flood)) == 0
    with pytest.raises(RemoteProtocolError, match="skips more"):
        bob.decrypt(flood)
    assert bob.to_bytes() == before
    _, envelope = alice.encrypt(b"real", Seeded("h"), TIGHT_BYTES)
    assert bob.decrypt(envelope)[1] == b"real"


def test_k14_control_without_the_check_the_work_is_the_attackers_choice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """K14, control: with the check gone, one envelope costs thousands of derivations."""
    monkeypatch.setattr(ratchet_module, "check_gap", lambda have, wanted: None)
    alice, bob = talk(session(), 2)
    alice, _ = alice.encrypt(b"", Seeded("e"), TIGHT_BYTES)
    _, flood = ahead(alice, 20_000).encrypt(b"", Seeded("g"), TIGHT_BYTES)
    work = Work(monkeypatch)
    assert work.of(lambda: bob.decrypt(flood)) > 20_000


def test_k14_a_gap_of_one_thousand_is_read_and_one_more_is_not() -> None:
    alice, bob = talk(session(), 1)
    envelopes = []
    for number in range(MAX_GAP + 2):
        alice, envelope = alice.encrypt(b"%d" % number, Seeded(str(number)), TIGHT_BYTES)
        envelopes.append(envelope)
    with pytest.raises(RemoteProtocolError, match="skips more"):
        bob.decrypt(envelopes[MAX_GAP + 1])
    bob, content = bob.decrypt(envelopes[MAX_GAP])
    assert content == b"%d" % MAX_GAP
    assert bob._state.skipped.count == MAX_GAP
    assert bob.decrypt(envelopes[MAX_GAP + 1])[1] == b"%d" % (MAX_GAP + 1)
    assert bob.decrypt(envelopes[0])[1] == b"0"


def test_k14_two_thousand_keys_are_kept_and_the_oldest_go_first() -> None:
    alice, bob = session()
    lost = []
    for _ in range(3):
        sent: list[bytes] = []
        for _ in range(MAX_GAP + 1):
            alice, envelope = alice.encrypt(b"", Seeded(str(len(sent))), TIGHT_BYTES)
            sent.append(envelope)
        lost.append(sent[:-1])
        bob, _ = bob.decrypt(sent[-1])
        bob, envelope = bob.encrypt(b"", Seeded("b"), TIGHT_BYTES)
        alice, _ = alice.decrypt(envelope)
    assert bob._state.skipped.count == MAX_KEPT
    for envelope in (lost[1][0], lost[2][0], lost[2][-1]):
        bob.decrypt(envelope)
    with pytest.raises(AuthenticationError):
        bob.decrypt(lost[0][-1])
    alice, envelope = alice.encrypt(b"goes on", Seeded("c"), TIGHT_BYTES)
    assert bob.decrypt(envelope)[1] == b"goes on"


def test_k15_forgeries_leave_the_state_as_it_was() -> None:
    """K15: random bytes and a genuine envelope with any part changed, then the genuine one."""
    alice, bob = talk(session(), 3)
    for kind in ("in a chain", "at a step"):
        alice, genuine = alice.encrypt(kind.encode(), Seeded(kind), TIGHT_BYTES)
        before, chance = bob.to_bytes(), random.Random(kind)
        forgeries = [chance.randbytes(chance.randrange(400)) for _ in range(200)]
        for at in range(len(genuine)):
            changed = bytearray(genuine)
            changed[at] ^= 1 << chance.randrange(8)
            forgeries.append(bytes(changed))
        forgeries += [genuine[:-1], genuine + b"\0"]
        for forgery in forgeries:
            with pytest.raises(RemoteProtocolError):
                bob.decrypt(forgery)
        assert bob.to_bytes() == before
        bob, content = bob.decrypt(genuine)
        assert content == kind.encode()


def test_k15_control_committing_before_authentication_loses_the_message() -> None:
    """K15, control: a receiver that keeps what an unauthenticated envelope did to its
    state cannot read the genuine one any more."""

    def careless(bob: Ratchet, envelope: bytes) -> tuple[Ratchet, bytes | None]:
        salt, sealed_header = envelope[:16], envelope[16 : ratchet_module._FRONT_BYTES]
        moved, *_ = ratchet_module._body_key(bob._state, salt, sealed_header)
        try:
            return bob.decrypt(envelope)
        except AuthenticationError:
            return Ratchet(moved), None

    alice, bob = talk(session(), 3)
    _, genuine = alice.encrypt(b"hello", Seeded("e"), TIGHT_BYTES)
    forgery = genuine[:-1] + bytes([genuine[-1] ^ 1])
    bob, _ = careless(bob, forgery)
    with pytest.raises(RemoteProtocolError):
        bob.decrypt(genuine)


def lossy(seed: int, count: int) -> tuple[int, int, set[bytes | None], set[bytes | None], int]:
    """A conversation over a network that drops and swaps at random.

    Returns delivered, undecryptable, each side's ratchet keys, and what a third party read.
    """
    chance, entropy = random.Random(seed), Seeded(f"lossy {seed}")
    sides = dict(zip(("alice", "bob"), talk(session(), 1), strict=True))
    third = talk(session("third party"), 1).bob
    keys: dict[str, set[bytes | None]] = {"alice": set(), "bob": set()}
    under_way: list[tuple[str, bytes, bytes]] = []
    delivered = undecryptable = overheard = 0
    for number in range(count):
        sender, receiver = chance.sample(["alice", "bob"], 2)
        content = b"%d" % number
        sides[sender], envelope = sides[sender].encrypt(content, entropy, S_ENVELOPE_BYTES)
        keys[sender].add(own_public(sides[sender]))
        if chance.random() < 0.2:
            continue  # dropped
        under_way.append((receiver, envelope, content))
        chance.shuffle(under_way)
        while len(under_way) > 3:
            receiver, envelope, content = under_way.pop()
            try:
                sides[receiver], read = sides[receiver].decrypt(envelope)
                assert read == content
                delivered += 1
            except RemoteProtocolError:
                undecryptable += 1
            try:
                third.decrypt(envelope)
                overheard += 1
            except RemoteProtocolError:
                pass
    return delivered, undecryptable, keys["alice"], keys["bob"], overheard


@pytest.mark.parametrize("seed", range(6))
def test_k28_loss_and_reordering_lose_only_what_was_lost(seed: int) -> None:
    """K28: every other envelope decrypts, both sides' keys rotate, a third party reads 0."""
    delivered, undecryptable, alice_keys, bob_keys, overheard = lossy(seed, 300)
    assert delivered > 200
    assert undecryptable == 0
    assert min(len(alice_keys), len(bob_keys)) > 25
    assert overheard == 0


def test_k28_control_without_skipped_keys_late_envelopes_are_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """K28, control: a ratchet that keeps no skipped keys loses what arrives late."""
    monkeypatch.setattr(SkippedKeys, "add", lambda self, header_key, fresh: self)
    _, undecryptable, *_ = lossy(0, 300)
    assert undecryptable > 30


def watch_key_streams(monkeypatch: pytest.MonkeyPatch) -> list[tuple[bytes, bytes]]:
    """Record key and nonce of everything that is sealed, headers included."""
    pairs: list[tuple[bytes, bytes]] = []
    prepare = AesKey.__init__

    def body(key: bytes, nonce: bytes, plaintext: bytes, aad: bytes) -> bytes:
        pairs.append((key, nonce))
        return aes_seal(key, nonce, plaintext, aad)

    def watched(self: AesKey, secret: bytes) -> None:
        prepare(self, secret)
        seal_header = self.seal

        def header(nonce: bytes, plaintext: bytes, aad: bytes) -> bytes:
            pairs.append((secret, nonce))
            return seal_header(nonce, plaintext, aad)

        monkeypatch.setattr(self, "seal", header)

    monkeypatch.setattr(ratchet_module, "aes_seal", body)
    monkeypatch.setattr(AesKey, "__init__", watched)
    return pairs


def send_from_an_old_copy(salt: Callable[[int], bytes] | None) -> None:
    """Send, restore the data of before, send something else; twice, with a step between."""
    alice, bob = talk(session(), 2)
    alice, envelope = alice.encrypt(b"", Seeded("start"), TIGHT_BYTES)
    bob, _ = bob.decrypt(envelope)
    for attempt in range(2):
        saved = alice.to_bytes()
        for name in ("first", "second", "third"):
            alice = Ratchet.from_bytes(saved)
            for number in range(3):
                entropy = salt or Seeded(f"{attempt} {name} {number}")
                text = b"%s %d" % (name.encode(), number)
                alice, envelope = alice.encrypt(text, entropy, TIGHT_BYTES)
        bob, _ = bob.decrypt(envelope)
        bob, envelope = bob.encrypt(b"", Seeded(f"bob {attempt}"), TIGHT_BYTES)
        alice, _ = alice.decrypt(envelope)


def test_k34_an_old_copy_of_the_state_never_repeats_a_key_stream(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """K34: restore an old serialized ratchet and send: key and nonce never repeat."""
    pairs = watch_key_streams(monkeypatch)
    send_from_an_old_copy(None)
    assert len(pairs) == len(set(pairs)) > 40


def test_k34_control_without_the_random_bytes_key_streams_repeat(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """K34, control: the same with constant "random" bytes repeats keys and nonces."""
    pairs = watch_key_streams(monkeypatch)
    send_from_an_old_copy(lambda length: bytes(range(length)))
    assert len(set(pairs)) < len(pairs)


@pytest.mark.parametrize("at_a_step", [True, False])
def test_k34_the_receiver_reads_one_of_two_envelopes_with_one_number(at_a_step: bool) -> None:
    """K34: after a rollback the receiver refuses the second use of a place in a chain."""
    alice, bob = talk(session(), 2)
    if not at_a_step:
        alice, envelope = alice.encrypt(b"", Seeded("start"), TIGHT_BYTES)
        bob, _ = bob.decrypt(envelope)
    saved = alice.to_bytes()
    _, first = alice.encrypt(b"first", Seeded("e"), TIGHT_BYTES)
    bob, _ = bob.decrypt(first)
    before = bob.to_bytes()
    _, second = Ratchet.from_bytes(saved).encrypt(b"second", Seeded("f"), TIGHT_BYTES)
    with pytest.raises(RemoteProtocolError):
        bob.decrypt(second)
    assert bob.to_bytes() == before
