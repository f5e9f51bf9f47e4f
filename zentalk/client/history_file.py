"""A file that `zentalk conversation export` wrote: checked as a whole, then read in pages.

Nothing of it is believed: it may have been changed, or made by somebody else. It is read twice, so
that a wrong message at its end is found before anything of it is imported.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple, TextIO

from pydantic import ValidationError

from zentalk.chat.portable import read_line
from zentalk.client.json_pieces import JsonPieces
from zentalk.errors import ConfigError, DecodeError
from zentalk.ids import UserAddress
from zentalk.rest.imports import MAX_IMPORTED, ImportedMessage
from zentalk.rest.limits import MAX_BODY_BYTES
from zentalk.store.history.models import ContactState
from zentalk.wire.text import parse_address

FORMAT: Final = 1
MAX_CONVERSATIONS: Final = 100_000
_PAGE_BYTES: Final = MAX_BODY_BYTES - 8192
"""Room for the rest of a request."""
TAKEN: Final = frozenset({ContactState.CONTACT, ContactState.BLOCKED})
"""Of others no messages are imported, and none is looked at."""


@dataclass(slots=True)
class ConversationHead:
    """Whose a conversation of the file is, and how many messages it has."""

    address: str = field(repr=False)
    name: str = field(default="", repr=False)
    state: str = ""
    """As in the file; of files that do not say it, made of who has written."""
    messages: int = 0


class FilePage(NamedTuple):
    """Some messages of one conversation, in their order."""

    conversation: int
    messages: list[dict[str, Any]]


class HistoryFile:
    """An open file; raises ConfigError, with the place in it, for what is no export."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.heads: list[ConversationHead] = []

    def check(self) -> None:
        """Read all of it; `heads` are its conversations."""
        formats: list[Any] = []
        heads: list[ConversationHead] = []
        for number, message in self._messages(heads, formats):
            head = heads[number]
            head.messages += 1
            if not head.state and message.direction == "out":
                head.state = ContactState.CONTACT
        if formats != [FORMAT]:
            raise ConfigError(
                "this is no export, or one of a newer version of zentalk: its format is not"
                f" {FORMAT}"
            )
        for head in heads:
            head.state = head.state or ContactState.REQUEST
        self.heads = heads

    def pages(self) -> Iterator[FilePage]:
        """Read it once more, in pieces that one request takes; each conversation has at least one.

        `check` must have been called.
        """
        if not self.heads:
            return
        page, size = FilePage(0, []), 0
        for number, message in self._messages([], []):
            body = message.model_dump(mode="json", exclude_defaults=True)
            length = len(json.dumps(body))
            is_full = len(page.messages) == MAX_IMPORTED or size + length > _PAGE_BYTES
            while is_full or number != page.conversation:
                yield page
                page, size = FilePage(page.conversation + (not is_full), []), 0
                is_full = False
            page.messages.append(body)
            size += length
        yield page
        for number in range(page.conversation + 1, len(self.heads)):
            yield FilePage(number, [])

    def _messages(
        self, heads: list[ConversationHead], formats: list[Any]
    ) -> Iterator[tuple[int, ImportedMessage]]:
        """Yield each message with its conversation's place; heads and format are put in lists."""
        self._file.seek(0)
        pieces = JsonPieces(self._file)
        place = "the file"
        try:
            for key in pieces.members():
                if key != "conversations":
                    value = pieces.value()
                    formats += [value] if key == "format" else []
                    continue
                for number in pieces.items():
                    place = f"conversation {number + 1} of the file"
                    for message in _conversation(pieces, heads):
                        yield number, message
                place = "the file"
            pieces.end()
        except DecodeError as error:
            raise ConfigError(f"{place} cannot be imported: {error}") from None


@contextmanager
def opened(path: Path) -> Iterator[HistoryFile]:
    """Open a file; raises ConfigError if it cannot be read, or not twice."""
    try:
        file = path.open(encoding="utf-8")
    except OSError as error:
        reason = (error.strerror or "unknown error").lower()
        raise ConfigError(f"{path} cannot be read: {reason}") from None
    with file:
        if not file.seekable():
            raise ConfigError(f"{path} cannot be read twice: save it as a file first")
        yield HistoryFile(file)


def _conversation(pieces: JsonPieces, heads: list[ConversationHead]) -> Iterator[ImportedMessage]:
    """Read one conversation; its address has to stand before its messages."""
    if len(heads) == MAX_CONVERSATIONS:
        raise DecodeError("a file has more conversations than are taken")
    found: dict[str, Any] = {}
    heads.append(ConversationHead(""))
    for key in pieces.members():
        if key != "messages":
            found[key] = pieces.value()
            continue
        contact, state = _address(found.get("address")), found.get("state")
        for number in pieces.items():
            value = pieces.value()
            if state is None or state in TAKEN:
                yield _message(contact, number, value)
            else:
                heads[-1].messages += 1
    _address(found.get("address"))
    name, state = found.get("name", ""), found.get("state", "")
    if not isinstance(name, str) or not isinstance(state, str):
        raise DecodeError("its name or state is none")
    head = heads[-1]
    head.address, head.name, head.state = found["address"], name, state or head.state


def _address(value: Any) -> UserAddress:
    if not isinstance(value, str):
        raise DecodeError("it has no address before its messages")
    return parse_address(value)


def _message(contact: UserAddress, number: int, value: Any) -> ImportedMessage:
    try:
        message = ImportedMessage.model_validate(value)
        read_line(contact, message.model_dump())
        _check_size(value)
    except ValidationError as error:
        names = ".".join(str(part) for part in error.errors()[0]["loc"]) or "all of it"
        raise DecodeError(f"message {number + 1} has a wrong or missing field: {names}") from None
    except DecodeError as error:
        raise DecodeError(f"message {number + 1}: {error}") from None
    return message


def _check_size(value: Any) -> None:
    if len(json.dumps(value)) > _PAGE_BYTES:
        raise DecodeError("it is too large")
