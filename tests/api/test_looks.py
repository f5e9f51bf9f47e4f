"""A name that somebody chose is compared with those of the owner's contacts and groups."""

from __future__ import annotations

import pytest

from zentalk.api import looks as module
from zentalk.api.looks import Looks
from zentalk.chat.names import Named, ShownName

BOB, CAROL = Named("zt1" + "b" * 56, "Bob"), Named("zt1" + "c" * 56, "Carol")


def test_the_owners_own_name_for_somebody_is_shown_as_in_the_list() -> None:
    looks = Looks([BOB, CAROL])
    assert looks.of(*BOB) == ShownName("Bob", "")


def test_somebody_may_be_called_as_the_owner_calls_them() -> None:
    assert Looks([BOB, CAROL]).of(BOB.address, "B\u043eb") == ShownName("B\u043eb", "")


def test_a_profile_that_takes_a_contacts_name_is_told_apart() -> None:
    looks = Looks([BOB, CAROL])
    shown = looks.of(CAROL.address, "Bob")
    assert (shown.looks_like, shown.name.startswith("Bob (")) == (BOB.address, True)


def test_control_alone_it_would_pass_for_the_contact(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = Looks([BOB, CAROL])
    monkeypatch.setattr(module, "look_beside", lambda one, _taken: ShownName(one.name, ""))
    assert looks.of(CAROL.address, "Bob").name == "Bob"
