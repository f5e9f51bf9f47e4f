"""What may stand in a traceback or log by accident shows no text, key, id or address."""

from __future__ import annotations

import pytest

from zentalk.ids import MessageId, NodeId, SendId, UserAddress
from zentalk.node.messages.routes import DepositTarget
from zentalk.node.sessions.sessions import Decrypted
from zentalk.store.history.held import HeldMessage
from zentalk.store.history.models import StoredConversation

SECRET = "top-secret"
BYTES = SECRET.encode()


@pytest.mark.parametrize(
    "value",
    [
        DepositTarget(NodeId(bytes(32)), SendId(BYTES), BYTES, public=True),
        StoredConversation(SECRET, SECRET, SECRET, 0.0, 1),
        Decrypted(UserAddress(BYTES), BYTES, is_current=True),
        HeldMessage(UserAddress(BYTES), 1, MessageId(BYTES), "text", SECRET, BYTES, 0.0, True, 1.0),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_repr_shows_nothing_secret(value: object) -> None:
    assert SECRET not in repr(value)
