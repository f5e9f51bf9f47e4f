"""Two people exchange messages through their databases alone, without a network."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace

import pytest

from tests.node.persons import NOW, Deposit, Newcomer, Person
from zentalk.crypto import x25519
from zentalk.errors import ConflictError, TooLargeError
from zentalk.ids import MessageId
from zentalk.node.messages import ordering, receive, requests
from zentalk.node.messages.commands import Draft, check_text
from zentalk.node.messages.confirmations import confirm
from zentalk.node.messages.effects import CommitEffects
from zentalk.node.messages.kinds import parts, stored
from zentalk.node.messages.kinds.incoming import Incoming, KindResult
from zentalk.node.messages.routes import DepositTarget, raise_version
from zentalk.session.ratchet import Ratchet
from zentalk.store.history import confirmations as rows
from zentalk.store.history import contacts, forgetting, held, outbox, pages, ratchets
from zentalk.store.history.confirmations import Unconfirmed
from zentalk.store.history.held import Series
from zentalk.store.history.models import RequestKey, StoredMessage
from zentalk.store.sqlite import Transaction
from zentalk.wire.codec import pack
from zentalk.wire.content import PART, TEXT, Content, Part, decode_content, encode_content
from zentalk.wire.prekeys import PrekeyBundle
from zentalk.wire.ratchet import (
    INNER_KIND_BYTES,
    INNER_SMALL_BYTES,
    Inner,
    decode_inner,
    encode_inner,
)

WHO = Draft("who?")


def texts(person: Person, other: Person) -> list[StoredMessage]:
    return person.tx(lambda tx: pages.page(tx, other.address, None, 100))


def befriend(alice: Person, bob: Person) -> None:
    """Both have added each other and know each other's own send ids."""
    alice.meet(bob)
    bob.tx(lambda tx: bob.contacts.add(tx, alice.address, "", NOW))
    _, inners = alice.write(bob, "hello")
    confirmation = bob.receive(alice.seal(bob, inners[0]))
    alice.receive(*bob.answers(confirmation, alice))


def test_c1_e1_a_text_is_saved_at_both_ends_and_confirmed(alice: Person, bob: Person) -> None:
    befriend(alice, bob)
    message, inners = alice.write(bob, "one")
    assert message.state == "queued"
    outcome = bob.receive(alice.seal(bob, inners[0]))
    assert [m.text for m in texts(bob, alice)] == ["hello", "one"]
    assert texts(bob, alice)[1].id == message.id
    finished = alice.receive(*bob.answers(outcome, alice))
    assert len(finished.confirmed) == 1
    assert [m.state for m in texts(alice, bob)] == ["delivered", "delivered"]
    assert alice.tx(outbox.under_way) == []


def test_after_the_first_exchange_both_use_their_own_send_ids(alice: Person, bob: Person) -> None:
    befriend(alice, bob)
    _, inners = alice.write(bob, "one")
    send_id, _ = alice.seal(bob, inners[0])
    assert send_id != bob.public.send_id
    outcome = bob.receive((send_id, alice.seal(bob, inners[0])[1]))
    [(answer_id, _)] = bob.answers(outcome, alice)
    assert answer_id != alice.public.send_id


def test_b5_e9_the_same_ciphertext_twice_is_shown_once_and_confirmed_twice(
    alice: Person, bob: Person
) -> None:
    befriend(alice, bob)
    _, inners = alice.write(bob, "one")
    first = bob.receive(alice.seal(bob, inners[0]))
    logged = bob.logged()
    again = bob.receive(alice.seal(bob, inners[0]))
    assert [m.text for m in texts(bob, alice)] == ["hello", "one"]
    assert len(first.best_effort) == len(again.best_effort) == 1
    assert bob.logged() == logged
    alice.receive(*bob.answers(again, alice))
    assert texts(alice, bob)[-1].state == "delivered"


