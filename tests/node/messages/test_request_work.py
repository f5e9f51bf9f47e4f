"""K51: within a day the strangers who worked have the places of those who did not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.node.persons import DAY, NOW, Newcomer, Person
from zentalk.errors import RemoteProtocolError
from zentalk.ids import DAY_SECONDS, DepositId, NodeId, SendId, UserAddress
from zentalk.mailbox.work import challenge, search, shown
from zentalk.node.messages import requests
from zentalk.node.messages.routes import Collected
from zentalk.store.history import contacts
from zentalk.store.history.models import ContactState
from zentalk.store.history.schema import MIGRATIONS
from zentalk.store.sqlite import Transaction, open_database, transaction
from zentalk.wire.deposit import NO_STAMP, Stamp
from zentalk.wire.rpc_mailbox import PushNotification

HONEST = 19
"""What a stranger does who is asked for the first work there is: 16 bits and 3."""


@pytest.fixture
def tx(tmp_path: Path) -> Iterator[Transaction]:
    with (
        closing(open_database(tmp_path / "history.db", MIGRATIONS)) as connection,
        transaction(connection) as open_transaction,
    ):
        yield open_transaction


def asks(tx: Transaction, number: int, work: int, day: int = 0) -> bool:
    """Let a stranger ask with some work; tell whether it became a request."""
    address = UserAddress(number.to_bytes(32, "big"))
    try:
        requests.admit(tx, address, NOW + day * DAY_SECONDS + number, work)
    except RemoteProtocolError:
        return False
    return True


def requested(tx: Transaction) -> set[int]:
    found = [contact for contact in contacts.listing(tx) if contact.state is ContactState.REQUEST]
    rows = {contact.address for contact in found}
    numbers = {int.from_bytes(address, "big") for address in contacts.addresses(tx)}
    assert len(rows) == len(numbers)
    return numbers


def flood(tx: Transaction, first: int, count: int, work: int, day: int = 0) -> None:
    for number in range(first, first + count):
        asks(tx, number, work, day)


HONEST_ONES = set(range(5_000, 5_020))


def seen_beside_a_flood(tx: Transaction, flooders_bits: int) -> int:
    """Count the honest, in the middle of 2,000 requests of a day, whom the owner sees after it."""
    flood(tx, 0, 1_000, flooders_bits)
    for number in HONEST_ONES:
        asks(tx, number, HONEST)
    flood(tx, 10_000, 1_000, flooders_bits)
    return len(requested(tx) & HONEST_ONES)


@pytest.mark.parametrize("flooders_bits", [0, 15, 16, 18])
def test_k51_beside_1000_requests_of_a_day_all_who_worked_more_are_seen(
    tx: Transaction, flooders_bits: int
) -> None:
    assert seen_beside_a_flood(tx, flooders_bits) == len(HONEST_ONES)
    assert len(requested(tx)) == requests.MAX_REQUESTS


def test_k51_control_if_work_did_not_count_none_of_them_would_be_seen(
    tx: Transaction, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "LEAST_WORK", 256)
    assert seen_beside_a_flood(tx, 0) == 0


def test_k51_a_flooder_who_works_as_much_keeps_newcomers_out_of_his_day_only(
    tx: Transaction,
) -> None:
    assert seen_beside_a_flood(tx, HONEST) == 0
    assert all(asks(tx, 20_000 + number, 0, day=1) for number in range(requests.SURE_A_DAY))


def test_k51_work_of_one_day_takes_nothing_from_another(tx: Transaction) -> None:
    flood(tx, 0, requests.MAX_REQUESTS, 0)
    flood(tx, 10_000, 500, 28, day=1)
    days = contacts.requests_by_day(tx)
    assert days == {DAY: requests.MAX_REQUESTS - 33, DAY + 1: 33}


def test_k51_a_request_counts_with_the_most_work_that_came_with_any_of_its_copies(
    newcomer: Newcomer, bob: Person
) -> None:
    alice = newcomer("alice")
    alice.meet(bob)
    inners = [alice.write(bob, text)[1][0] for text in ("it is me", "again")]

    def collect(inner: bytes, work: int) -> int:
        send_id, envelope = alice.seal(bob, inner)
        bob.tx(lambda tx: bob.inbox.process(tx, [Collected(send_id, envelope, work)], NOW))
        least = bob.tx(lambda tx: contacts.least_request_of(tx, DAY))
        assert least is not None
        return least[1]

    came = [collect(inners[0], 0), collect(inners[0], 20), collect(inners[1], 23)]
    assert came == [0, 20, 23]
    assert collect(inners[1], 17) == 23


def test_a_node_finds_out_itself_what_a_stamp_is_worth() -> None:
    relay, hour = NodeId(b"r" * 32), 480_000

    def push(stamp: Stamp) -> PushNotification:
        return PushNotification(1, SendId(bytes(16)), b"sealed", hour, DepositId(b"d" * 16), stamp)

    stamp = search(challenge(relay, push(NO_STAMP), hour), hour, 10, 0, 1 << 20)
    assert stamp is not None
    assert shown(relay, push(stamp), hour) >= 10
    assert shown(NodeId(b"s" * 32), push(stamp), hour) < 10
    assert shown(relay, push(stamp), hour + 2) == 0
    assert shown(relay, push(NO_STAMP), hour) == 0
