"""Carries between people without a network whatever their transactions send, until all is quiet."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from tests.node.persons import NOW, Deposit, Person
from zentalk.ids import GroupId, UserAddress
from zentalk.node.messages.commands import Draft
from zentalk.node.messages.effects import CommitEffects
from zentalk.node.messages.groups.commands import GroupWish
from zentalk.node.messages.groups.joining import ANNOUNCE_SECONDS, announce_due
from zentalk.store.history import events, groups, pages
from zentalk.store.history.groups import GroupRow
from zentalk.store.history.models import StoredMessage
from zentalk.store.sqlite import Transaction

Filter = Callable[[Person, Person], bool]


class Post:
    """The relays of a few people; what `lets_through` says no to is lost."""

    def __init__(self, *people: Person) -> None:
        self.people = people
        self.now = NOW
        self.lets_through: Filter = lambda _sender, _reader: True
        self.carried: list[tuple[str, str]] = []
        self._waiting: deque[tuple[Person, Person, Deposit]] = deque()

    def by(self, address: UserAddress) -> Person:
        """Return who has an address."""
        return next(one for one in self.people if one.address == address)

    def post(self, sender: Person, effects: CommitEffects) -> CommitEffects:
        """Take what a commit sends."""
        for contact in effects.needs_session:
            other = self.by(contact)
            bundle = other.bundle()
            sender.tx(lambda tx, to=contact, b=bundle: sender.sessions.start(tx, to, b, self.now))  # type: ignore[misc]  # binds the loop variable
            ready = sender.tx(lambda tx, to=contact: sender.composer.encrypt_waiting(tx, to))  # type: ignore[misc]  # binds the loop variable
            self.post(sender, CommitEffects(send=tuple(ready)))
        inners = [(entry.item.contact, entry.item.envelope) for entry in effects.send]
        inners += [(one.contact, one.inner) for one in effects.best_effort]
        for contact, inner in inners:
            reader = self.by(contact)
            if inner is not None and self.lets_through(sender, reader):
                self._waiting.append((sender, reader, sender.seal(reader, inner)))
        return effects

    def settle(self) -> None:
        """Deliver until nothing is on its way, and nothing is left to be passed on."""
        while self._step_all() or self._waiting:
            while self._waiting:
                _, reader, deposit = self._waiting.popleft()
                self.post(reader, reader.receive(deposit, now=self.now))

    def _step_all(self) -> bool:
        self.now += ANNOUNCE_SECONDS
        busy = False
        for person in self.people:
            effects, _ = person.tx(
                lambda tx, p=person: announce_due(tx, p.groups.distribution, self.now)  # type: ignore[misc]  # binds the loop variable
            )
            self.post(person, effects)
            read, _ = person.tx(
                lambda tx, p=person: p.groups.speech.tell_read(tx, self.now)  # type: ignore[misc]  # binds the loop variable
            )
            self.post(person, read)
            while True:
                effects, more = person.tx(
                    lambda tx, p=person: p.groups.distribution.step(tx, self.now)  # type: ignore[misc]  # binds the loop variable
                )
                self.post(person, effects)
                busy = busy or effects != CommitEffects()
                if not more:
                    break
        return busy

    def found(self, founder: Person, *members: Person, name: str = "Crew") -> GroupId:
        """Found a group and let all who are invited join it."""
        wish = GroupWish(name, members=tuple(one.address for one in members))
        row, effects = founder.tx(lambda tx: founder.groups.commands.found(tx, wish, self.now))
        self.post(founder, effects)
        self.settle()
        for one in members:
            self.accept(one, row.id)
        self.settle()
        return row.id

    def accept(self, person: Person, group: GroupId) -> None:
        """Let somebody take an invitation."""
        _, effects = person.tx(lambda tx: person.groups.commands.accept(tx, group, self.now))
        self.post(person, effects)

    def do(self, person: Person, job: Callable[[Transaction], CommitEffects]) -> None:
        """Let somebody do something, and deliver all that follows."""
        self.post(person, person.tx(job))
        self.settle()

    def say(self, person: Person, group: GroupId, text: str) -> StoredMessage:
        """Let somebody say something in a group."""
        message, effects = person.tx(
            lambda tx: person.messages.write(UserAddress(group), Draft(text), None, self.now, tx)
        )
        self.post(person, effects)
        return message


def row_of(person: Person, group: GroupId) -> GroupRow:
    """Return a group as somebody has it."""
    row = person.tx(lambda tx: groups.get(tx, group))
    assert row is not None
    return row


def joined(person: Person, group: GroupId) -> set[str]:
    """Return the addresses of all who are in a group, as somebody sees it."""
    members = row_of(person, group).view["members"]
    return {member["address"] for member in members if member["status"] == "joined"}


def texts(person: Person, group: GroupId) -> list[str]:
    """Return what somebody is shown of a group."""
    shown = person.tx(lambda tx: pages.page(tx, UserAddress(group), None, 100))
    return [line.text for line in shown]


def happened(person: Person) -> list[str]:
    """Return the types of all events of somebody."""
    return [event.type for event in person.tx(lambda tx: events.page(tx, 0, -1))]
