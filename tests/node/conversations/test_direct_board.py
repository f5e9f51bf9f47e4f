"""Offers of the moment: the newest of each contact, and each once."""

from __future__ import annotations

from zentalk.ids import UserAddress
from zentalk.node.conversations.direct_board import DirectBoard
from zentalk.node.messages.effects import ReceivedOffer

BOB, CAROL = UserAddress(b"b" * 32), UserAddress(b"c" * 32)


def test_the_newest_offer_of_each_contact_is_taken_once() -> None:
    board = DirectBoard()
    older, other = ReceivedOffer(BOB, b"one", 1), ReceivedOffer(CAROL, b"other", 1)
    newer = ReceivedOffer(BOB, b"newer", 2)
    board.took_in([], [older, other])
    board.took_in([BOB], [newer])
    assert board.take_offers() == {BOB: newer, CAROL: other}
    board.took_in([BOB], [newer, older])
    assert board.take_offers() == {BOB: newer}, "whichever comes last"
    assert board.take_offers() == {}
    assert board.take_heard() == {BOB}
    assert board.take_heard() == set()


def test_who_looks_is_woken_by_what_came_and_by_nothing_else() -> None:
    board = DirectBoard()
    board.took_in([], [])
    assert not board.changed.is_set()
    board.took_in([BOB], [])
    assert board.changed.take()
    board.took_in([], [ReceivedOffer(BOB, b"one", 1)])
    assert board.changed.take()


def test_however_much_comes_one_offer_of_each_contact_is_kept() -> None:
    board = DirectBoard()
    for number in range(1_000):
        board.took_in([BOB], [ReceivedOffer(BOB, number.to_bytes(2, "big"), number)])
    assert board.take_offers() == {BOB: ReceivedOffer(BOB, (999).to_bytes(2, "big"), 999)}
