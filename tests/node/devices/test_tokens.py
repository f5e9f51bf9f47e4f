"""K21: who may use a node. Each guard has its control beside it."""

from collections.abc import MutableMapping
from typing import Any

import httpx
import pytest
import trio
import trio.testing

from tests.api.double import TOKEN, FakeAttendance, FakeNode
from zentalk.api.app import create_app
from zentalk.api.callers import THE_OWNER, Caller, device_caller
from zentalk.api.guard import Access
from zentalk.api.route_table import Need, RouteTable
from zentalk.crypto.ed25519 import SigningKey
from zentalk.crypto.labels import Label
from zentalk.errors import (
    AuthenticationError,
    ConfigError,
    ConflictError,
    DecodeError,
    NotFoundError,
)
from zentalk.net.runtime import Runtime
from zentalk.node.devices import tokens as module
from zentalk.node.devices.tokens import DeviceTokens
from zentalk.store.history import settings
from zentalk.store.history.database import HistoryDatabase
from zentalk.wire.codec import pack
from zentalk.wire.devices import (
    MAX_DEVICES,
    OLD_FORMAT,
    DeviceEntry,
    DeviceScope,
    decode_devices,
    encode_devices,
)

OWNER = SigningKey(bytes(range(32)))
STRANGER = SigningKey(bytes(32))
GHOST = DeviceEntry(b"ghost-id", "ghost", module._hash(b"ghost-token"), 1)


def loaded(database: HistoryDatabase) -> DeviceTokens:
    devices = DeviceTokens(Runtime.virtual(2, 1000.0), OWNER, database)
    devices.load()
    return devices


def client(devices: DeviceTokens, token: str) -> httpx.AsyncClient:
    node = FakeNode()
    node.devices = devices  # type: ignore[assignment]  # the real ones
    transport = httpx.ASGITransport(app=create_app(node, TOKEN, node.stopping))
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=headers)


async def status(devices: DeviceTokens, token: str, path: str = "/v1/contacts") -> int:
    async with client(devices, token) as rest:
        return (await rest.get(path)).status_code


async def smuggle(database: HistoryDatabase, signer: SigningKey) -> None:
    """What a thief of the database file alone can do: write any row."""
    saved = encode_devices((GHOST,), signer)
    await database.write(lambda tx: settings.put(tx, module._KEY, saved))


async def test_a_device_is_admitted_and_survives_a_restart(database: HistoryDatabase) -> None:
    device, token = await loaded(database).add("phone")
    again = loaded(database)
    assert again.listing() == [device]
    assert again.admitted(token.encode()) == device
    assert again.admitted(token.encode()[:-1]) is None
    assert await status(again, token) == 200


async def test_k21_a_revoked_device_gets_nothing(database: HistoryDatabase) -> None:
    devices = loaded(database)
    device, token = await devices.add("phone")
    _, other = await devices.add("tablet")
    await devices.revoke(device.device_id.hex())
    for current in (devices, loaded(database)):
        assert await status(current, token) == 401
        assert await status(current, other) == 200
    with pytest.raises(NotFoundError):
        await devices.revoke(device.device_id.hex())


