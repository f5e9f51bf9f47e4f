"""The bytes of a wake-up: against the vectors of RFC 8291 and RFC 8292, and opened again."""

from __future__ import annotations

import json

from zentalk.crypto.aead import aes_open
from zentalk.crypto.hashing import hkdf_sha256
from zentalk.crypto.p256 import P256Key
from zentalk.mailbox.http_credentials import decode_base64_any
from zentalk.net.runtime import seeded_entropy
from zentalk.node.notify import web_push

# RFC 8291, section 5 and appendix A.
CLIENT = P256Key.of_scalar(decode_base64_any("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"))
CLIENT_KEY = decode_base64_any(
    "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
)
SERVER = P256Key.of_scalar(decode_base64_any("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"))
AUTH = decode_base64_any("BTBZMqHH6r4Tts7J_aSIgg")
SALT = decode_base64_any("DGv6ra1nlYgDCS1FRnbzlw")
SEALED = decode_base64_any(
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS"
    "6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qu"
    "lcy4a-fN"
)
# RFC 8292, section 2.4.
SIGNED = (
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9.eyJhdWQiOiJodHRwczovL3B1c2guZXhhbXBsZS5uZXQiLCJleHAiOjE0"
)


def opened(body: bytes) -> bytes:
    """What the device reads: RFC 8188 section 2, with one record."""
    salt, size, length = body[:16], int.from_bytes(body[16:20], "big"), body[20]
    public = body[21 : 21 + length]
    assert len(body) <= size
    info = b"WebPush: info\x00" + CLIENT_KEY + public
    secret = hkdf_sha256(AUTH, CLIENT.exchange(public), info, 32)
    key = hkdf_sha256(salt, secret, b"Content-Encoding: aes128gcm\x00", 16)
    nonce = hkdf_sha256(salt, secret, b"Content-Encoding: nonce\x00", 12)
    plain = aes_open(key, nonce, body[21 + length :])
    assert plain.endswith(b"\x02"), "the last record"
    return plain[:-1]


def test_the_example_of_rfc_8291() -> None:
    text = b"When I grow up, I want to be a watermelon"
    assert CLIENT.public == CLIENT_KEY
    assert web_push.seal_with(SERVER, SALT, text, CLIENT_KEY, AUTH) == SEALED
    assert opened(SEALED) == text


def test_a_wake_up_holds_nothing_and_each_looks_like_the_other() -> None:
    entropy = seeded_entropy(b"x")
    bodies = [web_push.body_of(CLIENT_KEY, AUTH, entropy) for _ in range(3)]
    assert [opened(body) for body in bodies] == [b""] * 3
    assert {len(body) for body in bodies} == {103}
    assert len(set(bodies)) == 3
    assert 1 <= len(web_push.body_of(b"", b"", entropy)) <= 4096, "UnifiedPush: at least one byte"


def test_headers_say_nothing_of_what_happened() -> None:
    plain, sealed = web_push.headers_of(b"", None), web_push.headers_of(CLIENT_KEY, "vapid t=1")
    assert plain == {
        "TTL": "2419200",
        "Urgency": "normal",
        "Topic": "wake",
        "User-Agent": "web-push",
        "Content-Type": "application/octet-stream",
    }
    assert sealed == {**plain, "Content-Encoding": "aes128gcm", "Authorization": "vapid t=1"}


def test_the_signature_of_rfc_8292() -> None:
    key = P256Key(b"k" * 32)
    shown = web_push.signature("https://push.example.net/p/JzLQ3r?up=1", key, 1453480568.9)
    scheme, _, rest = shown.partition(" ")
    token, public = (each.partition("=")[2] for each in rest.split(", "))
    assert scheme == "vapid"
    assert decode_base64_any(public) == key.public
    signed, _, made = token.rpartition(".")
    assert signed.startswith(SIGNED)
    assert decode_base64_any(made) == key.sign(signed.encode())
    claims = json.loads(decode_base64_any(signed.partition(".")[2]))
    assert claims == {"aud": "https://push.example.net", "exp": 1453523768}
