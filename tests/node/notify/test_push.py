"""Registering, testing and removing endpoints: what is accepted, from whom, and what shows."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from tests.node.notify.phones import SECONDS, waking
from tests.node.notify.push_server import PushServer
from zentalk.errors import ConfigError, NotFoundError, RefusedError
from zentalk.node.notify import push, wakes
from zentalk.node.notify.push import PushWish
from zentalk.node.notify.schedule import Answer

KEY = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
AUTH = "BTBZMqHH6r4Tts7J_aSIgg"


@pytest.fixture
def server() -> PushServer:
    return PushServer()


async def test_a_signed_endpoint_takes_what_its_device_named_and_nobody_elses(
    tmp_path: Path, server: PushServer, autojump_clock: MockClock
) -> None:
    async with waking(tmp_path, server) as part:
        device, other = await part.device(), await part.device("tablet")
        assert part.push.key(device) == part.push.key(device) != part.push.key(other)
        phone = server.subscribe(vapid=part.push.key(device))
        await part.register(device, phone)
        assert await part.push.test(device) == Answer(401)
        await part.register(device, phone, is_signed=True)
        assert await part.push.test(device) == Answer(201)
        await part.register(other, phone, is_signed=True)
        assert await part.push.test(other) == Answer(403)


async def test_a_device_without_keys_gets_one_byte(
    tmp_path: Path, server: PushServer, autojump_clock: MockClock
) -> None:
    async with waking(tmp_path, server) as part:
        device, phone = await part.device(), server.subscribe(is_encrypted=False)
        await part.register(device, phone)
        await part.happen()
        await trio.sleep(SECONDS + 1)
        assert [body for _, body in phone.taken] == [b"1"]


async def test_a_test_looks_like_a_wake_up_and_settles_nothing(
    tmp_path: Path, server: PushServer, autojump_clock: MockClock
) -> None:
    async with waking(tmp_path, server) as part:
        device, phone = await part.phone()
        await part.happen()
        assert (await part.push.test(device)).is_success
        assert (await part.row(device)).woken_at is None
        await trio.sleep(2 * wakes.SPACING_SECONDS)
        assert len(phone.taken) == 2
        shapes = {(path, tuple(headers), len(body)) for _, path, headers, body in server.requests}
        assert len(shapes) == 1


async def test_a_test_says_that_an_endpoint_is_gone_and_one_that_succeeds_that_it_is_not(
    tmp_path: Path, server: PushServer, autojump_clock: MockClock
) -> None:
    async with waking(tmp_path, server) as part:
        device, phone = await part.phone()
        server.status = 410
        assert await part.push.test(device) == Answer(410)
        await part.happen()
        await trio.sleep(SECONDS + 1)
        assert (await part.row(device)).stopped == "the answer was 410"
        server.status = 503
        assert await part.push.test(device) == Answer(503)
        assert (await part.row(device)).stopped == "the answer was 410"
        server.status = None
        assert await part.push.test(device) == Answer(201)
        await trio.sleep(2 * wakes.SPACING_SECONDS)
        assert len(phone.taken) == 2
        assert (await part.kinds()).count("push.stopped") == 1


async def test_tests_are_few(tmp_path: Path, server: PushServer, autojump_clock: MockClock) -> None:
    async with waking(tmp_path, server) as part:
        device, _ = await part.phone()
        for _ in range(wakes.TEST_BURST):
            await part.push.test(device)
        with pytest.raises(RefusedError) as caught:
            await part.push.test(device)
        assert caught.value.reason == "rate"
        await trio.sleep(wakes.TEST_SECONDS + 1)
        await part.push.test(device)


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://127.0.0.1:8080/up", "http://localhost/up", "http://[::1]/up", "http://10.1.2.3/up",
        "http://192.168.1.2/up", "http://169.254.169.254/latest", "http://[fd00::1]/up",
        "http://[::ffff:10.0.0.1]/up", "http://2130706433/up", "http://0.0.0.0/up",
        "https://push.example:22/up", "http://224.0.0.1/up",
    ],
)  # fmt: skip
async def test_a_device_names_no_place_that_only_the_node_reaches_but_the_owner_may(
    tmp_path: Path, server: PushServer, autojump_clock: MockClock, endpoint: str
) -> None:
    async with waking(tmp_path, server) as part:
        device = await part.device()
        with pytest.raises(ConfigError) as caught:
            await part.push.register(PushWish(device, endpoint))
        assert endpoint not in str(caught.value)
        assert await part.push.listing() == []
        await part.push.register(PushWish(device, endpoint, is_trusted=True))
        again = await part.push.register(PushWish(device, endpoint, KEY, AUTH))
        assert again.is_trusted, "the device may register the same one again, as its app starts"
        with pytest.raises(ConfigError):
            await part.push.register(PushWish(device, "http://127.0.0.2:8080/up"))


async def test_control_without_the_check_a_device_names_any_place(
    tmp_path: Path,
    server: PushServer,
    autojump_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(push, "check_public", lambda _url: None)
    async with waking(tmp_path, server) as part:
        device = await part.device()
        await part.push.register(PushWish(device, "http://127.0.0.1:8080/up"))
        assert len(await part.push.listing()) == 1


@pytest.mark.parametrize(
    ("key", "auth"),
    [
        (KEY, ""), ("", AUTH), (KEY[:-1], AUTH), (KEY, AUTH[:-1]), (KEY + "=", AUTH),
        ("B" + "A" * 86, AUTH), (KEY, "?" * 22), (AUTH, KEY),
    ],
)  # fmt: skip
async def test_keys_that_are_none_are_refused(
    tmp_path: Path, server: PushServer, autojump_clock: MockClock, key: str, auth: str
) -> None:
    async with waking(tmp_path, server) as part:
        device = await part.device()
        with pytest.raises(ConfigError):
            await part.push.register(PushWish(device, "https://push.example/up", key, auth))
        assert await part.push.listing() == []


async def test_only_devices_have_endpoints_one_each_and_every_change_is_an_event(
    tmp_path: Path, server: PushServer, autojump_clock: MockClock
) -> None:
    async with waking(tmp_path, server) as part:
        with pytest.raises(NotFoundError):
            await part.push.register(PushWish("00" * 8, "https://push.example/up"))
        device, phone = await part.phone()
        await part.register(device, phone)
        await part.register(device, server.subscribe("/up2"))
        assert len(await part.push.listing()) == 1
        await part.push.remove(device)
        for again in (part.push.remove, part.push.test):
            with pytest.raises(NotFoundError):
                await again(device)
        await part.happen()
        await trio.sleep(SECONDS + 1)
        assert server.requests == []
        kinds = [kind for kind in await part.kinds() if kind.startswith("push.")]
        assert kinds == ["push.added", "push.added", "push.removed"]


async def test_no_repr_shows_an_endpoint_or_a_key(
    tmp_path: Path, server: PushServer, autojump_clock: MockClock
) -> None:
    wish = PushWish("00" * 8, "https://push.example/s3cret", KEY, AUTH)
    assert not any(word in repr(wish) for word in ("s3cret", KEY, AUTH))
    async with waking(tmp_path, server) as part:
        device, phone = await part.phone()
        row = await part.row(device)
        assert not any(word in repr(row) for word in (phone.path, repr(phone.auth)))
