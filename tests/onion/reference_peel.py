"""A second implementation of peeling and of expanding an ack, from docs/spec/onion.md alone.

It uses nothing of zentalk and nothing but `hashlib` for SHAKE256; X25519 follows RFC 7748 and
ChaCha20-Poly1305 follows RFC 8439. It is slow and not constant-time: for comparison only.
"""

import hashlib
import struct

PACKET_SIZES = (2560, 33792)
EPOCH_SECONDS = 3600

# --- X25519, RFC 7748 section 5 ----------------------------------------------------------------

P = 2**255 - 19
A24 = 121665


def x25519(secret: bytes, public: bytes) -> bytes:
    k = int.from_bytes(secret, "little")
    k = k & ~7 & (2**255 - 1) | 2**254
    u = int.from_bytes(public, "little") & (2**255 - 1)
    x1, x2, z2, x3, z3, swap = u % P, 1, 0, u % P, 1, 0
    for t in range(254, -1, -1):
        bit = (k >> t) & 1
        if swap ^ bit:
            x2, x3, z2, z3 = x3, x2, z3, z2
        swap = bit
        a, b = (x2 + z2) % P, (x2 - z2) % P
        aa, bb = a * a % P, b * b % P
        e = (aa - bb) % P
        c, d = (x3 + z3) % P, (x3 - z3) % P
        da, cb = d * a % P, c * b % P
        x3 = (da + cb) * (da + cb) % P
        z3 = x1 * (da - cb) * (da - cb) % P
        x2 = aa * bb % P
        z2 = e * (aa + A24 * e) % P
    if swap:
        x2, z2 = x3, z3
    return (x2 * pow(z2, P - 2, P) % P).to_bytes(32, "little")


def x25519_public(secret: bytes) -> bytes:
    return x25519(secret, (9).to_bytes(32, "little"))


# --- ChaCha20-Poly1305, RFC 8439 sections 2.3 to 2.8 ---------------------------------------------


def rotate_left(value: int, count: int) -> int:
    return (value << count | value >> (32 - count)) & 0xFFFFFFFF


def quarter_round(s: list[int], a: int, b: int, c: int, d: int) -> None:
    for left, right, target, count in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
        s[left] = (s[left] + s[right]) & 0xFFFFFFFF
        s[target] = rotate_left(s[target] ^ s[left], count)


def chacha_block(key: bytes, counter: int, nonce: bytes) -> bytes:
    start = [
        *struct.unpack("<4I", b"expand 32-byte k"),
        *struct.unpack("<8I", key),
        counter,
        *struct.unpack("<3I", nonce),
    ]
    state = list(start)
    for _ in range(10):
        for column in range(4):
            quarter_round(state, column, 4 + column, 8 + column, 12 + column)
        for first, second, third, fourth in (
            (0, 5, 10, 15),
            (1, 6, 11, 12),
            (2, 7, 8, 13),
            (3, 4, 9, 14),
        ):
            quarter_round(state, first, second, third, fourth)
    return struct.pack("<16I", *((x + y) & 0xFFFFFFFF for x, y in zip(state, start, strict=True)))


def chacha20(key: bytes, data: bytes) -> bytes:
    out = b""
    for index in range(0, len(data), 64):
        block = chacha_block(key, 1 + index // 64, bytes(12))
        out += bytes(a ^ b for a, b in zip(data[index : index + 64], block, strict=False))
    return out


def poly1305(key: bytes, data: bytes) -> bytes:
    r = int.from_bytes(key[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    s = int.from_bytes(key[16:], "little")
    total = 0
    for index in range(0, len(data), 16):
        total = (total + int.from_bytes(data[index : index + 16] + b"\x01", "little")) * r
        total %= 2**130 - 5
    return ((total + s) % 2**128).to_bytes(16, "little")


def tag_of(key: bytes, aad: bytes, ciphertext: bytes) -> bytes:
    def padded(data: bytes) -> bytes:
        return data + bytes(-len(data) % 16)

    lengths = struct.pack("<QQ", len(aad), len(ciphertext))
    one_time = chacha_block(key, 0, bytes(12))[:32]
    return poly1305(one_time, padded(aad) + padded(ciphertext) + lengths)


# --- Relay, spec sections 3, 6 and 7 --------------------------------------------------------------


class ReferenceRelay:
    """One lane that has been running for long enough to hold the keys it is given."""

    def __init__(self, secrets: dict[int, bytes]) -> None:
        self.secrets = secrets
        self.seen: dict[int, set[bytes]] = {epoch: set() for epoch in secrets}

    def peel(self, packet: bytes, wall: float) -> tuple[object, ...]:
        """Return ("refused", reason), ("forward", id, lane, packet, delay) or
        ("deliver", service, payload, delay).
        """
        if len(packet) not in PACKET_SIZES or packet[0] != 0x01:
            return ("refused", "malformed")
        epoch = self.epoch_of(packet[1], wall)
        if epoch is None:
            return ("refused", "epoch")
        if epoch not in self.secrets:
            return ("refused", "undecryptable")

        secret = self.secrets[epoch]
        ct, body, tag = packet[2:34], packet[34:-16], packet[-16:]
        shared = x25519(secret, ct)
        if shared == bytes(32):
            return ("refused", "key")
        keys = hashlib.shake_256(
            b"zt-onion-v1" + packet[0:2] + shared + ct + x25519_public(secret)
        ).digest(136)
        aead_key, replay_tag, pad = keys[0:32], keys[32:48], keys[48:136]
        if replay_tag in self.seen[epoch]:
            return ("refused", "replay")
        if tag_of(aead_key, packet[0:2], body) != tag:
            return ("refused", "undecryptable")

        plaintext = chacha20(aead_key, body)
        action = self.act(plaintext, pad)
        if action[0] != "refused":
            self.seen[epoch].add(replay_tag)
        return action

    def epoch_of(self, epoch_byte: int, wall: float) -> int | None:
        now = int(wall // EPOCH_SECONDS)
        accepted = [now - 1, now]
        if wall >= EPOCH_SECONDS * (now + 1) - 300:
            accepted.append(now + 1)
        return next((epoch for epoch in accepted if epoch % 256 == epoch_byte), None)

    def act(self, plaintext: bytes, pad: bytes) -> tuple[object, ...]:
        command = plaintext[32]
        delay = int.from_bytes(plaintext[33:37], "big")
        if command > 3:
            return ("refused", "command")
        if delay > 60_000:
            return ("refused", "delay")
        if command == 0:
            next_id, epoch_byte, lane = plaintext[0:32], plaintext[37:38], plaintext[38]
            ct, tag, rest = plaintext[40:72], plaintext[72:88], plaintext[88:]
            if plaintext[39] != 0:
                return ("refused", "malformed")
            return ("forward", next_id, lane, b"\x01" + epoch_byte + ct + rest + pad + tag, delay)
        length = int.from_bytes(plaintext[40:44], "big")
        if plaintext[0:32] != bytes(32) or plaintext[37:40] != bytes(3):
            return ("refused", "malformed")
        if 44 + length > len(plaintext):
            return ("refused", "malformed")
        return ("deliver", command, plaintext[44 : 44 + length], delay)


# --- Compact ack, spec section 8 ------------------------------------------------------------------


def expand_ack(blob: bytes) -> bytes:
    """Return the S packet of a compact ack (330 bytes)."""
    assert len(blob) == 330
    assert blob[0] == 0x01
    head, tag, seed = blob[0:302], blob[302:318], blob[318:330]
    return head + hashlib.shake_256(b"zt-ack-body-v1" + seed + blob[2:34]).digest(2242) + tag
