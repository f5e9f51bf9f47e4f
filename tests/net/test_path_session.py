"""The shell of one search: what waits to be sent has a bound."""

from __future__ import annotations

from tests.direct.test_punch import HOME, Contact
from zentalk.net.path_session import MAX_WAITING, PathSession


def test_what_a_contact_makes_wait_has_a_bound() -> None:
    """Nothing can be sent meanwhile: the oldest are lost."""
    contact = Contact(is_client=True)
    now = 0.0
    session = PathSession(contact.node, lambda: now)
    for number in range(10 * MAX_WAITING):
        now = number / MAX_WAITING
        session.take(contact.probe(), HOME)
    assert len(session._waiting) == MAX_WAITING
