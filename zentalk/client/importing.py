"""An import as a series of calls, which both clients carry out."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote

from zentalk.client.calls import Call
from zentalk.client.history_file import TAKEN, ConversationHead, FilePage, opened
from zentalk.client.parsing import parse
from zentalk.errors import ConflictError
from zentalk.rest.imports import ImportOut
from zentalk.store.history.models import ContactState

T = TypeVar("T")

A_GROUP: Final = "a group is its members' own: be invited again to go on in it"
NOT_ACCEPTED: Final = "this person was not accepted when it was exported"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A conversation of which nothing was taken, and why."""

    address: str = field(repr=False)
    messages: int
    reason: str


@dataclass(slots=True)
class ImportReport:
    """What an import took, and what it left out."""

    conversations: int = 0
    """Those that it took, also if all of one was here already."""
    contacts_added: int = 0
    """None of them is verified, and with none is there a session yet."""
    added: int = 0
    known: int = 0
    """Messages that were here already; they stay as they are here."""
    expired: int = 0
    """Messages that have disappeared since they were exported."""
    left_out: list[LeftOut] = field(default_factory=list)


Answered = Generator[Call[ImportOut], ImportOut, T]
"""Yields calls and is sent their answers; what a call raises is thrown in."""


class StepwiseImport:
    """One import: it gives the calls to make, one after the other. Close it at its end."""

    def __init__(self, path: Path) -> None:
        self._steps = _whole(path)
        self.report: ImportReport | None = None
        """What came of it, once there is no call left."""

    def next(self, answer: ImportOut | ConflictError | None) -> Call[ImportOut] | None:
        """Take the answer to the call before, None at first; return the next call, if any.

        Raises ConfigError for what is no export, at first and so before anything is imported.
        """
        try:
            if answer is None:
                return next(self._steps)
            if isinstance(answer, ConflictError):
                return self._steps.throw(answer)
            return self._steps.send(answer)
        except StopIteration as end:
            self.report = end.value
            return None

    def close(self) -> None:
        """Close the file."""
        self._steps.close()


def _whole(path: Path) -> Answered[ImportReport]:
    report = ImportReport()
    with opened(path) as file:
        file.check()
        for number, pages in groupby(file.pages(), key=lambda page: page.conversation):
            head = file.heads[number]
            reason = yield from _conversation(head, pages, report)
            if reason:
                report.left_out.append(LeftOut(head.address, head.messages, reason))
            else:
                report.conversations += 1
    return report


def _conversation(
    head: ConversationHead, pages: Iterable[FilePage], report: ImportReport
) -> Answered[str]:
    """Import one conversation; return why it was left out, empty if it was not."""
    if head.state not in TAKEN:
        return A_GROUP if head.state == ContactState.GROUP else NOT_ACCEPTED
    after: int | None = None
    for page in pages:
        try:
            answer = yield _call(head, page.messages, after)
        except ConflictError as error:
            return str(error)
        after = answer.after
        report.contacts_added += answer.contact_added
        report.added += answer.added
        report.known += answer.known
        report.expired += answer.expired
    return ""


def _call(
    head: ConversationHead, messages: list[dict[str, Any]], after: int | None
) -> Call[ImportOut]:
    content = {"name": head.name, "state": head.state, "after": after, "messages": messages}
    path = f"/v1/conversations/{quote(head.address, safe='')}/import"
    return Call("POST", path, lambda answer: parse(ImportOut, answer), content=content)