def test_e9_control_without_the_memory_of_ciphertexts_a_repeat_is_not_confirmed(
    alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    befriend(alice, bob)
    _, inners = alice.write(bob, "one")
    bob.receive(alice.seal(bob, inners[0]))
    monkeypatch.setattr(ratchets, "seen", lambda tx, digest: None)
    again = bob.receive(alice.seal(bob, inners[0]))
    assert again.best_effort == ()
    assert again.undecryptable == 1


def test_a_stranger_becomes_a_request_and_is_confirmed_once_accepted(
    alice: Person, bob: Person
) -> None:
    alice.meet(bob)
    _, inners = alice.write(bob, "it is me")
    outcome = bob.receive(alice.seal(bob, inners[0]))
    assert outcome.best_effort == ()
    [request] = bob.tx(contacts.listing)
    assert (request.state, texts(bob, alice)[0].text) == ("request", "it is me")
    repeated = bob.receive(alice.seal(bob, inners[0]))
    assert repeated.best_effort == ()
    contact, effects = bob.tx(lambda tx: bob.contacts.add(tx, alice.address, "Alice", NOW))
    assert (contact.state, contact.name) == ("contact", "Alice")
    alice.receive(*bob.answers(effects, alice))
    assert texts(alice, bob)[0].state == "delivered"


def test_answering_a_request_accepts_it_and_confirms_what_it_wrote(
    alice: Person, bob: Person
) -> None:
    alice.meet(bob)
    _, inners = alice.write(bob, "it is me")
    assert bob.receive(alice.seal(bob, inners[0])).best_effort == ()
    answer, effects = bob.tx(lambda tx: bob.messages.write(alice.address, WHO, None, NOW, tx))
    [contact] = bob.tx(contacts.listing)
    assert contact.state == "contact"
    envelope = effects.send[0].item.envelope
    assert envelope is not None
    alice.receive(bob.seal(alice, envelope), *bob.answers(effects, alice))
    assert [(m.text, m.state) for m in texts(alice, bob)] == [
        ("it is me", "delivered"),
        ("who?", "received"),
    ]
    assert texts(bob, alice)[-1].id == answer.id


def test_an_answer_to_a_request_that_comes_again_confirms_nothing_twice(
    alice: Person, bob: Person
) -> None:
    alice.meet(bob)
    bob.receive(alice.seal(bob, alice.write(bob, "it is me")[1][0]))
    key = RequestKey("key")
    for expected in (1, 0):
        _, effects = bob.tx(lambda tx: bob.messages.write(alice.address, WHO, key, NOW, tx))
        assert len(effects.best_effort) == expected


def test_k15_junk_changes_nothing_and_a_genuine_message_still_arrives(
    alice: Person, bob: Person
) -> None:
    befriend(alice, bob)
    _, inners = alice.write(bob, "genuine")
    send_id, envelope = alice.seal(bob, inners[0])
    before = bob.tx(lambda tx: ratchets.of_contact(tx, alice.address))
    junk = bytearray(envelope)
    junk[700] ^= 1
    outcome = bob.receive((send_id, bytes(junk)), (send_id, bob.entropy(len(envelope))))
    assert outcome.undecryptable == 2
    assert bob.tx(lambda tx: ratchets.of_contact(tx, alice.address)) == before
    bob.receive((send_id, envelope))
    assert texts(bob, alice)[-1].text == "genuine"


def test_k35_two_copies_of_one_message_share_no_bytes(alice: Person, bob: Person) -> None:
    befriend(alice, bob)
    _, inners = alice.write(bob, "twice")
    first, second = (alice.seal(bob, inners[0])[1] for _ in range(2))
    equal = sum(a == b for a, b in zip(first, second, strict=True))
    assert equal < len(first) / 64  # chance is 1 in 256


def ratchets_in_use(person: Person, other: Person) -> list[bytes]:
    rows = person.tx(lambda tx: ratchets.of_contact(tx, other.address))
    return [row.ratchet_id for row in rows if row.retired_at is None]


def encrypted(sender: Person, reader: Person, raw: bytes) -> Deposit:
    """Seal any bytes as the content of a message."""

    def encrypt(tx: Transaction) -> bytes:
        ratchet = sender.sessions.sender(tx, reader.address)
        assert ratchet is not None
        return ratchet.encrypt(raw).inner

    return sender.seal(reader, sender.tx(encrypt))


def test_e8_both_write_first_at_once_and_end_in_one_ratchet(alice: Person, bob: Person) -> None:
    alice.meet(bob)
    bob.meet(alice)
    _, from_alice = alice.write(bob, "from alice")
    _, from_bob = bob.write(alice, "from bob")
    to_bob, to_alice = alice.seal(bob, from_alice[0]), bob.seal(alice, from_bob[0])
    bob_says, alice_says = bob.receive(to_bob), alice.receive(to_alice)
    alice.receive(*bob.answers(bob_says, alice))
    bob.receive(*alice.answers(alice_says, bob))
    for turn in range(3):
        for sender, reader in ((alice, bob), (bob, alice)):
            _, inners = sender.write(reader, f"turn {turn}")
            outcome = reader.receive(sender.seal(reader, inners[0]))
            sender.receive(*reader.answers(outcome, sender))
    for person, other in ((alice, bob), (bob, alice)):
        assert {m.state for m in texts(person, other)} == {"delivered", "received"}
        assert len(texts(person, other)) == 8
    assert ratchets_in_use(alice, bob) == ratchets_in_use(bob, alice)


def test_our_route_goes_along_until_it_is_known_and_is_never_stored_with_a_message(
    alice: Person, bob: Person
) -> None:
    befriend(alice, bob)
    alice.tx(raise_version)
    for text, is_news in (("news", True), ("no news", False)):
        _, inners = alice.write(bob, text)
        stored = [item.content for item in alice.tx(outbox.under_way)]
        assert stored
        assert all(decode_content(content).route is None for content in stored)
        effects = bob.receive(*(alice.seal(bob, inner) for inner in inners))
        assert (alice.address in effects.new_routes) is is_news
        alice.receive(*bob.answers(effects, alice))


@pytest.mark.parametrize("length", [1, 300, 1024, 1500, 30_000, 40_000, 65_536])
def test_texts_of_every_length_arrive_whole(alice: Person, bob: Person, length: int) -> None:
    befriend(alice, bob)
    text = "ä" * (length // 2) + "x" * (length % 2)
    _, inners = alice.write(bob, text)
    last = None
    for inner in reversed(inners):
        last = bob.receive(alice.seal(bob, inner))
    assert texts(bob, alice)[-1].text == text
    assert last is not None
    alice.receive(*bob.answers(last, alice))
    assert texts(alice, bob)[-1].state == "delivered"
    assert alice.tx(outbox.under_way) == []


def test_d8_a_text_above_64_kb_is_refused_with_its_size() -> None:
    with pytest.raises(TooLargeError, match="65537"):
        check_text("x" * 65_537)


def test_an_idempotency_key_gives_the_same_message_and_no_second_send(
    alice: Person, bob: Person
) -> None:
    befriend(alice, bob)
    first, sent = alice.write(bob, "once", key="k1")
    second, again = alice.write(bob, "once", key="k1")
    assert (first.id, len(sent), again) == (second.id, 1, [])
    with pytest.raises(ConflictError):
        alice.write(bob, "other", key="k1")


def test_two_devices_may_use_one_key_for_different_messages(alice: Person, bob: Person) -> None:
    befriend(alice, bob)
    first, _ = alice.write(bob, "from the phone", key="1", device="phone")
    second, _ = alice.write(bob, "from the laptop", key="1", device="laptop")
    assert first.id != second.id
    assert alice.write(bob, "from the phone", key="1", device="phone") == (first, [])
    with pytest.raises(ConflictError):
        alice.write(bob, "from the laptop", key="1", device="phone")


def test_control_of_one_device_a_key_is_one_message(alice: Person, bob: Person) -> None:
    befriend(alice, bob)
    alice.write(bob, "from the phone", key="1")
    with pytest.raises(ConflictError):
        alice.write(bob, "from the laptop", key="1")


def test_a_confirmation_of_somebody_else_confirms_nothing(
    alice: Person, bob: Person, newcomer: Newcomer
) -> None:
    befriend(alice, bob)
    message, _ = alice.write(bob, "for bob")
    carol = newcomer("carol")
    befriend(alice, carol)
    wanted = [Unconfirmed(None, MessageId(bytes.fromhex(message.id)))]
    [forged] = carol.tx(lambda tx: confirm(tx, carol.composer, alice.address, wanted, NOW))
    alice.receive(carol.seal(alice, forged.inner))
    assert texts(alice, bob)[-1].state == "queued"


def test_a_hundred_messages_in_a_batch_arrive_in_order(alice: Person, bob: Person) -> None:
    befriend(alice, bob)
    deposits = [alice.seal(bob, alice.write(bob, f"{n}")[1][0]) for n in range(100)]
    logged = bob.logged()
    outcome = bob.receive(*deposits)
    assert [m.text for m in texts(bob, alice)] == [str(n) for n in range(100)]
    assert bob.logged() == logged + 100
    assert len(outcome.best_effort) < 5
    alice.receive(*bob.answers(outcome, alice))
    assert {m.state for m in texts(alice, bob)} == {"delivered"}


def received(person: Person, other: Person) -> list[tuple[str, int]]:
    return [(m.text, m.missing) for m in texts(person, other) if m.text != "hello"]


def test_d16_e10_packets_that_overtook_each_other_enter_in_the_order_of_writing(
    alice: Person, bob: Person
) -> None:
    befriend(alice, bob)
    deposits = [alice.seal(bob, alice.write(bob, f"{n}")[1][0]) for n in range(6)]
    logged = bob.logged()
    outcomes, numbers = [], []
    for n in (3, 1, 5, 0, 2, 4):
        outcomes.append(bob.receive(deposits[n]))
        numbers.append(bob.logged() - logged)
    assert received(bob, alice) == [(str(n), 0) for n in range(6)]
    assert numbers == [0, 0, 0, 2, 4, 6]
    assert [outcome.held for outcome in outcomes] == [True] * 3 + [False] * 3
    # Each is confirmed by the commit that shows it.
    assert [len(outcome.best_effort) for outcome in outcomes] == [0, 0, 0, 1, 1, 1]
    confirmed = []
    for outcome in outcomes:
        alice.receive(*bob.answers(outcome, alice))
        confirmed.append(delivered(alice, bob))
    assert confirmed == [[], [], [], ["0", "1"], ["0", "1", "2", "3"], list("012345")]


@pytest.mark.parametrize("order", [(1, 2, 0), (2, 0, 1), (2, 1, 0)])
def test_r8_what_is_delivered_is_shown(alice: Person, bob: Person, order: tuple[int, ...]) -> None:
    befriend(alice, bob)
    assert never_delivered_before_shown(alice, bob, order)


def test_r8_control_a_held_message_that_is_confirmed_is_delivered_and_not_shown(
    alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    befriend(alice, bob)
    monkeypatch.setattr(stored, "keep", confirm_at_once)
    assert not never_delivered_before_shown(alice, bob, (1, 0))


def confirm_at_once(tx: Transaction, incoming: Incoming, now: float) -> KindResult:
    """Put a message in its place, as an earlier version did."""
    contact, content = incoming.sender.address, incoming.content
    ordering.receive(tx, contact, content, incoming.raw, now, confirmed=True)
    return KindResult(content.message_id)


def never_delivered_before_shown(alice: Person, bob: Person, order: tuple[int, ...]) -> bool:
    """Let messages arrive in an order, each with its confirmation at once."""
    deposits = [alice.seal(bob, alice.write(bob, f"{n}")[1][0]) for n in range(len(order))]
    for n in order:
        outcome = bob.receive(deposits[n])
        alice.receive(*bob.answers(outcome, alice))
        if set(delivered(alice, bob)) - {text for text, _ in received(bob, alice)}:
            return False
    return delivered(alice, bob) == [str(n) for n in range(len(order))]


def test_r8_what_a_gap_that_stays_lets_in_is_confirmed_then(alice: Person, bob: Person) -> None:
    befriend(alice, bob)
    _, *deposits = [alice.seal(bob, alice.write(bob, f"{n}")[1][0]) for n in range(3)]
    assert bob.receive(*deposits).best_effort == ()
    assert overdue(bob, NOW + ordering.HOLD_SECONDS - 1).best_effort == ()
    outcome = overdue(bob, NOW + ordering.HOLD_SECONDS)
    alice.receive(*bob.answers(outcome, alice))
    assert delivered(alice, bob) == ["1", "2"]


def test_r8_what_a_stranger_wrote_and_was_held_is_confirmed_once_it_is_accepted(
    alice: Person, bob: Person
) -> None:
    alice.meet(bob)
    _, *deposits = [alice.seal(bob, alice.write(bob, f"{n}")[1][0]) for n in range(3)]
    bob.receive(deposits[0])
    assert overdue(bob, NOW + ordering.FIRST_HOLD_SECONDS).best_effort == ()
    assert received(bob, alice) == [("1", 1)]
    _, effects = bob.tx(lambda tx: bob.contacts.accept(tx, alice.address, NOW))
    alice.receive(*bob.answers(effects, alice))
    assert delivered(alice, bob) == ["1"]


def test_r8_a_held_message_that_comes_again_is_kept_once_and_confirmed_once_shown(
    alice: Person, bob: Person
) -> None:
    """It comes as its relay pushes it again, as its sender seals it again, and encrypted anew."""
    befriend(alice, bob)
    first, later = (alice.write(bob, f"{n}")[1][0] for n in range(2))
    deposit = alice.seal(bob, later)
    [_, item] = alice.tx(outbox.under_way)
    [anew] = alice.tx(lambda tx: alice.composer.repeat(tx, bob.address, [item]))
    assert anew.item.envelope not in (None, later)
    copies = [deposit, deposit, alice.seal(bob, later), alice.seal(bob, anew.item.envelope or b"")]
    outcomes = [bob.receive(copy) for copy in copies]
    assert {(outcome.best_effort, outcome.undecryptable) for outcome in outcomes} == {((), 0)}
    assert bob.tx(lambda tx: held.count(tx, Series(alice.address, alice.address))) == 1
    assert bob.tx(rows.owing) == []
    outcome = bob.receive(alice.seal(bob, first))
    assert received(bob, alice) == [("0", 0), ("1", 0)]
    alice.receive(*bob.answers(outcome, alice))
    assert delivered(alice, bob) == ["0", "1"]
    # All inners are known as confirmed: whichever comes again gets the same bytes.
    again = [bob.receive(copy).best_effort for copy in (copies[2], copies[3])]
    assert [one.inner for [one] in again] == [one.inner for one in outcome.best_effort] * 2


def test_r8_what_was_held_of_somebody_blocked_is_never_called_delivered(
    alice: Person, bob: Person
) -> None:
    befriend(alice, bob)
    _, deposit = [alice.seal(bob, alice.write(bob, f"{n}")[1][0]) for n in range(2)]
    bob.receive(deposit)
    bob.tx(lambda tx: bob.contacts.block(tx, alice.address, NOW))
    bob.tx(lambda tx: bob.contacts.unblock(tx, alice.address, NOW))
    assert bob.receive(deposit).best_effort == ()
    assert bob.tx(rows.owing) == []
    assert received(bob, alice) == []


def overdue(person: Person, now: float) -> CommitEffects:
    return person.tx(lambda tx: person.inbox.release_overdue(tx, now))


def delivered(sender: Person, reader: Person) -> list[str]:
    """What the sender takes for delivered of what it wrote after the first text."""
    return [m.text for m in texts(sender, reader)[1:] if m.state == "delivered"]


def test_d16_control_without_holding_back_the_order_is_that_of_arrival(
    alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    befriend(alice, bob)
    monkeypatch.setattr(held, "last_sequence", lambda tx, contact: 2**40)
    deposits = [alice.seal(bob, alice.write(bob, f"{n}")[1][0]) for n in range(3)]
    bob.receive(*[deposits[n] for n in (2, 0, 1)])
    assert [text for text, _ in received(bob, alice)] == ["2", "0", "1"]


def test_a_gap_that_stays_is_shown_and_a_late_message_still_enters(
    alice: Person, bob: Person
) -> None:
    befriend(alice, bob)
    deposits = [alice.seal(bob, alice.write(bob, f"{n}")[1][0]) for n in range(4)]
    bob.receive(deposits[0], deposits[3])
    overdue(bob, NOW + 1)
    assert received(bob, alice) == [("0", 0)]
    overdue(bob, NOW + ordering.HOLD_SECONDS)
    assert received(bob, alice) == [("0", 0), ("3", 2)]
    bob.receive(deposits[1], deposits[3])
    assert received(bob, alice) == [("0", 0), ("3", 2), ("1", 0)]


def test_a_clock_that_is_set_back_holds_no_message_for_long(alice: Person, bob: Person) -> None:
    befriend(alice, bob)
    deposits = [alice.seal(bob, alice.write(bob, f"{n}")[1][0]) for n in range(2)]
    bob.receive(deposits[1])
    overdue(bob, NOW)
    assert received(bob, alice) == []
    overdue(bob, NOW - 86_400)
    assert received(bob, alice) == [("1", 1)]


@pytest.mark.parametrize(
    ("claimed", "shown"),
    [
        (0.0, NOW),
        (NOW - ordering.OLDEST_SECONDS - 1, NOW),
        (NOW - ordering.OLDEST_SECONDS + 1, NOW - ordering.OLDEST_SECONDS + 1),
        (NOW + ordering.AHEAD_SECONDS, NOW + ordering.AHEAD_SECONDS),
        (NOW + ordering.AHEAD_SECONDS + 1, NOW),
        (2.0**52, NOW),
    ],
)
def test_a_time_at_which_nobody_can_have_written_is_that_of_arrival(
    alice: Person, bob: Person, claimed: float, shown: float
) -> None:
    befriend(alice, bob)
    raw = encode_content(Content(TEXT, MessageId(b"t" * 16), 2, int(claimed * 1000), text="late"))
    bob.receive(encrypted(alice, bob, raw))
    assert texts(bob, alice)[-1].sent_at == shown


def test_a_kind_that_is_not_known_here_is_kept_whole_and_confirmed(
    alice: Person, bob: Person
) -> None:
    befriend(alice, bob)
    raw = pack({"v": 1, "k": "dance", "i": b"p" * 16, "n": 2, "b": ["tea", "coffee"]})
    outcome = bob.receive(encrypted(alice, bob, raw))
    assert len(outcome.best_effort) == 1
    [row] = bob.connection.execute("SELECT content FROM messages WHERE kind = 'dance'").fetchall()
    assert row[0] == raw
    assert [line.text for line in texts(bob, alice)] == ["hello"]


def test_a_kind_that_is_not_known_here_is_shown_by_what_its_author_gave_for_that(
    alice: Person, bob: Person
) -> None:
    befriend(alice, bob)
    raw = pack({"v": 1, "k": "dance", "i": b"p" * 16, "n": 2, "b": [1], "f": "A dance: waltz"})
    bob.receive(encrypted(alice, bob, raw))
    line = texts(bob, alice)[-1]
    assert (line.kind, line.text) == ("dance", "A dance: waltz")
    assert bob.connection.execute("SELECT unread FROM contacts").fetchone() == (2,)


def test_unfinished_messages_and_requests_are_bounded(
    alice: Person, bob: Person, newcomer: Newcomer, monkeypatch: pytest.MonkeyPatch
) -> None:
    befriend(alice, bob)
    monkeypatch.setattr(parts, "MAX_UNFINISHED", 1)
    first, second = (alice.write(bob, letter * 65_536)[1] for letter in "ab")
    assert bob.receive(alice.seal(bob, first[0])).undecryptable == 0
    assert bob.receive(alice.seal(bob, second[0])).undecryptable == 1
    # What was begun may always be finished, and makes room.
    rest = [alice.seal(bob, part) for part in (*first[1:], *second)]
    assert bob.receive(*rest).undecryptable == 0
    assert [m.text[0] for m in texts(bob, alice)] == ["h", "a", "b"]
    monkeypatch.setattr(requests, "MAX_REQUESTS", 1)
    for name, refused in (("carol", 0), ("dave", 1)):
        stranger = newcomer(name)
        stranger.meet(bob)
        _, inners = stranger.write(bob, "hello")
        assert len(bob.receive(stranger.seal(bob, inners[0])).deferred) == refused


def test_when_too_many_wait_they_enter_and_none_is_lost(
    alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    befriend(alice, bob)
    monkeypatch.setattr(ordering, "MAX_HELD", 2)
    deposits = [alice.seal(bob, alice.write(bob, f"{n}")[1][0]) for n in range(5)]
    logged = bob.logged()
    assert bob.receive(*deposits[1:]).undecryptable == 0
    assert bob.logged() == logged + 4
    assert received(bob, alice) == [("1", 1), ("2", 0), ("3", 0), ("4", 0)]
    bob.receive(deposits[0])
    assert received(bob, alice)[-1] == ("0", 0)


def test_what_is_refused_changes_nothing_and_is_read_when_there_is_room(
    alice: Person, bob: Person, newcomer: Newcomer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refused message costs no prekey and no ratchet: the sender's next copy is readable."""
    befriend(alice, bob)
    carol = newcomer("carol")
    carol.meet(bob)
    _, inners = carol.write(bob, "may I?")
    before = bob.tx(_everything)
    monkeypatch.setattr(requests, "MAX_REQUESTS", 0)
    assert bob.receive(carol.seal(bob, inners[0])).undecryptable == 1
    assert bob.tx(_everything) == before
    monkeypatch.setattr(requests, "MAX_REQUESTS", 1)
    bob.receive(carol.seal(bob, inners[0]))
    assert [m.text for m in texts(bob, carol)] == ["may I?"]


def test_control_without_the_savepoint_a_refused_message_is_lost(
    alice: Person, bob: Person, newcomer: Newcomer, monkeypatch: pytest.MonkeyPatch
) -> None:
    carol = newcomer("carol")
    carol.meet(bob)
    _, inners = carol.write(bob, "may I?")
    monkeypatch.setattr(receive, "savepoint", lambda _tx: nullcontext())
    monkeypatch.setattr(requests, "MAX_REQUESTS", 0)
    bob.receive(carol.seal(bob, inners[0]))
    monkeypatch.setattr(requests, "MAX_REQUESTS", 1)
    bob.receive(carol.seal(bob, inners[0]))
    assert texts(bob, carol) == []


def _everything(tx: Transaction) -> list[list[tuple[object, ...]]]:
    tables = ("ratchets", "prekeys", "seen", "contacts", "messages", "held", "parts", "events")
    return [tx.execute(f"SELECT * FROM {table}").fetchall() for table in tables]


def test_one_refused_message_leaves_the_rest_of_its_batch_alone(alice: Person, bob: Person) -> None:
    befriend(alice, bob)
    good = [alice.seal(bob, alice.write(bob, f"{n}")[1][0]) for n in range(2)]
    raw = pack({"v": 1, "k": "text", "i": b"p" * 16, "n": 4, "b": 7})
    logged = bob.logged()
    assert bob.receive(good[0], encrypted(alice, bob, raw), good[1]).undecryptable == 1
    assert bob.logged() == logged + 2
    assert [text for text, _ in received(bob, alice)] == ["0", "1"]


def test_a_contact_who_shows_our_own_first_message_back_speaks_for_itself_only(
    alice: Person, bob: Person
) -> None:
    """Bob holds the keys of the ratchet Alice began, but cannot write as Alice to Alice."""
    alice.meet(bob)
    _, inners = alice.write(bob, "hello")
    bob.tx(lambda tx: bob.contacts.add(tx, alice.address, "", NOW))
    bob.receive(alice.seal(bob, inners[0]))
    header = decode_inner(inners[0]).initial_header
    [row] = bob.tx(lambda tx: ratchets.of_contact(tx, alice.address))
    content = encode_content(Content(kind=TEXT, message_id=MessageId(b"f" * 16), text="I am you"))
    size = INNER_SMALL_BYTES - INNER_KIND_BYTES - len(header)
    _, envelope = Ratchet.from_bytes(row.state).encrypt(content, bob.entropy, size)
    target = DepositTarget(
        alice.relay,
        alice.public.send_id,
        x25519.from_secret(alice.public.secret).public,
        public=True,
    )
    forged = target.seal(encode_inner(Inner(header, envelope)), bob.entropy)
    assert alice.receive((target.send_id, forged)).undecryptable == 1
    assert alice.tx(lambda tx: contacts.get(tx, alice.address)) is None


def test_parts_that_are_longer_than_a_message_are_refused(alice: Person, bob: Person) -> None:
    befriend(alice, bob)
    outcomes = []
    for index in range(3):
        part = Part(index, 4, bytes(31_000))
        raw = encode_content(Content(kind=PART, message_id=MessageId(b"p" * 16), part=part))
        outcomes.append(bob.receive(encrypted(alice, bob, raw)).undecryptable)
    assert outcomes == [0, 0, 1]


@pytest.mark.parametrize("held", [False, True])
def test_a_part_of_a_message_that_is_here_is_not_kept_and_confirmed_again_if_that_is_shown(
    alice: Person, bob: Person, *, held: bool
) -> None:
    befriend(alice, bob)
    if held:
        alice.write(bob, "overtaken")
    message, inners = alice.write(bob, "a" * 65_536)
    message_id = MessageId(bytes.fromhex(message.id))
    bob.receive(*(alice.seal(bob, part) for part in inners))
    assert len(texts(bob, alice)) == (1 if held else 2)
    part = Part(0, len(inners), bytes(31_000))
    raw = encode_content(Content(kind=PART, message_id=message_id, part=part))
    outcome = bob.receive(encrypted(alice, bob, raw))
    assert (outcome.undecryptable, len(outcome.best_effort)) == (0, 0 if held else 1)
    assert bob.connection.execute("SELECT count(*) FROM parts").fetchone() == (0,)


def begin(person: Person, other: Person, bundle: PrekeyBundle) -> None:
    """Make a ratchet from a certain bundle."""
    person.tx(lambda tx: person.contacts.add(tx, other.address, "", NOW))
    person.tx(lambda tx: person.sessions.start(tx, other.address, bundle, NOW))


def test_k13_a_one_time_prekey_opens_one_first_message_only(
    alice: Person, bob: Person, carol: Person
) -> None:
    """A relay hands the same pair to two people: the second one is refused."""
    bundle = bob.bundle()
    outcomes = []
    for person in (alice, carol):
        begin(person, bob, bundle)
        outcomes.append(bob.receive(person.seal(bob, person.write(bob, "hello")[1][0])))
    assert [outcome.undecryptable for outcome in outcomes] == [0, 1]
    assert (
        bob.tx(lambda tx: tx.execute("SELECT 1 FROM prekeys WHERE kind = 'once'").fetchall()) == []
    )


def test_k13_a_first_message_is_known_again_when_its_ratchet_is_gone(
    alice: Person, bob: Person
) -> None:
    """Without a one-time prekey nothing else tells an old first message from a new one."""
    bundle = replace(bob.bundle(), one_time=None)
    begin(alice, bob, bundle)
    first, later = (alice.seal(bob, alice.write(bob, text)[1][0]) for text in ("1", "2"))
    assert bob.receive(first).undecryptable == 0
    bob.tx(lambda tx: forgetting.keys(tx, alice.address))
    assert bob.receive(later).undecryptable == 1
    assert bob.tx(lambda tx: ratchets.of_contact(tx, alice.address)) == []
