"""Which interfaces lead to a local network, as the system describes them."""

from __future__ import annotations

import socket

import pytest

from zentalk.net import interfaces as module
from zentalk.net.interfaces import MAX_INTERFACES, local_interfaces

UP, OWN, TUNNEL, MANY = (
    module._UP,
    module._LOOPBACK,
    module._POINT_TO_POINT,
    module._MULTICAST,
)


def system(monkeypatch: pytest.MonkeyPatch, **flags: int) -> None:
    """Let the machine have interfaces of these names, with these flags."""
    monkeypatch.setattr(socket, "if_nameindex", lambda: list(enumerate(flags, 1)))
    monkeypatch.setattr(module, "_flags", lambda _asked, name: flags[name])
    monkeypatch.setattr(module, "_address", lambda _asked, name: f"of {name}")


def found() -> list[str]:
    return [one.name for one in local_interfaces()]


def test_networks_are_found_and_tunnels_and_what_is_down_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    system(
        monkeypatch,
        lo=UP | OWN,
        house=UP | MANY,
        vpn=UP | MANY | TUNNEL,
        off=MANY,
        modem=UP,
        air=UP | MANY,
    )
    assert [(one.name, one.number, one.address) for one in local_interfaces()] == [
        ("house", 2, "of house"),
        ("air", 6, "of air"),
    ]


def test_without_a_network_it_is_the_machines_own(monkeypatch: pytest.MonkeyPatch) -> None:
    system(monkeypatch, lo=UP | OWN, vpn=UP | MANY | TUNNEL)
    assert found() == ["lo"]


def test_of_many_the_first_ones_count(monkeypatch: pytest.MonkeyPatch) -> None:
    system(monkeypatch, **{f"n{number}": UP | MANY for number in range(30)})
    assert found() == [f"n{number}" for number in range(MAX_INTERFACES)]
    assert MAX_INTERFACES <= 20, "a port of Linux joins in no more groups"


def test_where_the_system_says_nothing_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "fcntl", None)
    assert found() == []


def test_this_machine_is_asked_and_what_is_gone_has_nothing() -> None:
    for one in local_interfaces():
        assert one.number == socket.if_nametoindex(one.name)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        assert module._flags(asked, "no such one") == 0
        assert module._address(asked, "no such one") == ""
