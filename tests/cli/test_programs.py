"""F1, F2: relay and API node as own processes, from `ready` to their end."""

import shutil
import signal
import time
from pathlib import Path

import httpx
import pytest

from tests.cli.processes import Program, running, zentalk
from zentalk.web.serving import bind
from zentalk.wire.text import parse_relay_uri

pytestmark = pytest.mark.e2e

NOBODY = "zt-relay:" + "a" * 52 + "@127.0.0.1:9"


@pytest.fixture(params=["relay", "api"])
def program(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def set_up(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder of each program, as `init` leaves it."""
    folders = {program: tmp_path_factory.mktemp(program) for program in ("relay", "api")}
    for program, folder in folders.items():
        init(program, folder, 0)
    return folders


@pytest.fixture
def folder(program: str, set_up: dict[str, Path], tmp_path: Path) -> Path:
    shutil.copytree(set_up[program], tmp_path, dirs_exist_ok=True)
    return tmp_path


def init(program: str, directory: Path, port: int) -> None:
    """Set up a relay that is its network's first, or an API node with nobody to talk to."""
    bootstraps = ("--bootstrap", NOBODY) if program == "api" else ()
    zentalk(program, "init", "--dir", directory, "--port", port, *bootstraps)


def unexpected(errors: str) -> list[str]:
    """Return the lines that are neither ordinary news nor that nobody answers at NOBODY's place."""
    expected = ("level=info", "event=relay_not_reached place=127.0.0.1:9 ")
    return [line for line in errors.splitlines() if not any(word in line for word in expected)]


def test_f1_a_relay_says_ready_and_drains(tmp_path: Path) -> None:
    printed = zentalk("relay", "init", "--dir", tmp_path, "--port", 0).stdout
    with running("relay", tmp_path) as relay:
        uri = parse_relay_uri(relay.ready())
        assert printed.startswith("zt-relay:")
        assert uri.identity.hex() in (tmp_path / "identity.key").read_text()
        status = zentalk("relay", "status", "--dir", tmp_path)
        assert status.stdout.startswith("ready ")
        assert relay.stop() == 0
        assert relay.process.stdout is not None
        assert not relay.process.stdout.read()
        assert "event=relay_starts" in relay.errors()
        assert "event=relay_draining" in relay.errors()
        assert "event=relay_stopped" in relay.errors()
    stopped = zentalk("relay", "status", "--dir", tmp_path, check=False)
    assert stopped.returncode == 1
    assert stopped.stdout.startswith("stopped ")
    assert f"zentalk relay run --dir {tmp_path}" in stopped.stderr


def test_f2_an_api_node_says_ready_and_ends(tmp_path: Path) -> None:
    zentalk("api", "init", "--dir", tmp_path, "--port", 0, "--bootstrap", NOBODY)
    token = zentalk("api", "token", "--dir", tmp_path).stdout.strip()
    with running("api", tmp_path) as node:
        url = node.ready()
        assert httpx.get(f"{url}/v1/health").json() == {"status": "ok"}
        assert httpx.get(f"{url}/v1/me").status_code == 401
        me = httpx.get(f"{url}/v1/me", headers={"Authorization": f"Bearer {token}"}).json()
        assert me["address"] == zentalk("api", "address", "--dir", tmp_path).stdout.strip()
        headers = {"Authorization": f"Bearer {token}"}
        with httpx.stream("GET", f"{url}/v1/events/stream", headers=headers) as stream:
            assert stream.status_code == 200
            assert node.stop() == 0
            assert "".join(stream.iter_text()).startswith("retry:")
        assert not unexpected(node.errors())
    listed = zentalk("contact", "list", "--dir", tmp_path, check=False)
    assert f"zentalk api run --dir {tmp_path}" in listed.stderr


def test_interrupted_from_the_keyboard(program: str, folder: Path) -> None:
    """Also where the signal was ignored at the start, as in the background of a script."""
    with running(program, folder, in_background=True) as running_program:
        running_program.ready()
        assert running_program.stop(signal.SIGINT) == 0
        assert not unexpected(running_program.errors())


def test_a_second_one_in_the_same_folder(program: str, folder: Path) -> None:
    with running(program, folder) as first:
        first.ready()
        second = zentalk(program, "run", "--dir", folder, check=False)
        assert second.returncode == 1
        assert not second.stdout
        assert "another program is running" in second.stderr
        assert second.stderr.count("\n") == 1


def test_after_kill_9_it_starts_again(program: str, folder: Path) -> None:
    with running(program, folder) as first:
        first.ready()
        assert first.stop(signal.SIGKILL) == -signal.SIGKILL
    with running(program, folder) as second:
        second.ready()
        assert second.stop() == 0


def test_a_port_in_use(program: str, tmp_path: Path) -> None:
    with bind("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        init(program, tmp_path, port)
        ended = zentalk(program, "run", "--dir", tmp_path, check=False)
    assert ended.returncode == 1
    assert not ended.stdout
    assert f"{port}" in ended.stderr
    assert "in use" in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_a_corrupt_database(program: str, folder: Path) -> None:
    with running(program, folder) as first:
        first.ready()
        assert first.stop() == 0
    databases = sorted(folder.glob("*.db"))
    assert databases
    for database in databases:
        kept = database.read_bytes()
        database.write_bytes(b"this is not a database, and was one before" * 100)
        broken = database.read_bytes()
        ended = zentalk(program, "run", "--dir", folder, check=False)
        assert ended.returncode == 1
        assert database.name in ended.stderr
        assert "internal error" not in ended.stderr
        assert ended.stderr.count("\n") == 1
        assert database.read_bytes() == broken
        database.write_bytes(kept)
    with running(program, folder) as again:
        again.ready()
        assert again.stop() == 0


def test_sighup_never_ends_a_program_and_the_next_signal_drains(program: str, folder: Path) -> None:
    with running(program, folder) as running_program:
        running_program.ready()
        event = {"relay": "settings_reloaded", "api": "settings_need_a_restart"}[program]
        _hang_up(running_program, f"event={event}")
        if program == "relay":
            config = folder / "config.toml"
            good = config.read_text()
            config.write_text(f"{good}\ncolour = 1\n")
            _hang_up(running_program, "event=settings_not_reloaded")
            assert "colour" in running_program.errors()
            config.write_text(f'{good}\nmax_links = 77\nmemory_bytes = "64MiB"\n')
            _hang_up(running_program, "changed=2 waiting=1")
        assert running_program.stop() == 0
        if program == "relay":
            assert "event=relay_stopped" in running_program.errors()


def _hang_up(running_program: Program, expected: str) -> None:
    running_program.process.send_signal(signal.SIGHUP)
    for _ in range(600):
        if expected in running_program.errors():
            return
        assert running_program.process.poll() is None, running_program.errors()
        time.sleep(0.05)
    raise AssertionError(running_program.errors())
