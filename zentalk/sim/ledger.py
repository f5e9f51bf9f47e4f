"""The account of all messages: who wrote what to whom, and whether it arrived.

Plain bookkeeping: no clock, no network. Every message carries a number in its text, and
accounts are kept by number, never by what a sender, a relay or an id claims: a message
that is sent twice by mistake is a duplicate even if both copies have ids of their own.
The verdict comes from the recipients' histories, which is what people see.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from zentalk.store.history.models import Direction, MessageState

Times = Literal["calm", "disturbed", "absent"]
"""When a message was written: nothing was wrong; something was; its recipient was away."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One line of a conversation as a person sees it."""

    id: str
    direction: Direction
    text: str
    state: MessageState


@dataclass(slots=True)
class SentMessage:
    """One message: from which person to which, when it was written (seconds), how it went.

    `arrived_at` is when the recipient's event log first showed it.
    """

    number: int
    sender: int
    recipient: int
    text: str
    at: float
    times: Times
    id: str | None = None
    arrived_at: float | None = None
    notices: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of comparing the histories. All fields are counts of messages.

    lost: accepted by the sender's node, missing at the recipient. duplicates: extra
    copies shown or announced. out_of_order: shown after a message that was written
    later in the same direction. altered: another text, id or sender than was sent.
    confirmed: the sender is told `delivered`; confirmed_but_missing: told so wrongly.
    """

    sent: int
    delivered: int
    lost: int
    duplicates: int
    out_of_order: int
    altered: int
    confirmed: int
    confirmed_but_missing: int


class Ledger:
    """The account of one run."""

    def __init__(self, text_bytes: int) -> None:
        self._text_bytes = text_bytes
        self._entries: dict[int, SentMessage] = {}
        self._arrived = 0
        self._sent = 0
        self._strange: set[tuple[int, str]] = set()

    def write(
        self, number: int, sender: int, recipient: int, now: float, times: Times
    ) -> SentMessage:
        """Open the account of a message, before it is handed to the sender's node."""
        text = f"{number} ".ljust(self._text_bytes, "x")
        entry = SentMessage(number, sender, recipient, text, now, times)
        self._entries[number] = entry
        return entry

    def accepted(self, number: int, message_id: str) -> None:
        """Note that the sender's node has taken a message."""
        entry = self._entries[number]
        if entry.id is None:
            self._sent += 1
        entry.id = message_id

    def noticed(self, recipient: int, message_id: str, text: str, now: float) -> None:
        """Note an event `message.received` of a person's node."""
        entry = self._find(recipient, text)
        if entry is None:
            self._strange.add((recipient, message_id))
            return
        entry.notices += 1
        if entry.arrived_at is None:
            entry.arrived_at = now
            self._arrived += 1

    def waiting(self, number: int) -> bool:
        """Tell whether a message has not arrived yet."""
        return self._entries[number].arrived_at is None

    @property
    def sent(self) -> int:
        """The number of messages that their senders' nodes accepted."""
        return self._sent

    @property
    def arrived(self) -> int:
        """The number of different messages that were announced to their recipients."""
        return self._arrived

    def latencies(self, times: Times) -> list[float]:
        """Return seconds from writing to announcement of messages from such times."""
        return [
            entry.arrived_at - entry.at
            for entry in self._entries.values()
            if entry.arrived_at is not None and entry.times == times
        ]

    def judge(self, conversations: Iterable[tuple[int, int, list[Shown]]]) -> Verdict:
        """Compare the account with (owner, partner, what the owner sees), oldest first."""
        copies: Counter[int] = Counter()
        ids: dict[int, set[str]] = {}
        confirmed: set[int] = set()
        altered = len(self._strange)
        late = 0
        for owner, partner, lines in conversations:
            newest = -1
            for line in lines:
                entry = self._entries.get(_number(line.text), None)
                if line.direction is not Direction.IN:
                    if entry is not None and line.state is MessageState.DELIVERED:
                        confirmed.add(entry.number)
                    continue
                if entry is None or not _matches(entry, owner, partner, line):
                    altered += (owner, line.id) not in self._strange
                    continue
                copies[entry.number] += 1
                ids.setdefault(entry.number, set()).add(line.id)
                if copies[entry.number] == 1:
                    late += entry.number < newest
                    newest = max(newest, entry.number)
        accepted = {entry.number for entry in self._entries.values() if entry.id is not None}
        altered += sum(self._entries[n].id not in ids[n] for n in accepted & ids.keys())
        notices = {entry.number: entry.notices for entry in self._entries.values()}
        return Verdict(
            sent=len(accepted),
            delivered=len(copies),
            lost=len(accepted - copies.keys()),
            duplicates=sum(max(copies[n], notices[n], 1) - 1 for n in self._entries),
            out_of_order=late,
            altered=altered,
            confirmed=len(confirmed),
            confirmed_but_missing=len(confirmed - copies.keys()),
        )

    def faults(self, conversations: Iterable[tuple[int, int, list[Shown]]]) -> list[str]:
        """Return a sentence for each accepted message that is not there exactly once."""
        copies: Counter[int] = Counter()
        states: dict[int, str] = {}
        for _, _, lines in conversations:
            for line in lines:
                if line.direction is Direction.IN:
                    copies[_number(line.text)] += 1
                else:
                    states[_number(line.text)] = line.state
        began = min((entry.at for entry in self._entries.values()), default=0.0)
        return [
            f"message {entry.number} ({entry.id}) of person {entry.sender} to {entry.recipient},"
            f" written after {entry.at - began:.1f} s: {states.get(entry.number, 'gone')} at the"
            f" sender, shown {copies[entry.number]} times and announced {entry.notices} times at"
            " the recipient"
            for entry in self._entries.values()
            if entry.id is not None and (copies[entry.number] != 1 or entry.notices != 1)
        ]

    def _find(self, recipient: int, text: str) -> SentMessage | None:
        entry = self._entries.get(_number(text))
        if entry is None or entry.recipient != recipient or entry.text != text:
            return None
        return entry


def _number(text: str) -> int:
    """Return the number at the start of a text, -1 if there is none."""
    head = text.split(" ", 1)[0]
    return int(head) if head.isascii() and head.isdigit() else -1


def _matches(entry: SentMessage, owner: int, partner: int, line: Shown) -> bool:
    """Tell whether a shown line is what was written, from who wrote it, whatever its id."""
    return (entry.sender, entry.recipient, entry.text) == (partner, owner, line.text)
