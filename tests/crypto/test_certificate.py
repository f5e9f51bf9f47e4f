"""The certificate that says nothing: well-formed, self-signed, and the same for everybody."""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from zentalk.crypto.certificate import nameless_certificate


def test_others_can_read_it_and_it_is_signed_with_its_own_key() -> None:
    made = nameless_certificate(lambda size: b"\7" * size)
    read = x509.load_pem_x509_certificate(made.certificate)
    public, secret = read.public_key(), load_pem_private_key(made.secret_key, None)
    assert isinstance(public, Ed25519PublicKey)
    assert isinstance(secret, Ed25519PrivateKey)
    assert secret.public_key() == public
    assert secret.private_bytes_raw() == b"\7" * 32
    public.verify(read.signature, read.tbs_certificate_bytes)


def test_it_names_nobody_and_no_time() -> None:
    one, other = (nameless_certificate(lambda size, n=n: bytes([n]) * size) for n in (1, 2))  # type: ignore[misc]
    read = [x509.load_pem_x509_certificate(made.certificate) for made in (one, other)]
    for certificate in read:
        assert not list(certificate.subject)
        assert not list(certificate.issuer)
    same = [(c.serial_number, c.not_valid_before_utc, c.not_valid_after_utc) for c in read]
    assert same[0] == same[1]
    assert one.certificate != other.certificate


def test_its_key_does_not_show_itself() -> None:
    assert "PRIVATE" not in repr(nameless_certificate(bytes))
