from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.directory.support import EPOCH, descriptor, identity
from zentalk.crypto.labels import Label
from zentalk.errors import AuthenticationError, DecodeError, RemoteProtocolError
from zentalk.ids import Epoch
from zentalk.wire.codec import pack, unpack
from zentalk.wire.descriptor import (
    FORMAT_OF_SEVERAL,
    FORMAT_WITH_DOORS,
    MAX_DESCRIPTOR_BYTES,
    MAX_DOORS,
    MAX_HOSTS,
    MAX_HOSTS_CHARS,
    MAX_LANES,
    DescriptorBody,
    Lane,
    WebDoor,
    decode_descriptor,
    node_id_of,
    sign_descriptor,
)
from zentalk.wire.host import is_host, is_unspecified
from zentalk.wire.text import RelayUri, Scheme

KEY = identity(1)
LONG_NAME = ".".join(["h" * 61] * 4) + ".hhhhh"
lanes = st.builds(
    Lane,
    st.integers(0, 65535),
    st.binary(min_size=32, max_size=32),
    st.binary(min_size=32, max_size=32),
)
labels = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9-]{0,10}[A-Za-z0-9])?", fullmatch=True)
names = (
    st.lists(labels, min_size=1, max_size=4)
    .map(".".join)
    .filter(lambda host: is_host(host) and not is_unspecified(host))
)
addresses = (st.ip_addresses(v=4).map(str) | st.ip_addresses(v=6).map("[{}]".format)).filter(
    lambda host: not is_unspecified(host)
)
paths = st.from_regex(r"(/[a-z0-9_-]{1,9}){1,3}", fullmatch=True)
doors = st.builds(WebDoor, st.booleans(), st.integers(1, 65535), paths)
bodies = st.builds(
    DescriptorBody,
    network=st.text(max_size=8),
    identity=st.just(KEY.public),
    host=names | addresses,
    lanes=st.lists(lanes, min_size=1, max_size=MAX_LANES).map(tuple),
    roles=st.integers(0, 255),
    family=st.binary(max_size=32),
    max_links=st.integers(0, 2**32 - 1),
    version=st.text(max_size=8),
    epoch=st.integers(0, 2**32 - 1).map(Epoch),
    boot=st.integers(0, 2**64 - 1),
    further_hosts=st.lists(names | addresses, max_size=MAX_HOSTS - 1, unique=True).map(tuple),
    doors=st.lists(doors, max_size=MAX_DOORS, unique=True).map(tuple),
).filter(lambda body: body.host not in body.further_hosts)


@given(bodies)
def test_what_is_signed_comes_out_again(body: DescriptorBody) -> None:
    signed = sign_descriptor(KEY, body)
    assert decode_descriptor(signed.raw) == signed
    assert signed.node_id == node_id_of(KEY.public)
    assert signed.order == (body.boot, body.epoch)


def test_k8_any_changed_bit_is_refused() -> None:
    raw = descriptor(1).raw
    for index in range(len(raw)):
        broken = raw[:index] + bytes([raw[index] ^ (1 << index % 8)]) + raw[index + 1 :]
        with pytest.raises(RemoteProtocolError):
            decode_descriptor(broken)


@given(st.binary(max_size=600))
def test_garbage_is_a_remote_error(raw: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        decode_descriptor(raw)


def test_truncation_and_trailing_bytes_are_refused() -> None:
    raw = descriptor(1).raw
    for bad in (raw[:-1], raw + b"\x00", b"", bytes(MAX_DESCRIPTOR_BYTES + 1)):
        with pytest.raises(DecodeError):
            decode_descriptor(bad)


def test_someone_elses_signature_is_refused() -> None:
    body = descriptor(1).body
    with pytest.raises(AuthenticationError):
        decode_descriptor(sign_descriptor(identity(2), body).raw)


def resigned(change: dict[str, object]) -> bytes:
    return sign_descriptor(KEY, replace(descriptor(1, key=KEY).body, **change)).raw  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "change",
    [
        {"lanes": ()},
        {"lanes": (Lane(1, bytes(32), bytes(32)),) * (MAX_LANES + 1)},
        {"lanes": (Lane(65536, bytes(32), bytes(32)),)},
        {"lanes": (Lane(1, bytes(31), bytes(32)),)},
        {"host": ".".join(["x" * 60] * 5)},
        {"host": "x" * 64 + ".net"},
        {"host": "a..b"},
        {"host": ""},
        {"host": "relay.net\0"},
        {"host": "relay.net\n"},
        {"host": "\x1b[2J"},
        {"host": "\u00e9" * 70},
        {"further_hosts": ("0.0.0.0",)},
        {"further_hosts": ("::1",)},
        {"further_hosts": (descriptor(1).host,)},
        {"further_hosts": ("b.net", "b.net")},
        {"further_hosts": ("b.net", "c.net", "d.net", "e.net")},
        {"further_hosts": (LONG_NAME, "b" + LONG_NAME[1:], "c.net")},
        {"doors": (WebDoor(False, 0, "/relay/link"),)},
        {"doors": (WebDoor(False, 65536, "/relay/link"),)},
        {"doors": (WebDoor(False, 1, ""),)},
        {"doors": (WebDoor(False, 1, "relay"),)},
        {"doors": (WebDoor(False, 1, "/a/../b"),)},
        {"doors": (WebDoor(False, 1, "/a b"),)},
        {"doors": (WebDoor(False, 1, "/" + "a" * 32),)},
        {"doors": (WebDoor(False, 1, "/a"),) * 2},
        {"doors": tuple(WebDoor(False, port, "/a") for port in (1, 2, 3))},
        {"network": "x" * 33},
        {"family": bytes(33)},
        {"version": "x" * 33},
        {"roles": 256},
        {"max_links": 2**32},
        {"epoch": 2**32},
    ],
    ids=str,
)
def test_well_signed_fields_out_of_bounds_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(DecodeError):
        decode_descriptor(resigned(change))


