"""All routes of REST, each a few lines: read, ask the node, show.

Handlers return finished responses, made of the models of `zentalk.rest`, so that FastAPI does
not validate them again; the models named as `responses` are for the OpenAPI document.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any, Final

import trio
from fastapi import APIRouter, Header, Query, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from zentalk.api.answers import CONFLICT, MISSING, MISSING_OR_CONFLICT, answers, no_content, tagged
from zentalk.api.callers import request_key
from zentalk.api.drafts import said
from zentalk.api.event_query import PageQuery, StreamQuery, first_page
from zentalk.api.facade import NodeFacade
from zentalk.api.looks import looks_of, name_cards
from zentalk.api.paths import Address, IdempotencyKey, MessageId, WithAddress
from zentalk.api.stream import EventStream
from zentalk.errors import LocalProtocolError
from zentalk.ids import UserAddress
from zentalk.node.messages.commands import Draft
from zentalk.rest.contacts import Contact, ContactIn, Contacts, ListedContact
from zentalk.rest.contents import MessageIn
from zentalk.rest.cursors import MAX_CURSOR_CHARS, Cursor, page_of, parse_cursor
from zentalk.rest.event_schema import EventsPage
from zentalk.rest.events import Events
from zentalk.rest.limits import MAX_PAGE, MAX_SEQUENCE, MIN_PLACE
from zentalk.rest.messages import Conversations, Message, MessagesPage
from zentalk.rest.node import Health, Me, NetworkReport
from zentalk.web.etags import TaggedAnswer
from zentalk.web.json_response import JsonResponse
from zentalk.wire.invite import parse_address_or_invite
from zentalk.wire.message_link import parse_message_link
from zentalk.wire.text import parse_address

DEFAULT_MESSAGES: Final = 100
_TEXT: Final = {"text"}
"""The fields of most messages: they need no look at the others."""

_Key = tuple[str, int]
Place = Annotated[int, Query(ge=MIN_PLACE, le=MAX_SEQUENCE, description="a `seq`")]
Limit = Annotated[int, Query(ge=1, description="more than 1,000 counts as 1,000")]
_NOTHING: Final[dict[str, Any]] = no_content("contacts", fails=MISSING_OR_CONFLICT)
Link = Annotated[
    str,
    Query(description="`zentalk-message:`, the author's address, `/` and the `id`", max_length=120),
]
LastEventId = Annotated[int | None, Header(ge=0, le=MAX_SEQUENCE)]


def add_own_routes(router: APIRouter, node: NodeFacade, name: str) -> None:
    """Add the routes about the node itself."""

    @router.get("/v1/health", **answers("node", Health))
    async def health() -> Response:
        """Say that the program runs; the only resource without a token."""
        return JsonResponse(Health(status="ok"))

    @router.get("/v1/me", **answers("node", Me))
    async def me() -> Response:
        """Return your own address and name."""
        return JsonResponse(Me(address=node.address_text, name=name))

    @router.get("/v1/network", **answers("node", NetworkReport))
    async def network() -> Response:
        """Return how this node sees the network: relays, guards, mailboxes, tunnels."""
        return JsonResponse(NetworkReport.model_validate(node.status()))


def add_contact_routes(router: APIRouter, node: NodeFacade) -> None:
    """Add the routes about people."""

    @router.get("/v1/contacts", **tagged(answers("contacts", Contacts)))
    async def contacts(request: Request) -> Response:
        """Return contacts, requests, and who was refused or blocked."""
        answer = await node.since_commit.get("contacts", partial(_contacts, node))
        return answer.to(request)

    @router.post("/v1/contacts", **answers("contacts", Contact, HTTPStatus.CREATED, fails=CONFLICT))
    async def add(body: ContactIn) -> Response:
        """Add or rename a contact, by address or invite; a request of theirs is accepted."""
        invite = parse_address_or_invite(body.address.strip())
        contact = await node.add_contact(invite.address, body.name, invite.secret)
        return JsonResponse(Contact.model_validate(contact), HTTPStatus.CREATED)

    @router.post(
        "/v1/contacts/{address}/accept",
        **answers("contacts", Contact, fails=MISSING_OR_CONFLICT),
    )
    async def accept(address: Address) -> Response:
        """Accept a request under the name it has."""
        accepted = await node.accept(parse_address(address))
        return JsonResponse(Contact.model_validate(accepted))

    @router.post("/v1/contacts/{address}/refuse", **_NOTHING)
    async def refuse(address: Address) -> Response:
        """Delete a request and its messages; its sender may ask again after 30 days."""
        await node.refuse(parse_address(address))
        return Response(status_code=HTTPStatus.NO_CONTENT.value)

    @router.delete("/v1/contacts/{address}", **no_content("contacts", fails=MISSING_OR_CONFLICT))
    async def remove(address: Address) -> Response:
        """Delete a person and all messages with it; whoever is blocked stays blocked."""
        await node.remove(parse_address(address))
        return Response(status_code=HTTPStatus.NO_CONTENT.value)

    @router.post("/v1/contacts/{address}/block", **answers("contacts", Contact, fails=CONFLICT))
    async def block(address: Address) -> Response:
        """Keep nothing any more that this person sends."""
        return JsonResponse(Contact.model_validate(await node.block(parse_address(address))))

    @router.post("/v1/contacts/{address}/unblock", **_NOTHING)
    async def unblock(address: Address) -> Response:
        """Let a person write again: a contact as before, anybody else as a request."""
        await node.unblock(parse_address(address))
        return Response(status_code=HTTPStatus.NO_CONTENT.value)


async def _contacts(node: NodeFacade) -> TaggedAnswer:
    people, looks = await node.contacts(), await looks_of(node)
    listed = [ListedContact.of(one, *looks.of(one.address, one.name)) for one in people]
    return TaggedAnswer(JsonResponse(Contacts(contacts=listed)))


async def _conversations(node: NodeFacade) -> TaggedAnswer:
    found = Conversations.model_validate({"conversations": await node.conversations()})
    looks = await looks_of(node)
    listed = [
        one.model_copy(update=looks.fields(one.address, one.name)) for one in found.conversations
    ]
    return TaggedAnswer(JsonResponse(Conversations(conversations=listed)))


def add_message_routes(router: APIRouter, node: NodeFacade) -> None:
    """Add the routes about conversations and messages."""

    @router.get("/v1/conversations", **tagged(answers("messages", Conversations)))
    async def conversations(request: Request) -> Response:
        """Return all conversations, the latest first."""
        answer = await node.since_commit.get("conversations", partial(_conversations, node))
        return answer.to(request)

    @router.post(
        "/v1/conversations/{address}/messages",
        **answers("messages", Message, HTTPStatus.ACCEPTED, fails=MISSING_OR_CONFLICT),
    )
    async def send(
        request: Request, address: Address, body: MessageIn, idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Store a message for sending; its state tells how far it got."""
        key = None if idempotency_key is None else request_key(request, idempotency_key)
        contact = parse_address(address)
        if body.model_fields_set == _TEXT:
            message = await node.send(contact, Draft(body.text or ""), key)
        else:
            message = await said(body, contact, key, node)
        return JsonResponse(Message.model_validate(message), HTTPStatus.ACCEPTED)

    @router.get(
        "/v1/conversations/{address}/messages", **answers("messages", MessagesPage, fails=MISSING)
    )
    async def messages(
        address: Address,
        before: Annotated[Place | None, Query()] = None,
        after: Annotated[Place | None, Query()] = None,
        around: Annotated[str | None, Query(max_length=100)] = None,
        since: Annotated[float | None, Query(ge=0, allow_inf_nan=False)] = None,
        cursor: Annotated[str | None, Query(max_length=MAX_CURSOR_CHARS)] = None,
        limit: Limit = DEFAULT_MESSAGES,
    ) -> Response:
        """Return a page of a conversation: the newest, or where one of the parameters says.

        `cursor` is the `older` or `newer` of another page; `before` and `after` take a `seq`,
        `around` the id of a message, and `since` unix seconds. The newest is last.
        """
        contact, count = parse_address(address), min(limit, MAX_PAGE)
        if sum(place is not None for place in (before, after, around, since, cursor)) > 1:
            raise LocalProtocolError("give one of cursor, before, after, around and since")
        before, after = begun = Cursor(before, after) if cursor is None else parse_cursor(cursor)
        if after is not None:
            page = await node.chat.page_after(contact, after, count)
        elif around is not None:
            page = await node.chat.page_around(contact, around, count)
        elif since is not None:
            page = await node.chat.page_since(contact, since, count)
            begun = begun if page else await _end(node, contact)
        else:
            page = await node.messages(contact, before, count)
        shown = MessagesPage.model_validate(page_of(page, begun))
        await name_cards(node, shown.messages)
        return JsonResponse(shown)

    @router.post("/v1/conversations/{address}/read", **no_content("messages"))
    async def read(address: Address, seq: Annotated[Place | None, Query()] = None) -> Response:
        """Note that a conversation was read, up to the message with a `seq` or to its end.

        What came after it stays unread, and its author is not told that it was read.
        """
        await node.mark_read(parse_address(address), seq)
        return Response(status_code=HTTPStatus.NO_CONTENT.value)

    @router.get("/v1/messages/{message_id}", **answers("messages", Message, fails=MISSING))
    async def message(message_id: MessageId, conversation: WithAddress = None) -> Response:
        """Return one message; your own if somebody else chose the same id."""
        where = None if conversation is None else parse_address(conversation)
        shown = Message.model_validate(await node.message(message_id, where))
        await name_cards(node, [shown])
        return JsonResponse(shown)

    @router.get("/v1/linked-message", **answers("messages", Message, fails=MISSING))
    async def linked(link: Link) -> Response:
        """Return the message that a link is of: of this author, in whichever conversation."""
        shown = Message.model_validate(await node.linked_message(parse_message_link(link)))
        await name_cards(node, [shown])
        return JsonResponse(shown)