async def test_k21_control_without_the_check_a_revoked_device_stays(
    database: HistoryDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    devices = loaded(database)
    device, token = await devices.add("phone")
    known = {token.encode(): device}
    monkeypatch.setattr(devices, "admitted", known.get)
    await devices.revoke(device.device_id.hex())
    assert await status(devices, token) == 200


async def test_k21_an_unsigned_device_gets_nothing(database: HistoryDatabase) -> None:
    await loaded(database).add("phone")
    await smuggle(database, STRANGER)
    devices = loaded(database)
    assert await status(devices, "ghost-token") == 401
    assert devices.listing() == []
    assert devices.trouble is not None
    assert "not signed" in devices.trouble
    await devices.add("phone")
    assert devices.trouble is None
    assert await status(devices, "ghost-token") == 401


async def test_k21_control_without_the_signature_a_ghost_gets_in(
    database: HistoryDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    await smuggle(database, STRANGER)
    monkeypatch.setattr("zentalk.wire.devices.verify", lambda *_: None)
    assert await status(loaded(database), "ghost-token") == 200


async def test_k21_every_change_is_in_the_event_log(database: HistoryDatabase) -> None:
    devices = loaded(database)
    seen: list[tuple[str, object]] = []
    database.tail.on_events = lambda fresh: seen.extend((e.type, e.data["name"]) for e in fresh)
    device, _ = await devices.add("phone")
    await devices.revoke(device.device_id.hex())
    assert seen == [("device.added", "phone"), ("device.revoked", "phone")]


async def test_k21_a_device_cannot_admit_another(database: HistoryDatabase) -> None:
    devices = loaded(database)
    device, token = await devices.add("phone", DeviceScope.ADMIN)
    async with client(devices, token) as rest:
        assert (await rest.post("/v1/devices", json={"name": "x"})).status_code == 403
        gone = await rest.delete(f"/v1/devices/{device.device_id.hex()}")
        assert gone.status_code == 403
    assert devices.listing() == [device]


async def test_k21_control_without_the_rule_a_device_admits_another(
    database: HistoryDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    devices = loaded(database)
    _, token = await devices.add("phone")
    monkeypatch.setattr(RouteTable, "need", lambda *_: Need.NOTHING)
    async with client(devices, token) as rest:
        assert (await rest.post("/v1/devices", json={"name": "x"})).status_code == 201


async def test_k21_what_a_revoked_device_has_open_ends(database: HistoryDatabase) -> None:
    devices = loaded(database)
    access = Access(TOKEN, devices, FakeAttendance())
    device, _ = await devices.add("phone")
    caller = device_caller(device)
    ended: list[str] = []

    async def stream(name: str, of: Caller) -> None:
        with access.request(of):
            await trio.sleep_forever()
        ended.append(name)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(stream, "first", caller)
        nursery.start_soon(stream, "second", caller)
        nursery.start_soon(stream, "owner's", THE_OWNER)
        await trio.testing.wait_all_tasks_blocked()
        await devices.revoke(device.device_id.hex())
        await trio.testing.wait_all_tasks_blocked()
        assert sorted(ended) == ["first", "second"]
        nursery.cancel_scope.cancel()
    assert access._open == {}


async def test_k21_the_event_stream_of_a_revoked_device_ends_at_once(
    database: HistoryDatabase,
) -> None:
    devices = loaded(database)
    device, token = await devices.add("phone", DeviceScope.READ)
    node = FakeNode()
    node.devices = devices  # type: ignore[assignment]  # the real ones
    app = create_app(node, TOKEN, node.stopping)
    authorization = (b"authorization", b"Bearer " + token.encode())
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/v1/events/stream",
        "query_string": b"",
        "headers": [(b"host", b"127.0.0.1"), authorization],
    }
    sent: list[str] = []
    ended = trio.Event()

    async def receive() -> dict[str, str]:
        await trio.sleep_forever()

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message["type"])

    async def stream() -> None:
        await app(scope, receive, send)
        ended.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(stream)
        await trio.testing.wait_all_tasks_blocked()
        assert sent[0] == "http.response.start"
        assert not ended.is_set()
        await devices.revoke(device.device_id.hex())
        await trio.testing.wait_all_tasks_blocked()
        assert ended.is_set()
        nursery.cancel_scope.cancel()


async def test_names_and_numbers_are_bounded(database: HistoryDatabase) -> None:
    devices = loaded(database)
    for name in ("", "x" * 65, "ä" * 33):
        with pytest.raises(ConfigError):
            await devices.add(name)
    for number in range(MAX_DEVICES):
        await devices.add(f"device {number}")
    with pytest.raises(ConflictError, match="revoke one"):
        await devices.add("one more")
    await devices.revoke(devices.listing()[0].device_id.hex())
    with pytest.raises(ConflictError, match="has this name"):
        await devices.add("device 7")
    assert len(loaded(database).listing()) == MAX_DEVICES - 1


async def test_who_was_admitted_by_a_revoked_device_goes_with_it(
    database: HistoryDatabase,
) -> None:
    devices = loaded(database)
    laptop, _ = await devices.add("laptop", DeviceScope.ADMIN)
    tablet, _ = await devices.add("tablet")
    phone, token = await devices.add("phone", added_by=laptop.device_id.hex())
    cut: list[str] = []
    devices.tell_revoked(cut.append)
    await devices.revoke(laptop.device_id.hex())
    assert cut == [laptop.device_id.hex(), phone.device_id.hex()]
    assert devices.listing() == loaded(database).listing() == [tablet]
    assert await status(devices, token) == 401
    with pytest.raises(ConflictError, match="was revoked"):
        await devices.add("phone", added_by=laptop.device_id.hex())


def signed(body: bytes) -> bytes:
    return pack([body, OWNER.sign(Label.DEVICE_LIST, body)])


async def test_a_list_of_the_old_format_opens_what_it_did(database: HistoryDatabase) -> None:
    row = [GHOST.device_id, GHOST.name, GHOST.token_hash, GHOST.added_at]
    old = signed(pack([OLD_FORMAT, [row]]))
    assert decode_devices(old, OWNER.public) == (GHOST,)
    await database.write(lambda tx: settings.put(tx, module._KEY, old))
    devices = loaded(database)
    assert devices.listing()[0].scope is DeviceScope.ADMIN
    assert await status(devices, "ghost-token") == 200
    await devices.add("phone", DeviceScope.READ)
    scopes = [device.scope for device in loaded(database).listing()]
    assert scopes == [DeviceScope.ADMIN, DeviceScope.READ]


@pytest.mark.parametrize("scope", [3, 255, "read", None])
def test_a_scope_that_is_none(scope: object) -> None:
    row = [GHOST.device_id, GHOST.name, GHOST.token_hash, GHOST.added_at, scope, b""]
    with pytest.raises(DecodeError):
        decode_devices(signed(pack([2, [row]])), OWNER.public)


def test_a_list_comes_back_and_only_its_owners() -> None:
    encoded = encode_devices((GHOST,), OWNER)
    assert decode_devices(encoded, OWNER.public) == (GHOST,)
    for position in range(len(encoded)):
        changed = bytearray(encoded)
        changed[position] ^= 1
        with pytest.raises(Exception, match=r".") as caught:
            decode_devices(bytes(changed), OWNER.public)
        assert type(caught.value).__name__ in {"DecodeError", "AuthenticationError"}
    with pytest.raises(AuthenticationError):
        decode_devices(encoded, STRANGER.public)
