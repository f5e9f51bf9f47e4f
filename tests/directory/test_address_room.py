"""Room in ranges of addresses, and what gives way."""

from tests.directory.support import descriptor
from zentalk.directory.address_room import AddressRoom
from zentalk.wire.text import RelayUri


def uri(number: int) -> RelayUri:
    return descriptor(number).uri


def test_without_caps_there_is_room_for_all() -> None:
    room = AddressRoom(capped=False)
    for _ in range(1000):
        assert room.in_the_way("8.8.8.8") == []
        room.take("8.8.8.8")


def test_one_has_an_address_until_it_gives_it_up() -> None:
    room = AddressRoom(capped=True)
    room.take("8.8.8.8")
    assert room.in_the_way("8.8.8.8") is None
    assert room.in_the_way("8.8.8.9") == []
    room.give_up(uri(1), "8.8.8.8")
    assert room.in_the_way("8.8.8.8") == []
    assert not room._taken


def test_a_spare_address_is_in_the_way_only_of_what_finds_no_other_room() -> None:
    room = AddressRoom(capped=True)
    for number in range(8):
        room.take(f"8.8.8.{number}")
    room.spare(uri(3), "8.8.8.3")
    room.spare(uri(5), "8.8.8.5")
    assert room.in_the_way("8.8.9.1") == []
    assert room.in_the_way("8.8.8.99") == [uri(3)], "the one that is spare for longest"
    assert room.in_the_way("8.8.8.5") == [uri(5)], "one for the address and its ranges"
    assert room.in_the_way("8.8.8.1") is None


def test_what_is_settled_gives_way_no_longer() -> None:
    room = AddressRoom(capped=True)
    room.take("[2a00:1450::1]")
    room.spare(uri(1), "[2a00:1450::1]")
    assert room.in_the_way("2a00:1450::2") == [uri(1)]
    room.settle(uri(1), "2a00:1450::1")
    assert room.in_the_way("2a00:1450::2") is None
    assert not room._spare


def test_names_are_in_no_range() -> None:
    room = AddressRoom(capped=True)
    room.take("relay.example.org")
    assert room.in_the_way("relay.example.org") == []
