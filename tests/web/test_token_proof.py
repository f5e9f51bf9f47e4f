"""The proof is worth something for one token, one nonce and one port."""

from zentalk.crypto.hashing import blake2b_256
from zentalk.crypto.labels import Label
from zentalk.web.token_proof import key_of, name_of, prove, proves

KEY = key_of("t" * 43)
NONCE = bytes(range(32))


def test_a_proof_proves_its_key_nonce_and_port() -> None:
    proof = prove(KEY, NONCE, 3001)
    assert proves(proof, KEY, NONCE, 3001)
    assert not proves(proof, key_of("u" * 43), NONCE, 3001)
    assert not proves(proof, KEY, bytes(32), 3001)
    assert not proves(proof, KEY, NONCE, 3002)
    assert not proves(b"", KEY, NONCE, 3001)


def test_the_key_is_what_a_node_keeps_of_a_devices_token() -> None:
    assert blake2b_256(Label.DEVICE_TOKEN, b"t" * 43) == KEY
    assert len(name_of(KEY)) == 16
    assert name_of(KEY) not in KEY
