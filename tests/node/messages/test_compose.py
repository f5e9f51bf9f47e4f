"""Two people with many messages for each other: what waits for its turn, and that it comes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

import pytest

from tests.node.messages.test_receive import befriend
from tests.node.persons import NOW, Person
from zentalk.errors import LocalProtocolError
from zentalk.ids import MessageId, UserAddress
from zentalk.node.messages import compose
from zentalk.node.messages.commands import Draft
from zentalk.node.messages.conversation.commands import ChatCommands
from zentalk.node.messages.effects import CommitEffects, OutboundItem
from zentalk.node.messages.ordering import HOLD_SECONDS
from zentalk.node.sessions import running_ahead
from zentalk.node.sessions.sessions import Sender
from zentalk.session import skipped
from zentalk.store.history import contacts, outbox, pages
from zentalk.store.history.models import OutboxItem, StoredMessage
from zentalk.store.sqlite import Transaction
from zentalk.wire.chat import MAX_TEXT_BYTES
from zentalk.wire.content import NONE, Content

NO_BOUND = 10**9


class Correspondent:
    """A person, and what the node's delivery knows of its outbox: `told`, by item.

    It sends the oldest `in_flight` of that at a time.
    """

    in_flight = 96

    def __init__(self, person: Person, other: Person) -> None:
        self.person = person
        self.other = other
        self.told: dict[int, OutboxItem] = {}
        self.read_by_other: set[bytes] = set()
        person.connection.execute("PRAGMA synchronous = OFF")

    def carry_out(self, effects: CommitEffects) -> CommitEffects:
        assert not effects.needs_session, "there is a ratchet: nothing is to be looked up"
        for number in effects.dropped:
            self.told.pop(number, None)
        self.told.update({entry.item.item: entry.item for entry in effects.send})
        for number in effects.confirmed:
            self.told.pop(number, None)
        return effects

    def write(self, lines: Iterable[str]) -> None:
        """Write texts; nobody reads them yet."""

        def job(tx: Transaction) -> CommitEffects:
            write, to = self.person.messages.write, self.other.address
            return CommitEffects.together(
                write(to, Draft(line), None, NOW, tx)[1] for line in lines
            )

        self.carry_out(self.person.tx(job))

    def receive(self, inners: Iterable[bytes]) -> CommitEffects:
        """Read what the other has sent."""
        deposits = [self.other.seal(self.person, inner) for inner in inners]
        effects = self.carry_out(self.person.receive(*deposits))
        assert not effects.undecryptable
        return effects

    def leaving(self) -> list[bytes]:
        """Return what delivery sends now and was not read yet.

        It is what the database would have it send after a crash.
        """
        stored = [(item.item, item.envelope) for item in self.person.tx(outbox.under_way)]
        assert stored == [(number, self.told[number].envelope) for number in sorted(self.told)]
        going = [envelope or b"" for _, envelope in stored[: self.in_flight]]
        fresh = [envelope for envelope in going if envelope not in self.read_by_other]
        self.read_by_other.update(fresh)
        return fresh

    def counts(self) -> tuple[int, int]:
        """Return how many items are under way, and how many wait for their turn."""
        query = "SELECT count(*) FROM outbox WHERE envelope IS NULL"
        return len(self.told), int(self.person.connection.execute(query).fetchone()[0])

    def history(self) -> list[StoredMessage]:
        every = self.person.tx(lambda tx: pages.page(tx, self.other.address, None, 10_000))
        return [line for line in every if line.kind == "text"]

    def shown(self) -> list[str]:
        return [line.text for line in self.history() if line.direction == "in"]

    def states(self) -> set[str]:
        return {line.state for line in self.history() if line.direction == "out"}

    def sender(self) -> Sender:
        found = self.person.tx(lambda tx: self.person.composer.sender(tx, self.other.address))
        assert found is not None
        return found


Pair = tuple[Correspondent, Correspondent]


@pytest.fixture
def pair(alice: Person, bob: Person) -> Pair:
    befriend(alice, bob)
    return Correspondent(alice, bob), Correspondent(bob, alice)


def exchange(pair: Pair) -> None:
    """Let relays carry everything, each confirmation too, until nothing more leaves."""
    going = True
    while going:
        going = False
        for writer, reader in (pair, pair[::-1]):
            inners = writer.leaving()
            going |= bool(inners)
            release = partial(reader.person.inbox.release_overdue, now=NOW + HOLD_SECONDS)
            made = [*reader.receive(inners).best_effort, *reader.person.tx(release).best_effort]
            assert not writer.receive(one.inner for one in made).best_effort


def lines(name: str, count: int) -> list[str]:
    return [f"{name} {number}" for number in range(count)]


def both_write(pair: Pair, count: int) -> None:
    for writer, name in zip(pair, ("a", "b"), strict=True):
        writer.write(lines(name, count))


def is_all_there(pair: Pair, count: int) -> bool:
    """Tell whether everything was shown, in order, and is known to be."""
    one, other = pair
    return (
        other.shown() == ["hello", *lines("a", count)]
        and one.shown() == lines("b", count)
        and one.states() == other.states() == {"delivered"}
        and one.counts() == other.counts() == (0, 0)
    )


def bounds(monkeypatch: pytest.MonkeyPatch, under_way: int, unread: int, numbers: int) -> None:
    monkeypatch.setattr(running_ahead, "MAX_UNDER_WAY", under_way)
    monkeypatch.setattr(running_ahead, "MAX_UNREAD", unread)
    monkeypatch.setattr(running_ahead, "MAX_NUMBERS", numbers)


def numbers_as_they_were(tx: Transaction, contact: UserAddress, sender: Sender) -> bool:
    """Look at the outbox as an earlier version did."""
    most = running_ahead.MAX_UNREAD
    return sender.unanswered < most and outbox.count(tx, contact, most) < most


@pytest.mark.parametrize("count", [600, pytest.param(2_000, marks=pytest.mark.long)])
def test_two_who_have_written_much_to_each_other_read_and_confirm_all_of_it(
    pair: Pair, count: int
) -> None:
    both_write(pair, count)
    assert [one.counts() for one in pair] == 2 * [(256, count - 256)]
    exchange(pair)
    assert is_all_there(pair, count)


def test_control_without_a_bound_neither_confirms_anything(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it was: confirmations found no numbers, for messages had used them all."""
    monkeypatch.setattr(compose, "_room", lambda tx, contact, sender: NO_BOUND)
    monkeypatch.setattr(running_ahead, "has_numbers", numbers_as_they_were)
    both_write(pair, 600)
    exchange(pair)
    assert [one.counts() for one in pair] == [(600, 0), (600, 0)]
    assert pair[1].shown() == ["hello", *lines("a", Correspondent.in_flight)]


