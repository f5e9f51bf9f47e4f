"""What the cores and programs read: links, packets, ratchets, files, answers of an API node."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx

from tests.fuzz.target import Target, target
from tests.link import support as links
from tests.onion.support import WALL, Row, seeded
from tests.session.support import S_ENVELOPE_BYTES, Person, Seeded, session, talk
from zentalk.client import calls, parsing, sse
from zentalk.client.errors import ApiError
from zentalk.config import loading
from zentalk.config.files import write_private
from zentalk.crypto.ed25519 import SigningKey
from zentalk.crypto.noise import CounterCipher
from zentalk.errors import AuthenticationError, ConfigError, ZentalkError
from zentalk.ids import NodeId, SendId
from zentalk.link import records
from zentalk.link.link import Link
from zentalk.link.traffic import Traffic
from zentalk.node.messages import routes as sealing
from zentalk.onion import ack, packet
from zentalk.onion.geometry import LARGE, SMALL
from zentalk.onion.guard_state import GuardEntry, GuardState, Middle
from zentalk.onion.packet import ACK_TOKEN, DEPOSIT, DeliveryPlaintext
from zentalk.onion.peel import Peeler
from zentalk.onion.wrap import header_starts, wrap
from zentalk.relay import status
from zentalk.session import pqxdh, safety, saved
from zentalk.session.ratchet import Ratchet
from zentalk.store import key_file
from zentalk.web import token as api_token
from zentalk.wire.codec import pack, unpack
from zentalk.wire.frames import Hello, Packet, Ping, encode_frame
from zentalk.wire.ratchet import INNER_SMALL_BYTES, InitialHeader

# --- links -------------------------------------------------------------------------------------


def _opener(make: Callable[[CounterCipher], records.Opener], seal: Callable[..., Any]) -> Target:
    def cipher() -> CounterCipher:
        return CounterCipher(b"k" * 32)

    frames = [encode_frame(Ping(1)), encode_frame(Packet(bytes(2560)))]
    sealer = seal(cipher())
    opener = make(cipher())
    return target(
        type(opener).feed,
        [sealer.seal(frames[:1]), seal(cipher()).seal(frames)],
        parse=lambda data: make(cipher()).feed(data),
        why_not="what is not authentic does not open, and what is has one plaintext",
    )


def _receiving(link: Link, data: bytes) -> Any:
    events = link.receive(data)
    links.drain(link)
    return events


def _handshakes() -> list[Target]:
    """Every state of a link that waits; units made by a peer with proper keys."""
    repeats = "a link holds ephemeral keys: it repeats nothing"

    def second(data: bytes) -> Any:
        """Change the answer that this initiator waits for where `data` differs from an old one."""
        left, right = links.initiator(), links.responder()
        right.receive(links.drain(left))
        fresh = links.drain(right)
        changed = [
            new if old == byte else byte
            for new, old, byte in zip(fresh, template, data, strict=False)
        ]
        return _receiving(left, bytes(changed) + data[len(changed) :])

    def hello(frames: bytes) -> Any:
        left, right = links.initiator(), links.responder()
        right.receive(links.drain(left))
        left.receive(links.drain(right))
        cipher = left._noise.split()[0]
        return _receiving(right, records.UnitSealer(cipher, 0).seal([frames[:30_000]]))

    asking = links.responder()
    first = links.drain(links.initiator())
    asking.receive(first)
    template = links.drain(asking)
    return [
        target(
            Link.receive,
            [first],
            parse=lambda data: _receiving(links.responder(), data),
            why_not=repeats,
        ),
        target(Link.receive, [template], parse=second, why_not=repeats),
        target(
            Link.receive,
            [encode_frame(Hello()), encode_frame(Hello(proof=b"p" * 32))],
            parse=hello,
            why_not=repeats,
        ),
    ]


def _traffic(*, fixed_units: bool) -> Target:
    """What a peer with proper keys sends on an open link."""

    def end(key: int) -> Traffic:
        keys = (CounterCipher(bytes([key]) * 32), CounterCipher(bytes([1 - key]) * 32))
        return Traffic(keys, initiator=key == 0, fixed_units=fixed_units, depth=0)

    asking = end(0)
    asking.notify(b"n")
    asking.request(b"question")
    asking.streams.open(None, 0)
    asking.ping(1)
    plain = end(1)._opener.feed(asking.data_to_send())

    def parse(frames: bytes) -> Any:
        receiver = end(1)
        if not frames:
            return []
        events = receiver.receive(end(0)._sealer.seal([frames[:30_000]]))
        while receiver.data_to_send():
            pass
        return events

    return target(
        Traffic.receive, plain, parse=parse, why_not="frames become events, and events no frames"
    )


def _links() -> list[Target]:
    return [
        *_handshakes(),
        _opener(lambda cipher: records.UnitOpener(cipher, 0), lambda c: records.UnitSealer(c, 0)),
        _opener(records.RecordOpener, records.RecordSealer),
        _traffic(fixed_units=True),
        _traffic(fixed_units=False),
    ]


# --- packets -----------------------------------------------------------------------------------


def _packets() -> list[Target]:
    row = Row(3)
    hops = row.hops()
    entropy = seeded(b"fuzz packets")
    small = wrap(SMALL, hops, DeliveryPlaintext(DEPOSIT, bytes(2114)), entropy)
    large = wrap(LARGE, hops[:2], DeliveryPlaintext(DEPOSIT, bytes(33_346)), entropy)
    blob = ack.build_ack(hops, SendId(b"s" * 16), b"t" * 32, entropy).blob

    def peel(data: bytes) -> Any:
        first = Peeler()
        first.rotate(WALL, seeded(b"row"))  # the keys of the row's first relay, nothing replayed
        return first.peel(data, WALL)

    start, *_, last = header_starts(hops, ACK_TOKEN, 48)
    forward, delivery = start + b"c" * 32 + b"t" * 16 + bytes(2000), last + bytes(2000)
    return [
        target(Peeler.peel, [small, large], parse=peel, why_not="a layer is taken off for good"),
        target(packet.read_plaintext, [forward, delivery], parse=lambda data: packet.read_plaintext(
            data.ljust(2462, b"\0")[:2462]), why_not="the fill behind a payload is dropped"),
        target(
            ack.expand_ack,
            [blob],
            again_from=lambda _found, data: data,
        ),
        target(
            ack.read_ack_token,
            [b"s" * 16 + b"t" * 32],
            again=lambda found: bytes(found.send_id + found.token),
        ),
    ]  # fmt: skip


def _guards() -> list[Target]:
    nodes = [NodeId(bytes([number]) * 32) for number in range(4)]
    state = GuardState(
        (
            GuardEntry(nodes[0], 1_800_000_000, pinned=True),
            GuardEntry(nodes[1], 1_800_000_000, False, 5, 6, 7, (Middle(nodes[2], 9),)),
        )
    )
    return [
        target(
            GuardState.from_value,
            [pack(state.to_value()), pack(GuardState().to_value())],
            parse=lambda data: GuardState.from_value(unpack(data, max_bytes=65536)),
            again=lambda found: pack(found.to_value()),
        )
    ]


# --- sessions ----------------------------------------------------------------------------------


def _sessions() -> list[Target]:
    fresh = session("fuzz")
    sides = talk(fresh, 3)
    ahead, skipped = sides.alice, b""
    for _ in range(4):
        ahead, skipped = ahead.encrypt(b"out of order", Seeded("fuzz ahead"), S_ENVELOPE_BYTES)
    behind, _ = sides.bob.decrypt(skipped)
    states = [side.to_bytes() for side in (*fresh, *sides, behind)]
    bob, alice = Person.named("fuzz bob"), Person.named("fuzz alice")
    begun = pqxdh.initiate(alice.identity, bob.bundle(), Seeded("fuzz first"))
    keys = bob.responder_keys(one_time=True)
    outer, (deposit_secret, deposit_key) = b"o" * 32, bob.keys.signed_prekey
    body = bytes(INNER_SMALL_BYTES)
    return [
        target(
            saved.state_from_bytes,
            states,
            again=saved.state_to_bytes,
        ),
        target(Ratchet.from_bytes, states, again=lambda found: bytes(found.to_bytes())),
        target(Ratchet.decrypt, [skipped], parse=behind_of(sides.bob), why_not="it moves on"),
        target(
            pqxdh.respond,
            [begun.header.to_bytes()],
            parse=lambda data: pqxdh.respond(bob.identity, InitialHeader.from_bytes(data), keys),
            why_not="a secret comes out of it",
        ),
        target(
            sealing.open_from_contact,
            [sealing.seal_to_contact(outer, body, Seeded("fuzz seal"))],
            parse=lambda data: sealing.open_from_contact(outer, data),
            why_not="seals are made with fresh randomness",
            errors=(AuthenticationError,),
        ),
        target(
            sealing.open_from_public,
            [sealing.seal_to_public(deposit_key, body, Seeded("fuzz seal"))],
            parse=lambda data: sealing.open_from_public(bytes(deposit_secret), data),
            why_not="seals are made with fresh randomness",
            errors=(AuthenticationError,),
        ),
        target(
            safety.read_safety_number,
            [safety.qr_text("12345" * 12).encode()],
            parse=lambda data: safety.read_safety_number(data.decode("latin-1")),
            why_not="people write a number with spaces, and with hyphens",
        ),
    ]


def behind_of(ratchet: Ratchet) -> Callable[[bytes], Any]:
    """Return what decrypts with one state, always the same."""
    return lambda envelope: ratchet.decrypt(envelope)[1]


# --- files, and JSON ---------------------------------------------------------------------------


def _in_file(folder: Path, name: str, load: Callable[[Path], Any]) -> Callable[[bytes], Any]:
    """Return a parser that finds its input in a file of a folder."""
    folder.mkdir(mode=0o700)
    path = folder / name
    write_private(path, b"")

    def parse(data: bytes) -> Any:
        path.write_bytes(data)
        return load(folder)

    return parse


RELAY_TOML = b"""\
program = "relay"
host = "127.0.0.1"
port = 9001
network = "local"
bootstraps = []
"""
API_TOML = b'program = "api"\nport = 3001\nname = "Alice"\nbootstraps = []\n'


def _files(root: Path) -> list[Target]:
    read_once = "a file written by hand has no one form"
    shown = status.RelayStatus(
        running=True, state="ready", pid=2**22, port=9001, uri="zt-relay:", network="local",
        version="0.1", started_at=0, counters={"packets": 10},
    )  # fmt: skip
    status_json = json.dumps(asdict(shown) | {"process": "mark"}).encode()
    key = SigningKey(b"k" * 32)
    return [
        target(
            loading.load_relay_settings,
            [RELAY_TOML],
            parse=_in_file(
                root / "relay", "config.toml", lambda at: loading.load_relay_settings(at, {})
            ),
            why_not=read_once,
            errors=(ConfigError,),
        ),
        target(
            loading.load_api_settings,
            [API_TOML],
            parse=_in_file(
                root / "api", "config.toml", lambda at: loading.load_api_settings(at, {})
            ),
            why_not=read_once,
            errors=(ConfigError,),
        ),
        target(
            key_file.load_identity,
            [key_file._encode(key)],
            parse=_in_file(root / "key", key_file.KEY_FILE_NAME, key_file.load_identity),
            again=key_file._encode,
            errors=(ConfigError,),
        ),
        target(
            api_token.load_token,
            [b"t" * 43 + b"\n"],
            parse=_in_file(root / "token", api_token.TOKEN_FILE, api_token.load_token),
            why_not="white space around a token is dropped",
            errors=(ConfigError,),
        ),
        target(
            status.read_status,
            [status_json],
            parse=_in_file(root / "status", status.STATUS_FILE, status.read_status),
            why_not=read_once,
            errors=(ConfigError,),
        ),
    ]


EVENT = {"seq": 7, "type": "message", "at": 1.5, "data": {"id": "m", "text": "hello \u00e9"}}
MESSAGE = {
    "id": "m",
    "seq": 1,
    "conversation": "zt1",
    "direction": "in",
    "kind": "text",
    "text": "text \u00e9",
    "state": "received",
    "reason": "",
    "sent_at": 1.5,
    "missing": 0,
}


def _answer(call: calls.Call[Any], status_code: int) -> Callable[[bytes], Any]:
    def parse(data: bytes) -> Any:
        response = httpx.Response(
            status_code, content=data, headers={"content-type": "application/json"}
        )
        return calls.read_answer(call, response)

    return parse


def _refusal(call: calls.Call[Any]) -> Callable[[bytes], Any]:
    read = _answer(call, 404)

    def parse(data: bytes) -> Any:
        try:
            return read(data)
        except ZentalkError as error:
            return error

    return parse


def _clients() -> list[Target]:
    as_read = "an answer may hold more than this version knows"
    stream = b": hello\n\nid: 7\ndata: " + json.dumps(EVENT).encode() + b"\n\n"
    page = json.dumps({"messages": [MESSAGE]}).encode()
    problem = json.dumps({"type": "about:blank", "detail": "no", "status": 404}).encode()
    some = calls.messages("zt1", None, 10)
    return [
        target(
            sse.EventParser.feed,
            [stream, b"retry: 1000\n\n" + stream],
            parse=lambda data: sse.EventParser().feed(data),
            why_not=as_read,
            errors=(ApiError,),
        ),
        target(
            calls.read_answer,
            [page],
            parse=_answer(some, 200),
            why_not=as_read,
            errors=(ApiError,),
            also=(parsing.parse,),
        ),
        target(
            calls.read_answer,
            [problem],
            parse=_refusal(some),
            why_not="an answer that is an error becomes an exception",
        ),
    ]


def core_targets(folder: Path) -> list[Target]:
    """Return all of them; `folder` is for the files that some of them read."""
    return [*_links(), *_packets(), *_guards(), *_sessions(), *_files(folder), *_clients()]
