"""Onion packets against the raw primitives of the same libraries, and against `sphinxmix`.

Each round times both sides on the same packets, one right after the other, by CPU time: what else
runs on the machine shifts both. A row's ratio is the median over rounds.
"""

from __future__ import annotations

import gc
import hashlib
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from nacl import bindings

from zentalk.ids import EPOCH_SECONDS, Epoch, NodeId
from zentalk.onion.geometry import DEFAULT_HOPS, LARGE, SMALL, Geometry
from zentalk.onion.packet import DROP, DeliveryPlaintext, Hop
from zentalk.onion.peel import Peeler
from zentalk.onion.replay import SALT_BYTES, Capacity, ReplayFilter
from zentalk.onion.wrap import wrap

EPOCH = Epoch(472_223)
WALL = float(EPOCH * EPOCH_SECONDS + 60)
ROUNDS = 25
PACKETS = 100
PEEL_TARGET = 1.30
SPHINX_TARGET = 0.40
WRAP_TARGET = 1.5
TAGS = 500_000
"""Of one filter, none of them kept whole."""
FILTER_TARGET_BYTES = 15.0
SPHINX_BODY_BYTES = 2048

Row = dict[str, Any]


def rows() -> list[Row]:
    """Each row: name, median ratio, spread (the middle half) and target, or why it is skipped."""
    return [
        _row("peel S / raw X25519 + AEAD + KDF", PEEL_TARGET, lambda: _peel_round(SMALL)),
        _row("peel L / raw X25519 + AEAD + KDF", PEEL_TARGET, lambda: _peel_round(LARGE)),
        _sphinx_row(),
        *_filter_rows(),
        _row("wrap S, 3 hops / 3 x (keygen + X25519 + AEAD)", WRAP_TARGET, _wrap_round),
    ]


def _filter_rows() -> list[Row]:
    """What a full filter of digests takes in memory, and how long one tag takes: both asks."""
    seen = ReplayFilter(os.urandom(SALT_BYTES), Capacity(0, TAGS))
    tags = [os.urandom(16) for _ in range(TAGS)]

    def fill() -> None:
        for tag in tags:
            if tag not in seen:
                seen.insert(tag)

    spent = _seconds(fill)
    name = "replay filter, tags as digests"
    return [
        {
            "name": f"{name}: memory of each",
            "value": seen.size_bytes / len(seen),
            "unit": "bytes",
            "target": FILTER_TARGET_BYTES,
        },
        {
            "name": f"{name}: time of each",
            "value": spent / TAGS * 1e6,
            "unit": "us",
            "target": None,
        },
    ]


def _row(name: str, target: float, one_round: Callable[[], float]) -> Row:
    one_round()
    gc.collect()
    gc.disable()
    try:
        ratios = sorted(one_round() for _ in range(ROUNDS))
    finally:
        gc.enable()
    low, _, high = statistics.quantiles(ratios, n=4)
    return {
        "name": name,
        "ratio": statistics.median(ratios),
        "spread": [low, high],
        "target": target,
        "rounds": ROUNDS,
    }


def _seconds(work: Callable[[], None]) -> float:
    start = time.process_time_ns()
    work()
    return (time.process_time_ns() - start) / 1e9


class _Relay:
    """A peeler whose secret is known, so that the raw side can do the same work."""

    def __init__(self) -> None:
        self.secret = os.urandom(32)
        secrets = iter([self.secret, os.urandom(32)])
        self.peeler = Peeler()
        self.peeler.rotate(WALL, lambda _: next(secrets))
        self.public = self.peeler.keys_for_descriptor(EPOCH)[0]

    def hop(self) -> Hop:
        return Hop(NodeId(os.urandom(32)), self.public, EPOCH)


def _packets(geometry: Geometry, relay: _Relay) -> list[bytes]:
    hops = [relay.hop() for _ in range(DEFAULT_HOPS)]
    return [wrap(geometry, hops, DeliveryPlaintext(DROP, b""), os.urandom) for _ in range(PACKETS)]


def _peel_all(relay: _Relay, packets: list[bytes]) -> Callable[[], None]:
    def work() -> None:
        peel = relay.peeler.peel
        for packet in packets:
            peel(packet, WALL)

    return work


def _raw_all(relay: _Relay, packets: list[bytes]) -> Callable[[], None]:
    """The least that opens a packet: one exchange, one derivation, one AEAD."""
    nonce = bytes(12)

    def work() -> None:
        for packet in packets:
            ct = packet[2:34]
            shared = bindings.crypto_scalarmult(relay.secret, ct)
            derived = hashlib.shake_256(
                b"zt-onion-v1" + packet[:2] + shared + ct + relay.public
            ).digest(136)
            ChaCha20Poly1305(derived[:32]).decrypt(nonce, packet[34:], packet[:2])

    return work


def _peel_round(geometry: Geometry) -> float:
    relay = _Relay()
    packets = _packets(geometry, relay)
    return _seconds(_peel_all(relay, packets)) / _seconds(_raw_all(relay, packets))


def _wrap_round() -> float:
    relay = _Relay()
    hops = [relay.hop() for _ in range(DEFAULT_HOPS)]
    delivery = DeliveryPlaintext(DROP, os.urandom(1024))
    body, nonce = os.urandom(SMALL.body_bytes), bytes(12)

    def wrap_all() -> None:
        for _ in range(PACKETS):
            wrap(SMALL, hops, delivery, os.urandom)

    def raw_all() -> None:
        for _ in range(PACKETS * DEFAULT_HOPS):
            secret = os.urandom(32)
            bindings.crypto_scalarmult_base(secret)
            shared = bindings.crypto_scalarmult(secret, relay.public)
            ChaCha20Poly1305(shared).encrypt(nonce, body, b"12")

    return _seconds(wrap_all) / _seconds(raw_all)


def _sphinx_row() -> Row:
    name = f"peel S / sphinxmix unwrap, {SPHINX_BODY_BYTES} B body"
    try:
        from sphinxmix.SphinxClient import (  # noqa: PLC0415
            Nenc,
            create_forward_message,
            pki_entry,
            rand_subset,
        )
        from sphinxmix.SphinxNode import sphinx_process  # noqa: PLC0415
        from sphinxmix.SphinxParams import SphinxParams  # noqa: PLC0415
    except ImportError as error:
        return {"name": name, "target": SPHINX_TARGET, "skipped": f"sphinxmix: {error}"}

    params = SphinxParams(header_len=192, body_len=SPHINX_BODY_BYTES)
    directory = {}
    for number in range(10):
        secret = params.group.gensecret()
        directory[number] = pki_entry(number, secret, params.group.expon_base([secret]))
    used = rand_subset(directory.keys(), DEFAULT_HOPS)
    route = [Nenc(number) for number in used]
    keys = [directory[number].y for number in used]
    header, delta = create_forward_message(params, route, keys, b"bob", b"hello")
    first_secret = directory[used[0]].x

    def sphinx_all() -> None:
        for _ in range(PACKETS):
            sphinx_process(params, first_secret, header, delta)

    def one_round() -> float:
        relay = _Relay()
        packets = _packets(SMALL, relay)
        return _seconds(_peel_all(relay, packets)) / _seconds(sphinx_all)

    return _row(name, SPHINX_TARGET, one_round)
