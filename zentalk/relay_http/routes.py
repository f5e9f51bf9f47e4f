"""The routes of a relay's HTTP door. Docs: docs/reference/relay-http.md.

Everything goes through what links go through: packets to the router, requests to the mailbox
service. Nothing here holds mail, and nothing is acknowledged for its owner.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from http import HTTPStatus
from typing import Final, TypeVar

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from zentalk.errors import ConfigError, DecodeError, RefusedError
from zentalk.mailbox.core import MailboxStats
from zentalk.mailbox.http_credentials import encode_base64
from zentalk.mailbox.newcomers import ACCESS, WORK
from zentalk.onion.geometry import LARGE, SMALL
from zentalk.relay_http.door import Door, DoorError
from zentalk.relay_http.facade import RelayFacade
from zentalk.relay_http.refusals import WORK_HEADER, refused
from zentalk.relay_http.schemas import (
    Acknowledgement,
    Opening,
    SendIds,
    Sinks,
    opening_stamp,
    pending_view,
    send_ids_request,
    sinks_change,
)
from zentalk.relay_http.session import HttpSession
from zentalk.relay_http.sessions import STALE, HttpSessions
from zentalk.relay_http.status_page import StatusPage, answer
from zentalk.web.json_response import JsonResponse
from zentalk.web.problems import problem

MAX_WAIT_SECONDS: Final = 25
STATS_SECONDS: Final = 600.0
"""How old public numbers may be: fresh ones would show when somebody's mail comes or is fetched."""
STOPPING: Final = "stopping"
DIRECTORY_UNITS: Final = 20.0
"""What reading all descriptors costs of an address's allowance."""
PACKET_SIZES: Final = frozenset({SMALL.packet_bytes, LARGE.packet_bytes})

Model = TypeVar("Model", bound=BaseModel)
Handler = Callable[[Request], Awaitable[Response]]


