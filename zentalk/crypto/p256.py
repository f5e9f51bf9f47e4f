"""P-256 as Web Push needs it: ECDH for RFC 8291, and ES256 signatures for RFC 8292.

Nothing between zentalk's own programs uses this curve. Secret scalars are 32 bytes, public keys
are uncompressed points (SEC 1, section 2.3.3), signatures are r || s (RFC 7518, section 3.4).
"""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from zentalk.crypto.types import Secret
from zentalk.errors import AuthenticationError

SECRET_BYTES: Final = 32
PUBLIC_BYTES: Final = 65
SIGNATURE_BYTES: Final = 64
_CURVE: Final = ec.SECP256R1()
_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_HALF: Final = SIGNATURE_BYTES // 2


class P256Key:
    """A key pair; `repr` shows nothing of the secret."""

    __slots__ = ("_key", "public")

    def __init__(self, secret: bytes) -> None:
        # A scalar from 1 to the order less 1, whatever the 32 bytes are.
        scalar = int.from_bytes(secret, "big") % (_ORDER - 1) + 1
        self._key = ec.derive_private_key(scalar, _CURVE)
        self.public = self._key.public_key().public_bytes(
            Encoding.X962, PublicFormat.UncompressedPoint
        )

    @classmethod
    def of_scalar(cls, scalar: bytes) -> P256Key:
        """Return the key pair of a scalar as a standard writes it, 1 to the order less 1."""
        return cls((int.from_bytes(scalar, "big") - 1).to_bytes(SECRET_BYTES, "big"))

    def __repr__(self) -> str:
        return "<P-256 key>"

    def exchange(self, public: bytes) -> Secret:
        """Return the 32-byte shared secret; raises AuthenticationError as `check_public` does."""
        return Secret(self._key.exchange(ec.ECDH(), _public(public)))

    def sign(self, data: bytes) -> bytes:
        """Return the ES256 signature of data, always the same one (RFC 6979)."""
        algorithm = ec.ECDSA(SHA256(), deterministic_signing=True)
        r, s = utils.decode_dss_signature(self._key.sign(data, algorithm))
        return r.to_bytes(_HALF, "big") + s.to_bytes(_HALF, "big")


def check_public(public: bytes) -> None:
    """Raise AuthenticationError for bytes that are no uncompressed point of the curve."""
    _public(public)


def _public(public: bytes) -> ec.EllipticCurvePublicKey:
    if len(public) != PUBLIC_BYTES:
        raise AuthenticationError("the P-256 key is not usable")
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, public)
    except ValueError:
        raise AuthenticationError("the P-256 key is not usable") from None
