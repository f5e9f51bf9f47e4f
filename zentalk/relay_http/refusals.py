"""What the mailbox refused with, as an answer: the words are those of links.

Docs: docs/reference/relay-http.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import formatdate
from http import HTTPStatus
from typing import Final

from starlette.responses import Response

from zentalk.mailbox.newcomers import ACCESS, WORK
from zentalk.relay_http.facade import BanNotice
from zentalk.relay_http.sessions import STALE
from zentalk.web.problems import problem

WORK_HEADER: Final = "Zentalk-Work"
"""The bits of work that a new mailbox takes, beside a refusal for want of them."""


def refused(reason: str, headers: Mapping[str, str]) -> Response:
    """Return the answer for a word that the mailbox refused with."""
    headers = dict(headers)
    if reason in {STALE, "closed"}:
        detail = "this generation is used up: sign with a higher one"
        return problem(HTTPStatus.CONFLICT, detail, headers)
    if reason == "taken":
        return problem(HTTPStatus.CONFLICT, "a send id belongs to another mailbox", headers)
    if reason == ACCESS:
        detail = (
            "this relay takes only those who have a token of it, and none is shown over HTTP: go to"
            " another relay, or ask its operator for a token and use a node"
        )
        return problem(HTTPStatus.FORBIDDEN, detail, headers)
    if reason == WORK:
        detail = (
            f"many ask this relay for new mailboxes: do the work that the header {WORK_HEADER} says"
            " and show it with POST /relay/open, try again later, or go to another relay"
        )
        return problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers | {"Retry-After": "600"})
    detail = f"the relay takes nothing at present ({reason}): try again later"
    return problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers | {"Retry-After": "1"})


def banned(ban: BanNotice) -> Response:
    """Return the answer for whoever comes from an address that is banned."""
    until, headers = "", {}
    if ban.until is not None:
        date = formatdate(ban.until, usegmt=True)
        until, headers = f" until {date}", {"Retry-After": date}
    reason = f": {ban.reason}" if ban.reason else "; its operator gave no reason"
    detail = f"this address is banned from this relay{until}{reason}"
    return problem(HTTPStatus.FORBIDDEN, detail, headers)