def test_what_is_not_stored_and_what_is_leave_each_other_numbers(pair: Pair) -> None:
    one, _ = pair
    composer, address = one.person.composer, one.other.address
    content = Content(kind=NONE, message_id=composer.new_message_id())

    def use_up(tx: Transaction) -> None:
        while composer.encrypt_unstored(tx, address, content) is not None:
            pass

    one.person.tx(use_up)
    assert one.sender().unanswered == running_ahead.MAX_UNREAD
    one.write(lines("a", 300))
    assert one.counts() == (running_ahead.MAX_UNDER_WAY, 300 - running_ahead.MAX_UNDER_WAY)
    assert one.sender().unanswered == 756 <= skipped.MAX_GAP


# --- what an earlier version left -----------------------------------------------------------------


@pytest.fixture
def tenth(monkeypatch: pytest.MonkeyPatch) -> None:
    """All bounds are a tenth."""
    bounds(monkeypatch, 25, unread=50, numbers=100)
    monkeypatch.setattr(skipped, "MAX_GAP", 100)
    monkeypatch.setattr(Correspondent, "in_flight", 10)


def left_by_an_earlier_version(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, count: int
) -> list[tuple[int, int]]:
    with monkeypatch.context() as earlier:
        earlier.setattr(compose, "_room", lambda tx, contact, sender: NO_BOUND)
        both_write(pair, count)
    return [one.counts() for one in pair]


