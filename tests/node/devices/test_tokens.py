"""K21: who may use a node. Each guard has its control beside it."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import trio
import trio.testing

from tests.api.double import TOKEN, FakeNode
from zentalk.api.access import OWNER as BY_OWNER
from zentalk.api.access import Access
from zentalk.api.app import create_app
from zentalk.crypto.ed25519 import SigningKey
from zentalk.errors import AuthenticationError, ConfigError, ConflictError, NotFoundError
from zentalk.net.runtime import Runtime
from zentalk.node.devices import tokens as module
from zentalk.node.devices.tokens import DeviceTokens
from zentalk.store.history import settings
from zentalk.store.history.database import HistoryDatabase
from zentalk.wire.devices import MAX_DEVICES, DeviceEntry, decode_devices, encode_devices

OWNER = SigningKey(bytes(range(32)))
STRANGER = SigningKey(bytes(32))
GHOST = DeviceEntry(b"ghost-id", "ghost", module._hash(b"ghost-token"), 1)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[HistoryDatabase]:
    database = HistoryDatabase(tmp_path / "history.db", Runtime.virtual(1, 0.0).run_blocking)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(database.run)
        yield database
        nursery.cancel_scope.cancel()
    database.close()


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
    assert again.admitted(token.encode()) == device.device_id.hex()
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
    known = {token.encode(): device.device_id.hex()}
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
    device, token = await devices.add("phone")
    async with client(devices, token) as rest:
        assert (await rest.get("/v1/devices")).status_code == 403
        assert (await rest.post("/v1/devices", json={"name": "x"})).status_code == 403
        gone = await rest.delete(f"/v1/devices/{device.device_id.hex()}")
        assert gone.status_code == 403
    assert devices.listing() == [device]


async def test_k21_control_without_the_rule_a_device_admits_another(
    database: HistoryDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    devices = loaded(database)
    _, token = await devices.add("phone")
    monkeypatch.setattr("zentalk.api.guard.DEVICES_PATH", "/v1/elsewhere")
    async with client(devices, token) as rest:
        assert (await rest.post("/v1/devices", json={"name": "x"})).status_code == 201


async def test_k21_what_a_revoked_device_has_open_ends(database: HistoryDatabase) -> None:
    devices = loaded(database)
    access = Access(TOKEN, devices)
    device, _ = await devices.add("phone")
    who = device.device_id.hex()
    ended: list[str] = []

    async def stream(name: str, of: str) -> None:
        with access.request(of):
            await trio.sleep_forever()
        ended.append(name)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(stream, "first", who)
        nursery.start_soon(stream, "second", who)
        nursery.start_soon(stream, "owner's", BY_OWNER)
        await trio.testing.wait_all_tasks_blocked()
        await devices.revoke(who)
        await trio.testing.wait_all_tasks_blocked()
        assert sorted(ended) == ["first", "second"]
        nursery.cancel_scope.cancel()
    assert access._open == {}


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
