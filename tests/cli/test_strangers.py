"""K52: whoever listens where the node was gets no token, also one who passes everything on.

Each squatter is a program on the noted port; what it was sent is searched for the token.
"""

from pathlib import Path

import pytest
import trio

from tests.api.double import FakeNode
from tests.cli.conftest import Result, Run
from tests.squatter import note, port_of, squatting
from zentalk.cli import node_client
from zentalk.web.address_file import noted_url
from zentalk.web.token import load_token
from zentalk.web.token_proof import key_of, prove


async def listing(run: Run, folder: Path, *options: object) -> Result:
    return await trio.to_thread.run_sync(lambda: run("contact", "list", "--dir", folder, *options))


@pytest.mark.parametrize("how", ["answer", "pass_on", "be_silent", "be_ssh"])
async def test_k52_a_squatter_on_the_noted_port_is_not_shown_the_token(
    run: Run, folder: Path, how: str
) -> None:
    async with squatting(how, port_of(folder)) as squatter:
        note(folder, squatter.port)
        ended = await listing(run, folder)
        assert ended.code == 1
        assert f"zentalk api run --dir {folder}" in ended.err
        by_url = await listing(run, folder, "--url", f"http://127.0.0.1:{squatter.port}")
        assert by_url.code == 1
    token = load_token(folder).encode()
    assert b"/v1/proof" in squatter.got or how == "be_ssh"
    assert b"Authorization" not in squatter.got
    assert token not in squatter.got
    assert key_of(token.decode()).hex().encode() not in squatter.got


async def test_k52_control_a_proof_without_the_port_lets_the_squatter_pass_it_on(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = port_of(folder)

    def proves(proof: bytes, key: bytes, nonce: bytes, port: int) -> bool:
        return proof == prove(key, nonce, real)

    monkeypatch.setattr(node_client, "proves", proves)
    async with squatting("pass_on", real) as squatter:
        note(folder, squatter.port)
        assert (await listing(run, folder)).code == 0
    assert load_token(folder).encode() in squatter.got


async def test_k52_control_without_a_proof_any_squatter_gets_the_token(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_client, "proves", lambda *_: True)
    async with squatting("answer", port_of(folder)) as squatter:
        note(folder, squatter.port)
        assert (await listing(run, folder)).code == 0
    assert load_token(folder).encode() in squatter.got


async def test_every_new_connection_is_proved_anew(
    folder: Path, node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    nonces = []

    def proves(proof: bytes, key: bytes, nonce: bytes, port: int) -> bool:
        nonces.append(nonce)
        return True

    monkeypatch.setattr(node_client, "proves", proves)
    place = node_client.ServedAt("127.0.0.1", port_of(folder))
    client = node_client.NodeClient(place, load_token(folder))

    def calls() -> None:
        for _ in range(3):
            client.get("/v1/contacts")
        client.close()
        client.get("/v1/contacts")
        client.close()

    await trio.to_thread.run_sync(calls)
    assert len(set(nonces)) == 2  # An old proof is worth nothing on another connection.


async def test_url_and_token_file_need_no_folder(
    run: Run, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZENTALK_DIR", str(tmp_path / "none"))
    url = (noted_url(folder) or "").replace("127.0.0.1", "localhost")
    other = tmp_path / "other"
    other.write_text("d" * 43 + "\n")
    other.chmod(0o600)

    async def listed(token_file: Path) -> Result:
        command = ("contact", "list", "--url", url, "--token-file", token_file)
        return await trio.to_thread.run_sync(lambda: run(*command))

    assert await listed(folder / "token") == Result(0, "", "")
    assert "was not shown it" in (await listed(other)).err
    other.chmod(0o644)
    assert "chmod 600" in (await listed(other)).err


@pytest.mark.parametrize(
    "url",
    ["", "127.0.0.1:3001", "https://127.0.0.1:1", "http://127.0.0.1", "http://a@127.0.0.1:1",
     "http://127.0.0.1:1/x", "http://127.0.0.1:99999", "http://127.0.0.1:1?x"],
)  # fmt: skip
def test_a_url_that_is_none(run: Run, tmp_path: Path, url: str) -> None:
    ended = run("contact", "list", "--dir", tmp_path, "--url", url)
    assert ended.code == 2
    assert "http://HOST:PORT" in ended.err