class Routes:
    """The handlers, over one running relay."""

    def __init__(self, relay: RelayFacade, door: Door, sessions: HttpSessions) -> None:
        self._relay = relay
        self._door = door
        self._sessions = sessions
        self._shown: MailboxStats | None = None
        self._shown_at = 0.0

    def all(self) -> list[Route]:
        """Return the routing table."""
        return [
            Route("/relay/send", self.send, methods=["POST"]),
            Route("/relay/pending", self.pending, methods=["GET"]),
            Route("/relay/open", self.open, methods=["POST"]),
            Route("/relay/price", self.price, methods=["GET"]),
            Route("/relay/acknowledge", self.acknowledge, methods=["POST"]),
            Route("/relay/defer", self.defer, methods=["POST"]),
            Route("/relay/send-ids", self.send_ids, methods=["POST"]),
            Route("/relay/sinks", self.sinks, methods=["POST"]),
            Route("/relay/descriptors", self.descriptors, methods=["GET"]),
            Route("/relay/stats", self.stats, methods=["GET"]),
            Route("/relay/cleanup", self.cleanup, methods=["POST"]),
            Route("/relay/status", self.status, methods=["GET"]),
            Route("/relay/status/full", self.full_status, methods=["GET"]),
        ]

    async def send(self, request: Request) -> Response:
        """Take one onion packet. What becomes of it is not told, as on a link."""
        self._door.admit(request.scope)
        packet = await request.body()
        if len(packet) not in PACKET_SIZES:
            sizes = " or ".join(str(size) for size in sorted(PACKET_SIZES))
            raise DoorError(problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"a packet has {sizes} bytes"))
        if self._relay.is_draining():
            raise RefusedError(STOPPING)
        if not self._relay.takes_strangers():
            raise RefusedError(ACCESS)
        self._relay.packets.packet_received(packet)
        return Response(status_code=HTTPStatus.ACCEPTED)

    async def pending(self, request: Request) -> Response:
        """Give what waits and is not acknowledged, oldest first."""
        session, _ = await self._session(request)
        await session.wait(_wait_seconds(request))
        tokens = session.take_tokens(keep=request.method == "HEAD")  # nobody sees them then
        view = pending_view(session.pending(), tokens)
        return JsonResponse(view, headers=self._door.next_nonce())

    async def acknowledge(self, request: Request) -> Response:
        """Let go what is saved. Saying so twice is harmless."""
        session, numbers = await self._numbers(request)
        self._relay.mailboxes.acknowledge(session, numbers)
        return self._done()

    async def defer(self, request: Request) -> Response:
        """Let wait what strangers sent and there is no room for; it is given again in a day."""
        session, numbers = await self._numbers(request)
        self._relay.mailboxes.defer(session, numbers)
        return self._done()

    async def open(self, request: Request) -> Response:
        """Begin to collect, with work if the mailbox is new and that is asked for.

        Where others ask for new ones too, the answer comes with the relay's next turn.
        """
        self._door.admit(request.scope)
        claim, body = await self._door.owner(request)
        stamp = opening_stamp(_read(Opening, body))
        await self._sessions.of(
            claim.mailbox, claim.generation, self._door.client(request.scope), stamp
        )
        return self._done()

    async def price(self, request: Request) -> Response:
        """Give the bits of work that a new mailbox takes now."""
        self._door.admit(request.scope)
        return JsonResponse({"bits": await self._relay.mailboxes.price()})

    async def send_ids(self, request: Request) -> Response:
        """Register send ids, or remove them; returns once it is stored."""
        session, body = await self._session(request)
        await self._relay.mailboxes.change_send_ids(session, send_ids_request(_read(SendIds, body)))
        return self._done()

    async def sinks(self, request: Request) -> Response:
        """Make send ids sinks, of blocked people; returns once it is stored."""
        session, body = await self._session(request)
        await self._relay.mailboxes.change_send_ids(session, sinks_change(_read(Sinks, body)))
        return self._done()

    async def descriptors(self, request: Request) -> Response:
        """Give all relays that this one knows, as they signed it."""
        self._door.admit(request.scope, DIRECTORY_UNITS)
        live = self._relay.relays.live()
        return JsonResponse({"descriptors": [encode_base64(item.raw) for item in live]})

    async def stats(self, request: Request) -> Response:
        """Give numbers of the mailboxes: rounded ones, exact ones to the operator."""
        self._door.admit(request.scope)
        if self._door.is_operator(request):
            return JsonResponse(asdict(self._relay.mailboxes.stats()))
        return JsonResponse(asdict(self._for_everybody()))

    async def status(self, request: Request) -> Response:
        """Show a page with what everybody may know."""
        self._door.admit(request.scope)
        numbers = asdict(self._for_everybody())
        mail = {
            name.replace("_", " "): str(number)
            for name, number in numbers.items()
            if isinstance(number, int)
        }
        return answer(
            StatusPage("draining" if self._relay.is_draining() else "running", {"mail": mail})
        )

    async def full_status(self, request: Request) -> Response:
        """Show the operator's page; a browser asks for the token as a password."""
        self._door.admit(request.scope)
        if not self._door.is_operators_browser(request):
            raise _unauthorized(
                "this page is the operator's: any name, and as the password what is in the file "
                "`token` of the relay's folder",
                'Basic realm="relay", charset="UTF-8"',
            )
        try:
            return answer(await self._relay.status())
        except ConfigError as error:
            raise DoorError(problem(HTTPStatus.SERVICE_UNAVAILABLE, str(error))) from None

    def _for_everybody(self) -> MailboxStats:
        now = self._door.now()
        if self._shown is None or now - self._shown_at >= STATS_SECONDS:
            self._shown, self._shown_at = self._relay.mailboxes.stats().coarse(), now
        return self._shown

    async def cleanup(self, request: Request) -> Response:
        """Delete what has expired, now; for the operator."""
        self._door.admit(request.scope)
        if not self._door.is_operator(request):
            raise _unauthorized(
                "the operator's token is missing or wrong: it is in the relay's folder, in the "
                "file `token`; send it as: Authorization: Bearer TOKEN",
                "Bearer",
            )
        self._relay.mailboxes.sweep()
        return Response(status_code=HTTPStatus.ACCEPTED)

    async def _session(self, request: Request) -> tuple[HttpSession, bytes]:
        self._door.admit(request.scope)
        claim, body = await self._door.owner(request)
        return await self._sessions.of(
            claim.mailbox, claim.generation, self._door.client(request.scope)
        ), body

    async def _numbers(self, request: Request) -> tuple[HttpSession, list[int]]:
        """Return numbers of envelopes that leave a session, which is collecting."""
        session, body = await self._session(request)
        numbers = _read(Acknowledgement, body).numbers
        session.acknowledged(numbers)
        if self._relay.is_draining():
            raise RefusedError(STOPPING)
        if not session.is_open:
            raise RefusedError(STALE)
        return session, numbers

    def _done(self) -> Response:
        return Response(status_code=HTTPStatus.NO_CONTENT, headers=self._door.next_nonce())

    async def refused(self, reason: str) -> Response:
        """Return the answer for a word that the mailbox refused with."""
        headers = self._door.next_nonce()
        if reason == WORK:
            headers[WORK_HEADER] = str(await self._relay.mailboxes.price())
        return refused(reason, headers)


def _unauthorized(detail: str, challenge: str) -> DoorError:
    return DoorError(problem(HTTPStatus.UNAUTHORIZED, detail, {"WWW-Authenticate": challenge}))


def _read(model: type[Model], body: bytes) -> Model:
    return model.model_validate_json(body)


def _wait_seconds(request: Request) -> int:
    text = request.query_params.get("wait", "1")
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and int(text) <= MAX_WAIT_SECONDS):
        raise DecodeError(f"wait: a whole number of seconds, at most {MAX_WAIT_SECONDS}")
    return int(text)
