"""Model check: two ratchets over a network that loses, reorders, repeats and forges."""

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from tests.session.support import S_ENVELOPE_BYTES, TIGHT_BYTES, Seeded, own_public, session
from zentalk.errors import RemoteProtocolError
from zentalk.session.pq import REST_STEPS, Phase
from zentalk.session.ratchet import Ratchet

OTHER = {"alice": "bob", "bob": "alice"}
SIDES = st.sampled_from(["alice", "bob"])
_ROUNDS_PER_EPOCH = 2 * (REST_STEPS + 3)


class TwoRatchets(RuleBasedStateMachine):
    """What must hold whatever the network does.

    Every envelope that arrives decrypts once and only once; forged and repeated ones
    change nothing; no ratchet key is used for two chains; both sides agree on the KEM
    epochs in the root, up to a step that is still under way.
    """

    @initialize(one_time=st.booleans())
    def start(self, one_time: bool) -> None:
        sides = session(one_time=one_time)
        self.sides: dict[str, Ratchet] = {"alice": sides.alice, "bob": sides.bob}
        self.entropy = Seeded("machine")
        self.under_way: list[tuple[str, bytes, bytes]] = []
        self.read: list[tuple[str, bytes]] = []
        self.sent = 0
        self.chain_keys: set[bytes] = set()
        self.epochs = {"alice": 0, "bob": 0}

    def _send(self, sender: str, padded_bytes: int) -> None:
        content = b"%d" % self.sent
        self.sent += 1
        had_chain = self.sides[sender]._state.sending is not None
        self.sides[sender], envelope = self.sides[sender].encrypt(
            content, self.entropy, padded_bytes
        )
        assert len(envelope) == padded_bytes
        public = own_public(self.sides[sender])
        assert public is not None
        assert (public in self.chain_keys) == had_chain
        self.chain_keys.add(public)
        self.under_way.append((OTHER[sender], envelope, content))

    def _deliver(self, index: int) -> None:
        receiver, envelope, content = self.under_way.pop(index)
        self.sides[receiver], read = self.sides[receiver].decrypt(envelope)
        assert read == content
        self.read.append((receiver, envelope))

    @rule(sender=SIDES, room=st.booleans(), count=st.integers(1, 4))
    def send(self, sender: str, room: bool, count: int) -> None:
        if self.sides[sender].can_send:
            for _ in range(count):
                self._send(sender, S_ENVELOPE_BYTES if room else TIGHT_BYTES)

    @precondition(lambda self: self.under_way)
    @rule(data=st.data())
    def deliver(self, data: st.DataObject) -> None:
        self._deliver(data.draw(st.integers(0, len(self.under_way) - 1)))

    @precondition(lambda self: self.under_way)
    @rule()
    def deliver_in_order(self) -> None:
        self._deliver(0)

    @precondition(lambda self: self.under_way)
    @rule(data=st.data())
    def lose(self, data: st.DataObject) -> None:
        self.under_way.pop(data.draw(st.integers(0, len(self.under_way) - 1)))

    @precondition(lambda self: self.read)
    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        receiver, envelope = data.draw(st.sampled_from(self.read))
        self._refused(receiver, envelope)

    @precondition(lambda self: self.under_way)
    @rule(data=st.data(), bit=st.integers(0, 7))
    def forge(self, data: st.DataObject, bit: int) -> None:
        receiver, envelope, _ = data.draw(st.sampled_from(self.under_way))
        at = data.draw(st.integers(0, len(envelope) - 1))
        forged = bytearray(envelope)
        forged[at] ^= 1 << bit
        self._refused(receiver, bytes(forged))

    def _refused(self, receiver: str, envelope: bytes) -> None:
        before = self.sides[receiver].to_bytes()
        try:
            self.sides[receiver].decrypt(envelope)
        except RemoteProtocolError:
            assert self.sides[receiver].to_bytes() == before
        else:
            raise AssertionError("a forged or repeated envelope was read")

    @rule(side=SIDES)
    def restart(self, side: str) -> None:
        stored = self.sides[side].to_bytes()
        self.sides[side] = Ratchet.from_bytes(stored)
        assert self.sides[side].to_bytes() == stored

    @invariant()
    def epochs_only_advance_and_stay_together(self) -> None:
        if not hasattr(self, "sides"):
            return
        for side, ratchet in self.sides.items():
            assert self.epochs[side] <= ratchet.pq_epoch <= self.epochs[side] + 1
            self.epochs[side] = ratchet.pq_epoch
        assert abs(self.epochs["alice"] - self.epochs["bob"]) <= 1
        if self.epochs["alice"] == self.epochs["bob"]:
            phases = {ratchet._state.pq.phase for ratchet in self.sides.values()}
            offering = phases & {Phase.IDLE, Phase.OFFERING, Phase.READY}
            assert len(offering) == len(phases - offering) == 1

    def teardown(self) -> None:
        """When the network heals, the two go on: keys rotate and epochs advance."""
        if not hasattr(self, "sides"):
            return
        self.under_way.clear()
        epochs, keys = min(self.epochs.values()), len(self.chain_keys)
        for _ in range(_ROUNDS_PER_EPOCH):
            for sender in ("alice", "bob"):
                if self.sides[sender].can_send:
                    self._send(sender, S_ENVELOPE_BYTES)
                    self._deliver(-1)
                    self.epochs_only_advance_and_stay_together()
        assert min(self.epochs.values()) > epochs
        assert len(self.chain_keys) >= keys + 2 * (_ROUNDS_PER_EPOCH - 1)


TestTwoRatchets = TwoRatchets.TestCase
TestTwoRatchets.settings = settings(
    max_examples=40,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
