"""Every operation of REST has a method in both clients, with all that the operation takes.

Each call of the table is made against a server that answers with the example of the OpenAPI
document, so that its answer is read too. What a request may have, the calls of its operation have.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from tests.api.documented import UNDESCRIBED, openapi_document
from tests.client.loops import LOOPS
from tests.client.test_history_file import conversation, message
from zentalk.api.route_table import ROUTES
from zentalk.client import ApiError, AsyncClient, Client, Event
from zentalk.rest.examples import BOB, CAROL, CID, CODE, GROUP, MESSAGE_ID
from zentalk.rest.examples import SHORT_ID as ID
from zentalk.web.token_proof import PROOF_PATH

URL = "http://127.0.0.1:3001"
Use = Callable[[Any], Any]
Found = dict[str, set[str]]

NO_METHOD = {
    "proveToken": "a client made by `from_dir` asks it on each new connection, below its calls",
    "getDescription": "describes the calls, for programs that have no client",
    "getReference": "a page for people",
    "getReferenceFile": "a part of that page",
    "openEvents": "the log over a WebSocket, which `stream_events` has over HTTP",
}
NO_HEADERS = {
    "if-none-match": "the client keeps no answers",
    "last-event-id": "says what `after` says",
}


def chat(client: Any) -> Any:
    return client.chat(BOB)


def group(client: Any) -> Any:
    return client.group(GROUP)


USES: dict[str, list[Use]] = {
    "getHealth": [lambda c: c.health()],
    "getOwner": [lambda c: c.me()],
    "getAddressSvg": [lambda c: c.address_qr()],
    "getAddressPng": [lambda c: c.address_qr("png")],
    "getNetwork": [lambda c: c.network()],
    "listContacts": [lambda c: c.contacts()],
    "addContact": [lambda c: c.add_contact(BOB, "Bob")],
    "removeContact": [lambda c: c.remove_contact(BOB)],
    "acceptRequest": [lambda c: c.accept(BOB)],
    "refuseRequest": [lambda c: c.refuse(BOB)],
    "blockPerson": [lambda c: c.block(BOB)],
    "unblockPerson": [lambda c: c.unblock(BOB)],
    "introduceContact": [lambda c: c.introduce(BOB, CAROL, "Bob", "Carol")],
    "listIntroductions": [lambda c: c.introductions()],
    "forgetIntroductions": [lambda c: c.dismiss_introduction(CAROL)],
    "getSafetyNumber": [lambda c: c.safety(BOB)],
    "getDirect": [lambda c: c.direct(BOB)],
    "allowDirect": [lambda c: c.allow_direct(BOB), lambda c: c.allow_direct(BOB, False)],
    "verifyContact": [lambda c: c.verify(BOB), lambda c: c.verify(BOB, "1" * 60)],
    "unverifyContact": [lambda c: c.unverify(BOB)],
    "getContactProfile": [lambda c: chat(c).profile()],
    "listInvites": [lambda c: c.invites(), lambda c: group(c).links()],
    "createInvite": [lambda c: c.create_invite("Bob"), lambda c: group(c).create_link()],
    "getInvite": [lambda c: c.invite(ID)],
    "revokeInvite": [lambda c: c.revoke_invite(ID)],
    "getInviteSvg": [lambda c: c.invite_qr(ID)],
    "getInvitePng": [lambda c: c.invite_qr(ID, "png")],
    "listConversations": [lambda c: c.conversations()],
    "getConversation": [lambda c: chat(c).get()],
    "listMessages": [
        lambda c: c.messages(BOB, before=9),
        lambda c: chat(c).after(9),
        lambda c: chat(c).page("older.9"),
        lambda c: chat(c).around(MESSAGE_ID),
        lambda c: chat(c).since(9.5),
    ],
    "sendMessage": [
        lambda c: c.send(BOB, "hello", idempotency_key="k"),
        lambda c: chat(c).send(text="hello", reply_to=MESSAGE_ID, mentions=[CAROL]),
        lambda c: chat(c).send(poll={"question": "which?", "options": ["x", "y"]}),
        lambda c: chat(c).send(contact={"address": CAROL}),
        lambda c: chat(c).send(sticker={"emoji": "👍", "picture": "aaaa"}),
        lambda c: chat(c).send(location={"latitude": 1.0, "longitude": 2.0}),
        lambda c: chat(c).send(file={"cid": CID}),
    ],
    "markConversationRead": [lambda c: c.mark_read(BOB, 9)],
    "clearConversation": [lambda c: chat(c).clear()],
    "setTimer": [lambda c: chat(c).set_timer(60)],
    "muteConversation": [lambda c: chat(c).mute(0)],
    "saveDraft": [lambda c: chat(c).save_draft("half")],
    "sendTyping": [lambda c: chat(c).typing()],
    "forwardMessage": [lambda c: chat(c).forward(CAROL, MESSAGE_ID, idempotency_key="k")],
    "editMessage": [lambda c: chat(c).edit(MESSAGE_ID, "other")],
    "deleteMessage": [lambda c: chat(c).delete(MESSAGE_ID, "everyone")],
    "reactToMessage": [lambda c: chat(c).react(MESSAGE_ID, "👍")],
    "voteInPoll": [lambda c: chat(c).vote(MESSAGE_ID, [0])],
    "pinMessage": [lambda c: chat(c).pin(MESSAGE_ID)],
    "unpinMessage": [lambda c: chat(c).pin(MESSAGE_ID, on=False)],
    "starMessage": [lambda c: chat(c).star(MESSAGE_ID)],
    "unstarMessage": [lambda c: chat(c).star(MESSAGE_ID, on=False)],
    "listDeliveries": [lambda c: chat(c).deliveries(MESSAGE_ID)],
    "getLinkedMessage": [lambda c: c.linked_message(f"zentalk-message:{BOB}/{MESSAGE_ID}")],
    "getMessage": [lambda c: c.message(MESSAGE_ID, BOB)],
    "listStarred": [lambda c: c.starred(before=9)],
    "searchMessages": [lambda c: c.search("tea", BOB, 9, since=1.0, until=2.0)],
    "setPresence": [lambda c: c.shows([BOB])],
    "getPresence": [lambda c: c.presence(after=3)],
    "getPrivacy": [lambda c: c.privacy()],
    "setPrivacy": [lambda c: c.set_privacy(read_receipts=True, typing=True, presence=True)],
    "getProfile": [lambda c: c.profile()],
    "setProfile": [lambda c: c.set_profile("Alice", "away", b"png")],
    "listGroups": [lambda c: c.groups()],
    "createGroup": [lambda c: c.create_group("Crew", [BOB], "channel", "k")],
    "joinGroup": [lambda c: c.join_group("zentalk:x#y")],
    "getGroup": [lambda c: group(c).get()],
    "changeGroup": [lambda c: group(c).change(name="n", description="d", posting="admins")],
    "acceptGroup": [lambda c: group(c).accept()],
    "leaveGroup": [lambda c: group(c).leave()],
    "forgetGroup": [lambda c: group(c).forget()],
    "inviteToGroup": [lambda c: group(c).invite([BOB])],
    "setMemberRole": [lambda c: group(c).set_role(BOB, "admin")],
    "removeMember": [lambda c: group(c).remove(BOB)],
    "shareHistory": [lambda c: group(c).share_history(BOB, 5)],
    "closeGroupLink": [lambda c: group(c).close_link(ID)],
    "getGroupPicture": [lambda c: group(c).picture()],
    "setGroupPicture": [lambda c: group(c).set_picture(b"png")],
    "removeGroupPicture": [lambda c: group(c).set_picture(b"")],
    "listEvents": [lambda c: c.event_page(3, 5, ["message."], BOB, 25), lambda c: c.events()],
    "streamEvents": [lambda c: c.stream_events(3, ["message."], BOB, signals=True)],
    "listWebhooks": [lambda c: c.webhooks()],
    "addWebhook": [lambda c: c.add_webhook(URL, ["message."], BOB, "full")],
    "removeWebhook": [lambda c: c.remove_webhook(ID)],
    "listDeadLetters": [lambda c: c.dead_letters(ID, 3)],
    "retryDeadLetters": [lambda c: c.retry_webhook(ID, 3)],
    "forgetDeadLetters": [lambda c: c.forget_dead_letters(ID, 3)],
    "listPushEndpoints": [lambda c: c.push_endpoints()],
    "registerPush": [lambda c: c.register_push(URL, {"p256dh": "a"}, signed=True, device=ID)],
    "getPushKey": [lambda c: c.push_key(ID)],
    "removePush": [lambda c: c.remove_push(ID)],
    "testPush": [lambda c: c.test_push(ID)],
    "listFiles": [lambda c: c.files()],
    "addFile": [lambda c: c.add_file(b"bytes", "a.txt", keep_metadata=True)],
    "getFile": [lambda c: c.file(CID)],
    "uploadFile": [lambda c: c.upload_file(b"bytes", "a.txt", "text/plain")],
    "downloadFile": [lambda c: c.file_chunks(CID, 5)],
    "getFileHealth": [lambda c: c.file_health(CID)],
    "deleteFile": [lambda c: c.delete_file(CID)],
    "rotateFile": [lambda c: c.rotate_file(CID)],
    "getMesh": [lambda c: c.mesh()],
    "listMailboxes": [lambda c: c.mailboxes()],
    "moveMailboxes": [lambda c: c.move_mailboxes(), lambda c: c.move_mailboxes(ID)],
    "getLinks": [lambda c: c.link_state()],
    "openLink": [lambda c: c.open_link()],
    "keepRecovery": [lambda c: c.keep_recovery(b"sealed")],
    "removeLink": [lambda c: c.remove_link(ID)],
    "listDevices": [lambda c: c.devices()],
    "addDevice": [lambda c: c.add_device("phone", "read")],
    "revokeDevice": [lambda c: c.revoke_device(ID)],
    "listPairings": [lambda c: c.pairings()],
    "openPairing": [lambda c: c.pair_device("phone", "read", URL)],
    "cancelPairing": [lambda c: c.cancel_pairing(ID)],
    "getPairingQr": [lambda c: c.pairing_qr(ID, "png", URL)],
    "redeemPairing": [lambda c: c.redeem(CODE)],
}
"""For each operation the calls that make it. `importMessages` needs a file: see `uses`."""


@pytest.fixture
def uses(tmp_path: Path) -> dict[str, list[Use]]:
    path = tmp_path / "export.json"
    found = {"format": 1, "conversations": [conversation(message(1), state="contact")]}
    path.write_text(json.dumps(found))
    return {**USES, "importMessages": [lambda c: c.import_history(path)]}


class Examples:
    """A server of which each answer is the example of the OpenAPI document."""

    def __init__(self) -> None:
        document = openapi_document()
        self._schemas = document["components"]["schemas"]
        self.operations: dict[str, dict[str, Any]] = {}
        self._paths: list[tuple[str, re.Pattern[str], dict[str, Any]]] = []
        for path in sorted(document["paths"], key=lambda one: one.replace("{", "~")):
            pattern = re.compile(re.sub(r"\{\w+\}", "[^/]+", path))
            for method, operation in document["paths"][path].items():
                self._paths.append((method.upper(), pattern, operation))
                self.operations[operation["operationId"]] = operation
        self.given: dict[str, Found] = {}
        """By operation, what requests had."""
        self.wanted = ""
        """The operation that is to be asked for next."""

    def __call__(self, request: httpx.Request) -> httpx.Response:
        operation = next(
            operation
            for method, pattern, operation in self._paths
            if method == request.method and pattern.fullmatch(request.url.path)
        )
        assert operation["operationId"] == self.wanted, "this row is another operation's"
        is_json = request.headers.get("Content-Type") == "application/json"
        body = json.loads(request.content) if is_json else {}
        given = self.given.setdefault(operation["operationId"], {"query": set(), "body": set()})
        given["query"] |= set(request.url.params)
        given["body"] |= set(body)
        given.setdefault("header", set()).update(request.headers)
        status, answer = next(pair for pair in operation["responses"].items() if pair[0][0] == "2")
        for media, content in answer.get("content", {}).items():
            said = content.get("example", "an image, or a file")
            if "format" not in request.url.params or request.url.params["format"] in media:
                raw = said if isinstance(said, str) else json.dumps(said)
                stream = httpx.ByteStream(raw.encode())
                return httpx.Response(int(status), stream=stream, headers={"Content-Type": media})
        return httpx.Response(int(status))

    def lacking(self, operation_id: str) -> Found:
        """Return what an operation takes and no request has had."""
        operation = self.operations[operation_id]
        body = operation.get("requestBody", {}).get("content", {}).get("application/json")
        takes: Found = {"query": set(), "body": set(), "header": set(), "path": set()}
        for parameter in operation.get("parameters", []):
            takes[parameter["in"]].add(parameter["name"].lower())
        takes["header"] -= set(NO_HEADERS)
        if body is not None:
            name = body["schema"]["$ref"].rpartition("/")[2]
            takes["body"] = set(self._schemas[name]["properties"])
        given = self.given.get(operation_id, {})
        found = {place: takes[place] - given.get(place, set()) for place in given}
        return {place: names for place, names in found.items() if names}


def is_piece(came: Event | bytes) -> bool:
    """Tell whether it is an event of a stream, or bytes of a file."""
    return bool(came) if isinstance(came, bytes) else bool(came.seq)


def make_blocking(examples: Examples, uses: dict[str, list[Use]]) -> None:
    with Client(URL, "token") as client:
        client._http.close()
        client._http = httpx.Client(transport=httpx.MockTransport(examples), base_url=URL)
        for examples.wanted, calls in uses.items():
            for use in calls:
                made = use(client)
                if isinstance(made, Generator):
                    assert is_piece(next(made))
                    made.close()


async def make_awaited(examples: Examples, uses: dict[str, list[Use]]) -> None:
    async with AsyncClient(URL, "token") as client:
        await client._http.aclose()
        client._http = httpx.AsyncClient(transport=httpx.MockTransport(examples), base_url=URL)
        for examples.wanted, calls in uses.items():
            for use in calls:
                made = use(client)
                if inspect.isawaitable(made):
                    await made
                else:
                    async with made as feed:
                        assert is_piece(await anext(feed))


def make(kind: str, examples: Examples, uses: dict[str, list[Use]]) -> None:
    if kind == "blocking":
        make_blocking(examples, uses)
    else:
        anyio.run(make_awaited, examples, uses, backend=kind)


@pytest.mark.parametrize("kind", ["blocking", *LOOPS])
def test_every_operation_is_a_method_that_takes_all_that_it_takes(
    kind: str, uses: dict[str, list[Use]]
) -> None:
    examples = Examples()
    make(kind, examples, uses)
    assert set(examples.given) == set(examples.operations) - set(NO_METHOD)
    lacking = {name: examples.lacking(name) for name in examples.operations}
    assert {name: found for name, found in lacking.items() if found} == {}


def test_every_route_has_a_method_or_a_reason(uses: dict[str, list[Use]]) -> None:
    assert set(uses) | set(NO_METHOD) == {entry.name for entry in ROUTES.values()}
    assert not set(uses) & set(NO_METHOD)
    undescribed = {ROUTES[route].name for route in UNDESCRIBED}
    assert undescribed == set(NO_METHOD) - {ROUTES[f"GET {PROOF_PATH}"].name}


def test_control_what_a_method_does_not_take_is_found() -> None:
    examples = Examples()
    few: dict[str, list[Use]] = {
        "searchMessages": [lambda c: c.search("tea", BOB, 9)],
        "createInvite": [lambda c: c.create_invite("Bob")],
        "sendMessage": [lambda c: c.send(BOB, "hello")],
    }
    make("blocking", examples, few)
    assert examples.lacking("searchMessages") == {"query": {"since", "until"}}
    assert examples.lacking("createInvite") == {"body": {"group"}}
    assert examples.lacking("sendMessage")["header"] == {"idempotency-key"}


@pytest.mark.parametrize("media", ["text/html", "image/png", ""])
def test_what_is_no_such_image_is_no_qr_code(media: str) -> None:
    def answer(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=b"<svg/>", headers={"Content-Type": media})

    with Client(URL, "token") as client:
        client._http.close()
        client._http = httpx.Client(transport=httpx.MockTransport(answer), base_url=URL)
        with pytest.raises(ApiError, match="does not come from an API node"):
            client.address_qr()
