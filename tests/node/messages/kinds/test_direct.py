"""Direct connections are for contacts who have both agreed, whatever order contents come in."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.node.messages.conversation.test_commands import bring, log, say
from tests.node.messages.kinds.test_learned import UndoneError
from tests.node.messages.test_receive import befriend
from tests.node.persons import NOW, Person
from zentalk.errors import NotFoundError
from zentalk.ids import MessageId, SendId
from zentalk.node.messages.commands import Draft
from zentalk.node.messages.conversation import direct as commands
from zentalk.node.messages.conversation import signals
from zentalk.node.messages.effects import CommitEffects, ReceivedOffer
from zentalk.node.messages.kinds import registry
from zentalk.node.messages.kinds.incoming import Incoming
from zentalk.store.history import contacts, direct, outbox
from zentalk.store.history.direct import DirectRow
from zentalk.store.history.models import ContactState
from zentalk.store.sqlite import Transaction
from zentalk.wire.chat import DIRECT, DirectConsent, OfferSignal
from zentalk.wire.content import Content, encode_content
from zentalk.wire.text import format_address

OFFER = b"where I am"


@pytest.fixture(autouse=True)
def _friends(alice: Person, bob: Person) -> None:
    befriend(alice, bob)
    say(bob, alice, Draft("hello, alice"))


def allow(one: Person, other: Person, now: float = NOW, *, on: bool = True) -> None:
    """Let somebody allow direct connections, or not, and the other side hear of it."""
    job = commands.allow
    bring(one, other, one.tx(lambda tx: job(tx, one.composer, other.address, now, on=on)))


def state(one: Person, other: Person) -> tuple[bool, bool]:
    row = one.tx(lambda tx: commands.state(tx, other.address))
    return row.allowed, row.is_allowed_there


def agreed(one: Person, other: Person) -> bool:
    return other.address in one.tx(direct.agreed)


def forged(tx: Transaction, author: Person, reader: Person) -> bytes:
    """Make an offer without looking whether it may be made, as a changed program would."""
    made = signals.make(tx, author.composer, reader.address, OfferSignal(OFFER))
    assert made is not None
    return made


def brought(author: Person, reader: Person) -> CommitEffects:
    """Let an offer that nobody asked for come in; return what came of it."""
    inner = author.tx(lambda tx: forged(tx, author, reader))
    return reader.receive(author.seal(reader, inner))


def test_what_one_allows_the_other_hears_and_only_both_together_agree(
    alice: Person, bob: Person
) -> None:
    allow(alice, bob)
    assert (state(alice, bob), state(bob, alice)) == ((True, False), (False, True))
    assert not agreed(alice, bob)
    assert not agreed(bob, alice)
    allow(bob, alice)
    assert agreed(alice, bob)
    assert agreed(bob, alice)
    [first, second] = log(bob, "contact.direct")
    address = format_address(alice.address)
    assert first.data == {"address": address, "allowed": False, "allowed_by_them": True}
    assert second.data == {"address": address, "allowed": True, "allowed_by_them": True}
    allow(alice, bob, on=False)
    assert not agreed(bob, alice)
    assert len(log(bob, "contact.direct")) == 3


def test_what_is_allowed_already_is_not_said_again(alice: Person, bob: Person) -> None:
    again = alice.tx(lambda tx: commands.allow(tx, alice.composer, bob.address, NOW, on=False))
    assert again == CommitEffects()
    allow(alice, bob)
    [told] = log(alice, "contact.direct")
    allow(alice, bob)
    assert log(alice, "contact.direct") == [told]


def test_what_changes_consent_wakes_who_looks_at_it(alice: Person, bob: Person) -> None:
    effects = alice.tx(lambda tx: commands.allow(tx, alice.composer, bob.address, NOW, on=True))
    [sent] = effects.send
    assert effects.consents
    came = bob.receive(alice.seal(bob, sent.item.envelope or b""))
    assert came.consents
    assert came.best_effort, "it is confirmed, and not sent again"


@pytest.mark.parametrize("who", ["nobody", "reader", "author"])
def test_an_offer_without_both_consents_is_neither_taken_nor_answered(
    alice: Person, bob: Person, who: str
) -> None:
    """A contact that asks where we are learns nothing: not even that it was read."""
    if who == "reader":
        allow(bob, alice)
    if who == "author":
        allow(alice, bob)
    found = brought(alice, bob)
    assert found.offers == ()
    assert found.best_effort == ()
    assert found.send == ()
    made = bob.tx(lambda tx: commands.make_offer(tx, bob.composer, alice.address, OFFER, 1))
    assert made is None, "nor is one made, whoever asks for it"


def test_an_offer_is_taken_from_who_agreed_alone(alice: Person, bob: Person) -> None:
    allow(alice, bob)
    allow(bob, alice)
    made = alice.tx(lambda tx: commands.make_offer(tx, alice.composer, bob.address, OFFER, 7))
    assert made is not None
    found = bob.receive(alice.seal(bob, made))
    assert found.offers == (ReceivedOffer(alice.address, OFFER, 7),)
    assert found.best_effort == (), "nobody waits for its confirmation"
    assert OFFER.decode() not in repr(found.offers)


def test_control_without_the_look_at_consent_anybodys_offer_is_taken(
    alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(direct, "agreed", lambda _tx: {alice.address, bob.address})
    assert brought(alice, bob).offers != ()
    assert bob.tx(lambda tx: commands.make_offer(tx, bob.composer, alice.address, OFFER, 1))


def stopped(how: str, bob: Person, alice: Person) -> CommitEffects:
    jobs: dict[str, Callable[[Transaction], CommitEffects]] = {
        "blocked": lambda tx: bob.contacts.block(tx, alice.address, NOW)[1],
        "removed": lambda tx: bob.contacts.remove(tx, alice.address, NOW),
    }
    return bob.tx(jobs[how])


@pytest.mark.parametrize("how", ["blocked", "removed"])
def test_who_is_no_contact_any_more_is_not_connected_to(
    alice: Person, bob: Person, how: str
) -> None:
    allow(alice, bob)
    allow(bob, alice)
    inner = alice.tx(lambda tx: forged(tx, alice, bob))
    deposit = alice.seal(bob, inner)
    assert stopped(how, bob, alice).consents, "or a line would stand until it is looked at again"
    assert not agreed(bob, alice)
    assert bob.receive(deposit).offers == ()
    with pytest.raises(NotFoundError):
        state(bob, alice)
    with pytest.raises(NotFoundError):
        allow(bob, alice)


def test_who_was_removed_and_is_added_again_is_asked_again(alice: Person, bob: Person) -> None:
    allow(alice, bob)
    allow(bob, alice)
    stopped("removed", bob, alice)
    bob.tx(lambda tx: bob.contacts.add(tx, alice.address, "", NOW))
    assert not agreed(bob, alice)
    assert state(bob, alice)[0] is False


def test_control_what_was_allowed_before_would_show_addresses_again(
    alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(direct, "withdraw", lambda _tx, _contact: None)
    allow(alice, bob)
    allow(bob, alice)
    stopped("removed", bob, alice)
    bob.tx(lambda tx: bob.contacts.add(tx, alice.address, "", NOW))
    assert agreed(bob, alice)


def test_what_is_allowed_anew_after_everything_was_deleted_counts(
    alice: Person, bob: Person
) -> None:
    """The other side knows the last number, which is not known here any more."""
    for on in (True, False, True, False):
        allow(alice, bob, NOW, on=on)
    alice.tx(lambda tx: tx.execute("DELETE FROM direct"))
    allow(alice, bob, NOW + 60)
    assert state(bob, alice) == (False, True)


def exchanged(one: Person, other: Person, effects: CommitEffects) -> int:
    """Let what a job has made arrive, and all that answers it; return how many consents went."""
    count = 0
    while effects.send:
        count += len(effects.send)
        came = other.receive(
            *(one.seal(other, entry.item.envelope or b"") for entry in effects.send)
        )
        one.receive(*other.answers(came, one))
        one, other, effects = other, one, came
        assert count < 10, "they answer each other for ever"
    return count


def allowed_anew(one: Person, other: Person) -> int:
    effects = one.tx(lambda tx: commands.allow(tx, one.composer, other.address, NOW + 60, on=True))
    return exchanged(one, other, effects)


def lost(how: str, bob: Person, alice: Person) -> None:
    """Let bob not know any more, or never have known, that alice allows."""
    copies: list[tuple[SendId, bytes]] = []
    if how == "forgotten":
        allow(alice, bob)
    bob.tx(lambda tx: bob.contacts.remove(tx, alice.address, NOW))
    if how == "forgotten":  # as after 30 days
        bob.tx(lambda tx: tx.execute("DELETE FROM direct"))
    else:  # she allows while she is only a request
        made = alice.tx(lambda tx: commands.allow(tx, alice.composer, bob.address, NOW, on=True))
        copies = [alice.seal(bob, entry.item.envelope or b"") for entry in made.send]
        came = bob.receive(*copies)
        assert not came.best_effort, "it is not confirmed either, and comes again"
    bob.tx(lambda tx: bob.contacts.add(tx, alice.address, "", NOW))
    assert state(bob, alice) == (False, False)
    bob.receive(*copies)
    assert state(bob, alice) == (False, False), "what was read before counts no more"


@pytest.mark.parametrize("how", ["forgotten", "unconfirmed"])
def test_who_was_deleted_and_added_again_need_not_allow_it_again(
    alice: Person, bob: Person, how: str
) -> None:
    lost(how, bob, alice)
    assert allowed_anew(bob, alice) == 3, "what bob allows, and one answer each way"
    assert agreed(bob, alice)
    assert agreed(alice, bob)


def test_control_without_the_answer_only_one_of_them_would_think_that_both_allow_it(
    alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "tell_again", lambda *_arguments: CommitEffects())
    lost("forgotten", bob, alice)
    allowed_anew(bob, alice)
    assert not agreed(bob, alice)
    assert agreed(alice, bob)


def test_who_has_taken_it_back_meanwhile_says_so(alice: Person, bob: Person) -> None:
    allow(alice, bob)
    allow(bob, alice)
    bob.tx(lambda tx: bob.contacts.remove(tx, alice.address, NOW))
    taken_back = alice.tx(
        lambda tx: commands.allow(tx, alice.composer, bob.address, NOW + 1, on=False)
    )
    bob.receive(*(alice.seal(bob, entry.item.envelope or b"") for entry in taken_back.send))
    bob.tx(lambda tx: bob.contacts.add(tx, alice.address, "", NOW))
    assert state(bob, alice) == (False, True), "bob does not know it"
    allowed_anew(bob, alice)
    assert state(bob, alice) == (True, False)


def test_who_never_said_anything_says_nothing(alice: Person, bob: Person) -> None:
    assert allowed_anew(bob, alice) == 1


def test_two_who_allow_it_at_once_are_done_soon(alice: Person, bob: Person) -> None:
    job = commands.allow
    first = alice.tx(lambda tx: job(tx, alice.composer, bob.address, NOW, on=True))
    second = bob.tx(lambda tx: job(tx, bob.composer, alice.address, NOW, on=True))
    assert exchanged(alice, bob, first) + exchanged(bob, alice, second) <= 4
    assert agreed(alice, bob)
    assert agreed(bob, alice)


def test_a_contact_that_allows_without_end_does_not_fill_the_outbox(
    alice: Person, bob: Person
) -> None:
    """It confirms nothing either."""
    allow(bob, alice)
    for number in range(20):
        for on in (False, True):
            moment = NOW + number
            made = alice.tx(
                lambda tx, on=on, moment=moment: commands.allow(  # type: ignore[misc]  # bound now
                    tx, alice.composer, bob.address, moment, on=on
                )
            )
            bob.receive(*(alice.seal(bob, entry.item.envelope or b"") for entry in made.send))
    waiting = bob.tx(lambda tx: outbox.count(tx, alice.address, 100))
    assert waiting == 1


def incoming(tx: Transaction, sender: Person, number: int, *, allowed: bool) -> Incoming:
    row = contacts.get(tx, sender.address)
    assert row is not None
    body = DirectConsent(number, allowed)
    content = Content(DIRECT, MessageId(number.to_bytes(16, "big")), body=body)
    return Incoming(row, content, encode_content(content))


def after(reader: Person, sender: Person, said: list[int]) -> DirectRow:
    """Return what is known after consents came; an odd number allows. Nothing of it is kept."""
    found: list[DirectRow] = []

    def job(tx: Transaction) -> None:
        for number in said:
            registry.apply(tx, incoming(tx, sender, number, allowed=number % 2 == 1), NOW)
        found.append(direct.get(tx, sender.address))
        raise UndoneError

    with suppress(UndoneError):
        reader.tx(job)
    return found[0]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(said=st.lists(st.integers(1, 6), min_size=1, max_size=12))
def test_the_highest_number_counts_in_any_order_and_however_often(
    alice: Person, bob: Person, said: list[int]
) -> None:
    highest = max(said)
    expected = DirectRow(0, False, highest, highest % 2 == 1)
    assert after(bob, alice, said) == expected
    assert after(bob, alice, sorted(said)) == expected


def test_control_if_the_last_one_counted_a_repeat_would_allow_what_was_taken_back(
    alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not after(bob, alice, [1, 2, 1]).is_allowed_there
    forgets = direct.get

    def get(tx: Transaction, contact: object) -> DirectRow:
        return forgets(tx, alice.address)._replace(their_number=0)

    monkeypatch.setattr(direct, "get", get)
    assert after(bob, alice, [1, 2, 1]).is_allowed_there


@pytest.mark.parametrize("how", [ContactState.REQUEST, ContactState.MEMBER])
def test_who_is_no_contact_cannot_consent(alice: Person, bob: Person, how: ContactState) -> None:
    bob.tx(lambda tx: contacts.update(tx, alice.address, "", how, NOW))
    assert after(bob, alice, [1]) == direct.NOBODY_ASKED
    bob.tx(lambda tx: direct.put(tx, alice.address, DirectRow(1, True, 1, True)))
    assert not agreed(bob, alice)


def test_a_request_that_allows_and_offers_gets_nothing(carol: Person, bob: Person) -> None:
    """Somebody whom bob does not know sends all that a contact might."""
    carol.meet(bob)

    effects = carol.tx(lambda tx: commands.allow(tx, carol.composer, bob.address, NOW, on=True))
    inners = [entry.item.envelope or b"" for entry in effects.send]
    inners.append(carol.tx(lambda tx: forged(tx, carol, bob)))
    assert len(inners) == 2
    found = bob.receive(*(carol.seal(bob, inner) for inner in inners))
    assert found.offers == ()
    assert found.best_effort == ()
    assert not found.consents
    assert bob.tx(lambda tx: direct.get(tx, carol.address)) == direct.NOBODY_ASKED
