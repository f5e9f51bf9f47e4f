"""The routes about files, over a node that keeps them in memory."""

from __future__ import annotations

import httpx

from tests.api.double import BOB, FakeNode
from zentalk.store.history.files import FileState
from zentalk.wire.text import format_address

BOBS = format_address(BOB)
NOBODYS = "0" * 64
CONTENT = bytes(range(256)) * 20


async def put(rest: httpx.AsyncClient, path: str = "/v1/mesh/upload") -> httpx.Response:
    return await rest.post(
        path, params={"name": "a.png"}, content=CONTENT, headers={"Content-Type": "image/png"}
    )


async def test_a_file_is_taken_in_and_listed(rest: httpx.AsyncClient, node: FakeNode) -> None:
    node.files.hold_back = 1
    taken = await put(rest, "/v1/files")
    assert taken.status_code == 202
    assert (taken.json()["state"], taken.json()["cid"]) == ("uploading", "")
    made = await put(rest)
    assert made.status_code == 201
    assert (made.json()["name"], made.json()["media_type"]) == ("a.png", "image/png")
    assert made.json()["size"] == len(CONTENT)
    node.files.hold_back = 0
    listed = (await rest.get("/v1/files")).json()["files"]
    assert [one["id"] for one in listed] == [made.json()["id"], taken.json()["id"]]
    assert (await rest.get(f"/v1/files/{made.json()['cid']}")).json() == made.json()


async def test_a_range_of_a_file(rest: httpx.AsyncClient) -> None:
    cid = (await put(rest)).json()["cid"]
    path = f"/v1/mesh/download/{cid}"
    whole = await rest.get(path)
    assert (whole.status_code, whole.content) == (200, CONTENT)
    assert whole.headers["ETag"] == f'"{cid}"'
    part = await rest.get(path, headers={"Range": "bytes=5000-", "If-Range": f'"{cid}"'})
    assert (part.status_code, part.content) == (206, CONTENT[5000:])
    assert part.headers["Content-Range"] == "bytes 5000-5119/5120"
    other = await rest.get(path, headers={"Range": "bytes=5000-", "If-Range": '"other"'})
    assert (other.status_code, other.content) == (200, CONTENT)


async def test_health_mesh_and_the_end_of_a_file(rest: httpx.AsyncClient) -> None:
    cid = (await put(rest)).json()["cid"]
    health = (await rest.get(f"/v1/mesh/status/{cid}")).json()
    assert (health["shards_live"], health["survives_node_losses"]) == (29, 4)
    found = [health[f"found_{word}"] for word in ("missing", "corrupt", "silent")]
    assert (health["checked_at"], found) == (1500.0, [1, 2, 3])
    assert (await rest.get("/v1/mesh/network")).json()["bytes"] == len(CONTENT)
    assert (await rest.delete(f"/v1/mesh/delete/{cid}")).json()["state"] == "deleting"
    for path in ("files", "mesh/status", "mesh/download"):
        assert (await rest.get(f"/v1/{path}/{cid}")).status_code == 404
    assert (await rest.delete(f"/v1/mesh/delete/{cid}")).status_code == 404


async def test_c8_a_file_gets_another_cid(rest: httpx.AsyncClient, node: FakeNode) -> None:
    old = (await put(rest)).json()
    answer = await rest.post(f"/v1/mesh/rotate/{old['cid']}")
    assert answer.status_code == 200
    new = answer.json()
    assert (new["id"], new["state"]) == (old["id"], "kept")
    assert new["cid"] not in {old["cid"], ""}
    assert (await rest.post(f"/v1/mesh/rotate/{NOBODYS}")).status_code == 404
    node.files.known[0] = node.files.known[0]._replace(state=FileState.RECEIVED)
    assert (await rest.post(f"/v1/mesh/rotate/{new['cid']}")).status_code == 409


async def test_a_message_may_carry_a_file(rest: httpx.AsyncClient) -> None:
    cid = (await put(rest)).json()["cid"]
    path = f"/v1/conversations/{BOBS}/messages"
    sent = (await rest.post(path, json={"file": {"cid": cid, "name": "b.png"}})).json()
    assert (sent["kind"], sent["text"]) == ("file", "b.png")
    assert (sent["body"]["cid"], sent["body"]["size"]) == (cid, len(CONTENT))
    assert (await rest.post(path, json={"file": {"cid": NOBODYS}})).status_code == 404
    assert (await rest.post(path, json={"file": {"cid": "5f"}})).status_code == 422