@pytest.mark.usefixtures("tenth")
def test_what_an_earlier_version_has_encrypted_is_confirmed_while_its_reader_gets_over_it(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert left_by_an_earlier_version(pair, monkeypatch, 90) == [(90, 0), (90, 0)]
    exchange(pair)
    assert is_all_there(pair, 90)


@pytest.mark.usefixtures("tenth")
def test_control_by_a_look_at_the_outbox_alone_it_never_is(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running_ahead, "has_numbers", numbers_as_they_were)
    left_by_an_earlier_version(pair, monkeypatch, 90)
    exchange(pair)
    assert [one.counts() for one in pair] == [(90, 0), (90, 0)]


def renew(writer: Correspondent, reader: Correspondent) -> None:
    """Make a new ratchet and encrypt everything in it, as `SessionRenewal` does."""
    bundle, address = reader.person.bundle(), reader.person.address

    def job(tx: Transaction) -> CommitEffects:
        ratchet_id = writer.person.composer.start_session(tx, address, bundle, NOW)
        return writer.person.composer.encrypt_again(tx, address, ratchet_id)

    writer.carry_out(writer.person.tx(job))


@pytest.mark.usefixtures("tenth")
def test_what_nobody_could_get_over_waits_for_its_turn_in_a_new_ratchet(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = pair
    assert left_by_an_earlier_version(pair, monkeypatch, 120) == [(120, 0), (120, 0)]
    exchange(pair)
    assert [one.counts(), other.counts()] == [(120, 0), (120, 0)], "no confirmation was readable"
    worn = [p.person.tx(partial(p.person.composer.is_worn, contact=p.other.address)) for p in pair]
    assert any(worn), "then a new one is made, after a day"
    renew(one, other)
    assert one.counts() == (25, 95)
    exchange(pair)
    assert is_all_there(pair, 120)


# --- turns ----------------------------------------------------------------------------------------


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """At most 8 are under way, and 16 numbers for what is not stored, of 32."""
    bounds(monkeypatch, 8, unread=16, numbers=32)


@pytest.mark.usefixtures("few")
def test_what_waits_for_its_turn_is_queued_without_a_reason(pair: Pair) -> None:
    one, _ = pair
    one.write(lines("a", 20))
    assert one.counts() == (8, 12)
    assert {(m.state, m.reason) for m in one.history()[-20:]} == {("queued", "")}


@pytest.mark.usefixtures("few")
def test_parts_of_long_messages_have_their_turns_in_order(pair: Pair) -> None:
    one, other = pair
    long = [letter * MAX_TEXT_BYTES for letter in "xyz"]
    one.write(["first", *long, "last"])
    assert one.counts() == (8, 3), "each has three parts"
    exchange(pair)
    assert other.shown() == ["hello", "first", *long, "last"]
    assert one.states() == {"delivered"}


@pytest.mark.usefixtures("few")
def test_a_message_that_is_taken_back_makes_room_for_the_next(pair: Pair) -> None:
    one, other = pair
    one.write(lines("a", 10))
    chat = ChatCommands(one.person.composer, one.person.address, one.person.groups.speech)
    first = MessageId(bytes.fromhex(one.history()[1].id))
    _, effects = one.person.tx(lambda tx: chat.take_back(tx, one.other.address, first, NOW))
    one.carry_out(effects)
    assert one.counts() == (8, 2), "the last text, and the word of the deletion"
    exchange(pair)
    assert other.shown() == ["hello", *lines("a", 10)[1:]]
    assert one.counts() == (0, 0)


@pytest.mark.usefixtures("few")
def test_at_a_start_what_has_room_is_encrypted_and_only_strangers_are_looked_up(
    pair: Pair, carol: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, _ = pair
    one.write(lines("a", 20))
    one.person.write(carol, "who are you?")
    take_up = one.person.composer.take_up
    assert one.person.tx(take_up) == {carol.address}
    assert [item.item for item in one.person.tx(outbox.under_way)] == sorted(one.told)
    monkeypatch.setattr(running_ahead, "MAX_UNDER_WAY", 10)
    assert one.person.tx(take_up) == {carol.address}
    assert len(one.person.tx(outbox.under_way)) == 10


def test_after_a_start_the_first_message_of_a_ratchet_that_was_never_answered_is_known(
    pair: Pair,
) -> None:
    """It goes beside a full window of delivery."""
    one, other = pair
    one.write(lines("a", 2))
    bundle = other.person.bundle()

    def renew(tx: Transaction) -> list[OutboundItem]:
        composer, row = one.person.composer, contacts.get(tx, one.other.address)
        assert row is not None
        ratchet_id = composer.start_session(tx, one.other.address, bundle, NOW)
        first = composer.open_ratchet(tx, row, ratchet_id, NOW)
        return first + composer.open_ratchet(tx, row, ratchet_id, NOW)

    first, _ = one.person.tx(renew)
    assert first.item.opens
    under_way = one.person.tx(outbox.under_way)
    assert len(under_way) == 4
    assert [item.item for item in under_way if item.opens] == [first.item.item]
    inners = [item.envelope or b"" for item in under_way]
    one.carry_out(one.person.receive(*other.person.answers(other.receive(inners), one.person)))
    assert not any(item.opens for item in one.person.tx(outbox.under_way))


def lose(one: Correspondent, times: int) -> int:
    """Take all but the first item out unread, again and again; return which number is next."""
    first = min(one.told)
    for _ in range(times):
        gone = [number for number in one.told if number != first]

        def job(tx: Transaction, gone: list[int] = gone) -> CommitEffects:
            for number in gone:
                outbox.remove(tx, number)
            ready = one.person.composer.encrypt_waiting(tx, one.other.address)
            return CommitEffects(send=tuple(ready), dropped=tuple(gone))

        one.carry_out(one.person.tx(job))
    return one.sender().unanswered


@pytest.mark.usefixtures("few")
def test_what_is_taken_out_unread_uses_no_number_that_its_reader_would_not_get_over(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, _ = pair
    monkeypatch.setattr(skipped, "MAX_GAP", 32)
    one.write(lines("a", 60))
    assert lose(one, 10) == 32
    exchange(pair)
    assert one.counts() == (0, 0)


@pytest.mark.usefixtures("few")
def test_where_nothing_is_under_way_one_message_always_is(pair: Pair) -> None:
    """Else nobody would ever answer, and the chain would never end."""
    one, _ = pair
    one.write(lines("a", 60))
    lose(one, 10)
    first = min(one.told)
    one.person.tx(lambda tx: outbox.remove(tx, first))
    ready = one.person.tx(lambda tx: one.person.composer.encrypt_waiting(tx, one.other.address))
    assert len(ready) == 1


@pytest.mark.parametrize(("kind", "is_queued"), [("text", True), ("typing", False)])
def test_the_table_of_kinds_says_what_is_kept_until_it_is_confirmed(
    pair: Pair, kind: str, is_queued: bool
) -> None:
    person, other = pair[0].person, pair[1].person
    content = Content(kind=kind, message_id=person.composer.new_message_id())
    row = person.tx(lambda tx: contacts.get(tx, other.address))
    assert row is not None
    ways: list[Callable[[Transaction], object]] = [
        lambda tx: person.composer.send(tx, row, content, NOW),
        lambda tx: person.composer.encrypt_unstored(tx, other.address, content),
    ]
    person.tx(ways[0 if is_queued else 1])
    with pytest.raises(LocalProtocolError):
        person.tx(ways[1 if is_queued else 0])
