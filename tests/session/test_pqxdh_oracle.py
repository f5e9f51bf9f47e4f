"""The X25519 half of PQXDH against the PyPI package `x3dh`, in both directions.

Covered: the conversion of Ed25519 identities, which keys meet in DH1..DH4, their order,
and the choice with and without a one-time key. The package runs its own X25519 and its
own key conversion (libxeddsa); only its HKDF is replaced by our hash with the KEM
secret left out, so that both sides end in the same 32 bytes. Not covered, because the
package has no such thing: the KEM, the associated data, our signatures.
"""

from typing import Any

import pytest
import x3dh
import x3dh.base_state
from x3dh.identity_key_pair import IdentityKeyPairSeed

from tests.session.support import Seeded, run
from zentalk.crypto import ed25519, x25519
from zentalk.crypto.ed25519 import SigningKey
from zentalk.session.pqxdh import initiator_exchanges, responder_exchanges, root_secret

_PADDING_BYTES = 32
_NO_KEM = b""


class OracleState(x3dh.BaseState):
    """An x3dh party; only how it encodes keys for its signatures is ours to choose."""

    @staticmethod
    def _encode_public_key(key_format: x3dh.IdentityKeyFormat, pub: bytes) -> bytes:
        return key_format.value.encode() + pub


@pytest.fixture(autouse=True)
def _our_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hkdf_derive(*ignored: Any) -> bytes:
        key_material: bytes = ignored[-1]
        assert key_material[:_PADDING_BYTES] == b"\xff" * _PADDING_BYTES
        return bytes(root_secret(key_material[_PADDING_BYTES:], _NO_KEM))

    monkeypatch.setattr("x3dh.base_state.CryptoProviderImpl.hkdf_derive", hkdf_derive)


def oracle(identity: SigningKey, one_time: int = 0) -> OracleState:
    state = OracleState.create(
        x3dh.IdentityKeyFormat.ED_25519,
        x3dh.HashFunction.SHA_256,
        b"zentalk oracle",
        IdentityKeyPairSeed(bytes(identity.seed)),
    )
    state.generate_pre_keys(one_time)
    return state


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("one_time", [0, 1])
def test_our_initiator_agrees_with_their_responder(seed: int, one_time: int) -> None:
    entropy = Seeded(f"initiator {seed}")
    alice, bob = SigningKey.generate(entropy), SigningKey.generate(entropy)
    theirs = oracle(bob, one_time)
    bundle = theirs.bundle
    assert bundle.identity_key == bob.public
    pre_key = next(iter(bundle.pre_keys), b"")
    ephemeral = x25519.generate(entropy)
    exchanged = initiator_exchanges(
        alice.to_x25519(),
        ephemeral,
        identity=ed25519.to_x25519_public(bundle.identity_key),
        signed_prekey=bundle.signed_pre_key,
        one_time=pre_key,
    )
    header = x3dh.Header(alice.public, ephemeral.public, bundle.signed_pre_key, pre_key or None)
    shared, _, _ = run(theirs.get_shared_secret_passive(header, b"", require_pre_key=False))
    assert shared == root_secret(exchanged, _NO_KEM)
    assert len(exchanged) == 32 * (3 + one_time)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("one_time", [0, 1])
def test_our_responder_agrees_with_their_initiator(seed: int, one_time: int) -> None:
    entropy = Seeded(f"responder {seed}")
    alice, bob = SigningKey.generate(entropy), SigningKey.generate(entropy)
    keys = oracle(bob, one_time)
    shared, _, header = run(
        oracle(alice).get_shared_secret_active(keys.bundle, b"", require_pre_key=False)
    )
    pre_key = next(iter(keys.model.pre_keys), None)
    exchanged = responder_exchanges(
        bob.to_x25519(),
        x25519.from_secret(keys.model.signed_pre_key.priv),
        None if pre_key is None else x25519.from_secret(pre_key),
        identity=ed25519.to_x25519_public(header.identity_key),
        ephemeral=header.ephemeral_key,
    )
    assert shared == root_secret(exchanged, _NO_KEM)


def test_control_the_oracle_notices_swapped_keys() -> None:
    entropy = Seeded("control")
    alice, bob = SigningKey.generate(entropy), SigningKey.generate(entropy)
    theirs = oracle(bob)
    ephemeral = x25519.generate(entropy)
    exchanged = initiator_exchanges(
        ephemeral,  # identity and ephemeral change places: DH1 and DH2 differ
        alice.to_x25519(),
        identity=ed25519.to_x25519_public(bob.public),
        signed_prekey=theirs.bundle.signed_pre_key,
        one_time=b"",
    )
    header = x3dh.Header(alice.public, ephemeral.public, theirs.bundle.signed_pre_key, None)
    shared, _, _ = run(theirs.get_shared_secret_passive(header, b"", require_pre_key=False))
    assert shared != root_secret(exchanged, _NO_KEM)
