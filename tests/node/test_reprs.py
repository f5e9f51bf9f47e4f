"""What may stand in a traceback or log by accident shows no text, key, id or address."""

from __future__ import annotations

import pytest

from zentalk.ids import Day, Epoch, MessageId, NodeId, SendId, UserAddress
from zentalk.node.messages.routes import DepositTarget
from zentalk.node.packets.wishes import Wish
from zentalk.node.relays.view import RelayView
from zentalk.node.sessions.sessions import Decrypted
from zentalk.node.tunnels.routes import Starts, TunnelRoute
from zentalk.node.tunnels.third_hops import ThirdHop
from zentalk.onion.draw import MiddleRules
from zentalk.store.history.held import HeldMessage
from zentalk.store.history.models import StoredConversation
from zentalk.wire.network_state import TimesShown
from zentalk.wire.user_record import OuterRecord

SECRET = "top-secret"
BYTES = SECRET.encode()
RELAY = NodeId(BYTES)


@pytest.mark.parametrize(
    "value",
    [
        DepositTarget(RELAY, SendId(BYTES), BYTES, public=True),
        StoredConversation(SECRET, SECRET, SECRET, 0.0, 1),
        Decrypted(UserAddress(BYTES), BYTES, is_current=True),
        HeldMessage(
            UserAddress(BYTES),
            1,
            MessageId(BYTES),
            "text",
            SECRET,
            BYTES,
            0.0,
            True,
            1.0,
            UserAddress(BYTES),
        ),
        Wish(RELAY, (), frozenset({RELAY})),
        TunnelRoute(RELAY, RELAY, RELAY),
        Starts((RELAY,), RelayView(Epoch(0)), 0.0),
        MiddleRules((RELAY,), (RELAY,), (RELAY,)),
        ThirdHop(RELAY, 1, 2),
        TimesShown(RELAY, 1, (RELAY,)),
        OuterRecord(BYTES, Day(1), 1, 1, BYTES),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_repr_shows_nothing_secret(value: object) -> None:
    assert SECRET not in repr(value)
