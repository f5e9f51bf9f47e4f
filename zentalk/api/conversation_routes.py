"""The routes about messages that are there, and about conversations as a whole."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any, Final, Literal

import trio
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from zentalk.api.answers import CONFLICT, MISSING, MISSING_OR_CONFLICT, answers, no_content, tagged
from zentalk.api.callers import caller_of, request_key
from zentalk.api.drafts import picture
from zentalk.api.facade import NodeFacade
from zentalk.api.looks import Looks, looks_of, shown_messages
from zentalk.api.paths import Address, IdempotencyKey, MessageId, WithAddress
from zentalk.ids import UserAddress
from zentalk.rest import conversations as bodies
from zentalk.rest.limits import MAX_PAGE, MAX_SEQUENCE, MIN_PLACE
from zentalk.rest.messages import Message, Messages
from zentalk.store.history.privacy import Privacy
from zentalk.store.history.profiles import view
from zentalk.store.history.search import MAX_QUERY_CHARS, Wanted
from zentalk.web.etags import unless_known
from zentalk.web.json_response import JsonResponse
from zentalk.wire.chat import Profile
from zentalk.wire.text import format_address, parse_address

MAX_WAIT_SECONDS: Final = 25
DEFAULT_PAGE: Final = 100
_ONE: Final = "/v1/conversations/{address}"
_MESSAGE: Final = "/v1/conversations/{address}/messages/{message_id}"

_NOTHING: Final[dict[str, Any]] = no_content("conversations", fails=MISSING_OR_CONFLICT)


def _nothing() -> Response:
    return Response(status_code=HTTPStatus.NO_CONTENT.value)


def _shown(message: object) -> Response:
    return JsonResponse(Message.model_validate(message))


def add_mark_routes(router: APIRouter, node: NodeFacade) -> None:
    """Add the routes that change how a message is shown."""

    @router.patch(_MESSAGE, **answers("messages", Message, fails=MISSING_OR_CONFLICT))
    async def edit(address: Address, message_id: MessageId, body: bodies.EditIn) -> Response:
        """Give a text of your own other words; its readers see that it was changed."""
        return _shown(await node.chat.edit(parse_address(address), message_id, body.text))

    @router.delete(_MESSAGE, **_NOTHING)
    async def delete(
        address: Address,
        message_id: MessageId,
        who: Annotated[Literal["everyone", "me"], Query(alias="for")] = "me",
    ) -> Response:
        """Delete a message here, or take one of your own back `for=everyone`."""
        contact = parse_address(address)
        if who == "everyone":
            await node.chat.take_back(contact, message_id)
        else:
            await node.chat.delete_here(contact, message_id)
        return _nothing()

    @router.put(f"{_MESSAGE}/reaction", **answers("messages", Message, fails=MISSING_OR_CONFLICT))
    async def react(address: Address, message_id: MessageId, body: bodies.ReactionIn) -> Response:
        """React to a message with one emoji; an empty one takes that back."""
        return _shown(await node.chat.react(parse_address(address), message_id, body.emoji))

    @router.put(f"{_MESSAGE}/vote", **answers("messages", Message, fails=MISSING_OR_CONFLICT))
    async def vote(address: Address, message_id: MessageId, body: bodies.VoteIn) -> Response:
        """Choose options of a poll, in place of what you chose before."""
        chosen = tuple(body.options)
        return _shown(await node.chat.vote(parse_address(address), message_id, chosen))

    @router.put(f"{_MESSAGE}/pin", **answers("messages", Message, fails=MISSING_OR_CONFLICT))
    async def pin(address: Address, message_id: MessageId) -> Response:
        """Pin a message for everybody in the conversation."""
        return _shown(await node.chat.pin(parse_address(address), message_id, on=True))

    @router.delete(f"{_MESSAGE}/pin", **answers("messages", Message, fails=MISSING_OR_CONFLICT))
    async def unpin(address: Address, message_id: MessageId) -> Response:
        """Unpin a message for everybody in the conversation."""
        return _shown(await node.chat.pin(parse_address(address), message_id, on=False))

    @router.put(f"{_MESSAGE}/star", **answers("messages", Message, fails=MISSING_OR_CONFLICT))
    async def star(address: Address, message_id: MessageId) -> Response:
        """Star a message; only your own devices see that."""
        return _shown(await node.chat.star(parse_address(address), message_id, on=True))

    @router.delete(f"{_MESSAGE}/star", **answers("messages", Message, fails=MISSING_OR_CONFLICT))
    async def unstar(address: Address, message_id: MessageId) -> Response:
        """Take the star of a message back."""
        return _shown(await node.chat.star(parse_address(address), message_id, on=False))

    @router.post(
        f"{_ONE}/forward",
        **answers("messages", Message, HTTPStatus.ACCEPTED, fails=MISSING_OR_CONFLICT),
    )
    async def forward(
        request: Request,
        address: Address,
        body: bodies.ForwardIn,
        idempotency_key: IdempotencyKey = None,
    ) -> Response:
        """Send a message that is here to somebody else, marked as forwarded."""
        key = None if idempotency_key is None else request_key(request, idempotency_key)
        source = parse_address(body.conversation)
        sent = await node.forward(parse_address(address), source, body.id, key)
        return JsonResponse(Message.model_validate(sent), HTTPStatus.ACCEPTED)


def add_conversation_routes(router: APIRouter, node: NodeFacade) -> None:
    """Add the routes about conversations as a whole."""

    @router.get(_ONE, **answers("conversations", bodies.OpenConversation, fails=MISSING))
    async def one(address: Address) -> Response:
        """Return one conversation, and who is writing or there."""
        contact, board = parse_address(address), node.signals.board
        found = await node.chat.one(contact)
        looks, pinned = await looks_of(node), await node.chat.pinned(contact)
        shown = {name: getattr(found, name) for name in found.__slots__}
        shown |= looks.fields(found.address, found.name)
        shown |= {
            "typing": contact in board.now_typing(),
            "present": contact in board.now_there(),
            "pinned": (await shown_messages(node, pinned)).messages,
        }
        return JsonResponse(bodies.OpenConversation.model_validate(shown))

    @router.delete(f"{_ONE}/messages", **_NOTHING)
    async def clear(address: Address) -> Response:
        """Delete all messages of a conversation here; the person stays in your list."""
        await node.chat.clear(parse_address(address))
        return _nothing()

    @router.put(f"{_ONE}/timer", **_NOTHING)
    async def timer(address: Address, body: bodies.TimerIn) -> Response:
        """Let messages disappear some time after they were read, at both sides."""
        await node.chat.set_timer(parse_address(address), body.seconds)
        return _nothing()

    @router.put(f"{_ONE}/mute", **_NOTHING)
    async def mute(address: Address, body: bodies.MuteIn) -> Response:
        """Mute a conversation for all of your devices until a time."""
        await node.chat.mute(parse_address(address), body.until)
        return _nothing()

    @router.put(f"{_ONE}/draft", **_NOTHING)
    async def draft(address: Address, body: bodies.DraftIn) -> Response:
        """Keep what is half written for all of your devices."""
        await node.chat.save_draft(parse_address(address), body.text)
        return _nothing()

    @router.get("/v1/starred", **answers("messages", Messages))
    async def starred(
        before: Annotated[int | None, Query(ge=MIN_PLACE, le=MAX_SEQUENCE)] = None,
        limit: Annotated[int, Query(ge=1)] = DEFAULT_PAGE,
    ) -> Response:
        """Return a page of your starred messages, newest last."""
        page = await node.chat.starred(before, min(limit, MAX_PAGE))
        return JsonResponse(await shown_messages(node, page))


def add_search_route(router: APIRouter, node: NodeFacade) -> None:
    """Add the route that finds messages by their words, and conversations by their names."""

    @router.get("/v1/search", **answers("messages", bodies.SearchResults))
    async def find(
        q: Annotated[
            str,
            Query(
                min_length=1,
                max_length=MAX_QUERY_CHARS,
                description='words, "a phrase", begin*',
            ),
        ],
        conversation: WithAddress = None,
        since: Annotated[float | None, Query(ge=0, allow_inf_nan=False)] = None,
        until: Annotated[float | None, Query(ge=0, allow_inf_nan=False)] = None,
        before: Annotated[int | None, Query(ge=MIN_PLACE, le=MAX_SEQUENCE)] = None,
        limit: Annotated[int, Query(ge=1)] = DEFAULT_PAGE,
    ) -> Response:
        """Return messages that have all the words, newest first; `before` takes a `seq`.

        The first page names people and groups too in whose names words begin so.
        """
        where = None if conversation is None else parse_address(conversation)
        wanted = Wanted(q, where, since, until, before)
        found = await node.chat.search(wanted, min(limit, MAX_PAGE))
        page = (await shown_messages(node, found)).messages
        if where is not None or before is not None:
            return JsonResponse(bodies.SearchResults(messages=page))
        looks = await looks_of(node)
        names = [
            bodies.FoundName(**one._asdict(), **looks.fields(one.address, one.name))
            for one in await node.chat.search_names(q)
        ]
        return JsonResponse(bodies.SearchResults(messages=page, names=names))


def add_signal_routes(router: APIRouter, node: NodeFacade) -> None:
    """Add the routes about typing and presence, in both directions."""

    @router.post(f"{_ONE}/typing", **no_content("conversations", fails=CONFLICT))
    async def typing(address: Address, body: bodies.TypingIn) -> Response:
        """Tell a contact that you are writing; it goes only to who is there, twice a minute."""
        await node.signals.typing(parse_address(address), on=body.typing)
        return _nothing()

    @router.put("/v1/presence", **no_content("conversations", fails=CONFLICT))
    async def present(request: Request, body: bodies.PresenceIn) -> Response:
        """Say which chats this device shows now; say it again every 30 seconds."""
        chats = [parse_address(chat) for chat in body.chats]
        await node.signals.shows(caller_of(request).id, chats)
        return _nothing()

    @router.get("/v1/presence", **answers("conversations", bodies.PresenceNow))
    async def presence(
        after: Annotated[int | None, Query(ge=0, le=MAX_SEQUENCE)] = None,
        wait: Annotated[float, Query(ge=0, le=MAX_WAIT_SECONDS)] = 0,
    ) -> Response:
        """Return who is writing to you and who is there; with `after`, wait for a change."""
        board = node.signals.board
        if after is not None:
            with trio.move_on_after(wait):
                await board.wait(after)
        return JsonResponse(
            bodies.PresenceNow(
                number=board.number,
                typing=_addresses(board.now_typing()),
                present=_addresses(board.now_there()),
            )
        )


def add_profile_routes(router: APIRouter, node: NodeFacade) -> None:
    """Add the routes about what others see of the owner."""

    @router.get("/v1/me/privacy", **answers("node", bodies.OwnPrivacy))
    async def privacy() -> Response:
        """Return what others are told of you beside messages."""
        return JsonResponse(bodies.OwnPrivacy.model_validate(await node.chat.privacy()))

    @router.patch("/v1/me/privacy", **answers("node", bodies.OwnPrivacy))
    async def set_privacy(body: bodies.PrivacyIn) -> Response:
        """Set what others are told of you; what is left out stays as it is."""
        wished = (await node.chat.privacy())._asdict() | body.model_dump(exclude_none=True)
        await node.chat.set_privacy(Privacy(**wished))
        return JsonResponse(bodies.OwnPrivacy(**wished))

    @router.get("/v1/me/profile", **tagged(answers("node", bodies.ShownProfile)))
    async def profile(request: Request) -> Response:
        """Return how you are shown to contacts."""
        own = parse_address(node.address_text)
        return _profile(request, own, await node.chat.profile(), Looks(()))

    @router.put("/v1/me/profile", **answers("node", bodies.ShownProfile))
    async def set_profile(body: bodies.ProfileIn) -> Response:
        """Set name, status line and picture; contacts are told, end to end."""
        made = await node.chat.set_profile(body.name, body.status, picture(body.avatar))
        own = parse_address(node.address_text)
        return JsonResponse(_shown_profile(own, made, Looks(())))

    @router.get(
        "/v1/contacts/{address}/profile",
        **tagged(answers("contacts", bodies.ShownProfile, fails=MISSING)),
    )
    async def profile_of(request: Request, address: Address) -> Response:
        """Return how a contact wants to be shown."""
        contact = parse_address(address)
        profile = await node.chat.profile_of(contact)
        return _profile(request, contact, profile, await looks_of(node))


def _profile(request: Request, person: UserAddress, found: Profile, looks: Looks) -> Response:
    return unless_known(request, JsonResponse(_shown_profile(person, found, looks)))


def _shown_profile(person: UserAddress, found: Profile, looks: Looks) -> bodies.ShownProfile:
    shown = view(person, found)
    return bodies.ShownProfile(**shown, **looks.fields(shown["address"], found.name))


def _addresses(people: list[UserAddress]) -> list[str]:
    return [format_address(person) for person in people]
