"""Everything that zentalk.wire decodes, with valid inputs from the real encoders."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.directory.support import descriptor, identity, seeded
from tests.fuzz.target import Target, target
from tests.session.support import Person
from zentalk.crypto.labels import Label
from zentalk.errors import DecodeError, RefusedError, RemoteProtocolError
from zentalk.ids import (
    Day,
    DepositId,
    MailboxId,
    MessageId,
    NodeId,
    PrekeyId,
    SendId,
    UserAddress,
)
from zentalk.wire import (
    beacon,
    chat,
    content,
    deposit,
    devices,
    direct,
    echo,
    frames,
    introduction,
    invite,
    ip_address,
    message_link,
    network_state,
    prekeys,
    ratchet,
    rpc,
    rpc_direct,
    rpc_directory,
    rpc_mailbox,
    rpc_poll,
    rpc_prekeys,
    rpc_send_ids,
    text,
    user_record,
)
from zentalk.wire import descriptor as descriptors
from zentalk.wire import route as route_wire
from zentalk.wire.codec import Fields, pack, unpack
from zentalk.wire.deposit import ENVELOPE_SMALL_BYTES, Stamp
from zentalk.wire.text import RelayUri

SEND_ID = SendId(b"s" * 16)
MESSAGE_ID = MessageId(b"m" * 16)
NODE_ID = NodeId(b"n" * 32)
MAX_BYTES = 256 * 1024
HEADER = ratchet.InitialHeader(3, bytes(32), b"e" * 32, bytes(1088), 1, 2, 3)


def _codec() -> list[Target]:
    values: list[Any] = [
        None,
        [1, -5, True, "text", b"bytes", [], {"a": [None, 2**64 - 1]}],
        [bytes(300), "x" * 300, [0] * 20, {f"k{n}": n for n in range(20)}],
    ]
    return [
        target(
            unpack,
            [pack(value) for value in values],
            parse=lambda data: unpack(data, max_bytes=MAX_BYTES),
            again=pack,
        )
    ]


def _bodies() -> list[chat.Body]:
    address, at = UserAddress(b"u" * 32), chat.MessageTarget(UserAddress(b"u" * 32), MESSAGE_ID)
    return [
        chat.Edit(at, 1, "new"),
        chat.Deletion(at, 2),
        chat.Reaction(at, 3, "\u2764"),
        chat.Pin(at, 4, pinned=True),
        chat.Vote(at, 5, (0, 2)),
        chat.Timer(6, 60),
        chat.Read(MESSAGE_ID),
        chat.Typing(typing=True),
        chat.Presence(online=True),
        chat.Profile(7, "Alice", "away", b"picture"),
        chat.Card(address, "Carol"),
        chat.Poll("which?", ("this", "that"), multiple=False),
        chat.Sticker("\u2764", b"picture"),
        chat.Location(90_000_000, 180_000_000, "nowhere"),
        chat.FileCard(bytes(32), bytes(32), 7, "a", "image/png", b"x", 1, 1, 0, voice=False),
        chat.DirectConsent(8, allowed=True),
        chat.OfferSignal(b"offer"),
    ]


def _contents() -> list[Target]:
    route = route_wire.Route(3, (route_wire.RouteEntry(NODE_ID, SEND_ID, b"k" * 32),) * 2)
    made = [
        content.Content(
            content.TEXT, MESSAGE_ID, 5, 1_800_000_000_000, "hello \u00e9", route=route
        ),
        content.Content(content.CONFIRMATION, MESSAGE_ID, confirmed=(MESSAGE_ID,) * 3),
        content.Content(content.PART, MESSAGE_ID, part=content.Part(1, 3, b"p" * 90)),
        content.Content(content.ROUTE, MESSAGE_ID, route=route, route_seen=2),
        content.Content(content.NONE, MESSAGE_ID, ticket=b"w" * 16),
        *(content.Content(chat.kind_of(body), MESSAGE_ID, body=body) for body in _bodies()),
    ]
    unknown = pack({"v": 1, "k": "later", "i": MESSAGE_ID, "b": [1], "zz": {"a": 1}})
    return [
        target(
            content.decode_content,
            [*map(content.encode_content, made), unknown],
            why_not="a content keeps keys it does not know, and a map has no order of its own",
        ),
        target(
            route_wire.decode_route,
            [route_wire.encode_route(route), route_wire.encode_route(route_wire.Route(0, ()))],
            again=route_wire.encode_route,
            also=(route_wire.decode_route_value,),
        ),
    ]


def _deposits() -> list[Target]:
    ack = deposit.AckRoute(NODE_ID, 2, b"a" * deposit.COMPACT_ACK_BYTES)
    filler = b"f" * deposit.ACK_BYTES
    small, large = bytes(deposit.ENVELOPE_SMALL_BYTES), bytes(deposit.ENVELOPE_LARGE_BYTES)
    made = [
        deposit.Deposit(SEND_ID, DepositId(b"d" * 16), 3600, ack, small),
        deposit.Deposit(SEND_ID, DepositId(b"d" * 16), 86400, None, small),
        deposit.Deposit(SEND_ID, DepositId(b"d" * 16), 86400, ack, large),
    ]
    inners = [
        ratchet.Inner(
            header, bytes(ratchet.INNER_SMALL_BYTES - ratchet.INNER_KIND_BYTES - len(header))
        )
        for header in (b"", HEADER.to_bytes())
    ]
    return [
        target(
            deposit.decode_deposit,
            [deposit.encode_deposit(item, filler) for item in made],
            again_from=lambda item, data: deposit.encode_deposit(
                item, data[36 : 36 + deposit.ACK_BYTES]
            ),
        ),
        target(deposit.decode_stamp, [b"\x09nonce123"], again=deposit.encode_stamp),
        target(
            ratchet.decode_inner, [ratchet.encode_inner(item) for item in inners],
            again=ratchet.encode_inner,
        ),
    ]  # fmt: skip


def _descriptors() -> list[Target]:
    raw = descriptor(1).raw
    signed = Fields(unpack(raw, max_bytes=2048), "").blob(2048)
    key = identity(1)

    def sign(body: bytes) -> bytes:
        return pack([body, key.sign(Label.DESCRIPTOR, body)])

    return [
        target(descriptors.decode_descriptor, [raw], again=lambda found: bytes(found.raw)),
        target(
            descriptors.decode_descriptor,
            [signed],
            parse=lambda body: descriptors.decode_descriptor(sign(body)),
            again=lambda found: pack(descriptors._to_fields(found.body)),
        ),
    ]


def _devices() -> list[Target]:
    owner = identity(7)
    made = (
        devices.DeviceEntry(b"12345678", "phone \u00e9", b"h" * 32, 1_800_000_000),
        devices.DeviceEntry(b"87654321", "tv", b"t" * 32, 1, devices.DeviceScope.READ, b"12345678"),
    )
    old = pack([devices.OLD_FORMAT, [[b"12345678", "phone", b"h" * 32, 1_800_000_000]]])
    raw = devices.encode_devices(made, owner)
    signed = Fields(unpack(raw, max_bytes=16384), "").blob(16384)

    def sign(body: bytes) -> bytes:
        return pack([body, owner.sign(Label.DEVICE_LIST, body)])

    def again(found: tuple[devices.DeviceEntry, ...]) -> bytes:
        return Fields(
            unpack(devices.encode_devices(found, owner), max_bytes=16384), ""
        ).blob(16384)  # fmt: skip

    return [
        target(
            devices.decode_devices,
            [raw],
            parse=lambda data: devices.decode_devices(data, owner.public),
            again=lambda found: devices.encode_devices(found, owner),
        ),
        target(
            devices.decode_devices,
            [signed],
            parse=lambda body: devices.decode_devices(sign(body), owner.public),
            # What was written in the old format is written in the new one.
            again_from=lambda found, data: again(found) if data[1] == devices.FORMAT else data,
        ),
        target(
            devices.decode_devices,
            [old],
            parse=lambda body: devices.decode_devices(sign(body), owner.public),
            why_not="the old format is read and never written",
        ),
    ]


def _frames() -> list[Target]:
    made: list[frames.Frame] = [
        frames.Hello(),
        frames.Hello(descriptor(1).raw, b"s" * 64),
        frames.Hello(proof=b"p" * 32),
        frames.Open(7, NODE_ID, 2424, 65536),
        frames.Open(8, None, 0, 65536),
        frames.Opened(7, 65536),
        frames.Refused(7, "busy"),
        frames.Data(7, b"data" * 20),
        frames.Credit(7, 1000),
        frames.Close(7, "done"),
        frames.Bye("access"),
        frames.Ping(1),
        frames.Pong(2**32 - 1),
        frames.Rpc(0, 5, last=True, data=b"question"),
    ]
    records = [frames.encode_frame(frame) for frame in made]
    packet = frames.encode_frame(frames.Packet(bytes(frames.PACKET_SMALL_BYTES)))
    return [
        target(
            frames.parse_frames,
            [*records, b"".join(records) + bytes(40), packet + bytes(20)],
            again_from=lambda found, data: b"".join(map(frames.encode_frame, found)).ljust(
                len(data), b"\0"
            ),
        )
    ]


def _network_states() -> list[Target]:
    raws = tuple(descriptor(number).raw for number in (1, 2))
    hints = (RelayUri(identity(1).public, "relay.example", 9001),)
    state = network_state.NetworkState("local", [1, []], hints, raws, ((raws[0], raws[1]),))
    empty = network_state.NetworkState("local", None, (), ())
    return [
        target(
            network_state.decode_network_state,
            [network_state.encode_network_state(item) for item in (state, empty)],
            again=network_state.encode_network_state,
        )
    ]


def _prekeys() -> list[Target]:
    bob = Person.named("fuzz bob")
    full, drained = bob.bundle(), bob.bundle(one_time=False)
    assert full.one_time is not None
    records: list[tuple[Any, list[Any]]] = [
        (prekeys.SignedPrekey, [full.signed_prekey]),
        (prekeys.PqPrekey, [full.pq_prekey]),
        (prekeys.OneTimePrekey, [full.one_time]),
        (prekeys.PrekeyBundle, [full, drained]),
    ]
    return [
        target(
            kind.from_bytes,
            [item.to_bytes() for item in items],
            again=lambda item: bytes(item.to_bytes()),
        )
        for kind, items in records
    ]


def _ratchets() -> list[Target]:
    block = ratchet.PqBlock(ratchet.BlockKind.KEM_KEY, 3, b"k" * 1184)
    bodies = [
        ratchet.pack_body(b"content", None, 200),
        ratchet.pack_body(b"content", block, 1400),
    ]
    return [
        target(
            ratchet.InitialHeader.from_bytes,
            [HEADER.to_bytes(), HEADER._replace(one_time_id=None).to_bytes()],
            again=lambda header: bytes(header.to_bytes()),
        ),
        target(
            ratchet.MessageHeader.from_bytes,
            [ratchet.pack_header(b"p" * 32, 3, 4, 5)],
            again=lambda header: ratchet.pack_header(*header),
        ),
        target(
            ratchet.unpack_body,
            bodies,
            again_from=lambda found, data: ratchet.pack_body(found[0], found[1], len(data)),
        ),
    ]


def _asked(method: str, read: Callable[[Fields], Any]) -> Callable[[bytes], Any]:
    """Return a parser of whole questions of one method."""

    def parse(data: bytes) -> Any:
        found, fields = rpc.decode_call(data)
        if found != method:
            raise DecodeError("another method")
        return read(fields)

    return parse


def _calls() -> list[Target]:
    call = rpc.encode_call("mail.state", 1, b"two", ["three"])
    answer = rpc.encode_response(1, b"two")
    return [
        target(
            rpc.decode_call,
            [call],
            again=lambda found: rpc.encode_call(found[0], *found[1]._items[1:]),
        ),
        target(
            rpc.decode_response,
            [answer, rpc.encode_response()],
            again=lambda found: rpc.encode_response(*found._items[1:]),
            errors=(RemoteProtocolError, RefusedError),
        ),
    ]


def _question(
    method: str, read: Callable[[Fields], Any], encode: Callable[[Any], bytes], *values: Any
) -> Target:
    return target(
        read,
        [encode(value) for value in values],
        parse=_asked(method, read),
        again=encode,
    )


def _response(
    decode: Callable[..., Any],
    encode: Callable[..., bytes],
    *values: Any,
    asked: tuple[Any, ...] = (),
) -> Target:
    return target(
        decode,
        [encode(value) for value in values],
        parse=lambda data: decode(data, *asked),
        again=encode,
        errors=(RemoteProtocolError, RefusedError),
    )


def _directory() -> list[Target]:
    d = rpc_directory
    raws = [descriptor(number).raw for number in (1, 2)]
    record = bytes(user_record.RECORD_BYTES)
    return [
        _question(d.FIND, d.decode_find_request, d.encode_find_request, b"t" * 32),
        _question(
            d.ANNOUNCE,
            d.decode_announce,
            lambda items: rpc.encode_call(d.ANNOUNCE, items),
            raws,
            [],
        ),
        _question(
            d.EQUIVOCATION, d.decode_equivocation, lambda pair: d.encode_equivocation(*pair), raws
        ),
        _question(d.RECORD_PUT, d.decode_record_put_request, d.encode_record_put_request, record),
        _question(
            d.RECORD_OFFER,
            d.decode_record_offer_request,
            d.encode_record_offer_request,
            [d.Offered(b"k" * 32, Day(n), n, 14) for n in (0, 20_000)],
            [],
        ),
        _question(
            d.RECORD_GET,
            d.decode_record_get_request,
            lambda pair: d.encode_record_get_request(*pair),
            (b"k" * 32, Day(20_000)),
        ),
        _response(d.decode_find_response, d.encode_find_response, raws),
        _response(
            d.decode_snapshot_response,
            lambda value: d.encode_snapshot_response(*value),
            (b"", raws),
            (b"r" * 32, []),
        ),
        _response(d.decode_buckets_response, d.encode_buckets_response, [b"d" * 20] * 2),
        _response(
            d.decode_entries_response, d.encode_entries_response, [[b"d" * 20], []], asked=(2,)
        ),
        _response(d.decode_descriptors_response, d.encode_descriptors_response, raws, asked=(2,)),
        _question(
            d.SNAPSHOT,
            d.decode_snapshot_request,
            lambda _nothing: d.encode_snapshot_request(),
            None,
        ),
        _response(
            d.decode_record_put_response, lambda _nothing: d.encode_record_put_response(), None
        ),
        _question(d.BUCKETS, d.decode_buckets_request, d.encode_buckets_request, b"r" * 32),
        _question(
            d.ENTRIES,
            d.decode_entries_request,
            lambda pair: d.encode_entries_request(*pair),
            (b"r" * 32, [0, 5, 1023]),
        ),
        _question(
            d.DESCRIPTORS,
            d.decode_descriptors_request,
            d.encode_descriptors_request,
            [b"a" * 20, b"b" * 20],
        ),
        _response(d.decode_record_get_response, d.encode_record_get_response, record, b""),
        _response(
            d.decode_record_offer_response,
            d.encode_record_offer_response,
            [0, 2, 63],
            [],
            asked=(d.MAX_OFFERED,),
        ),
    ]


def _mailbox() -> list[Target]:
    m, s, p = rpc_mailbox, rpc_send_ids, rpc_prekeys
    entries = tuple(
        s.SendIdEntry(SendId(bytes([kind]) * 16), kind, Day(100), Day(200))
        for kind in s.SendIdKind
        if kind is not s.SendIdKind.SINK
    )
    payload = m.encode_token_payload(SEND_ID, b"t" * 32)
    states = [
        s.StateResponse(s.SendIdState.FULL, 0, 0),
        s.StateResponse(s.SendIdState.WORK, 20, 24),
    ]
    count = p.PrekeysCountResponse(99, True, (PrekeyId(b"k" * 16),))
    takes = [p.PrekeysTakeResponse(b"blob"), p.PrekeysTakeResponse(b"", 18)]
    return [
        _question(
            m.OPEN,
            m.decode_open_request,
            m.encode_open_request,
            m.OpenRequest(MailboxId(b"b" * 32), 2**40, b"s" * 64, 64, Stamp(9, b"nonce123")),
        ),
        _question(m.PRICE, m.decode_price_request, lambda _none: m.encode_price_request(), None),
        _question(
            m.PUSH,
            m.decode_push,
            m.encode_push,
            m.PushNotification(9, SEND_ID, bytes(1715), 470_000, DepositId(b"d" * 16)),
        ),
        _question(m.TOKEN, m.decode_token, m.encode_token, m.TokenNotification(SEND_ID, b"t" * 32)),
        _question(m.DEFER, m.decode_seqs, m.encode_defer_request, (1, 2, 2**64 - 1), ()),
        _question(m.ACK, m.decode_seqs, m.encode_ack, (1, 2, 2**64 - 1), ()),
        _question(
            s.SINKS,
            s.decode_sinks_request,
            lambda change: s.encode_sinks_request([entry.send_id for entry in change.add]),
            s.decode_sinks_request(rpc.decode_call(s.encode_sinks_request([SEND_ID]))[1]),
        ),
        _question(
            s.SEND_IDS,
            s.decode_send_ids_request,
            s.encode_send_ids_request,
            s.SendIdsRequest(entries, (SEND_ID, SEND_ID)),
        ),
        _question(
            p.PREKEYS_PUT,
            p.decode_prekeys_put_request,
            p.encode_prekeys_put_request,
            p.PrekeysPutRequest(
                (p.PoolPrekey(PrekeyId(b"k" * 16), b"one"),), (PrekeyId(b"l" * 16),)
            ),
        ),
        _question(
            p.PREKEYS_COUNT,
            p.decode_prekeys_count_request,
            lambda with_ids: p.encode_prekeys_count_request(with_ids=with_ids),
            True,
        ),
        _question(
            p.PREKEYS_TAKE,
            p.decode_prekeys_take_request,
            p.encode_prekeys_take_request,
            p.PrekeysTakeRequest(SEND_ID, b"q" * 16),
        ),
        _question(s.STATE, s.decode_state_request, s.encode_state_request, SEND_ID),
        target(
            m.decode_token_payload,
            [payload],
            again=lambda token: m.encode_token_payload(token.send_id, token.token),
        ),
        _response(m.decode_open_response, lambda _none: m.encode_open_response(), None),
        _response(m.decode_defer_response, lambda _none: m.encode_defer_response(), None),
        _response(m.decode_price_response, m.encode_price_response, 0, 22, 255),
        _response(s.decode_send_ids_response, lambda _none: s.encode_send_ids_response(), None),
        _response(p.decode_prekeys_put_response, p.encode_prekeys_put_response, 99),
        _response(p.decode_prekeys_count_response, p.encode_prekeys_count_response, count),
        _response(p.decode_prekeys_take_response, p.encode_prekeys_take_response, *takes),
        _response(s.decode_state_response, s.encode_state_response, *states),
    ]


def _polls() -> list[Target]:
    p, m = rpc_poll, rpc_mailbox
    response = p.PollResponse(
        (m.PushNotification(9, SEND_ID, bytes(1715), 470_000, DepositId(b"d" * 16)),),
        (m.TokenNotification(SEND_ID, b"t" * 32),),
    )
    return [
        _question(
            p.POLL, p.decode_poll_request, p.encode_poll_request, p.PollRequest((1, 2), large=True)
        ),
        target(
            p.decode_poll_response,
            [p.encode_poll_response(response, large=large) for large in (False, True)],
            why_not="the length of the fill is not kept",
            errors=(RemoteProtocolError, RefusedError),
        ),
    ]


def _texts() -> list[Target]:
    address = text.format_address(UserAddress(bytes(range(32))))
    invited = invite.InviteLink(UserAddress(bytes(range(32))), b"s" * 16)
    linked = message_link.MessageLink(UserAddress(bytes(range(32))), "5a" * 16)
    token = text.format_access_token(text.AccessToken(NODE_ID, b"s" * 32))
    uris = [
        text.format_relay_uri(RelayUri(identity(1).public, host, 9001))
        for host in ("relay.example", "127.0.0.1", "[::1]")
    ]
    places = ["relay.example:9001", "wss://relay.example/relay/link", "ws://[::1]:9101/relay/link"]
    uris += [f"{uris[0].partition('@')[0]}@{place}" for place in places[1:]]
    return [
        target(
            text.parse_address,
            [address.encode()],
            parse=lambda data: text.parse_address(data.decode("latin-1")),
            again=lambda found: text.format_address(found).encode("latin-1"),
        ),
        target(
            text.parse_relay_uri,
            [uri.encode() for uri in uris],
            parse=lambda data: text.parse_relay_uri(data.decode("latin-1")),
            again=lambda found: text.format_relay_uri(found).encode("latin-1"),
        ),
        target(
            text.parse_access_token,
            [token.encode()],
            parse=lambda data: text.parse_access_token(data.decode("latin-1")),
            again=lambda found: text.format_access_token(found).encode("latin-1"),
        ),
        target(
            text.parse_place,
            [place.encode() for place in places],
            parse=lambda data: text.parse_place(data.decode("latin-1")),
            again=lambda found: found.place.encode("latin-1"),
        ),
        target(
            invite.parse_invite,
            [invite.format_invite(invited).encode()],
            parse=lambda data: invite.parse_invite(data.decode("latin-1")),
            again=lambda found: invite.format_invite(found).encode("latin-1"),
        ),
        target(
            message_link.parse_message_link,
            [message_link.format_message_link(linked).encode()],
            parse=lambda data: message_link.parse_message_link(data.decode("latin-1")),
            again=lambda found: message_link.format_message_link(found).encode("latin-1"),
        ),
        target(
            invite.parse_address_or_invite,
            [invite.format_invite(invited).encode(), address.encode()],
            parse=lambda data: invite.parse_address_or_invite(data.decode("latin-1")),
            why_not="an address alone is written otherwise; the way back of each has its own row",
        ),
    ]


def _introductions() -> list[Target]:
    made = introduction.Introduction(UserAddress(bytes(range(32))), "Bob", b"s" * 16)
    return [
        target(
            introduction.read_introduction,
            [pack(introduction.introduction_body(made))],
            parse=lambda data: introduction.read_introduction(unpack(data, max_bytes=MAX_BYTES)),
            again=lambda found: pack(introduction.introduction_body(found)),
        )
    ]


def _records() -> list[Target]:
    owner = identity(3)
    box = user_record.MailboxEntry(NODE_ID, SEND_ID, b"k" * 32)
    contents = user_record.RecordContents((box, box), b"signed prekey", b"pq prekey")
    raw = user_record.seal_record(owner, Day(20_000), 5, contents, seeded("fuzz record"))
    address = UserAddress(owner.public)
    return [
        target(
            user_record.decode_record,
            [raw],
            parse=lambda data: user_record.open_record(user_record.decode_record(data), address),
            why_not="a record is sealed with fresh randomness",
            also=(user_record.open_record,),
        ),
        target(
            user_record._decode_contents,
            [user_record._encode_contents(contents)],
            again=user_record._encode_contents,
        ),
    ]


def _beacons(offer: bytes) -> list[Target]:
    entries = tuple(bytes([number]) * beacon.ENTRY_BYTES for number in range(beacon.ENTRIES))
    made = beacon.Beacon(15_000_000, b"n" * beacon.NONCE_BYTES, entries)
    sealed = bytes((beacon.NEAR_OFFER,)).ljust(beacon.NEAR_OFFER_BYTES, b"s")
    return [
        target(beacon.decode_beacon, [beacon.encode_beacon(made)], again=beacon.encode_beacon),
        target(beacon.decode_sealed_offer, [sealed], again=beacon.encode_sealed_offer),
        target(
            beacon.decode_near_offer,
            [
                beacon.encode_near_offer(beacon.NearOffer(bytes(beacon.NONCE_BYTES), data))
                for data in (b"", offer)
            ],
            again=beacon.encode_near_offer,
        ),
    ]


def _direct() -> list[Target]:
    tag, transaction = echo.network_tag("local"), b"transaction!"
    places = (("192.0.2.7", 9001), ("2001:db8::7", 65535))
    made = direct.DirectOffer(
        b"i" * 16, b"s" * 32, b"k" * 32, direct.Nat.STEADY,
        tuple(map(direct.DirectCandidate, direct.CandidateKind, places)),
    )  # fmt: skip
    probes = [
        direct.probe_head(kind, b"ztagzt8b", transaction) + b"m" * direct.MAC_BYTES
        for kind in direct.ProbeKind
    ]
    r = rpc_direct
    return [
        _question(
            r.MAIL,
            r.decode_mail_request,
            r.encode_mail_request,
            r.DirectMail(SEND_ID, bytes(ENVELOPE_SMALL_BYTES)),
        ),
        _response(r.decode_mail_response, lambda _none: r.encode_mail_response(), None),
        target(direct.decode_offer, [direct.encode_offer(made)], again=direct.encode_offer),
        target(
            direct.decode_probe,
            probes,
            again=lambda probe: direct.probe_head(*probe[:3]) + bytes(probe.mac),
        ),
        target(
            ip_address.unpack_address,
            [ip_address.pack_address(address) for address, _ in places],
            again=ip_address.pack_address,
        ),
        *_beacons(direct.encode_offer(made)),
        target(
            echo.decode_echo_question,
            [echo.encode_echo_question(tag, transaction)],
            parse=lambda data: echo.decode_echo_question(data, tag),
            again=lambda found: echo.encode_echo_question(tag, found),
        ),
        target(
            echo.decode_echo_answer,
            [echo.encode_echo_answer(tag, transaction, place) for place in places],
            parse=lambda data: echo.decode_echo_answer(data, tag),
            again=lambda found: echo.encode_echo_answer(tag, *found),
        ),
    ]


def wire_targets() -> list[Target]:
    """Return all of them."""
    groups = (
        _codec, _contents, _deposits, _descriptors, _devices, _frames, _network_states, _prekeys,
        _ratchets, _calls, _directory, _mailbox, _polls, _texts, _records,
        _introductions, _direct,
    )  # fmt: skip
    return [item for group in groups for item in group()]
