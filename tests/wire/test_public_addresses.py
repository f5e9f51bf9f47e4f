import pytest

from tests.directory.support import descriptor
from zentalk.directory.observations import AddressRules
from zentalk.wire.public_addresses import is_public_port, public_address


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "240.0.0.1",
        "192.0.2.1",
        "[::1]",
        "[fe80::1]",
        "[fd00::1]",
        "[ff02::1]",
        "[2001:db8::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:10.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::1]",
        "[2001:0:7f00:1::1]",
        "localhost",
        "relay.example.org",
    ],
)
def test_k47_what_is_no_address_of_the_internet(text: str) -> None:
    assert public_address(text) is None


@pytest.mark.parametrize(
    ("text", "usual"),
    [
        ("8.8.8.8", "8.8.8.8"),
        ("[2a00:1450::1]", "2a00:1450::1"),
        ("[::ffff:8.8.8.8]", "8.8.8.8"),
    ],
)
def test_addresses_of_the_internet_have_one_form(text: str, usual: str) -> None:
    assert public_address(text) == usual


def test_k47_ports_of_mail_and_ssh_are_no_relays() -> None:
    assert [port for port in (22, 25, 80, 443, 1023, 1024, 9001) if is_public_port(port)] == [
        80,
        443,
        1024,
        9001,
    ]


def test_rules_look_at_addresses_and_leave_names_to_whoever_resolves_them() -> None:
    strict, free = AddressRules(public_only=True), AddressRules()
    for host, allowed in (("8.8.8.8", True), ("10.0.0.1", False), ("relay.example.org", True)):
        assert strict.allow(descriptor(1, host=host)) is allowed
        assert free.allow(descriptor(1, host=host))
