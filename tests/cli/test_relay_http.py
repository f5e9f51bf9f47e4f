"""A relay that answers HTTP, as its operator starts it."""

from pathlib import Path

import httpx
import pytest

from tests.cli.processes import running, zentalk

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def with_http(folder: Path, port: int = 0) -> None:
    """Make a relay and turn HTTP on."""
    zentalk("relay", "init", "--dir", folder, "--port", 0)
    config = folder / "config.toml"
    config.write_text(f"{config.read_text('utf-8')}\nhttp = true\nhttp_port = {port}\n", "utf-8")


def test_b8_a_relay_says_where_it_answers_and_its_operator_gets_in(tmp_path: Path) -> None:
    with_http(tmp_path / "relay")
    with running("relay", tmp_path / "relay") as relay:
        relay.ready()
        assert relay.process.stdout is not None
        url = relay.process.stdout.readline().removeprefix("http ").strip()
        with httpx.Client(base_url=url, trust_env=False) as http:
            assert http.get("/relay/stats").json()["counters"] == {}
            assert http.get("/relay/pending").status_code == 401
            assert http.post("/relay/cleanup").status_code == 401
            file = tmp_path / "relay" / "token"
            assert file.stat().st_mode & 0o777 == 0o600
            bearer = {"Authorization": f"Bearer {file.read_text('utf-8').strip()}"}
            assert http.post("/relay/cleanup", headers=bearer).status_code == 202
            assert "sweeps" in http.get("/relay/stats", headers=bearer).json()["counters"]
            assert relay.stop() == 0
        assert "/relay/" not in relay.errors()


def test_a_port_that_is_taken_is_said_in_a_sentence(tmp_path: Path) -> None:
    with_http(tmp_path / "one")
    with running("relay", tmp_path / "one") as first:
        first.ready()
        assert first.process.stdout is not None
        port = int(first.process.stdout.readline().rpartition(":")[2])
        with_http(tmp_path / "two", port)
        with running("relay", tmp_path / "two") as second:
            assert second.wait() == 1
            assert "stop what uses it or choose another port" in second.errors()
            assert "Traceback" not in second.errors()