def add_event_routes(router: APIRouter, node: NodeFacade, stopping: trio.Event) -> None:
    """Add the two views of the event log; streams end at `stopping`."""

    @router.get("/v1/events", **answers("events", EventsPage))
    async def events(query: Annotated[PageQuery, Query()]) -> Response:
        """Return a page of the event log, oldest first; wait for one if it is to wait."""
        page = await first_page(node, query, stopping)
        return JsonResponse(Events.model_validate(page))

    @router.get("/v1/events/stream", **answers("events", str, kind=EventStream))
    async def stream(
        query: Annotated[StreamQuery, Query()], last_event_id: LastEventId = None
    ) -> Response:
        """Stream events (text/event-stream), from `Last-Event-ID` or `after` on."""
        start = query.after if last_event_id is None else last_event_id
        return EventStream(node, start, stopping, query.wanted(), signals=query.signals)


class RouteIndex:
    """Finds the route of a request among the few that its path can have, not among all.

    The library asks each route in turn whether it matches, which costs more than all else that it
    does for a small answer. Here they are sorted by the second segment of their paths and the
    number of segments. `otherwise` serves what none of them matches in full.
    """

    def __init__(self, routes: Iterable[BaseRoute], otherwise: ASGIApp) -> None:
        self._otherwise = otherwise
        self._routes: dict[_Key, list[BaseRoute]] = {}
        for route in routes:
            if isinstance(route, Route | WebSocketRoute):
                self._routes.setdefault(_key(route.path), []).append(route)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        path = scope.get("path")
        for route in self._routes.get(_key(path), ()) if path else ():
            match, more = route.matches(scope)
            if match is Match.FULL:
                scope.update(more)
                await route.handle(scope, receive, send)
                return
        await self._otherwise(scope, receive, send)


def _key(path: str) -> _Key:
    segments = path.split("/")
    return (segments[2] if len(segments) > 2 else "", len(segments))


async def _end(node: NodeFacade, contact: UserAddress) -> Cursor:
    """Return where a conversation goes on: what is pending at a replica has no place yet."""
    places = [line.seq for line in await node.messages(contact, None, 1) if line.seq]
    return Cursor(None, places[-1] if places else None)
