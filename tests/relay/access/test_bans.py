"""Which addresses a ban is of, and when it is over."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zentalk.relay.access.bans import MAX_BANS, Ban, BanList, range_of

NOW = 1_000.0


def banned(*ranges: str) -> BanList:
    return BanList([Ban(range_of(text)) for text in ranges])


@pytest.mark.parametrize(
    ("range_", "inside", "outside"),
    [
        ("192.0.2.7", "192.0.2.7", "192.0.2.8"),
        ("192.0.2.0/24", "192.0.2.255", "192.0.3.0"),
        ("192.0.2.77/24", "192.0.2.1", "192.0.1.255"),
        ("0.0.0.0/0", "8.8.8.8", "2001:db8::1"),
        ("2001:db8::/48", "2001:db8:0:ffff::1", "2001:db8:1::1"),
        ("[2001:db8::1]", "2001:db8::1", "2001:db8::2"),
        ("192.0.2.7", "::ffff:192.0.2.7", "::ffff:192.0.2.8"),
        ("fe80::/10", "fe80::1%eth0", "fec0::1"),
    ],
)
def test_a_ban_is_of_its_range_and_of_nothing_beside_it(
    range_: str, inside: str, outside: str
) -> None:
    bans = banned(range_)
    assert bans.find(inside, NOW) is not None
    assert bans.find(outside, NOW) is None


def test_a_name_is_never_banned() -> None:
    assert banned("0.0.0.0/0", "::/0").find("relay.example", NOW) is None


def test_a_ban_is_over_at_once() -> None:
    bans = BanList([Ban(range_of("192.0.2.7"), until=1_000, reason="spam")])
    found = bans.find("192.0.2.7", 999.9)
    assert found is not None
    assert found.reason == "spam"
    assert bans.find("192.0.2.7", 1_000.0) is None


def test_a_wider_ban_holds_where_a_narrower_one_is_over() -> None:
    bans = BanList([Ban(range_of("192.0.2.7"), until=1), Ban(range_of("192.0.0.0/16"))])
    assert bans.find("192.0.2.7", NOW) is not None


@pytest.mark.parametrize(
    "text", ["", "relay.example", "192.0.2.0/33", "300.1.1.1", "::ffff:1.2.3.4"]
)
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write"):
        range_of(text)


@given(
    st.lists(
        st.ip_addresses(v=4).flatmap(lambda ip: st.integers(0, 32).map(lambda n: f"{ip}/{n}"))
    ),
    st.ip_addresses(v=4),
)
def test_it_finds_what_a_look_at_each_would_find(ranges: list[str], address: object) -> None:
    bans = banned(*ranges)
    expected = any(address in ipaddress.ip_network(text, strict=False) for text in ranges)
    assert (bans.find(str(address), NOW) is not None) is expected


def test_a_look_up_does_not_go_through_all_bans() -> None:
    bans = banned(*(f"10.{n // 256}.{n % 256}.1" for n in range(MAX_BANS)))
    assert len(bans._by_length) == 1
    assert bans.find("10.0.7.1", NOW) is not None
    assert bans.find("10.0.7.2", NOW) is None
