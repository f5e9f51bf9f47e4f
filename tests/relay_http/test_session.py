"""What one polling owner can make a relay hold, and what an answer holds."""

from zentalk.ids import DepositId, SendId
from zentalk.relay.relay import HTTP_CONNECTIONS
from zentalk.relay_http.session import ANSWER_BYTES, WINDOW, HttpSession
from zentalk.web.slots import ConnectionLimits
from zentalk.wire.deposit import ENVELOPE_LARGE_BYTES, ENVELOPE_SMALL_BYTES
from zentalk.wire.rpc_mailbox import PushNotification, encode_push


def session_with(count: int, size_bytes: int = ENVELOPE_SMALL_BYTES) -> HttpSession:
    session = HttpSession(1, "source", 0.0)
    for seq in range(count):
        envelope, send_id = bytes(size_bytes), SendId(b"s" * 16)
        push = PushNotification(seq, send_id, envelope, 5, DepositId(bytes(16)))
        session.notify(encode_push(push))
    return session


def test_k18_what_expired_at_the_relay_makes_room_for_what_it_pushes_next() -> None:
    session = session_with(3 * WINDOW)
    assert sorted(session._pushes) == list(range(2 * WINDOW, 3 * WINDOW))


def test_k18_an_answer_is_short_and_holds_one_envelope_at_least() -> None:
    for size_bytes in (ENVELOPE_SMALL_BYTES, ENVELOPE_LARGE_BYTES):
        found = session_with(WINDOW, size_bytes).pending()
        assert found[0].seq == 0
        assert sum(len(item.envelope) for item in found) <= max(ANSWER_BYTES, size_bytes)


def test_what_is_acknowledged_makes_way_for_the_rest() -> None:
    session, seen = session_with(WINDOW), 0
    while found := session.pending():
        seen += len(found)
        session.acknowledged([item.seq for item in found])
    assert seen == WINDOW


def test_a_relay_leaves_room_for_the_connections_of_its_door() -> None:
    assert ConnectionLimits().in_all == HTTP_CONNECTIONS
