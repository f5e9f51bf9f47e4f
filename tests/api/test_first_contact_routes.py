"""Invites, introductions, safety numbers and QR codes over REST."""

from __future__ import annotations

import httpx
import pytest

from tests.api.double import BOB, OWNER, STRANGER, FakeNode
from tests.api.test_routes import check
from zentalk.rest.contacts import Contact, Contacts
from zentalk.rest.introductions import IntroducedPeople
from zentalk.rest.invites import Invite, InviteList
from zentalk.rest.safety import Safety
from zentalk.session.safety import format_safety_number, safety_number
from zentalk.store.history.models import StoredIntroduction
from zentalk.wire.invite import InviteLink, format_invite
from zentalk.wire.text import format_address

BOBS, STRANGERS = format_address(BOB), format_address(STRANGER)
NUMBER = safety_number(OWNER, BOB)


async def test_an_invite_is_made_listed_shown_and_revoked(rest: httpx.AsyncClient) -> None:
    made = await rest.post("/v1/invites", json={})
    assert made.status_code == 201
    check(Invite, made)
    body = made.json()
    assert (body["max_uses"], body["accepts"], body["state"]) == (1, True, "open")
    assert len(body["link"].encode()) < 120
    other = {"name": "fair", "max_uses": 50, "expires_in_seconds": 3600, "accepts": False}
    await rest.post("/v1/invites", json=other)
    listed = await rest.get("/v1/invites")
    check(InviteList, listed)
    assert [one["name"] for one in listed.json()["invites"]] == ["", "fair"]
    path = f"/v1/invites/{body['id']}"
    check(Invite, await rest.get(path))
    assert (await rest.delete(path)).status_code == 204
    assert (await rest.get(path)).json()["link"] == ""
    assert (await rest.get("/v1/invites/nobody")).status_code == 404
    assert (await rest.delete("/v1/invites/nobody")).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {"max_uses": 0},
        {"max_uses": 1_001},
        {"max_uses": "2"},
        {"expires_in_seconds": 0},
        {"expires_in_seconds": 400 * 86_400},
        {"name": "x" * 201},
        {"name": "two\nlines"},
        {"never": True},
    ],
)
async def test_what_no_invite_can_be_is_refused(
    rest: httpx.AsyncClient, body: dict[str, object]
) -> None:
    answer = await rest.post("/v1/invites", json=body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


async def test_codes_are_images_with_safe_headers(rest: httpx.AsyncClient) -> None:
    made = (await rest.post("/v1/invites", json={})).json()
    starts = {"svg": (b"<?xml", "image/svg+xml"), "png": (b"\x89PNG", "image/png")}
    for kind, (start, media_type) in starts.items():
        for place in ("me", f"invites/{made['id']}"):
            image = await rest.get(f"/v1/{place}/qr.{kind}")
            assert (image.status_code, image.headers["content-type"]) == (200, media_type)
            assert image.content.startswith(start)
            assert image.headers["cache-control"] == "no-store"
            assert image.headers["x-content-type-options"] == "nosniff"
            assert image.headers["content-security-policy"].startswith("default-src 'none'")
    await rest.delete(f"/v1/invites/{made['id']}")
    ended = await rest.get(f"/v1/invites/{made['id']}/qr.svg")
    assert (ended.status_code, "make another" in ended.json()["detail"]) == (409, True)
    assert (await rest.get("/v1/invites/nobody/qr.png")).status_code == 404


async def test_a_contact_is_added_by_a_link(rest: httpx.AsyncClient, node: FakeNode) -> None:
    link = format_invite(InviteLink(BOB, b"s" * 16))
    added = await rest.post("/v1/contacts", json={"address": link, "name": "Bob"})
    check(Contact, added)
    assert (added.status_code, added.json()["address"]) == (201, BOBS)
    assert node.tickets == [b"s" * 16]
    torn = await rest.post("/v1/contacts", json={"address": link[:-1], "name": "Bob"})
    assert (torn.status_code, "copy it again" in torn.json()["detail"]) == (422, True)


async def test_names_that_look_alike_are_told_apart_in_the_list(
    rest: httpx.AsyncClient, node: FakeNode
) -> None:
    await node.add_contact(BOB, "Bob")
    await node.add_contact(STRANGER, "B\u043eb")
    listed = await rest.get("/v1/contacts")
    check(Contacts, listed)
    first, second = listed.json()["contacts"]
    assert (first["shown_name"], first["looks_like"]) == ("Bob", "")
    assert (second["name"], second["looks_like"]) == ("B\u043eb", BOBS)
    assert second["shown_name"] == f"B\u043eb (\u2026{STRANGERS[-8:]})"


async def test_a_safety_number_is_shown_and_verified(
    rest: httpx.AsyncClient, node: FakeNode
) -> None:
    path = f"/v1/contacts/{BOBS}"
    shown = await rest.get(f"{path}/safety")
    check(Safety, shown)
    body = shown.json()
    assert (body["number"], "".join(body["groups"]), len(body["groups"])) == (NUMBER, NUMBER, 12)
    assert (body["qr"], body["verified"]) == (f"zentalk-safety:{NUMBER}", False)
    assert (await rest.post(f"{path}/verify", json={"confirmed": True})).status_code == 404
    await node.add_contact(BOB, "Bob")
    for said in ({"number": format_safety_number(NUMBER)}, {"number": body["qr"]}):
        verified = await rest.post(f"{path}/verify", json=said)
        check(Contact, verified)
        assert verified.json()["verified"]
        assert (await rest.get(f"{path}/safety")).json()["verified_at"] == 1000.0
        assert (await rest.delete(f"{path}/verify")).status_code == 204
        assert not (await rest.get("/v1/contacts")).json()["contacts"][0]["verified"]
    assert (await rest.post(f"{path}/verify", json={"confirmed": True})).status_code == 200
    other = safety_number(OWNER, STRANGER)
    assert (await rest.post(f"{path}/verify", json={"number": other})).status_code == 409


@pytest.mark.parametrize(
    "body",
    [{}, {"confirmed": False}, {"number": "1", "confirmed": True}, {"number": "12345"}],
)
async def test_a_mark_needs_the_number_or_a_word(
    rest: httpx.AsyncClient, node: FakeNode, body: dict[str, object]
) -> None:
    await node.add_contact(BOB, "Bob")
    answer = await rest.post(f"/v1/contacts/{BOBS}/verify", json=body)
    assert answer.status_code == 422


async def test_contacts_are_introduced(rest: httpx.AsyncClient, node: FakeNode) -> None:
    path = f"/v1/contacts/{BOBS}/introduce"
    body = {"to": STRANGERS, "name": "Bob"}
    assert (await rest.post(path, json=body)).status_code == 204
    assert node.first_contact.introductions.asked == [(BOB, STRANGER, "Bob", "")]
    assert (await rest.post(path, json={"to": "zt1nobody"})).status_code == 422


async def test_who_was_introduced_is_listed_and_dismissed(
    rest: httpx.AsyncClient, node: FakeNode
) -> None:
    told = StoredIntroduction(STRANGERS, "Carol", BOBS, 5.0)
    node.first_contact.introductions.known = [told]
    listed = await rest.get("/v1/introductions")
    check(IntroducedPeople, listed)
    assert listed.json()["introductions"][0]["introduced_by"] == BOBS
    assert listed.json()["introductions"][0]["looks_like"] == ""
    await node.add_contact(BOB, "C\u0430rol")
    [again] = (await rest.get("/v1/introductions")).json()["introductions"]
    assert (again["name"], again["looks_like"]) == ("Carol", BOBS)
    assert again["shown_name"] == f"Carol (\u2026{STRANGERS[-8:]})"
    path = f"/v1/introductions/{STRANGERS}"
    answers = [(await rest.delete(path)).status_code for _ in range(2)]
    assert answers == [204, 404]