def test_the_largest_descriptor_fits_its_limit() -> None:
    body = replace(
        descriptor(1, key=KEY).body,
        network="n" * 32,
        host=LONG_NAME,
        lanes=(Lane(65535, bytes(32), bytes(32)),) * MAX_LANES,
        family=bytes(32),
        max_links=2**32 - 1,
        version="v" * 32,
        epoch=Epoch(2**32 - 1),
        boot=2**64 - 1,
        further_hosts=("a" + LONG_NAME[1:], "b.net", "x"),
        doors=tuple(WebDoor(True, 65535 - number, "/" + "p" * 31) for number in range(MAX_DOORS)),
    )
    assert sum(map(len, body.hosts)) == MAX_HOSTS_CHARS
    raw = sign_descriptor(KEY, body).raw
    assert len(raw) <= MAX_DESCRIPTOR_BYTES
    assert decode_descriptor(raw).body == body


def test_an_unknown_format_is_refused() -> None:
    signed = pack([FORMAT_WITH_DOORS + 1])
    raw = pack([signed, KEY.sign(Label.DESCRIPTOR, signed)])
    with pytest.raises(DecodeError, match="format"):
        decode_descriptor(raw)


def test_mix_keys_are_for_this_epoch_and_the_next() -> None:
    one = descriptor(1)
    assert one.mix_key(0, EPOCH) == one.lanes[0].mix_key
    assert one.mix_key(0, EPOCH + 1) == one.lanes[0].next_mix_key
    assert one.mix_key(0, EPOCH - 1) is None
    assert one.mix_key(0, EPOCH + 2) is None
    assert one.mix_key(1, EPOCH) is None
    assert one.mix_key(-1, EPOCH) is None


def test_newer_compares_higher_and_the_uri_names_lane_zero() -> None:
    one = descriptor(1)
    assert descriptor(1, boot=2, epoch=EPOCH - 1).order > one.order
    assert descriptor(1, epoch=EPOCH + 1).order > one.order
    assert one.uri == RelayUri(one.identity, one.host, one.lanes[0].port)


def test_several_hosts_are_dialled_in_their_order_each_at_the_ports_of_all_lanes() -> None:
    one = decode_descriptor(resigned({"further_hosts": ("[2001:db8::1]", "relay.net")}))
    assert one.uri == one.uris()[0] == RelayUri(one.identity, one.host, one.lanes[0].port)
    assert [uri.host for uri in one.uris()] == [one.host, "[2001:db8::1]", "relay.net"]
    assert one.uris(1) == one.uris(-1) == ()


def test_one_host_has_one_encoding() -> None:
    """A relay with one host is encoded as ever; the format of several is refused without any."""
    fields = unpack(unpack_signed(descriptor(1, key=KEY).raw), max_bytes=MAX_DESCRIPTOR_BYTES)
    assert isinstance(fields, list)
    assert fields[0] == 1
    signed = pack([FORMAT_OF_SEVERAL, *fields[1:], []])
    with pytest.raises(DecodeError, match="names one"):
        decode_descriptor(pack([signed, KEY.sign(Label.DESCRIPTOR, signed)]))


def test_doors_are_at_the_first_host_and_never_where_others_dial() -> None:
    doors = (WebDoor(True, 443, "/relay/link"), WebDoor(False, 9101, "/l"))
    one = decode_descriptor(resigned({"further_hosts": ("relay.net",), "doors": doors}))
    assert [uri.place for uri in one.door_uris()] == [
        f"wss://{one.host}/relay/link",
        f"ws://{one.host}:9101/l",
    ]
    assert {uri.scheme for uri in one.uris()} == {Scheme.TCP}
    assert descriptor(1).door_uris() == ()


def test_a_relay_without_doors_has_the_encoding_of_before() -> None:
    fields = unpack(unpack_signed(descriptor(1, key=KEY).raw), max_bytes=MAX_DESCRIPTOR_BYTES)
    assert isinstance(fields, list)
    signed = pack([FORMAT_WITH_DOORS, *fields[1:], [], []])
    with pytest.raises(DecodeError, match="names none"):
        decode_descriptor(pack([signed, KEY.sign(Label.DESCRIPTOR, signed)]))


def unpack_signed(raw: bytes) -> bytes:
    outer = unpack(raw, max_bytes=MAX_DESCRIPTOR_BYTES)
    assert isinstance(outer, list)
    assert isinstance(outer[0], bytes)
    return outer[0]
