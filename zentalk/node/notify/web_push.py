"""What a push endpoint is sent: always the same nothing, and the headers of RFC 8030.

UnifiedPush asks for a body of 1 to 4,096 bytes that is encrypted as RFC 8291 says. Ours encrypts
no bytes at all, so each is 103 bytes long; a device that gave no keys gets one fixed byte. Neither
body nor headers depend on what happened, or on who wakes the device.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from zentalk.crypto.aead import NONCE_BYTES, aes_seal
from zentalk.crypto.hashing import hkdf_sha256
from zentalk.crypto.p256 import SECRET_BYTES, P256Key
from zentalk.crypto.types import Entropy
from zentalk.ids import DAY_SECONDS
from zentalk.mailbox.http_credentials import encode_base64

AUTH_BYTES: Final = 16
PLAIN_BODY: Final = b"1"
TTL_SECONDS: Final = 28 * DAY_SECONDS
"""For as long a push server that keeps messages may keep one; a newer one takes its place."""
TOPIC: Final = "wake"
SIGNED_SECONDS: Final = 12 * 3600
"""How long a signature of RFC 8292 holds; it allows 24 hours."""
_SALT_BYTES: Final = 16
_KEY_BYTES: Final = 16
_RECORD_BYTES: Final = 4_096
_LAST_RECORD: Final = b"\x02"
_HEADERS: Final = {
    "TTL": str(TTL_SECONDS),
    "Urgency": "normal",
    "Topic": TOPIC,
    "User-Agent": "web-push",
}


def seal(plaintext: bytes, client_key: bytes, auth: bytes, entropy: Entropy) -> bytes:
    """Return a message in the content coding aes128gcm (RFC 8188), keyed as RFC 8291 says.

    `client_key` and `auth` are what the device has made. Raises AuthenticationError if the key
    is none of the curve.
    """
    own, salt = P256Key(entropy(SECRET_BYTES)), entropy(_SALT_BYTES)
    return seal_with(own, salt, plaintext, client_key, auth)


def seal_with(own: P256Key, salt: bytes, plaintext: bytes, client_key: bytes, auth: bytes) -> bytes:
    """Do what `seal` does with a key pair and a salt that are given; each is used once only."""
    info = b"WebPush: info\x00" + client_key + own.public
    secret = hkdf_sha256(auth, own.exchange(client_key), info, 32)
    key = hkdf_sha256(salt, secret, b"Content-Encoding: aes128gcm\x00", _KEY_BYTES)
    nonce = hkdf_sha256(salt, secret, b"Content-Encoding: nonce\x00", NONCE_BYTES)
    head = salt + _RECORD_BYTES.to_bytes(4, "big") + bytes([len(own.public)]) + own.public
    return head + aes_seal(key, nonce, plaintext + _LAST_RECORD)


def signature(endpoint: str, key: P256Key, now: float) -> str:
    """Return the header Authorization of RFC 8292, which says that the bearer of a key asks.

    It names nobody: there is no `sub`. `now` is unix seconds.
    """
    parts = urlsplit(endpoint)
    claims = {"aud": f"{parts.scheme}://{parts.netloc}", "exp": int(now) + SIGNED_SECONDS}
    signed = f"{_part({'typ': 'JWT', 'alg': 'ES256'})}.{_part(claims)}"
    token = f"{signed}.{encode_base64(key.sign(signed.encode('ascii')))}"
    return f"vapid t={token}, k={encode_base64(key.public)}"


def body_of(client_key: bytes, auth: bytes, entropy: Entropy) -> bytes:
    """Return the body of a wake-up for a device with these keys, or without keys (empty)."""
    return seal(b"", client_key, auth, entropy) if client_key else PLAIN_BODY


def headers_of(client_key: bytes, authorization: str | None) -> dict[str, str]:
    """Return the headers of a wake-up."""
    coding = {"Content-Encoding": "aes128gcm"} if client_key else {}
    signed = {} if authorization is None else {"Authorization": authorization}
    return {**_HEADERS, "Content-Type": "application/octet-stream", **coding, **signed}


def _part(content: Mapping[str, object]) -> str:
    return encode_base64(json.dumps(content, separators=(",", ":")).encode("utf-8"))
